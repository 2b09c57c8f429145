"""A web service as a source: requests are kept in a folder first, and received from there.

In: requests, through `HttpInbox.app`.  Out: arrivals.  This module does not know flows.

A request cannot be received again, so it is answered only when it is on the disk: the
spool is a folder that `DirectoryOutbox` writes, each key once, and `DirectoryInbox` reads.
From them come the guarantees: a key that was kept is known for certain, also after the
arrival was done and over restarts; an arrival whose reader died is received again.  One
file of the spool is a line of headers in JSON, and the body.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from attrs import define, field

from dflow.transport.directory_in import DirectoryInbox
from dflow.transport.directory_out import HIDDEN, DirectoryOutbox
from dflow.transport.faults import Refused, Unavailable
from dflow.transport.http.app import WebhookApp
from dflow.transport.http.serving import OwnServer
from dflow.transport.http.signing import Verifier
from dflow.transport.parcel import Arrival, Parcel, Presence, Receipt
from dflow.transport.secret import Secret
from dflow.transport.wire import KEY, arrival_of

__all__ = ["HttpInbox"]


def _mark(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


@define(eq=False, kw_only=True)
class HttpInbox:
    """An inbox that is filled by requests.

    Attributes:
        spool: a folder of its own, in which requests wait until they are done.
        verifier: who may send; None trusts whoever gets here: use it only behind client
            certificates or another service's check.
        largest: bytes of a body.
        most: so many requests may wait; further ones are answered with 503.
        keep_keys: for how many seconds a key is known.
        public_path: the path that senders use, where a proxy in front changes it.
        host: listen here with a server of its own; None serves nothing: mount `app`.
        port: of that server; 0 takes a free one.
        cert: that server's certificate in PEM.
        key: its private key, if it is not in the same file.
        key_password: of the private key.
        client_ca: clients need a certificate that one of these signed.
        poll: seconds between two looks into the spool, beside being told.
    """

    spool: Path
    verifier: Verifier | None
    largest: int = 64 << 20
    most: int = 10_000
    keep_keys: float = 90 * 86400.0
    public_path: str | None = None
    host: str | None = None
    port: int = 0
    cert: Path | None = None
    key: Path | None = None
    key_password: Secret | None = None
    client_ca: Path | None = None
    poll: float = 1.0
    app: WebhookApp = field(init=False)
    _out: DirectoryOutbox = field(init=False)
    _in: DirectoryInbox = field(init=False)
    _server: OwnServer | None = field(default=None, init=False)
    _wake: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = field(default=None, init=False)
    _counted: tuple[float, int] = field(default=(0.0, 0), init=False)

    @app.default
    def _app(self) -> WebhookApp:
        return WebhookApp(
            keep=self._keep,
            ask=self._ask,
            room=self._room,
            verifier=self.verifier,
            largest=self.largest,
            public_path=self.public_path,
        )

    @_out.default
    def _writer(self) -> DirectoryOutbox:
        return DirectoryOutbox(
            path=self.spool, template="{key}", sidecar=False, keep_keys=self.keep_keys
        )

    @_in.default
    def _reader(self) -> DirectoryInbox:
        return DirectoryInbox(
            path=self.spool, ready="named", after="remove", largest=1 << 62, poll=self.poll
        )

    @property
    def address(self) -> tuple[str, int] | None:
        """Where its own server listens, while it does."""
        return None if self._server is None else self._server.bound

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        """The requests that were kept, oldest first; starts its own server without `once`.

        Raises:
            Unavailable: the server cannot start, or the spool cannot be read.
        """
        event = asyncio.Event()
        self._wake = (asyncio.get_running_loop(), event)
        try:
            await asyncio.to_thread(self._prepare)
        except OSError as error:
            raise Unavailable(f"{self.spool}: {error.strerror or error}") from error
        if self.host is not None and not once:
            await self._serve(self.host)
        while True:
            event.clear()
            async for file in self._in.receive(once=True):
                yield _arrival(file)
            if once:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), self.poll)

    async def done(self, arrival: Arrival) -> None:
        """Forget the body; the key stays known."""
        plain = Arrival(name=arrival.name, content=b"", token=arrival.token)
        await self._in.done(plain)

    async def failed(self, arrival: Arrival, reason: str) -> None:
        """Give it back, to be received again."""
        await self._in.failed(arrival, reason)
        self._tell()

    async def check(self) -> str:
        """Whether the spool can be written, and the port and certificates be used.

        Raises:
            Unavailable: one of them cannot.
        """
        try:
            await asyncio.to_thread(self._prepare)
        except OSError as error:
            raise Unavailable(f"{self.spool}: {error.strerror or error}") from error
        if self.host is None or self.address is not None:
            return f"requests wait in {self.spool}"
        server = self._own(self.host)
        await server.start()
        host, port = server.bound or (self.host, self.port)
        await server.stop()
        return f"it can listen at {host}:{port}, and requests wait in {self.spool}"

    async def close(self) -> None:
        """Stop its own server, and give up what was received and is not done."""
        server, self._server, self._wake = self._server, None, None
        if server is not None:
            await server.stop()
        await self._in.close()

    def _own(self, host: str) -> OwnServer:
        return OwnServer(
            app=self.app,
            host=host,
            port=self.port,
            cert=self.cert,
            key=self.key,
            key_password=self.key_password,
            client_ca=self.client_ca,
        )

    async def _serve(self, host: str) -> None:
        if self._server is None or not self._server.running:
            self._server = self._own(host)
            await self._server.start()

    def _prepare(self) -> None:
        """Make the spool's folder; forget the hashes of keys that are too old."""
        home = self.spool / HIDDEN
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(self.spool, os.W_OK):
            raise PermissionError(13, "the folder cannot be written to")
        before = time.time() - self.keep_keys
        for entry in os.scandir(home):
            if entry.name.endswith(".digest") and entry.stat().st_mtime < before:
                Path(entry.path).unlink(missing_ok=True)

    # What the application calls, of any event loop.

    async def _keep(self, key: str, headers: dict[str, str], content: bytes) -> Receipt:
        mark = _mark(key)
        await asyncio.to_thread(self._same, mark, hashlib.sha256(content).hexdigest())
        line = json.dumps({**headers, KEY: headers.get(KEY, key)}).encode()
        parcel = Parcel(key=mark, name=mark, content=line + b"\n" + content)
        receipt = await self._out.send(parcel)
        self._tell()
        return Receipt(key=key, place=mark[:32], repeat=receipt.repeat)

    def _same(self, mark: str, digest: str) -> None:
        """A key names one content: another under the same key is a mistake of the sender."""
        path = self.spool / HIDDEN / f"{mark}.digest"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with path.open("x") as file:
                file.write(digest)
        except FileExistsError:
            known = path.read_text("ascii")
            if len(known) == len(digest) and known != digest:
                raise Refused("this key came with other content before") from None

    async def _ask(self, key: str) -> Presence:
        try:
            return await self._out.probe(_mark(key))
        except Unavailable:
            return Presence.UNKNOWN

    async def _room(self) -> str:
        at, number = self._counted
        if time.monotonic() - at > 1.0:
            number = await asyncio.to_thread(self._count)
            self._counted = (time.monotonic(), number)
        return "too many requests wait to be read" if number >= self.most else ""

    def _count(self) -> int:
        try:
            return sum(1 for one in os.scandir(self.spool) if not one.name.startswith("."))
        except FileNotFoundError:
            return 0

    def _tell(self) -> None:
        at, number = self._counted
        self._counted = (at, number + 1)
        if self._wake is not None:
            loop, event = self._wake
            with contextlib.suppress(RuntimeError):  # that loop is closed: nobody listens
                loop.call_soon_threadsafe(event.set)


def _arrival(file: Arrival) -> Arrival:
    """The arrival that a file of the spool is."""
    if file.problem:
        return file
    line, _, content = file.content.partition(b"\n")
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        problem = "not a request: something else wrote into the spool"
        return Arrival(name=file.name, content=b"", token=file.token, problem=problem)
    headers = {str(name): str(value) for name, value in found.items()}
    return arrival_of(headers, content, token=file.token, name=file.name)
