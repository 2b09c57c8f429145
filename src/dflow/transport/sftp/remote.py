"""What dflow asks of an SFTP server, each with a time limit.

In: paths as bytes, and bytes.  Out: the server's answers; asyncssh's exceptions as they
are.  This module does not know why a file is written or moved.

Requests of several callers are under way on one connection at the same time.  What the
server does not offer (atomic rename, fsync) is noticed when it is first asked for.
"""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from attrs import define, field

from dflow.transport.sftp.login import Seen, log_in
from dflow.transport.sftp.server import SftpServer
from dflow.transport.sftp.words import gone

if TYPE_CHECKING:
    import asyncssh

__all__ = ["Entry", "Remote", "connect"]

T = TypeVar("T")

#: Bytes of one request, and so many requests of one file at once.
_BLOCK, _AT_ONCE = 256 * 1024, 8


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

    async def _ask(self, answer: Awaitable[T]) -> T:
        import asyncssh

        try:
            async with asyncio.timeout(self.server.timeout):
                return await answer
        except (asyncssh.Error, OSError) as error:
            self.dead = self.dead or gone(error)
            raise

    async def real(self, path: bytes) -> bytes:
        """The path without links, as the server sees it."""
        found = await self._ask(self.client.realpath(path))
        return found

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
        file = await self._ask(self.client.open(path, "rb"))
        try:
            pieces: dict[int, bytes] = {}

            async def read(at: int) -> None:
                piece = await file.read(min(_BLOCK, size - at), at)
                pieces[at] = piece if isinstance(piece, bytes) else piece.encode()

            await self._pieces(size, read)
            return b"".join(pieces[at] for at in sorted(pieces))
        finally:
            await self._ask(file.close())

    async def write(self, path: bytes, content: bytes, *, new: bool = True) -> None:
        """Write a file, and wait until it is on the server's disk, where that can be asked.

        Raises:
            asyncssh.SFTPError: it is there already and should be new, or anything else.
        """
        import asyncssh

        kind = asyncssh.FXF_WRITE | ((asyncssh.FXF_CREAT | asyncssh.FXF_EXCL) if new else 0)
        file = await self._ask(self.client.open(path, kind, encoding=None))
        try:
            view = memoryview(content)

            async def write(at: int) -> None:
                await file.write(bytes(view[at : at + _BLOCK]), at)

            await self._pieces(len(content), write)
            if self.syncs:
                await self._sync(file)
        finally:
            await self._ask(file.close())

    async def _pieces(self, size: int, work: Callable[[int], Awaitable[None]]) -> None:
        """Do the pieces of a file, several at once; each that ends renews the time limit."""
        import asyncssh

        starts: Iterator[int] = iter(range(0, size, _BLOCK))
        loop = asyncio.get_running_loop()
        wait = self.server.timeout

        async def worker(limit: asyncio.Timeout) -> None:
            for at in starts:
                await work(at)
                limit.reschedule(loop.time() + wait)

        try:
            async with asyncio.timeout(wait) as limit:
                tasks = [asyncio.ensure_future(worker(limit)) for _ in range(_AT_ONCE)]
                try:
                    await asyncio.gather(*tasks)
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
        except (asyncssh.Error, OSError) as error:
            self.dead = self.dead or gone(error)
            raise

    async def touch(self, path: bytes) -> None:
        """Make the file's time of change the server's now; it is made if need be."""
        import asyncssh

        kind = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT
        file = await self._ask(self.client.open(path, kind, encoding=None))
        try:
            await self._ask(file.write(b".", 0))
        finally:
            await self._ask(file.close())

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
                file = await self._ask(self.client.open(folder, "rb"))
                if self._folders.setdefault(folder, file) is not file:
                    await self._ask(file.close())
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

        self.dead = True
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
    connection, seen = await log_in(server)
    try:
        async with asyncio.timeout(server.timeout):
            # Paths are bytes: names that are no UTF-8 are names too.
            client = await connection.start_sftp_client(path_encoding=None)
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
