"""Arrivals of one source into the journal, in the order in which they came.

In: arrivals that were considered.  Out: their rows, durable; and a source that is told so.
This module decides nothing about a file.

What waits is recorded together, in one call, so that many share a commit and none overtakes
another.  A journal that fails for a while keeps all of them waiting.  One that takes other
things, but not a certain arrival, is told so in an event: that arrival is put aside and tried
again on its own, so that it does not stop those that came after it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial

from attrs import define, field

from dflow.errors import DflowError
from dflow.exchange.intake import not_copied
from dflow.exchange.journal import EventRow, Journal, NewArrival, Outcome, Recorded
from dflow.exchange.scribe import Scribe
from dflow.exchange.sequence import watch_sequence
from dflow.transport import Arrival, Inbox, TransportError, Unavailable

__all__ = ["Recorder"]

#: So many arrivals of one source are being recorded at once; they share commits.
_AT_ONCE = 64
#: Seconds after which a journal that failed is tried again, doubled up to the longest.
_FIRST, _LONGEST = 0.05, 10.0
#: So often an arrival is tried before it may be put aside.
_TRIES = 5

_Taken = tuple[Arrival, NewArrival]


@define(eq=False, kw_only=True)
class Recorder:
    """Records what it is given; `run` is a task, which ends after `end`.

    Attributes:
        inbox: told what is done, and given back what cannot be recorded.
        scribe: writes the journal.
        stopping: whether nothing is to be waited for any more.
        recorded: told each arrival once it is durable.
        failed: what went wrong, in order.
        broken: whether nothing more can be taken: the journal, or the source, is the cause.
    """

    inbox: Inbox
    scribe: Scribe
    stopping: Callable[[], bool]
    recorded: Callable[[NewArrival, Recorded], None]
    failed: list[BaseException] = field(factory=list, init=False)
    broken: bool = field(default=False, init=False)
    _waiting: deque[_Taken] = field(factory=deque, init=False)
    _room: asyncio.Semaphore = field(init=False)
    _more: asyncio.Event = field(factory=asyncio.Event, init=False)
    _left: list[tuple[Arrival, DflowError]] = field(factory=list, init=False)
    _beside: set[asyncio.Task[None]] = field(factory=set, init=False)
    _ended: bool = field(default=False, init=False)

    @_room.default
    def _all_of_it(self) -> asyncio.Semaphore:
        return asyncio.Semaphore(_AT_ONCE)

    async def room(self) -> None:
        """Wait until one more can be put."""
        await self._room.acquire()

    def put(self, arrival: Arrival, new: NewArrival) -> None:
        """Take one more, for which there is room."""
        self._waiting.append((arrival, new))
        self._more.set()

    def end(self) -> None:
        """No more comes."""
        self._ended = True
        self._more.set()

    async def run(self) -> None:
        """Record until all is done after `end`; what went wrong is in `failed`."""
        try:
            while self._waiting or not self._ended:
                self._more.clear()
                if self._waiting:
                    batch, self._waiting = list(self._waiting), deque()
                    await self._several(batch)
                else:
                    await self._more.wait()
            if self._beside:
                await asyncio.wait(self._beside)
            for arrival, error in self._left:
                await self._give_back(arrival, error)
        except BaseException as error:
            self._break(error)
            raise

    async def _several(self, batch: list[_Taken]) -> None:
        try:
            rows = await self.scribe.do(partial(_write, several=[new for _, new in batch]))
        except DflowError:
            for taken in batch:
                await self._alone(*taken)
            return
        for (arrival, new), row in zip(batch, rows, strict=True):
            self._keep(arrival, new, row)

    async def _alone(self, arrival: Arrival, new: NewArrival, *, aside: bool = False) -> None:
        """Record one, however long it takes; those after it wait, unless only it is in the way."""
        wait, tries = _FIRST, 0
        while not self.broken:
            try:
                (row,) = await self.scribe.do(partial(_write, several=[new]))
            except DflowError as error:
                tries += 1
                last = self.stopping()
                alone = not aside and (last or tries == _TRIES) and await self._told(new, error)
                if last and alone:
                    # Given back at once, it would come again, and again.
                    self._left.append((arrival, error))
                    self._room.release()
                    return
                if last:
                    if not aside:
                        self._break(error)
                    await self._give_back(arrival, error)
                    return
                if alone:
                    self._start(self._alone(arrival, new, aside=True))
                    return
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST)
            else:
                self._keep(arrival, new, row)
                return
        await self._give_back(arrival, self.failed[0])

    async def _told(self, new: NewArrival, error: DflowError) -> bool:
        """Whether the journal can be written, and says now what it does not take."""
        why = f"{new.name} cannot be recorded, and is tried again: {error}"
        event = EventRow(at=new.at, kind="not recorded", why=why, detail=new.source)
        try:
            await self.scribe.do(lambda journal: journal.note(event))
        except DflowError:
            return False
        return True

    def _break(self, error: BaseException) -> None:
        self.failed.append(error)
        self.broken = True
        self._room.release()  # who waits for it sees that no more is taken

    async def _give_back(self, arrival: Arrival, error: BaseException) -> None:
        if error not in self.failed:
            self.failed.append(error)
        try:
            await self.inbox.failed(arrival, str(error))
        except (TransportError, OSError) as trouble:
            self.failed.append(trouble)
        self._room.release()

    def _keep(self, arrival: Arrival, new: NewArrival, row: Recorded) -> None:
        self.recorded(new, row)
        self._start(self._done(arrival))

    async def _done(self, arrival: Arrival) -> None:
        try:
            await self.inbox.done(arrival)
        except (TransportError, OSError) as error:
            # It will be received again, and recorded as a repeat: nothing is lost or doubled.
            self._break(Unavailable(str(error)))
        self._room.release()

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)


def _write(journal: Journal, *, several: Sequence[NewArrival]) -> list[Recorded]:
    return [_written(journal, new) for new in several]


def _written(journal: Journal, new: NewArrival) -> Recorded:
    """The arrival's row, and the events that it leaves besides."""
    recorded = journal.record(new)
    number = recorded.arrival
    if not recorded.outcome.settled and recorded.outcome is not Outcome.REFUSED:
        kind = recorded.outcome.value
        journal.note(EventRow(at=new.at, kind=kind, arrival=number, why=new.reason))
    if recorded.outcome is not Outcome.REPEAT:
        for rule, why in not_copied(new).items():
            kind = "copy not made"
            journal.note(EventRow(at=new.at, kind=kind, arrival=number, why=why, detail=rule))
    if recorded.repeat_of is None:
        watch_sequence(journal, new, recorded)
    return recorded
