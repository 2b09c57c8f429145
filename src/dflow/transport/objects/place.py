"""One place in an object store: how it is reached, and what its errors mean.

In: a URL and credentials.  Out: puts, gets, listings; faults in words.  This module does
not know parcels.

Requests are not repeated here: what failed is told at once, and the exchange tries again.
So an error that says "no connection" means for certain that nothing was sent.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote, urlsplit

from attrs import define, field, frozen

from dflow.transport.faults import TransportError, Unavailable, Uncertain
from dflow.transport.secret import Secret

if TYPE_CHECKING:
    from obstore.store import ObjectStore

__all__ = ["SCHEMES", "Found", "ObjectPlace", "Taken"]

#: The stores that a URL may name.
SCHEMES = ("s3", "az", "gs", "file", "memory")

#: How the store's client tells why it does not go on with a handshake.
_UNTRUSTED = re.compile(r"InvalidCertificate\(\s*(\w+)")
_DISTRUST = {
    "Expired": "the certificate there has expired: it has to be renewed there",
    "UnknownIssuer": "the certificate there is not signed by an authority that is trusted: "
    "check the endpoint, or name the authority's PEM file in SSL_CERT_FILE",
    "NotValidForName": "the certificate there is for another host: check the endpoint",
}
_STATUS = re.compile(r"status code: (\d{3})")
_SAID = re.compile(r"<Message>([^<]{1,300})</Message>")
_NO_BUCKET = re.compile(
    r"NoSuchBucket|ContainerNotFound|bucket does not exist|container does not exist", re.IGNORECASE
)


class Taken(Exception):
    """An object of this name is there already."""


@frozen
class Found:
    """An object in a listing.

    Attributes:
        path: relative to the place.
        size: in bytes.
        modified: by the store's clock.
        version: other bytes under the same path have another.
    """

    path: str
    size: int
    modified: datetime
    version: str


@define(eq=False, kw_only=True)
class ObjectPlace:
    """A bucket or container, or a part of one.

    Attributes:
        url: ``s3://bucket/prefix``, ``az://container/prefix``, ``gs://bucket/prefix``,
            ``file:///folder`` or ``memory:///``, which lasts as long as this object.
        config: words of the store, such as ``region``, ``endpoint`` and ``access_key_id``.
            What is left out is taken from the environment by the usual names of each store.
        secrets: the same, for what must not be shown, such as ``secret_access_key``.
        patience: seconds for one request, its body included.
        plain: whether ``http://`` endpoints of other machines may be used.
    """

    url: str = field()
    config: Mapping[str, str] = field(factory=dict)
    secrets: Mapping[str, Secret] = field(factory=dict)
    patience: float = 60.0
    plain: bool = False
    _store: ObjectStore | None = field(default=None, init=False)

    @url.validator
    def _known(self, _: object, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES:
            known = ", ".join(f"{one}://" for one in SCHEMES)
            raise ValueError(f"no object store by the scheme of {url[:80]!r}: one of {known}")
        if parts.password or parts.query:
            raise ValueError("a url holds no password or query: give secrets by reference")
        if parts.scheme in ("s3", "az", "gs") and not parts.hostname:
            raise ValueError(f"{url[:80]!r} names no bucket or container")

    @property
    def keeps_headers(self) -> bool:
        """Whether words can be kept with an object; a folder has no place for them."""
        return not self.url.startswith("file:")

    @property
    def durable(self) -> bool:
        """Whether what was put survives a loss of power; said of the networked stores only."""
        return self.url.startswith(("s3:", "az:", "gs:"))

    async def put(
        self, path: str, content: bytes, *, headers: Mapping[str, str] | None = None
    ) -> None:
        """Put an object that is not there yet, whole or not at all.

        Raises:
            Taken: there is one.
            Unavailable: it was not put, for certain.
            Uncertain: it may have been put.
        """
        store, given = self.opened(), dict(headers) if headers else None
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            await obstore.put_async(
                store, path, content, attributes=given, mode="create", use_multipart=False
            )
        except AlreadyExistsError as error:
            raise Taken(path) from error
        except Exception as error:
            raise self.fault(error) from error

    async def get(self, path: str, *, largest: int) -> tuple[bytes, dict[str, str]] | None:
        """An object's bytes and words; None if it is not there.

        Raises:
            Unavailable: the store cannot be asked now.
        """
        store = self.opened()
        import obstore

        try:
            found = await obstore.get_async(store, path)
            self._fits(path, found.meta["size"], largest)
            words = {str(name).lower(): str(value) for name, value in found.attributes.items()}
            return bytes(await found.bytes_async()), words
        except FileNotFoundError as error:
            self._absent(error)
            return None
        except TransportError:
            raise
        except Exception as error:
            raise Unavailable(str(self.fault(error))) from error

    async def look(self, path: str) -> Found | None:
        """What is there under a name.

        Raises:
            Unavailable: the store cannot be asked now.
        """
        store = self.opened()
        import obstore

        try:
            return _found(await obstore.head_async(store, path))
        except FileNotFoundError as error:
            self._absent(error)
            return None
        except Exception as error:
            raise Unavailable(str(self.fault(error))) from error

    async def copy(self, path: str, to: str) -> None:
        """Copy an object within the store.

        Raises:
            Unavailable: the store cannot do it now.
        """
        store = self.opened()
        import obstore

        try:
            await obstore.copy_async(store, path, to)
        except Exception as error:
            raise Unavailable(str(self.fault(error))) from error

    async def delete(self, path: str) -> None:
        """Delete an object, if it is there.

        Raises:
            Unavailable: the store cannot do it now.
        """
        store = self.opened()
        import obstore

        try:
            await obstore.delete_async(store, path)
        except FileNotFoundError:
            return
        except Exception as error:
            raise Unavailable(str(self.fault(error))) from error

    async def listing(self, prefix: str = "") -> AsyncIterator[Found]:
        """The objects below a prefix, in the store's order.

        Raises:
            Unavailable: the store cannot be asked now.
        """
        store = self.opened()
        import obstore

        try:
            async for chunk in obstore.list(store, prefix or None, chunk_size=1000):
                for one in chunk:
                    yield _found(one)
        except Exception as error:
            raise Unavailable(str(self.fault(error))) from error

    @property
    def shown(self) -> str:
        """The place in words."""
        return self.url

    def opened(self) -> ObjectStore:
        """The store, opened when it is first needed.

        Raises:
            Unavailable: the extra is missing, an option is wrong, or the folder is not there.
        """
        if self.url.startswith("file:"):
            folder = Path(unquote(urlsplit(self.url).path))
            if not folder.is_dir():
                raise Unavailable(f"{self.shown}: no such folder: make it, or mount it")
        if self._store is None:
            self._store = self._open()
        return self._store

    def _open(self) -> ObjectStore:
        try:
            from obstore.store import MemoryStore, from_url
        except ModuleNotFoundError as error:
            words = "transport objects needs the extra: pip install dflow[objects]"
            raise Unavailable(words) from error
        if self.url.startswith("memory:"):
            return MemoryStore()
        if self.url.startswith("file:"):
            return from_url(self.url)
        config = {**self.config, **{name: one.reveal() for name, one in self.secrets.items()}}
        endpoint = urlsplit(config.get("endpoint", ""))
        local = endpoint.hostname in ("127.0.0.1", "::1", "localhost")
        options = {
            "timeout": timedelta(seconds=self.patience),
            "connect_timeout": timedelta(seconds=min(10.0, self.patience)),
            "allow_http": self.plain or local,
            "user_agent": "dflow",
        }
        try:
            return from_url(
                self.url,
                config=cast("None", config or None),  # one mapping for three kinds of store
                client_options=cast("None", options),
                retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=self.patience)},
            )
        except Exception as error:
            raise Unavailable(f"{self.shown}: {self._clean(str(error))}") from error

    def _fits(self, path: str, size: int, largest: int) -> None:
        if size > largest:
            raise Unavailable(f"{self.shown}: {path} has {size} bytes, more than was expected")

    def _absent(self, error: FileNotFoundError) -> None:
        """An object that is not there, unless nothing is."""
        if _NO_BUCKET.search(str(error)):
            raise self.fault(error) from error

    def fault(self, error: Exception) -> TransportError:
        """The fault that an error of a put is: not done for certain, or perhaps done."""
        if isinstance(error, TransportError):
            return error
        kind, text = type(error).__name__, str(error)
        said = _SAID.search(text)
        told = f" ({self._clean(said[1])})" if said else ""
        status = int(found[1]) if (found := _STATUS.search(text)) else 0
        if _NO_BUCKET.search(text):
            words = "no such bucket or container: make it, or check the url"
        elif kind in ("PermissionDeniedError", "UnauthenticatedError") or status in (401, 403):
            words = "not permitted: check the credentials and what they may do here"
        elif "Permission denied" in text or "Read-only" in text:
            words = "not permitted: the folder cannot be written or read by this user"
        elif found := _UNTRUSTED.search(text):
            why = found[1].removesuffix("Context")
            words = _DISTRUST.get(why, f"the certificate there is refused: {why}")
        elif "kind: Connect," in text:  # and not ConnectionReset, after which nothing is sure
            words = "no connection: check the endpoint, and whether the store is up"
        elif kind in ("NotSupportedError", "NotImplementedError"):
            words = f"this store cannot do that: {self._clean(text)}"
        elif status in (429, 503):
            words = f"it is asked too much at once, or is closed: status {status}"
        elif 400 <= status < 500:
            words = f"the store refuses the request: {self._clean(text)}"
        else:
            return Uncertain(f"{self.shown}: {self._clean(text)}{told}")
        return Unavailable(f"{self.shown}: {words}{told}")

    def _clean(self, text: str) -> str:
        """One line of a store's words, without secrets."""
        line = " ".join(text.partition("\n")[0].split())
        for secret in self.secrets.values():
            line = line.replace(secret.reveal(), "***") if secret else line
        return line[:300]


def _found(meta: Mapping[str, object]) -> Found:
    modified = meta["last_modified"]
    if not isinstance(modified, datetime):
        raise TypeError("a listing without times")
    size = meta["size"]
    # Azure tells the tag in quotes when it is asked for one object, and without in a listing;
    # a version is told by some stores in one of the two only.
    tag = str(meta.get("e_tag") or "").removeprefix("W/").strip('"')
    version = f"{tag} {modified.replace(microsecond=0).isoformat()}"
    return Found(str(meta["path"]), size if isinstance(size, int) else 0, modified, version)
