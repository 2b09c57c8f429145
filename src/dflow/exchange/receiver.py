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

from dflow.exchange.intake import Intake, not_copied
from dflow.exchange.journal import EventRow, Journal, JournalError, NewArrival, Outcome, Recorded
from dflow.exchange.reach import Reach
from dflow.exchange.scribe import Scribe
from dflow.exchange.sequence import watch_sequence
from dflow.transport import Arrival, Inbox, TransportError, Unavailable

__all__ = ["Receiver", "Source"]

#: Bytes above which a file is considered in a thread, while others are sent.
_LONG = 1 << 20

#: So many arrivals of one source are being recorded at once; they share commits.
_AT_ONCE = 64


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
        room = asyncio.Semaphore(_AT_ONCE)
        tasks: set[asyncio.Task[None]] = set()
        failed: list[BaseException] = []

        def ended(task: asyncio.Task[None]) -> None:
            tasks.discard(task)
            room.release()
            if not task.cancelled() and (error := task.exception()) is not None:
                failed.append(error)

        stream = inbox.receive(once=once)
        try:
            async for arrival in stream:
                if failed:
                    await inbox.failed(arrival, str(failed[0]))
                    break
                await self.reach.back(self.source.name)
                await room.acquire()
                new = await self._considered(arrival)
                # The task's first act is to queue its write, so that order is kept.
                task = asyncio.ensure_future(self._record(arrival, new, once=once))
                tasks.add(task)
                task.add_done_callback(ended)
        finally:
            with contextlib.suppress(AttributeError):
                await stream.aclose()  # type: ignore[attr-defined]  # generators have it
            if tasks:
                await asyncio.wait(tasks)
        if failed:
            raise failed[0]

    async def _considered(self, arrival: Arrival) -> NewArrival:
        """What is to be recorded; a long file keeps nobody waiting but its own source."""
        source, now = self.source.name, self.clock()
        consider = partial(self.intake().consider, arrival, source=source, at=now)
        return consider() if len(arrival.content) <= _LONG else await asyncio.to_thread(consider)

    async def _record(self, arrival: Arrival, new: NewArrival, *, once: bool) -> None:
        """Record one arrival; only then is its source told that it is done."""
        inbox, wait = self.source.inbox, 0.05
        while True:
            try:
                recorded = await self.scribe.do(partial(_write, new=new))
                break
            except JournalError as error:
                if once or self.stopping():
                    await inbox.failed(arrival, str(error))
                    raise
                await asyncio.sleep(wait)
                wait = min(wait * 2, 10.0)
        self.recorded(new, recorded)
        try:
            await inbox.done(arrival)
        except (TransportError, OSError) as error:
            # It will be received again, and recorded as a repeat: nothing is lost or doubled.
            raise Unavailable(str(error)) from error


def _write(journal: Journal, *, new: NewArrival) -> Recorded:
    """The arrival's row, and the events that it leaves besides."""
    recorded = journal.record(new)
    number = recorded.arrival
    if recorded.outcome in {Outcome.UNPARSABLE, Outcome.UNREADABLE, Outcome.UNROUTED}:
        kind = recorded.outcome.value
        journal.note(EventRow(at=new.at, kind=kind, arrival=number, why=new.reason))
    if recorded.outcome is not Outcome.REPEAT:
        for rule, why in not_copied(new).items():
            kind = "copy not made"
            journal.note(EventRow(at=new.at, kind=kind, arrival=number, why=why, detail=rule))
    if recorded.repeat_of is None:
        watch_sequence(journal, new, recorded)
    return recorded
