"""A folder on an SFTP server as a destination: whole files, each key once.

In: parcels.  Out: files on the server.  This module does not know flows, and never names
anything outside its folder.  `dflow.transport.sftp.marks` has the proof.

A final name is reserved in ``.dflow`` before it is taken, so that two of dflow's senders
never take the same one; the rename then is one step.  Another program that makes the
same name between the last look and the rename would be written over.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from pathlib import PurePosixPath

from attrs import define, field

from dflow.transport.faults import Refused, TransportError, Unavailable, Uncertain
from dflow.transport.names import fill_template, template_mistakes
from dflow.transport.notes import BESIDE, LONGEST_NOTES, are_notes, notes_of
from dflow.transport.parcel import Capabilities, Parcel, Presence, Receipt
from dflow.transport.sftp.lines import Lines
from dflow.transport.sftp.marks import (
    Home,
    arm,
    forget,
    key_file,
    marked,
    mend,
    open_home,
    part_of,
    presence,
)
from dflow.transport.sftp.remote import Remote
from dflow.transport.sftp.server import SftpServer
from dflow.transport.sftp.tried import try_folder
from dflow.transport.sftp.words import told

__all__ = ["SftpOutbox"]

_BESIDE = BESIDE.encode()


def _usable(_: object, __: object, template: str) -> None:
    if mistakes := template_mistakes(template):
        raise ValueError("; ".join(mistakes))


@define(eq=False, kw_only=True)
class SftpOutbox:
    """An outbox into a folder of an SFTP server.

    Attributes:
        server: which, as whom, and by which key it is known.
        path: the folder, which must be there; relative to where the login leads.
        template: the files' names, from `dflow.transport.names.TEMPLATE_WORDS`.
        sidecar: whether a parcel's notes are written beside it, as NAME.provenance.json.
        keep_keys: for how many seconds a delivered key is remembered.
        connections: so many at most; each carries several parcels at once.
    """

    server: SftpServer
    path: str = "."
    template: str = field(default="{name}", validator=_usable)
    sidecar: bool = True
    keep_keys: float = 90 * 86400.0
    connections: int = 1
    _lines: Lines = field(init=False)
    _homes: dict[int, tuple[Remote, Home]] = field(factory=dict, init=False)
    _durable: bool = field(default=False, init=False)
    _tidy: asyncio.Task[None] | None = field(default=None, init=False)

    @_lines.default
    def _make_lines(self) -> Lines:
        return Lines(server=self.server, most=max(self.connections, 1))

    @property
    def capabilities(self) -> Capabilities:
        """It probes and is idempotent; durable once a server was seen to synchronise.

        It is not ordered: SFTP tells the times of files in whole seconds.
        """
        return Capabilities(probes=True, idempotent=True, durable=self._durable)

    async def send(self, parcel: Parcel) -> Receipt:
        """Write the parcel as a file, once.

        Raises:
            Refused: a link on the server leads out of the folder, or the key is another's.
            Unavailable: not delivered, for certain: no connection, no folder, no room.
            Uncertain: the connection was lost while the file was put in its place.
        """
        async with self._lines.use() as remote:
            try:
                with told(self.server, self.path):
                    return await self._send(remote, parcel)
            except Unavailable as error:
                if not await self._full(remote, error, len(parcel.content)):
                    raise
                words = f"{self.server.place}: no space left for {self.path}; free some there"
                raise Unavailable(words) from error

    async def probe(self, key: str) -> Presence:
        """PRESENT or ABSENT, also after the recipient took the file away.

        UNKNOWN only if the key's mark on the server was damaged.

        Raises:
            Unavailable: the server cannot be asked now.
        """
        async with self._lines.use() as remote:
            with told(self.server, self.path):
                return await presence(remote, await self._home(remote), key_file(key))

    async def taken(self, place: str) -> bool:
        """Whether the recipient has taken the file away that a receipt named.

        Raises:
            Unavailable: the server cannot be asked now.
        """
        async with self._lines.use() as remote:
            with told(self.server, self.path):
                home = await self._home(remote)
                return await remote.look(home.real + b"/" + place.encode()) is None

    async def check(self) -> str:
        """What was reached, in words; a file that is made for it is removed again.

        Raises:
            Unavailable: parcels cannot be put there now, why, and what mends it.
        """
        async with self._lines.use() as remote:
            with told(self.server, self.path):
                return await try_folder(remote, self.path)

    async def close(self) -> None:
        """End the connections; never raises."""
        if self._tidy is not None:
            self._tidy.cancel()
            with contextlib.suppress(asyncio.CancelledError, RuntimeError):
                await self._tidy
            self._tidy = None
        self._homes.clear()
        await self._lines.close()

    async def _full(self, remote: Remote, error: Unavailable, size: int) -> bool:
        """Whether a failure was a full disk, which this protocol has no word for."""
        import asyncssh

        if remote.dead or not isinstance(error.__cause__, asyncssh.SFTPFailure):
            return False
        return await remote.full(self.path.encode(), size)

    async def _home(self, remote: Remote) -> Home:
        """The folder, looked at once a connection."""
        if (known := self._homes.get(id(remote))) is not None:
            return known[1]
        home = await open_home(remote, self.path)
        await asyncio.gather(remote.sync(home.hidden), remote.sync(home.real))
        self._durable = remote.syncs
        self._homes = {at: pair for at, pair in self._homes.items() if not pair[0].dead}
        if self._tidy is None:
            self._tidy = asyncio.ensure_future(self._forget(remote, home))
        self._homes[id(remote)] = (remote, home)
        return home

    async def _forget(self, remote: Remote, home: Home) -> None:
        # Whatever goes wrong here is no delivery's concern; the next connection tries again.
        with contextlib.suppress(TransportError), told(self.server, self.path):
            await forget(remote, home, self.keep_keys)

    async def _send(self, remote: Remote, parcel: Parcel) -> Receipt:
        home, key = await self._home(remote), key_file(parcel.key)
        attempt = await marked(remote, home, key)
        part = b"" if attempt is None else part_of(home, key, attempt)
        if part and not await mend(remote, part, parcel.content):
            return Receipt(key=parcel.key, repeat=True)
        relative = fill_template(
            self.template, name=parcel.name, key=parcel.key, address=parcel.address
        )
        folder = await self._folder(remote, home, relative)
        notes = notes_of(parcel) if parcel.notes and self.sidecar else b""
        part, final = await asyncio.gather(
            self._armed(remote, home, key, part, parcel.content),
            self._reserve(remote, home, folder + b"/" + relative.name.encode(), key, notes),
        )
        if notes:
            await self._put_beside(remote, home, key, notes, final)
        if not await self._place(remote, part, final):
            await self._let_go(remote, home, final, notes)
            return Receipt(key=parcel.key, repeat=True)
        with told(self.server, self.path, Uncertain):
            await asyncio.gather(remote.sync(folder), self._let_go(remote, home, final, notes))
        self._durable = remote.syncs
        return Receipt(
            key=parcel.key, place=str(relative.with_name(final.rsplit(b"/", 1)[-1].decode()))
        )

    @staticmethod
    async def _armed(remote: Remote, home: Home, key: bytes, part: bytes, content: bytes) -> bytes:
        """The marked part of a key, written now if there was none; its mark is durable."""
        if not part:
            part = part_of(home, key, await arm(remote, home, key, content))
        await remote.sync(home.hidden)
        return part

    async def _folder(self, remote: Remote, home: Home, relative: PurePosixPath) -> bytes:
        """The folder of a name, made if need be, and certainly within the destination's."""
        folder = home.real
        for part in relative.parts[:-1]:
            folder += b"/" + part.encode()
            found = await remote.look(folder, follow=True)
            if found is None:
                await remote.make(folder)
        if folder != home.real:
            real = await remote.real(folder)
            if not real.startswith(home.real + b"/"):
                words = f"{relative.parent}: a link leads out of the destination's folder"
                raise Refused(f"{self.server.place}: {words}; have it removed there")
        return folder

    async def _reserve(
        self, remote: Remote, home: Home, wanted: bytes, key: bytes, notes: bytes
    ) -> bytes:
        """A path that nothing has taken, and that no other sender will take; its notes' too."""
        folder, _, name = wanted.rpartition(b"/")
        number = 1
        while True:
            path = folder + b"/" + _numbered(name.decode(), number)
            number += 1
            if await _taken(remote, path, notes) or not await _hold(remote, home, path, key):
                continue
            if notes and not await _hold(remote, home, path + _BESIDE, key):
                await remote.remove(_reservation(home, path))
                continue
            if not await _taken(remote, path, notes):
                return path
            await self._let_go(remote, home, path, notes)

    @staticmethod
    async def _let_go(remote: Remote, home: Home, final: bytes, notes: bytes) -> None:
        """Reserve a name no longer."""
        await remote.remove(_reservation(home, final))
        if notes:
            await remote.remove(_reservation(home, final + _BESIDE))

    async def _put_beside(
        self, remote: Remote, home: Home, key: bytes, notes: bytes, final: bytes
    ) -> None:
        beside = home.hidden + b"/" + key + b"." + secrets.token_hex(8).encode() + b".notes"
        await remote.write(beside, notes)
        await remote.move(beside, final + _BESIDE)

    async def _place(self, remote: Remote, part: bytes, final: bytes) -> bool:
        """Rename into place; False if another attempt did so before."""
        import asyncssh

        try:
            await remote.move(part, final)
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            if await remote.look(part) is None:
                return False
            raise
        except (asyncssh.Error, OSError):
            if not remote.dead:
                raise  # the server's own no
            with told(self.server, self.path, Uncertain):
                raise
        return True


async def _taken(remote: Remote, path: bytes, notes: bytes) -> bool:
    """Whether a name is taken, or that of its notes by something else than notes."""
    if await remote.look(path) is not None:
        return True
    there = await remote.look(path + _BESIDE) if notes else None
    if there is None:
        return False
    if not there.regular or there.size > LONGEST_NOTES:
        return True
    return not are_notes(await remote.read(path + _BESIDE, LONGEST_NOTES), notes)


async def _hold(remote: Remote, home: Home, path: bytes, key: bytes) -> bool:
    """Reserve a name for a key; False if another sender has."""
    reservation = _reservation(home, path)
    return await remote.claim(reservation, key) or await remote.read(reservation, 200) == key


def _numbered(name: str, number: int) -> bytes:
    path = PurePosixPath(name)
    return (name if number == 1 else f"{path.stem}~{number}{path.suffix}").encode()


def _reservation(home: Home, final: bytes) -> bytes:
    return home.hidden + b"/" + hashlib.sha256(final).hexdigest()[:32].encode() + b".name"
