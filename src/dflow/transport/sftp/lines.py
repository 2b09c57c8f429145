"""A few connections to one server, opened when needed and again after a loss.

In: a server's settings.  Out: connections, the least busy first.  This module does not
know what they are used for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from attrs import define, field

from dflow.transport.sftp.remote import Remote, connect
from dflow.transport.sftp.server import SftpServer
from dflow.transport.sftp.words import told

__all__ = ["Lines"]


@define(eq=False, kw_only=True)
class Lines:
    """Connections to one server.

    Attributes:
        server: which.
        most: so many at once; one more is opened only while all others are in use.
    """

    server: SftpServer
    most: int = 1
    _open: list[Remote] = field(factory=list, init=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)
    _opening: asyncio.Lock | None = field(default=None, init=False)

    @contextlib.asynccontextmanager
    async def use(self) -> AsyncIterator[Remote]:
        """A connection, shared with others.

        Raises:
            Unavailable: there is none now, why, and what mends it.
        """
        remote = await self._get()
        remote.users += 1
        try:
            yield remote
        finally:
            remote.users -= 1

    async def _get(self) -> Remote:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            # Connections belong to the event loop that opened them.
            self._loop, self._opening, self._open = loop, asyncio.Lock(), []
        if (remote := self._least()) is not None:
            return remote
        opening = self._opening or asyncio.Lock()
        async with opening:
            if (remote := self._least()) is not None:
                return remote
            with told(self.server, ""):
                remote = await connect(self.server)
            self._open.append(remote)
            return remote

    def _least(self) -> Remote | None:
        """The least busy connection; None if one more is better."""
        for remote in [one for one in self._open if one.dead or one.seen.lost]:
            self._open.remove(remote)
            remote.abort()
        best = min(self._open, key=lambda one: one.users, default=None)
        opening = self._opening is not None and self._opening.locked()
        if best is not None and best.users and len(self._open) < self.most and not opening:
            return None
        return best

    async def close(self) -> None:
        """End them all; never raises."""
        left, self._open = self._open, []
        if self._loop is asyncio.get_running_loop():
            await asyncio.gather(*(one.close() for one in left))
