"""One connection that is opened when it is needed, and again when it was lost.

In: how to open, to close and to look.  Out: the open thing.  This module does not know
any network, and tries nothing twice: who asks again causes the next attempt.

Many who ask at once share one attempt, and its failure too: a server that hangs is not
waited for by each of them in turn.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from attrs import define, field

__all__ = ["Link"]

T = TypeVar("T")

#: Closing waits for the other side so many seconds, and no longer.
_GOODBYE = 5.0


@define(eq=False, kw_only=True)
class Link(Generic[T]):
    """Holds one open thing, of the event loop that runs.

    Attributes:
        open: opens it; what it raises is raised to all who wait.
        shut: closes it.
        alive: whether it can still be used.
    """

    open: Callable[[], Awaitable[T]]
    shut: Callable[[T], Awaitable[None]]
    alive: Callable[[T], bool]
    _held: T | None = field(default=None, init=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)
    _opening: asyncio.Task[T] | None = field(default=None, init=False)

    async def get(self) -> T:
        """The open thing, opened now if there is none."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # What belonged to another loop cannot be closed from this one.
            self._loop, self._held, self._opening = loop, None, None
        if self._held is not None and self.alive(self._held):
            return self._held
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())
            self._opening.add_done_callback(self._opened)
        return await asyncio.shield(self._opening)

    @property
    def held(self) -> T | None:
        """What is open now, if it can be used; nothing is opened."""
        return self._held if self._held is not None and self.alive(self._held) else None

    async def _open(self) -> T:
        lost, self._held = self._held, None
        if lost is not None:
            await self._shut(lost)
        self._held = await self.open()
        return self._held

    def _opened(self, task: asyncio.Task[T]) -> None:
        if self._opening is task:
            self._opening = None
        if not task.cancelled():
            task.exception()  # seen, although all who asked may have gone

    async def _shut(self, held: T) -> None:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.shut(held), _GOODBYE)

    async def close(self) -> None:
        """Close it; never raises, and may be called twice."""
        if self._loop is not asyncio.get_running_loop():
            self._held = None
            return
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
            await asyncio.wait([opening])
        held, self._held = self._held, None
        if held is not None:
            await self._shut(held)
