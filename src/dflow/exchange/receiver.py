"""One source's files: considered, recorded, and only then done.

In: a source, the journal, and how arrivals are considered.  Out: arrivals with their
decisions and deliveries, durable.  This module does not know destinations: what has been
recorded is told to who sends.

A source that cannot be read is tried again, ever more seldom; a journal that cannot be
written keeps the source waiting, and nothing of it is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial

from attrs import define, frozen

from dflow.exchange.intake import Intake
from dflow.exchange.journal import NewArrival, Recorded
from dflow.exchange.reach import Reach
from dflow.exchange.recording import Recorder
from dflow.exchange.scribe import Scribe
from dflow.transport import Arrival, Inbox, TransportError

__all__ = ["Receiver", "Source"]

#: Bytes above which a file is considered in a thread, while others are sent.
_LONG = 1 << 20


@frozen(kw_only=True)
class Source:
    """Where files come from."""

    name: str
    inbox: Inbox


@define(eq=False, kw_only=True)
class Receiver:
    """The work of one source, to be run as a task.

    Attributes:
        source: where from.
        scribe: writes the journal.
        reach: told whether the source can be read.
        clock: POSIX seconds.
        intake: how arrivals are considered now; the rules may change.
        stopping: whether no more is to be begun.
        recorded: told each arrival once it is durable.
    """

    source: Source
    scribe: Scribe
    reach: Reach
    clock: Callable[[], float]
    intake: Callable[[], Intake]
    stopping: Callable[[], bool]
    recorded: Callable[[NewArrival, Recorded], None]

    async def run(self, *, once: bool) -> None:
        """Read the source; while it cannot be read, try again, unless `once`."""
        name, inbox, wait = self.source.name, self.source.inbox, 0.5
        while True:
            steady = asyncio.ensure_future(self.reach.steady(name, inbox))
            try:
                await self.reach.ask(name, inbox)
                await self._drain(once=once)
                await self.reach.back(name)
            except (TransportError, OSError) as error:
                # A new trouble is looked at again soon, an old one ever more seldom.
                wait = wait if name in self.reach.troubles else 0.5
                await self.reach.lost(name, str(error))
            finally:
                steady.cancel()
            if once:
                return
            await asyncio.sleep(wait)
            wait = min(wait * 2, 30.0)

    async def _drain(self, *, once: bool) -> None:
        """Consider and record what the source hands out, in its order."""
        inbox = self.source.inbox
        recorder = Recorder(
            inbox=inbox,
            scribe=self.scribe,
            stopping=lambda: once or self.stopping(),
            recorded=self.recorded,
        )
        writer = asyncio.ensure_future(recorder.run())
        stream = inbox.receive(once=once)
        try:
            async for arrival in stream:
                await self.reach.back(self.source.name)
                await recorder.room()
                if recorder.broken:
                    await inbox.failed(arrival, str(recorder.failed[0]))
                    break
                recorder.put(arrival, await self._considered(arrival))
        finally:
            with contextlib.suppress(AttributeError):
                await stream.aclose()  # type: ignore[attr-defined]  # generators have it
            recorder.end()
            await asyncio.wait([writer])
        if recorder.failed:
            raise recorder.failed[0]

    async def _considered(self, arrival: Arrival) -> NewArrival:
        """What is to be recorded; a long file keeps nobody waiting but its own source."""
        source, now = self.source.name, self.clock()
        consider = partial(self.intake().consider, arrival, source=source, at=now)
        return consider() if len(arrival.content) <= _LONG else await asyncio.to_thread(consider)
