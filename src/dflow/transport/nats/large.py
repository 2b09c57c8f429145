"""Contents that are larger than one message: kept in an object store, and pointed to.

In: bytes and a name.  Out: the same bytes.  This module does not know parcels.  An object
is whole before anything points to it, so who reads a pointer finds the content.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import re
from typing import TYPE_CHECKING

from dflow.transport.faults import Unavailable
from dflow.transport.nats.session import Session, words_of

if TYPE_CHECKING:
    from nats.js.api import ObjectMeta
    from nats.js.object_store import ObjectStore

__all__ = ["LARGE", "fetch", "forget", "keep"]

#: The header of a message whose content is an object, with the object's name.
LARGE = "dflow-large"

_NAME = re.compile(r"[0-9a-f]{64}")
_CHUNK = 256 * 1024
#: Seconds that what is cancelled may take to clean up.
_GOODBYE = 1.0


async def keep(session: Session, bucket: str, name: str, content: bytes, *, create: bool) -> None:
    """Put an object, unless the bucket has it already.

    Raises:
        Unavailable: the object is not there; nothing points to it.
    """
    from nats.js.api import ObjectMeta, ObjectMetaOptions
    from nats.js.errors import APIError, NotFoundError

    store = await _store(session, bucket, create=create)
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()
    try:
        known = await session.ask(store.get_info(name))
        if known.size == len(content) and str(known.digest).endswith(f"={digest}"):
            return
    except NotFoundError:
        pass
    options = ObjectMetaOptions(max_chunk_size=min(_CHUNK, session.client.max_payload // 2))
    try:
        await session.ask(
            _put(store, name, content, ObjectMeta(name=name, options=options)),
            patience=_patience(session, len(content)),
        )
    except APIError as error:
        raise Unavailable(
            f"bucket {bucket}: {words_of(error)}: make room, or raise its limits"
        ) from error


class _Reader(io.BytesIO):
    """Bytes that can be stopped from being read."""

    stopped = False

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # what the library gives
        if self.stopped:
            raise InterruptedError
        return super().readinto(buffer)


async def _put(store: ObjectStore, name: str, content: bytes, meta: ObjectMeta) -> None:
    """Put an object; of one whose putting is cancelled, take the pieces away."""
    reader = _Reader(content)
    putting = asyncio.ensure_future(store.put(name, reader, meta))
    try:
        await asyncio.shield(putting)
    except asyncio.CancelledError:
        # The library takes away the pieces of what fails, but not of what is cancelled.
        reader.stopped = True
        putting.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.wait([putting], timeout=_GOODBYE)
        putting.cancel()
        raise


async def fetch(session: Session, bucket: str, name: str, *, largest: int) -> tuple[bytes, str]:
    """The bytes of an object, or why there are none.

    Raises:
        Unavailable: it cannot be read now.
    """
    from nats.js.errors import DigestMismatchError, NotFoundError

    if not _NAME.fullmatch(name):
        return b"", "its header names no object that dflow could have put"
    store = await _store(session, bucket, create=False)
    target = io.BytesIO()
    try:
        info = await session.ask(store.get_info(name))
        size = info.size or 0
        if size > largest:
            return b"", f"{size} bytes, more than the {largest} allowed"
        await session.ask(store.get(name, writeinto=target), patience=_patience(session, size))
    except NotFoundError:
        return b"", f"bucket {bucket} has lost the object {name}, which holds the content"
    except DigestMismatchError:
        return b"", f"the object {name} of bucket {bucket} is damaged"
    return target.getvalue(), ""


async def forget(session: Session, bucket: str, name: str) -> None:
    """Delete an object."""
    store = await _store(session, bucket, create=False)
    await session.ask(store.delete(name))


def _patience(session: Session, size: int) -> float:
    """Seconds to wait for so many bytes: one more for each megabyte."""
    return session.patience + size / 1e6


async def _store(session: Session, bucket: str, *, create: bool) -> ObjectStore:
    from nats.js.errors import APIError, BucketNotFoundError

    try:
        try:
            return await session.ask(session.stream.object_store(bucket))
        except BucketNotFoundError:
            if not create:
                raise
            return await session.ask(session.stream.create_object_store(bucket))
    except BucketNotFoundError as error:
        words = f"{session.server.url}: no object bucket {bucket} for large files"
        raise Unavailable(f"{words}: make it: nats object add {bucket}") from error
    except APIError as error:
        raise Unavailable(f"bucket {bucket}: {words_of(error)}") from error
