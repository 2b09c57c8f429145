"""One promise on trial: a rig, what was opened of it, and the ways to look at it.

In: a rig.  Out: outboxes, inboxes, what arrived.  This module does not know promises.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from typing import TypeVar

from attrs import define, field

from dflow.testing.proxy import FaultProxy
from dflow.testing.transports.rig import Endpoint, Rig
from dflow.transport import (
    Arrival,
    Closing,
    Inbox,
    Outbox,
    Parcel,
    Receipt,
    Refused,
    TransportError,
    Unavailable,
)

__all__ = ["Broken", "Trial", "close", "require", "stream"]

T = TypeVar("T")

#: So long is waited for what should not come, over a network and without one.
_QUIET, _QUIET_HERE = 0.25, 0.05
_PAUSE = 0.02


class Broken(AssertionError):
    """A promise is not kept; the text says which, and what was seen instead."""


def require(kept: object, words: str) -> None:
    """Go on if a promise is kept.

    Raises:
        Broken: with these words, if it is not.
    """
    if not kept:
        raise Broken(words)


@define(eq=False, kw_only=True)
class Trial:
    """What a promise works with.

    Attributes:
        rig: the place, fresh and empty.
        largest: bytes of the largest parcel.
        patience: seconds in which what should come must come.
        prefetch: arrivals that an inbox may hold beyond those it handed out.
        secrets: texts that must not be shown.
    """

    rig: Rig
    largest: int
    patience: float
    prefetch: int
    secrets: tuple[str, ...] = ()
    _opened: list[object] = field(factory=list, init=False)

    def run(self, work: Callable[[], Coroutine[object, object, T]]) -> T:
        """Run in an event loop of its own, and close what was opened there."""

        async def whole() -> T:
            try:
                return await work()
            finally:
                opened, self._opened = self._opened, []
                for one in opened:
                    await close(one)

        return asyncio.run(whole())

    def outbox(self, via: Endpoint | None = None) -> Outbox:
        """A new way out, closed at the end."""
        outbox = self.rig.outbox(via)
        self._opened.append(outbox)
        return outbox

    def inbox(self, via: Endpoint | None = None) -> Inbox:
        """A new way in, closed at the end."""
        inbox = self.rig.inbox(via)
        if inbox is None:
            raise Broken("the rig has no inbox")
        self._opened.append(inbox)
        return inbox

    @contextmanager
    def proxy(self) -> Iterator[tuple[FaultProxy, Endpoint]]:
        """A proxy before the server, and its place."""
        if self.rig.server is None:
            raise Broken("the rig has no server")
        with FaultProxy(self.rig.server.host, self.rig.server.port) as proxy:
            yield proxy, Endpoint(proxy.host, proxy.port)

    async def arrived(self, count: int) -> list[bytes]:
        """The contents that have arrived, once `count` have, or patience has ended.

        What an inbox has is taken from it for good.  A little time is given to what
        should not come.
        """
        inbox = self.rig.inbox()
        if inbox is None:
            return await self._lying(count)
        try:
            found = await self.take(inbox, count)
            await asyncio.sleep(self._quiet)
            found += await self.take(inbox, 0)
        finally:
            await close(inbox)
        for one in found:
            require(not one.problem, f"an arrival came with a problem: {one.problem}")
        return [one.content for one in found]

    async def _lying(self, count: int) -> list[bytes]:
        end = self.now() + self.patience
        while True:
            found = await asyncio.to_thread(self.rig.delivered)
            if len(found) >= count or self.now() > end:
                break
            await asyncio.sleep(_PAUSE)
        await asyncio.sleep(self._quiet)
        return [content for _, content in await asyncio.to_thread(self.rig.delivered)]

    async def take(self, inbox: Inbox, count: int, *, done: bool = True) -> list[Arrival]:
        """At least so many arrivals, if they come in time; each done at once, or none.

        Arrivals that are not done are taken until there are `count`, and no further.
        """
        found: list[Arrival] = []
        end = self.now() + self.patience
        while True:
            try:
                async with aclosing(stream(inbox, once=True)) as arrivals:
                    async for arrival in arrivals:
                        found.append(arrival)
                        if done:
                            await inbox.done(arrival)
                        elif len(found) >= count:
                            return found
            except Unavailable as error:
                if self.now() > end:
                    words = f"nothing could be received in {self.patience:g} s: {error}"
                    raise Broken(words) from error
            if len(found) >= count or self.now() > end:
                return found
            await asyncio.sleep(_PAUSE)

    async def sent(self, outbox: Outbox, parcel: Parcel) -> Receipt:
        """Send again and again until there is a receipt, as an exchange does."""
        end = self.now() + self.patience
        while True:
            try:
                left = max(0.1, end - self.now())
                return await asyncio.wait_for(outbox.send(parcel), left)
            except Refused as error:
                raise Broken(f"a parcel that should be taken was refused: {error}") from error
            except (TransportError, TimeoutError) as error:
                if self.now() > end:
                    words = f"{type(error).__name__}: {error}"
                    raise Broken(f"no receipt in {self.patience:g} s: {words}") from error
            await asyncio.sleep(_PAUSE)

    @property
    def _quiet(self) -> float:
        return _QUIET_HERE if self.rig.server is None else _QUIET

    @staticmethod
    def now() -> float:
        """Seconds of the event loop's clock."""
        return asyncio.get_running_loop().time()


def stream(inbox: Inbox, *, once: bool) -> AsyncGenerator[Arrival, None]:
    """The arrivals as a generator that can be closed, whatever iterator the inbox gives."""
    arrivals = inbox.receive(once=once)
    if isinstance(arrivals, AsyncGenerator):
        return arrivals
    return _as_generator(arrivals)


async def _as_generator(arrivals: AsyncIterator[Arrival]) -> AsyncGenerator[Arrival, None]:
    async for arrival in arrivals:
        yield arrival


async def close(end: object) -> None:
    """Close an outbox or inbox that holds something."""
    if isinstance(end, Closing):
        await end.close()
