"""The exchange: arrivals are considered, recorded and delivered, until it is stopped.

In: rules, a journal, mounts and sources.  Out: deliveries.  This module decides nothing
itself: the rules decide, the machine in `dflow.delivery` says what may happen next, the
transports send; here they meet.

One task a source reads, considers and records; one task a destination sends.  A source
is told that an arrival is done only when it is durable with its decision and its
deliveries.  Nothing that happens to one destination is waited for by another.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from attrs import define, field, frozen

from dflow.delivery import Order, Step
from dflow.envelope import Header
from dflow.exchange.intake import Intake, read_address
from dflow.exchange.journal import EventRow, Journal, JournalError, NewArrival, Outcome, Recorded
from dflow.exchange.lane import Lane, Mount
from dflow.exchange.lease import Keeper, Lease, moment
from dflow.exchange.reach import Reach
from dflow.exchange.receiver import Receiver, Source
from dflow.exchange.scribe import Scribe
from dflow.exchange.seen import Arrived, Attempted, Watcher
from dflow.exchange.setback import Setback, catch_up
from dflow.exchange.stranded import Stranded
from dflow.exchange.teller import Teller
from dflow.exchange.windows import Calendar
from dflow.flow import Flow
from dflow.routing import Routes
from dflow.transport import Closing

__all__ = ["Exchange", "Mount", "Source", "Totals"]


@frozen(kw_only=True)
class Totals:
    """What one run did.

    Attributes:
        arrivals: how many had each outcome.
        steps: how many deliveries took each step.
        troubles: what sources could not be read, in words, by source.
    """

    arrivals: Mapping[Outcome, int]
    steps: Mapping[Step, int]
    troubles: Mapping[str, str]

    @property
    def received(self) -> int:
        """How many files arrived."""
        return sum(self.arrivals.values())


@define(eq=False, kw_only=True)
class Exchange:
    """Rules, a journal, destinations and sources, wired together.

    Attributes:
        routes: the rules; `use` swaps them whole while running.
        journal: kept open; the caller closes it.
        mounts: every destination of the rules.
        sources: where files come from.
        read_flow: the tree of a file, for rules that ask for items.
        check: why a file is to be held, empty for none; None checks nothing.
        read_header: the address of a file, or why it has none.
        clock: POSIX seconds.
        chance: a number from 0 to 1, for jitter.
        observe: told every event once it is durable, of any process.
        watchers: told every arrival, attempt, event and the queues' depths, once durable.
    """

    routes: Routes
    journal: Journal
    mounts: Sequence[Mount]
    sources: Sequence[Source] = ()
    read_flow: Callable[[bytes], Flow] | None = None
    check: Callable[[bytes], str] | None = None
    read_header: Callable[[bytes], tuple[Header | None, str]] = read_address
    clock: Callable[[], float] = time.time
    chance: Callable[[], float] = random.random
    observe: Callable[[EventRow], None] | None = None
    watchers: Sequence[Watcher] = ()
    grace: float = 10.0
    _scribe: Scribe | None = field(default=None, init=False)
    _lanes: tuple[Lane, ...] = field(default=(), init=False)
    _intake: Intake | None = field(default=None, init=False)
    _teller: Teller | None = field(default=None, init=False)
    _calendar: Calendar | None = field(default=None, init=False)
    _stopping: asyncio.Event | None = field(default=None, init=False)
    _arrivals: Counter[Outcome] = field(factory=Counter, init=False)
    _steps: Counter[Step] = field(factory=Counter, init=False)
    _fallbacks: set[str] = field(factory=set, init=False)

    def run_once(self) -> Totals:
        """Take what the sources have now, deliver what is due now, and return."""
        return asyncio.run(self.run(once=True))

    def run_until_signal(self) -> Totals:
        """Run until SIGINT or SIGTERM; what is under way then ends."""

        async def run() -> Totals:
            loop = asyncio.get_running_loop()
            for name in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(name, self.stop)
            return await self.run()

        return asyncio.run(run())

    async def run(self, *, once: bool = False) -> Totals:
        """Run until `stop`, or, with `once`, until nothing is left to do now.

        Raises:
            JournalError: the journal cannot be used; with `once` also if it fails on the way.
            ValueError: a destination of the rules has no mount.
        """
        self._ready()
        self._stopping = asyncio.Event()
        self._fallbacks.clear()
        scribe = self._scribe = Scribe(self.journal)
        try:
            teller = self._teller = Teller(
                scribe=scribe, clock=self.clock, observe=self.observe, watchers=self.watchers
            )
            reach = Reach(scribe=scribe, clock=self.clock)
            await teller.begin()
            lease, asked = Lease(self.journal.lease), moment()
            await scribe.do(self._recover)
            lease.renewed(asked)
            keeper = Keeper(lease=lease, scribe=scribe, clock=self.clock, wake=self._wake_all)
            calendar = self._calendar = Calendar(
                scribe=scribe, clock=self.clock, routes=lambda: self.routes
            )
            setback = Setback(scribe=scribe, clock=self.clock, lanes=lambda: self._lanes)
            names = {mount.name for mount in self.mounts}
            stranded = Stranded(scribe=scribe, clock=self.clock, mounted=names)
            await stranded.look()
            await calendar.turn()
            self._lanes = tuple(self._lane(mount, scribe, lease) for mount in self.mounts)
            loop = asyncio.get_running_loop()

            def hint(name: str) -> None:  # comes from another thread
                loop.call_soon_threadsafe(self._wake, name)

            aside = (teller, calendar, keeper, setback, stranded)
            with self.journal.hints(hint):
                async with asyncio.TaskGroup() as tasks:
                    beside = [tasks.create_task(one.run()) for one in aside]
                    lanes = [tasks.create_task(lane.run()) for lane in self._lanes]
                    await self._take_in(scribe, reach, once=once)
                    for lane in self._lanes:
                        lane.finish() if once and not self._stopping.is_set() else lane.stop()
                    if lanes:
                        await asyncio.wait(lanes)
                    if once and not self._stopping.is_set():
                        # A fallback's lane may have ended before it was given something.
                        late = [lane for lane in self._lanes if lane.name in self._fallbacks]
                        if lanes := [tasks.create_task(lane.run()) for lane in late]:
                            await asyncio.wait(lanes)
                    for task in beside:
                        task.cancel()
            await teller.end()
        except BaseExceptionGroup as group:
            # The group is only how tasks report: a caller knows the error itself.
            raise group.exceptions[0] from None
        finally:
            scribe.stop()
            self._scribe, self._lanes = None, ()
            self._teller, self._calendar = None, None
            await self._close()
        return Totals(
            arrivals=dict(self._arrivals), steps=dict(self._steps), troubles=dict(reach.troubles)
        )

    def _lane(self, mount: Mount, scribe: Scribe, lease: Lease) -> Lane:
        return Lane(
            mount=mount,
            scribe=scribe,
            clock=self.clock,
            chance=self.chance,
            steps=self._stepped,
            grace=self.grace,
            lease=lease,
            orders=self._orders,
            diverted=self._diverted,
        )

    async def _close(self) -> None:
        """Let transports go of their connections, which belong to this event loop."""
        for end in (*(one.outbox for one in self.mounts), *(one.inbox for one in self.sources)):
            if isinstance(end, Closing):
                await end.close()

    def stop(self) -> None:
        """Begin nothing more, let what is under way end, and return from `run`."""
        if self._stopping is not None:
            self._stopping.set()
        for lane in self._lanes:
            lane.stop()

    def use(self, routes: Routes) -> None:
        """Decide by other rules from now on.

        Raises:
            ValueError: a destination of the rules has no mount; the old rules stay.
        """
        before = self.routes.rules_hash
        self._ready(routes)
        if self._calendar is not None:
            self._calendar.rules_changed(before)

    async def refused(self, problem: str) -> None:
        """Note that other rules were refused: where the mistake is, but not what stands there."""
        if self._scribe is not None:
            why = f"the old ones stay: {problem.splitlines()[0]}"
            event = EventRow(at=self.clock(), kind="rules refused", why=why)
            with contextlib.suppress(JournalError):
                await self._scribe.do(lambda journal: journal.note(event))

    @property
    def intake(self) -> Intake:
        """How arrivals are considered: rules, orders, check."""
        self._ready()
        return self._considering()

    def _considering(self) -> Intake:
        if self._intake is None:
            raise JournalError("the exchange has no intake")
        return self._intake

    @property
    def _orders(self) -> dict[str, Order]:
        return {mount.name: mount.treatment.order for mount in self.mounts}

    def _ready(self, routes: Routes | None = None) -> None:
        routes = routes or self.routes
        names = {mount.name for mount in self.mounts}
        if missing := [one.name for one in routes.destinations if one.name not in names]:
            raise ValueError(f"no mount for {', '.join(missing)}")
        self._intake = Intake(
            routes=routes,
            orders=self._orders,
            read_flow=self.read_flow,
            check=self.check,
            read_header=self.read_header,
        )
        self.routes = routes

    def _recover(self, journal: Journal) -> None:
        now = self.clock()
        if lost := journal.recover(at=now):
            were = "1 delivery was" if len(lost) == 1 else f"{len(lost)} deliveries were"
            why = f"{were} being sent when the last run ended"
            journal.note(EventRow(at=now, kind="recovered after a crash", why=why))
        catch_up(journal, self.mounts, now=now)

    def _stepped(self, seen: Attempted) -> None:
        self._steps[seen.step] += 1
        if self._teller is not None:
            self._teller.see(seen)

    def _diverted(self, destination: str) -> None:
        self._fallbacks.add(destination)
        self._wake(destination)

    def _wake_all(self) -> None:
        for lane in self._lanes:
            lane.wake()

    def _wake(self, destination: str) -> None:
        for lane in self._lanes:
            if lane.name == destination:
                lane.wake()

    def _recorded(self, new: NewArrival, recorded: Recorded) -> None:
        self._arrivals[recorded.outcome] += 1
        if self._teller is not None and self.watchers:
            self._teller.see(Arrived(new=new, recorded=recorded, ended=self.clock()))
        for destination in {one.destination for one in new.deliveries}:
            self._wake(destination)

    async def _take_in(self, scribe: Scribe, reach: Reach, *, once: bool) -> None:
        """Read every source; without `once`, until stopped."""
        if (stopping := self._stopping) is None:
            return
        receivers = [
            Receiver(
                source=source,
                scribe=scribe,
                reach=reach,
                clock=self.clock,
                intake=self._considering,
                stopping=stopping.is_set,
                recorded=self._recorded,
            )
            for source in self.sources
        ]
        stopped = asyncio.ensure_future(stopping.wait())
        readers = [asyncio.ensure_future(one.run(once=once)) for one in receivers]
        try:
            while not stopped.done() and not (once and all(one.done() for one in readers)):
                left = [one for one in readers if not one.done()]
                await asyncio.wait([stopped, *left], return_when=asyncio.FIRST_COMPLETED)
                for one in readers:
                    if one.done():
                        one.result()
        finally:
            for task in (stopped, *readers):
                task.cancel()
            await asyncio.gather(stopped, *readers, return_exceptions=True)
