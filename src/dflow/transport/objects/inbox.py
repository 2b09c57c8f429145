"""An object store as a source: objects are claimed, read, and archived or removed.

In: a place that others put into.  Out: arrivals.  This module does not know flows.

An object is whole as soon as it is there, as stores put whole objects.  It is claimed by
``.dflow/claims/ID/1``, an object that only one reader can put.  A claim that is older than
`lease` seconds, by the store's clock against this one, belongs to a reader that died: the
next claims ``.../2``, which again only one can.  A reader that is only slow may then meet
its arrival twice, which an exchange records as a repeat.

What is done is copied to `archive`, or just removed.  An object that was overwritten
meanwhile is left, and received as it is now; between that look and the removal lies one
request, in which an overwriting sender could still be missed: let senders use new names.
"""

from __future__ import annotations

import asyncio
import fnmatch
import json
import secrets
import time
from collections.abc import AsyncIterator, Coroutine
from pathlib import PurePosixPath
from typing import Literal, TypeVar

from attrs import define, field, frozen

from dflow.transport.faults import TransportError, Unavailable
from dflow.transport.objects.marks import HIDDEN, ID, beside, from_words, mark
from dflow.transport.objects.place import Found, ObjectPlace, Taken
from dflow.transport.parcel import Arrival
from dflow.transport.wire import KEY, arrival_of

__all__ = ["ObjectInbox"]

T = TypeVar("T")

#: As much is read ahead of the reader, and no more: objects, and bytes.
_BATCH, _BATCH_BYTES = 16, 8 << 20


@frozen
class _Held:
    found: Found
    key: str = ""


@define(eq=False, kw_only=True)
class ObjectInbox:
    """An inbox over the objects of a place.

    Attributes:
        place: the store.
        prefix: only what lies below it.
        pattern: shell pattern of the last part of the names to take.
        after: what becomes of an object that is done.
        archive: where archived objects go; ``.dflow/done`` if not given.
        largest: bytes; a larger object is an arrival with a problem, and is set aside.
        lease: seconds after which a dead reader's claim is over.
        poll: seconds between two looks while waiting for more.
    """

    place: ObjectPlace
    prefix: str = ""
    pattern: str = "*"
    after: Literal["archive", "remove"] = "archive"
    archive: str = f"{HIDDEN}/done"
    largest: int = 1 << 30
    lease: float = 300.0
    poll: float = 5.0
    _held: dict[str, _Held] = field(factory=dict, init=False)
    _claims: dict[str, str] = field(factory=dict, init=False)
    _busy: dict[str, float] = field(factory=dict, init=False)
    _tasks: set[asyncio.Task[object]] = field(factory=set, init=False)

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        """The objects, oldest first, and then, without `once`, those that come later.

        Raises:
            Unavailable: the store cannot be read now.
        """
        while True:
            left = await self._listed()
            while left:
                batch, size = [left.pop()], 0
                while left and len(batch) < _BATCH and size < _BATCH_BYTES:
                    size += left[-1].size
                    batch.append(left.pop())
                read = [self._kept(self._take(one)) for one in batch]
                waiting = [one for one in await asyncio.gather(*read) if one is not None]
                try:
                    while waiting:
                        yield waiting.pop(0)
                finally:
                    for one in waiting:
                        await self._release(one.token)
            if once:
                return
            await asyncio.sleep(self.poll)

    async def done(self, arrival: Arrival) -> None:
        """Archive or remove the object; one that could not be read is set aside instead.

        Raises:
            Unavailable: the store cannot be written to now.
        """
        held = self._held.get(arrival.token)
        if held is None:
            return
        await self._kept(self._finish(arrival.token, held, bool(arrival.problem)))

    async def failed(self, arrival: Arrival, reason: str) -> None:  # noqa: ARG002  the Protocol's
        """Give up the claim: the object is still in its place."""
        await self._kept(self._release(arrival.token))

    async def check(self) -> str:
        """Look at what is there; nothing is taken.

        Raises:
            TransportError: the store cannot be reached, or does not trust these credentials.
        """
        async for _ in self.place.listing(self.prefix):
            break
        return f"{self.place.shown} can be listed; whether it can be written to was not tried"

    async def close(self) -> None:
        """Give up the claims: what was received and is not done can be received again."""
        loop = asyncio.get_running_loop()
        running = [task for task in self._tasks if task.get_loop() is loop]
        if running:
            await asyncio.wait(running, timeout=10)
        self._tasks.clear()
        for token in list(self._claims):
            try:
                await self._release(token)
            except TransportError:
                self._claims.pop(token, None)  # the lease will end it
        self._held.clear()
        self._busy.clear()

    async def _kept(self, work: Coroutine[object, object, T]) -> T:
        """Do a thing to its end, also if who asked for it is cancelled."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def _listed(self) -> list[Found]:
        """What may be taken, the oldest last."""
        now = time.monotonic()
        self._busy = {token: until for token, until in self._busy.items() if until > now}
        found = [one async for one in self.place.listing(self.prefix) if self._wanted(one)]
        return sorted(found, key=lambda one: (one.modified, one.path), reverse=True)

    def _wanted(self, one: Found) -> bool:
        parts = PurePosixPath(one.path).parts
        if any(part.startswith(".") for part in parts):
            return False
        if not self.archive.startswith(".") and one.path.startswith(f"{self.archive}/"):
            return False
        token = _token(one)
        return (
            fnmatch.fnmatchcase(parts[-1], self.pattern)
            and token not in self._held
            and token not in self._busy
        )

    async def _take(self, one: Found) -> Arrival | None:
        """Claim and read; None if another has it or it is gone."""
        token = _token(one)
        if not await self._claim(token):
            return None
        try:
            arrival, key = await self._read(one, token)
        except Unavailable:
            await self._release(token)
            raise
        if arrival is None:
            await self._release(token)
            return None
        self._held[token] = _Held(one, key)
        return arrival

    async def _claim(self, token: str) -> bool:
        home = f"{HIDDEN}/claims/{token}"
        number = 1
        latest = None
        try:
            return await self._put_claim(token, f"{home}/{number}")
        except Taken:
            async for claim in self.place.listing(home):
                word = claim.path.rpartition("/")[2]
                if word.isdigit() and int(word) >= number:
                    number, latest = int(word), claim
        if latest is None:
            return False  # given up just now: next time
        left = self.lease - (time.time() - latest.modified.timestamp())
        if left > 0:
            self._busy[token] = time.monotonic() + min(left, self.poll * 4)
            return False
        try:
            return await self._put_claim(token, f"{home}/{number + 1}")
        except Taken:
            return False

    async def _put_claim(self, token: str, name: str) -> bool:
        try:
            await self.place.put(name, secrets.token_hex(8).encode())
        except TransportError as error:
            raise Unavailable(str(error)) from error
        self._claims[token] = name
        return True

    async def _read(self, one: Found, token: str) -> tuple[Arrival | None, str]:
        name = PurePosixPath(one.path).name
        if one.size > self.largest:
            words = f"{one.size} bytes, more than the {self.largest} allowed"
            return Arrival(name=name, content=b"", token=token, problem=words), ""
        found = await self.place.get(one.path, largest=self.largest)
        if found is None:
            return None, ""
        content, words_ = found
        headers = from_words(words_)
        if KEY not in headers:
            headers = await self._headers_beside(one.path)
        return arrival_of(headers, content, token=token, name=name), headers.get(KEY, "")

    async def _headers_beside(self, path: str) -> dict[str, str]:
        found = await self.place.get(beside(path), largest=1 << 20)
        try:
            value = json.loads(found[0]) if found else {}
        except ValueError:
            value = {}
        if not isinstance(value, dict):
            return {}
        return {str(name): str(one) for name, one in value.items()}

    async def _finish(self, token: str, held: _Held, problem: bool) -> None:  # noqa: FBT001  its own callers name it
        path = held.found.path
        now = await self.place.look(path)
        if now is not None and now.version == held.found.version:
            if held.key:
                await self._mark_taken(held.key)
            if problem:
                await self.place.copy(path, f"{HIDDEN}/problems/{token[:12]}/{path}")
            elif self.after == "archive":
                await self.place.copy(path, await self._free(f"{self.archive}/{path}", token))
            await self.place.delete(path)
            await self.place.delete(beside(path))
        await self._release(token)

    async def _mark_taken(self, key: str) -> None:
        from urllib.parse import unquote

        try:
            await self.place.put(mark(unquote(key, errors="surrogatepass"), "taken"), b"")
        except Taken:
            return
        except TransportError as error:
            raise Unavailable(str(error)) from error

    async def _free(self, path: str, token: str) -> str:
        if await self.place.look(path) is None:
            return path
        pure = PurePosixPath(path)
        return str(pure.with_name(f"{pure.stem}~{token[:12]}{pure.suffix}"))

    async def _release(self, token: str) -> None:
        """Give up a claim, the first number first: who claims meanwhile puts it, and keeps it."""
        self._held.pop(token, None)
        name = self._claims.pop(token, None)
        if name is None:
            return
        home, _, number = name.rpartition("/")
        for one in range(1, int(number) + 1):
            await self.place.delete(f"{home}/{one}")


def _token(one: Found) -> str:
    return ID(f"{one.path}\0{one.version}")
