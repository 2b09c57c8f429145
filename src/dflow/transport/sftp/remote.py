"""What dflow asks of an SFTP server, each with a time limit.

In: paths as bytes, and bytes.  Out: the server's answers; asyncssh's exceptions as they
are.  This module does not know why a file is written or moved.

Requests of several callers are under way on one connection at the same time.  What the
server does not offer (atomic rename, fsync) is noticed when it is first asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import stat
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from attrs import define, field

from dflow.transport.faults import Unavailable
from dflow.transport.sftp.login import Seen, log_in
from dflow.transport.sftp.server import SftpServer
from dflow.transport.sftp.words import gone

if TYPE_CHECKING:
    import asyncssh

__all__ = ["Entry", "Remote", "connect"]

T = TypeVar("T")

#: Bytes of one request, and so many requests of one file at once.
_BLOCK, _AT_ONCE = 256 * 1024, 16
#: What every server takes in one request.
_SAFE = 32 * 1024


@define(frozen=True)
class Entry:
    """What is known of a file: its name, size, time of change (POSIX seconds) and kind."""

    name: bytes
    size: int
    changed: int
    regular: bool
    folder: bool


@define(eq=False, kw_only=True)
class Remote:
    """One connection with its SFTP session.

    Attributes:
        server: where it leads.
        client: asyncssh's.
        seen: what was seen of the server.
        dead: whether it can be used no more.
        users: callers that use it now.
        atomic: whether a rename is one step, as far as is known.
        syncs: whether files and folders can be synchronised, as far as is known.
    """

    server: SftpServer
    connection: asyncssh.SSHClientConnection
    client: asyncssh.SFTPClient
    seen: Seen
    dead: bool = False
    users: int = 0
    atomic: bool = True
    syncs: bool = True
    _folders: dict[bytes, asyncssh.SFTPClientFile] = field(factory=dict, init=False)
    _closing: set[asyncio.Task[None]] = field(factory=set, init=False)

    async def _ask(self, answer: Awaitable[T], *, limited: bool = True) -> T:
        import asyncssh

        try:
            async with asyncio.timeout(self.server.timeout if limited else None):
                return await answer
        except (asyncssh.Error, OSError) as error:
            self.dead = self.dead or gone(error)
            raise

    async def real(self, path: bytes) -> bytes:
        """The path without links, as the server sees it."""
        return await self._ask(self.client.realpath(path))

    async def look(self, path: bytes, *, follow: bool = False) -> Entry | None:
        """What is at a path; None if nothing is."""
        import asyncssh

        asked = self.client.stat(path) if follow else self.client.lstat(path)
        try:
            return _entry(path.rsplit(b"/", 1)[-1], await self._ask(asked))
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            return None

    async def names(self, folder: bytes) -> list[Entry]:
        """What is in a folder, but for names that no folder can have."""
        found: list[Entry] = []
        entries = self.client.scandir(folder)
        while True:
            try:
                one = await self._ask(anext(entries))
            except StopAsyncIteration:
                return found
            name = one.filename if isinstance(one.filename, bytes) else one.filename.encode()
            # A server that names what is elsewhere gets no say in where dflow looks.
            if name and name not in (b".", b"..") and b"/" not in name and b"\0" not in name:
                found.append(_entry(name, one.attrs))

    async def read(self, path: bytes, size: int) -> bytes:
        """At most `size` bytes of a file, asked for in several pieces at once."""
        file = await self._open(path, "FXF_READ")
        pieces: dict[int, bytes] = {}
        step = self._step(reading=True)

        async def read(at: int) -> None:
            found = b""
            while left := min(step, size - at) - len(found):
                more: bytes = await file.read(left, at + len(found))
                if not more:
                    break
                found += more
            pieces[at] = found

        try:
            await self._pieces(range(0, size, step), read)
        finally:
            self._leave(file)
        return b"".join(pieces[at] for at in sorted(pieces))

    async def write(
        self, path: bytes, content: bytes, *, new: bool = True, sync: bool = True
    ) -> None:
        """Write a file, and wait until it is on the server's disk, where that can be asked.

        Raises:
            asyncssh.SFTPError: it is there already and should be new, or anything else.
        """
        file = await self._open(path, *["FXF_WRITE", "FXF_CREAT", "FXF_EXCL"][: 3 if new else 1])
        step, view = self._step(), memoryview(content)

        async def write(at: int) -> None:
            await file.write(bytes(view[at : at + step]), at)

        try:
            await self._pieces(range(0, len(content), step), write)
            if sync and self.syncs:
                await self._sync(file)
        finally:
            self._leave(file)

    async def claim(self, path: bytes, content: bytes) -> bool:
        """Make a short file unless something is there; whether it was made.

        What cannot be written, as on a full disk, is not left behind without its content.
        """
        import asyncssh

        try:
            file = await self._open(path, "FXF_WRITE", "FXF_CREAT", "FXF_EXCL")
        except (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists):
            if self.dead or await self.look(path) is None:
                raise
            return False
        try:
            await self._ask(file.write(content, 0))
        except asyncssh.SFTPError:
            if not self.dead:
                await self.remove(path)
            raise
        finally:
            self._leave(file)
        return True

    async def _open(self, path: bytes, *flags: str) -> asyncssh.SFTPClientFile:
        import asyncssh

        kind = sum(getattr(asyncssh, flag) for flag in flags)
        # Without its own division into blocks: `_pieces` does that, and can be cancelled.
        asked = self.client.open(path, kind, encoding=None, block_size=0)
        return await self._ask(asked)

    def _leave(self, file: asyncssh.SFTPClientFile) -> None:
        """Close a file; nobody waits for it, least of all one who was cancelled."""
        if self.dead:
            return
        task = asyncio.ensure_future(self._close_file(file))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close_file(self, file: asyncssh.SFTPClientFile) -> None:
        import asyncssh

        with contextlib.suppress(asyncssh.Error, OSError):
            await self._ask(file.close())

    def _step(self, *, reading: bool = False) -> int:
        limits = self.client.limits
        most = limits.max_read_len if reading else limits.max_write_len
        return min(most or _SAFE, _BLOCK)

    async def _pieces(self, starts: range, work: Callable[[int], Awaitable[None]]) -> None:
        """Do the pieces of a file, several at once; each that ends renews the time limit."""
        if len(starts) <= 1:
            for at in starts:
                await self._ask(work(at))
            return
        left = iter(starts)
        loop = asyncio.get_running_loop()
        wait = self.server.timeout

        async def worker(limit: asyncio.Timeout) -> None:
            for at in left:
                await work(at)
                limit.reschedule(loop.time() + wait)

        async def all_of_them() -> None:
            async with asyncio.timeout(wait) as limit:
                tasks = [asyncio.ensure_future(worker(limit)) for _ in range(_AT_ONCE)]
                try:
                    await asyncio.gather(*tasks)
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)

        await self._ask(all_of_them(), limited=False)

    async def touch(self, path: bytes) -> None:
        """Make the file's time of change the server's now; it is made if need be."""
        file = await self._open(path, "FXF_WRITE", "FXF_CREAT")
        try:
            await self._ask(file.write(b".", 0))
        finally:
            self._leave(file)

    async def _sync(self, file: asyncssh.SFTPClientFile) -> None:
        import asyncssh

        try:
            await self._ask(file.fsync())
        except asyncssh.SFTPOpUnsupported:
            self.syncs = False

    async def sync(self, folder: bytes) -> None:
        """Wait until a folder's names are on the server's disk, where that can be asked.

        OpenSSH opens a folder as if it were a file, and synchronises that.
        """
        import asyncssh

        if not self.syncs:
            return
        try:
            if folder not in self._folders:
                file = await self._open(folder, "FXF_READ")
                if self._folders.setdefault(folder, file) is not file:
                    self._leave(file)
            await self._sync(self._folders[folder])
        except asyncssh.SFTPError as error:
            if self.dead:
                raise
            del error  # a server that cannot: its receipts are not durable
            self.syncs = False

    async def move(self, source: bytes, target: bytes) -> None:
        """Rename in one step, over what is at the target if the server does so."""
        import asyncssh

        if self.atomic:
            try:
                await self._ask(self.client.posix_rename(source, target))
            except asyncssh.SFTPOpUnsupported:
                self.atomic = False
            else:
                return
        await self._ask(self.client.rename(source, target))

    async def move_new(self, source: bytes, target: bytes) -> bool:
        """Rename unless there is something at the target; whether it was done."""
        import asyncssh

        try:
            await self._ask(self.client.rename(source, target))
        except (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists):
            if await self.look(target) is None:
                raise
            return False
        return True

    async def make(self, folder: bytes) -> None:
        """Make a folder, which may be there already; never follows a link in its place.

        Raises:
            asyncssh.SFTPError: it is not there, and cannot be made.
        """
        import asyncssh

        attrs = asyncssh.SFTPAttrs(permissions=0o700)
        try:
            await self._ask(self.client.mkdir(folder, attrs))
        except asyncssh.SFTPError:
            found = None if self.dead else await self.look(folder)
            if found is None or not found.folder:
                raise

    async def remove(self, path: bytes) -> None:
        """Remove a file; none there is as good."""
        import asyncssh

        try:
            await self._ask(self.client.remove(path))
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            return

    async def remove_folder(self, path: bytes) -> None:
        """Remove an empty folder."""
        await self._ask(self.client.rmdir(path))

    async def full(self, path: bytes, size: int) -> bool:
        """Whether the server says that it has no room for so many bytes there."""
        import asyncssh

        try:
            room = await self._ask(self.client.statvfs(path))
        except (asyncssh.Error, OSError):
            return False
        return room.bavail * room.frsize < max(size, 1)

    async def close(self) -> None:
        """End the connection; never raises."""
        import asyncssh

        if self._closing and not self.dead:
            await asyncio.wait(self._closing, timeout=1.0)
        self.dead = True
        for task in self._closing:
            task.cancel()
        self.connection.close()
        try:
            async with asyncio.timeout(min(self.server.timeout, 2.0)):
                await self.connection.wait_closed()
        except (asyncssh.Error, OSError):
            self.connection.abort()

    def abort(self) -> None:
        """Drop the connection without waiting."""
        self.dead = True
        self.connection.abort()


async def connect(server: SftpServer) -> Remote:
    """A connection with an SFTP session.

    Raises:
        Unavailable: there is none now, why, and what mends it.
        asyncssh.Error: the session could not be opened.
    """
    import asyncssh

    connection, seen = await log_in(server)
    try:
        async with asyncio.timeout(server.timeout):
            # Paths are bytes: names that are no UTF-8 are names too.
            client = await connection.start_sftp_client(path_encoding=None)
    except (asyncssh.SFTPError, asyncssh.ChannelOpenError) as error:
        connection.abort()
        if seen.lost:
            raise
        words = f"the server offers no SFTP to the user {server.user}; have it switched on"
        raise Unavailable(f"{server.place}: {words}") from error
    except BaseException:
        connection.abort()
        raise
    return Remote(server=server, connection=connection, client=client, seen=seen)


def _entry(name: bytes, attrs: asyncssh.SFTPAttrs) -> Entry:
    mode = attrs.permissions or 0
    return Entry(
        name=name,
        size=attrs.size or 0,
        changed=int(attrs.mtime or 0),
        regular=stat.S_ISREG(mode),
        folder=stat.S_ISDIR(mode),
    )
