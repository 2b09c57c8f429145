"""Which of several readers of an SFTP folder has which file.

In: names of files.  Out: claims.  This module does not read files, and does not know
when one is whole.

A file is claimed by renaming it into ``.dflow/claims/CLAIMANT``: the server lets one
rename win.  A claimant writes to ``.dflow/claims/CLAIMANT.alive`` again and again, so
that the server's own clock tells when it was last alive.  When that is longer ago than
the lease, or the file is gone, others adopt its claims, again by rename.  A claimant
that only seemed dead finds its claim gone: the file was received twice, and lost never.
"""

from __future__ import annotations

import os
import secrets

from attrs import define, field

from dflow.transport.directory_out import HIDDEN
from dflow.transport.faults import Unavailable
from dflow.transport.sftp.remote import Entry, Remote

__all__ = ["Claims", "numbered"]


def numbered(name: bytes, number: int) -> bytes:
    """``stem~2.ext`` and so on; the name itself for 1."""
    if number == 1:
        return name
    stem, dot, ending = name.rpartition(b".")
    if not stem:
        stem, dot, ending = name, b"", b""
    return stem + b"~%d" % number + dot + ending


@define(eq=False, kw_only=True)
class Claims:
    """The claims of one reader.

    Attributes:
        folder: the folder that is read, without links.
        lease: seconds after which a silent claimant counts as dead.
        name: this claimant's.
        own: the names of what it has claimed and not given up, as far as it knows.
    """

    folder: bytes
    lease: float
    name: bytes = field(factory=lambda: b"%d-%s" % (os.getpid(), secrets.token_hex(6).encode()))
    own: set[bytes] = field(factory=set)

    @property
    def hidden(self) -> bytes:
        """The part of the folder that is dflow's own."""
        return self.folder + b"/" + HIDDEN.encode()

    def path(self, name: bytes) -> bytes:
        """Where a claimed file lies."""
        return self._home(self.name) + b"/" + name

    def _home(self, claimant: bytes) -> bytes:
        return self.hidden + b"/claims/" + claimant

    async def open(self, remote: Remote) -> None:
        """Be alive, and have a place for claims."""
        await remote.make(self.hidden)
        await remote.make(self.hidden + b"/claims")
        await self.beat(remote)
        await remote.make(self._home(self.name))

    async def beat(self, remote: Remote) -> None:
        """Say that this claimant is alive."""
        await remote.touch(self._home(self.name) + b".alive")

    async def close(self, remote: Remote) -> None:
        """Say that it is not: what it has can be adopted at once."""
        import asyncssh

        await remote.remove(self._home(self.name) + b".alive")
        try:
            await remote.remove_folder(self._home(self.name))
        except asyncssh.SFTPError:
            return  # something is still claimed there

    async def take(self, remote: Remote, entry: Entry, path: bytes | None = None) -> Entry | None:
        """Claim a file; None if another was faster, or one of this name is claimed now."""
        import asyncssh

        if entry.name in self.own:
            return None
        self.own.add(entry.name)
        try:
            await remote.move(path or self.folder + b"/" + entry.name, self.path(entry.name))
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            self.own.discard(entry.name)
            if path is None and await remote.look(self._home(self.name)) is None:
                raise Unavailable(
                    f"{remote.server.place}: dflow's own folder .dflow/claims was removed; it "
                    "is made again"
                ) from None
            return None
        except asyncssh.SFTPError:
            self.own.discard(entry.name)
            raise
        return entry

    async def mine(self, remote: Remote) -> list[Entry]:
        """What lies in this claimant's own place, oldest first."""
        found = await remote.names(self._home(self.name))
        self.own = {one.name for one in found}
        return sorted(found, key=lambda one: (one.changed, one.name))

    async def adopt(self, remote: Remote) -> list[Entry]:
        """Claim what dead claimants had, oldest first."""
        await self.beat(remote)
        entries = {one.name: one for one in await remote.names(self.hidden + b"/claims")}
        alive = entries.get(self.name + b".alive")
        now = alive.changed if alive is not None else 0
        found: list[Entry] = []
        for name, entry in entries.items():
            if not entry.folder or name == self.name:
                continue
            sign = entries.get(name + b".alive")
            if sign is not None and now - sign.changed <= self.lease:
                continue
            found += await self._adopt(remote, name)
        return sorted(found, key=lambda one: (one.changed, one.name))

    async def _adopt(self, remote: Remote, name: bytes) -> list[Entry]:
        import asyncssh

        home = self._home(name)
        try:
            files = await remote.names(home)
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            return []  # another reader was faster
        found = [
            taken
            for one in files
            if (taken := await self.take(remote, one, home + b"/" + one.name))
        ]
        if len(found) == len(files):
            try:
                await remote.remove_folder(home)
            except asyncssh.SFTPError:
                return found
            await remote.remove(home + b".alive")
        return found
