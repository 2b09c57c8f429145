"""A folder on an SFTP server as a source: whole files, claimed by rename, kept until done.

In: a folder that others write into.  Out: arrivals.  This module does not know flows,
follows no links, and opens nothing but regular files.  `dflow.transport.sftp.claims`
tells how several readers share a folder; `dflow.transport.directory_in`, when a file is
whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar
from urllib.parse import quote_from_bytes, unquote_to_bytes

from attrs import define, field

from dflow.transport.directory_in import HALF_WRITTEN, Ready
from dflow.transport.faults import TransportError, Unavailable
from dflow.transport.parcel import Arrival
from dflow.transport.sftp.claims import Claims, numbered
from dflow.transport.sftp.lines import Lines
from dflow.transport.sftp.remote import Entry, Remote
from dflow.transport.sftp.server import SftpServer
from dflow.transport.sftp.tried import try_folder
from dflow.transport.sftp.words import told

__all__ = ["SftpInbox"]

T = TypeVar("T")
R = TypeVar("R")

#: As much is read ahead of the reader, and no more: files, and bytes.
_BATCH_FILES, _BATCH_BYTES = 64, 8 << 20


@define(eq=False, kw_only=True)
class SftpInbox:
    """An inbox over a folder of an SFTP server; its subfolders are not looked into.

    Attributes:
        server: which, as whom, and by which key it is known.
        path: the folder, which must be there; relative to where the login leads.
        pattern: shell pattern of the names to take.
        ready: how a whole file is told from one that is being written.
        settle: seconds, for ``stable`` and ``age``; the server tells whole seconds only.
        done_suffix: for ``done-file``.
        after: what becomes of a file that is done: ``archive`` or ``remove``.
        archive: where archived files go; ``.dflow/done`` in the folder if not given.
        largest: bytes; a larger file is an arrival with a problem, and is set aside.
        poll: seconds between two looks while waiting for more.
        lease: seconds without a sign of life after which others adopt a reader's claims.
    """

    server: SftpServer
    path: str = "."
    pattern: str = "*"
    ready: Ready = "stable"
    settle: float = 1.0
    done_suffix: str = ".done"
    after: str = "archive"
    archive: str | None = None
    largest: int = 1 << 30
    poll: float = 1.0
    lease: float = 60.0
    _lines: Lines = field(init=False)
    _claims: Claims | None = field(default=None, init=False)
    _at: Remote | None = field(default=None, init=False)
    _held: set[bytes] = field(factory=set, init=False)
    _seen: dict[bytes, tuple[int, int, float]] = field(factory=dict, init=False)
    _waiting: list[Entry] = field(factory=list, init=False)
    _looked: float = field(default=0.0, init=False)
    _heart: asyncio.Task[None] | None = field(default=None, init=False)

    @_lines.default
    def _make_lines(self) -> Lines:
        return Lines(server=self.server)

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        """The files, oldest first, and then, without `once`, those that come later.

        Raises:
            Unavailable: the server cannot be reached, or the folder not be read.
        """
        # What was claimed and not handed out, or not taken note of, is handed out again.
        self._at = None
        while True:
            batch, waiting = await self._batch()
            for name, arrival in batch:
                self._held.add(name)
                yield arrival
            if batch:
                continue
            if waiting:
                await asyncio.sleep(min(self.settle, self.poll) or 0.01)
            elif once:
                return
            else:
                await asyncio.sleep(self.poll)

    async def done(self, arrival: Arrival) -> None:
        """Archive or remove the file; one that could not be read is set aside instead.

        Raises:
            Unavailable: the server cannot be reached now; it will be received again.
        """
        async with self._claimed(arrival) as (remote, claims, name):
            if not arrival.problem and self.after == "remove":
                await remote.remove(claims.hidden + b"/claims/" + name)
                return
            target = claims.hidden + (b"/problems" if arrival.problem else b"/done")
            if not arrival.problem and self.archive is not None:
                target = self.archive.encode("utf-8", "surrogateescape").rstrip(b"/")
            await _put_away(remote, claims.hidden + b"/claims/" + name, target, made=True)

    async def failed(self, arrival: Arrival, reason: str) -> None:  # noqa: ARG002  the Protocol's
        """Put the file back under its name, or the next free one like it.

        Raises:
            Unavailable: the server cannot be reached now; it will be received again.
        """
        async with self._claimed(arrival) as (remote, claims, name):
            await _put_away(remote, claims.hidden + b"/claims/" + name, claims.folder)

    async def check(self) -> str:
        """What was reached, in words; a file that is made for it is removed again.

        Raises:
            Unavailable: files cannot be taken from there now, why, and what mends it.
        """
        async with self._lines.use() as remote:
            with told(self.server, self.path):
                return await try_folder(remote, self.path)

    async def close(self) -> None:
        """Give up the claims, and end the connection; never raises."""
        heart, self._heart = self._heart, None
        if heart is not None:
            heart.cancel()
            with contextlib.suppress(asyncio.CancelledError, RuntimeError):
                await heart
        claims, self._claims, self._at = self._claims, None, None
        self._held.clear()
        self._waiting.clear()
        if claims is not None:
            with contextlib.suppress(TransportError):
                async with self._lines.use() as remote:
                    with told(self.server, self.path):
                        await claims.close(remote)
        await self._lines.close()

    @contextlib.asynccontextmanager
    async def _claimed(self, arrival: Arrival) -> AsyncIterator[tuple[Remote, Claims, bytes]]:
        """The claim of an arrival; whatever happens, it is not held any more."""
        name = unquote_to_bytes(arrival.token)
        owner, _, file = name.partition(b"/")
        if not owner or not file or b"/" in file or {owner, file} & {b".", b".."}:
            raise ValueError(f"{arrival.token!r} is no token of this inbox")
        try:
            async with self._lines.use() as remote:
                with told(self.server, self.path):
                    claims = self._claims or Claims(
                        folder=await self._folder(remote), lease=self.lease
                    )
                    yield remote, claims, name
                    if claims.name == owner:
                        claims.own.discard(file)
        finally:
            self._held.discard(file)

    async def _folder(self, remote: Remote) -> bytes:
        given = self.path.encode("utf-8", "surrogateescape") or b"."
        found = await remote.look(given, follow=True)
        if found is None or not found.folder:
            words = f"no folder {self.path}; make it there, or correct `path`"
            raise Unavailable(f"{self.server.place}: {words}")
        return (await remote.real(given)).rstrip(b"/")

    async def _open(self, remote: Remote) -> tuple[Claims, list[Entry]]:
        """This reader's claims; and, over a new connection, what it has or can adopt."""
        claims = self._claims
        if claims is None:
            claims = Claims(folder=await self._folder(remote), lease=self.lease)
        left: list[Entry] = []
        fresh = self._at is not remote
        if fresh:
            await claims.open(remote)
        self._claims, self._at = claims, remote
        if fresh or time.monotonic() - self._looked > self.lease / 2:
            left = [one for one in await claims.mine(remote) if one.name not in self._held]
            left += await claims.adopt(remote)
            self._looked = time.monotonic()
        if self._heart is None or self._heart.done():
            self._heart = asyncio.ensure_future(self._beat(claims))
        return claims, left

    async def _beat(self, claims: Claims) -> None:
        """Say again and again that this reader is alive."""
        while True:
            await asyncio.sleep(max(self.lease / 5, 0.05))
            with contextlib.suppress(TransportError):
                async with self._lines.use() as remote:
                    with told(self.server, self.path):
                        await claims.beat(remote)

    async def _batch(self) -> tuple[list[tuple[bytes, Arrival]], bool]:
        """The next arrivals, and whether others are there that are not whole yet."""
        async with self._lines.use() as remote:
            with told(self.server, self.path):
                claims, taken = await self._open(remote)
                waiting = bool(taken)
                if not taken:
                    taken, waiting = await self._take(remote, claims)
                read = await _several(taken, lambda one: self._read(remote, claims, one))
                return [one for one in read if one is not None], waiting

    async def _take(self, remote: Remote, claims: Claims) -> tuple[list[Entry], bool]:
        waiting = False
        if not self._waiting:
            # One look serves many batches: a folder of 100,000 files is listed once.
            self._waiting, waiting = await self._whole(remote, claims)
        chosen: list[Entry] = []
        size = 0
        while self._waiting and len(chosen) < _BATCH_FILES and size < _BATCH_BYTES:
            entry = self._waiting.pop(0)
            size += min(entry.size, self.largest)
            chosen.append(entry)
            self._seen.pop(entry.name, None)
        taken = [one for one in await _several(chosen, lambda one: claims.take(remote, one)) if one]
        if self.ready == "done-file":
            signs = [claims.folder + b"/" + one.name + self.done_suffix.encode() for one in taken]
            await _several(signs, remote.remove)
        return taken, waiting or bool(self._waiting)

    async def _whole(self, remote: Remote, claims: Claims) -> tuple[list[Entry], bool]:
        """The whole files, oldest first; whether others are not whole yet."""
        entries = await remote.names(claims.folder)
        names = {one.name for one in entries}
        self._seen = {name: look for name, look in self._seen.items() if name in names}
        now = 0
        if self.ready == "age":
            await claims.beat(remote)  # the server's clock, not ours
            sign = await remote.look(claims.hidden + b"/claims/" + claims.name + b".alive")
            now = sign.changed if sign is not None else 0
        found: list[Entry] = []
        waiting = False
        for entry in entries:
            if not self._wanted(entry.name) or entry.name in claims.own:
                continue
            if self._is_whole(entry, names, now):
                found.append(entry)
            else:
                waiting = waiting or self.ready != "done-file"
        return sorted(found, key=lambda one: (one.changed, one.name)), waiting

    def _wanted(self, name: bytes) -> bool:
        shown = _shown(name)
        if name.startswith(b".") or shown.endswith(HALF_WRITTEN):
            return False
        if self.ready == "done-file" and shown.endswith(self.done_suffix):
            return False
        return fnmatch.fnmatchcase(shown, self.pattern)

    def _is_whole(self, entry: Entry, names: set[bytes], now: int) -> bool:
        if not entry.regular or self.ready == "named":
            # A folder or a link is never written to: it is taken, and named as a problem.
            return True
        if self.ready == "done-file":
            return entry.name + self.done_suffix.encode() in names
        if self.ready == "age" and entry.changed <= now:
            return now - entry.changed >= self.settle
        # Also one that is dated in the future, of which its age says nothing.
        size, changed, since = self._seen.get(entry.name, (-1, -1, 0.0))
        if (size, changed) != (entry.size, entry.changed):
            self._seen[entry.name] = (entry.size, entry.changed, time.monotonic())
            return self.settle <= 0
        return time.monotonic() - since >= self.settle

    async def _read(
        self, remote: Remote, claims: Claims, entry: Entry
    ) -> tuple[bytes, Arrival] | None:
        """A claimed file as an arrival; None if it was given back or is gone."""
        import asyncssh

        path = claims.path(entry.name)
        look = await remote.look(path)
        if look is None:
            claims.own.discard(entry.name)
            return None
        content, problem = b"", ""
        if not look.regular:
            problem = "not a regular file"
        elif look.size > self.largest:
            problem = f"{look.size} bytes, more than the {self.largest} allowed"
        else:
            try:
                content = await remote.read(path, look.size)
            except (asyncssh.SFTPPermissionDenied, asyncssh.SFTPFailure) as error:
                problem = f"it cannot be read: the server says {error.reason[:200]!r}"
            if not problem and len(content) != look.size:
                # It was not whole after all.
                await _put_away(remote, path, claims.folder)
                claims.own.discard(entry.name)
                return None
        token = quote_from_bytes(claims.name + b"/" + entry.name)
        return entry.name, Arrival(
            name=_shown(entry.name), content=content, token=token, problem=problem
        )


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


async def _put_away(remote: Remote, path: bytes, folder: bytes, *, made: bool = False) -> None:
    """Into a folder under its name or the next free one; gone already is as good."""
    import asyncssh

    number = 1
    while True:
        target = folder + b"/" + numbered(path.rsplit(b"/", 1)[-1], number)
        try:
            if await remote.move_new(path, target):
                return
            number += 1
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            if await remote.look(path) is None:
                return  # done twice, or adopted by another reader
            if not made:
                raise
            await remote.make(folder)
            made = False


async def _several(items: Sequence[T], work: Callable[[T], Awaitable[R]]) -> list[R]:
    """The results of a call for each, all at once, in the order of the items."""
    return list(await asyncio.gather(*(work(one) for one in items)))
