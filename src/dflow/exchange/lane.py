"""One destination's lane: what is due is sent, and what came of it is kept.

In: a mount and the journal.  Out: deliveries that took steps.  This module does not know
rules or sources.  One lane never waits for another: each has its own queue in the
journal, its own health, its own allowance.

The order of things is the guarantee.  A delivery is `sending` in the journal, durably,
before its parcel is handed to the transport; what came of it is durable before the lane
forgets it.  If the journal cannot keep the result, the row stays `sending`, and the next
run takes it as unknown and asks.

The lane goes to the journal in turns.  One turn writes whatever has ended since the last
and takes whatever is due, in one transaction: under load many deliveries share it.  With
nothing to write and no room to send, the lane leaves the journal alone, so a destination
that hangs costs the others nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import TypeVar

from attrs import define, evolve, field

from dflow.delivery import Allowance, Health, Order, Spent
from dflow.exchange.attempt import NEVER, Ended, Mount, ask, keep, send
from dflow.exchange.diverting import divert_given_up
from dflow.exchange.health import begun_with, enough, found_down
from dflow.exchange.journal import (
    AttemptRow,
    EventRow,
    Journal,
    JournalError,
    LaneRow,
    LeaseLost,
)
from dflow.exchange.lease import Lease
from dflow.exchange.scribe import Scribe
from dflow.exchange.seen import Attempted
from dflow.exchange.work import Look, Work

__all__ = ["NEVER", "Lane", "Mount"]

T = TypeVar("T")

#: So many seconds at most pass before a person's command from another process is seen.
_LOOK = 1.0
#: So many seconds a run that is to end waits for a journal that fails.
_PATIENCE = 10.0


@define
class _Unkept:
    """What has ended, and what changed in the destination's health, since the last turn."""

    ended: list[Ended] = field(factory=list)
    changes: list[tuple[float | None, EventRow]] = field(factory=list)

    def __bool__(self) -> bool:
        return bool(self.ended or self.changes)

    def write(self, journal: Journal, orders: Mapping[str, Order]) -> set[str]:
        """Into the journal, in the order in which it happened; to where it was diverted."""
        for down_since, event in self.changes:
            journal.set_lane(evolve(journal.lane(event.destination), down_since=down_since))
            journal.note(event)
        return {
            one.row.fallback
            for one in self.ended
            if keep(journal, one) and one.over and divert_given_up(journal, one, orders)
        }


@define(eq=False, kw_only=True)
class Lane:
    """The work of one destination, to be run as a task.

    Attributes:
        mount: where to, and how.
        scribe: writes the journal.
        clock: POSIX seconds.
        chance: a number from 0 to 1, for jitter.
        steps: told each attempt after it is kept.
        grace: seconds that what is under way is given when the lane is stopped.
        lease: leave to send, where several workers share the journal.
        orders: every destination's order, for what is diverted there.
        diverted: told each destination to which something was diverted, once it is durable.
    """

    mount: Mount
    scribe: Scribe
    clock: Callable[[], float]
    chance: Callable[[], float] = random.random
    steps: Callable[[Attempted], None] = field(default=lambda _seen: None)
    grace: float = 10.0
    lease: Lease = field(factory=Lease)
    orders: Mapping[str, Order] = field(factory=dict)
    diverted: Callable[[str], None] = field(default=lambda _name: None)
    _health: Health = field(factory=Health, init=False)
    _spent: Spent = field(factory=Spent, init=False)
    _tasks: set[asyncio.Task[Ended]] = field(factory=set, init=False)
    _unkept: _Unkept = field(factory=_Unkept, init=False)
    _look_at: float = field(default=0.0, init=False)
    _wake: asyncio.Event = field(factory=asyncio.Event, init=False)
    _closing: bool = field(default=False, init=False)
    _no_more: bool = field(default=False, init=False)
    _asking: set[int] = field(factory=set, init=False)
    _broken: BaseException | None = field(default=None, init=False)
    _failing: float | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        """The destination's name."""
        return self.mount.name

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def finish(self) -> None:
        """Nothing more will come: end when nothing is due now."""
        self._no_more = True
        self._look_at = 0.0  # what came since the last look may have to be diverted
        self._wake.set()

    def stop(self) -> None:
        """Begin nothing more; end when what is under way has ended."""
        self._closing = True
        self._wake.set()

    def clock_went_back(self, by: float) -> None:
        """The clock was set back so many seconds: what was known by it is earlier, too."""
        since, rest = self._health.down_since, self._health.rest_until
        self._health = evolve(
            self._health,
            down_since=None if since is None else since - by,
            rest_until=None if rest is None else rest - by,
        )

    async def run(self) -> None:
        """Work until stopped, or, after `finish`, until nothing is due now.

        Raises:
            JournalError: after `finish`, as the journal has failed for long.
        """
        await self._begin()
        while not self._closing:
            self._wake.clear()
            no_more = self._no_more
            if self._broken is not None:
                raise self._broken
            try:
                wait, self._failing = await self._turn(), None
            except JournalError as error:
                self._bear(error)
                await self._pause(_LOOK)
                continue
            if wait <= 0:
                continue
            idle = not self._tasks and not self._unkept
            if no_more and idle and not self._wake.is_set():
                break
            await self._pause(wait)
        await self._end()

    def _bear(self, error: JournalError) -> None:
        """Wait for a journal that fails; who wants an end does not wait for ever."""
        if isinstance(error, LeaseLost):
            return  # it answers, and will give another
        moment = time.monotonic()
        self._failing = moment if self._failing is None else self._failing
        if self._no_more and moment - self._failing >= _PATIENCE:
            raise error

    async def _end(self) -> None:
        """Let what is under way end; what outlasts `grace` is given up, and asked about later."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self.grace)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        if self._unkept:
            with contextlib.suppress(JournalError):  # the next run asks about what is not kept
                await self._write(None)

    async def _begin(self) -> None:
        treatment, now = self.mount.treatment, self.clock()
        day = treatment.quota.day_start(now)

        def look(journal: Journal) -> tuple[LaneRow, list[AttemptRow], int]:
            if self.mount.gate is not None:
                self.mount.gate.begin(journal, self.name, now)
            number = enough(treatment.breaker)
            attempts = journal.latest_attempts(self.name, until=now, limit=number)
            return journal.lane(self.name), attempts, journal.started_since(self.name, day)

        lane, attempts, used = await self._until_kept(look)
        self._spent = treatment.quota.fresh(now, used_today=used)
        self._health = begun_with(lane, attempts, treatment.breaker, now)
        if self._health.rest_until is not None and lane.down_since is None:
            # Such as by a breaker that was made stricter since.
            self._changed("degraded", at=now, why="it was down when the last run ended")

    async def _pause(self, wait: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(wait, _LOOK)):
                await self._wake.wait()

    async def _turn(self) -> float:
        """Do what can be done now; seconds until there may be more."""
        now, treatment = self.clock(), self.mount.treatment
        if treatment.quota.per_day is not None and treatment.quota.day(now) != self._spent.day:
            await self._count_day(now)
        allowed = treatment.allowance(
            now=now, under_way=len(self._tasks), health=self._health, spent=self._spent
        )
        if not self.lease.holds:
            allowed = Allowance(number=0, why="the journal cannot be reached")
        moment = time.monotonic()
        if not allowed.number and not self._unkept and moment < self._look_at:
            again = self._look_at - moment
            return again if allowed.again is None else max(0.001, min(again, allowed.again - now))
        work = await self._write(
            Look(
                mount=self.mount,
                now=now,
                number=allowed.number,
                health=self._health,
                shared=self.lease.seconds is not None,
                asking=frozenset(self._asking),
                orders=self.orders,
            )
        )
        self._look_at = moment + _LOOK
        for name in work.diverted:
            self.diverted(name)
        number = len(work.send) + len(work.ask)
        if (
            work.down_since is not None
            and self._health.rest_until is None
            and not self._unkept.changes
        ):
            # Another worker found it down.
            self._health = found_down(self._health, work.down_since, treatment.breaker, now)
        if number:
            self._health = treatment.breaker.started(self._health)
            self._spent = treatment.quota.used(self._spent, now, number)
        for row in work.ask:
            self._asking.add(row.id)
            self._start(ask(self.mount, row, self.clock, self.chance(), since=work.since[row.id]))
        for row, content in work.send:
            since, chance = work.since[row.id], self.chance()
            self._start(
                send(self.mount, row, content, self.clock, chance, since=since, lease=self.lease)
            )
        if work.more:
            self._look_at = 0.0
        if work.more or (allowed.number and number + work.passed >= allowed.number):
            return 0.0
        times = [again for again in (work.next_due, allowed.again) if again is not None]
        return max(0.001, min(times, default=now + _LOOK) - now) if times else _LOOK

    async def _count_day(self, now: float) -> None:
        """Count what another day has used; if the clock was set back, it may be much."""
        quota = self.mount.treatment.quota
        start, day = quota.day_start(now), quota.day(now)
        used = await self.scribe.do(lambda journal: journal.started_since(self.name, start))
        used += sum(one.started >= start for one in self._unkept.ended)
        if day < self._spent.day:
            used += len(self._tasks)
        self._spent = evolve(self._spent, day=day, count=used)

    async def _write(self, look: Callable[[Journal], Work] | None) -> Work:
        """Keep what has ended, then look, in one transaction; tell of it once it is durable."""
        unkept, self._unkept = self._unkept, _Unkept()

        def turn(journal: Journal) -> Work:
            gone = unkept.write(journal, self.orders)
            work = look(journal) if look is not None else Work()
            return evolve(work, diverted=work.diverted | gone)

        try:
            work = await self.scribe.do(turn)
        except BaseException:
            # Nothing of it was kept: it is the first of what the next turn writes.
            unkept.ended += self._unkept.ended
            unkept.changes += self._unkept.changes
            self._unkept = unkept
            raise
        for one in unkept.ended:
            self._asking.discard(one.row.id)
            self.steps(
                Attempted(
                    delivery=one.row,
                    step=one.step,
                    started=one.started,
                    ended=one.at,
                    detail=one.detail,
                )
            )
        return work

    def _start(self, work: Coroutine[object, object, Ended]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Ended]) -> None:
        """Take what an attempt came to; the next turn writes it."""
        self._tasks.discard(task)
        if not task.cancelled():
            if (error := task.exception()) is not None:
                self._broken = self._broken or error
            else:
                one = task.result()
                self._judge(one)
                self._unkept.ended.append(one)
        self._wake.set()

    def _judge(self, one: Ended) -> None:
        """Judge the destination's health; a change of it is an event, a repetition is not."""
        before, breaker = self._health, self.mount.treatment.breaker
        if one.up is None:
            self._health = evolve(before, trial=False)
            return
        self._health = breaker.answered(before) if one.up else breaker.failed(before, one.at)
        resting = self._health.rest_until is not None
        if resting == (before.rest_until is not None):
            return
        kind = "degraded" if resting else "recovered"
        self._changed(kind, at=one.at, delivery=one.row.id, why="" if one.up else one.detail)

    def _changed(self, kind: str, *, at: float, why: str, delivery: int | None = None) -> None:
        event = EventRow(at=at, kind=kind, destination=self.name, delivery=delivery, why=why)
        self._unkept.changes.append((self._health.down_since, event))

    async def _until_kept(self, call: Callable[[Journal], T]) -> T:
        """Ask the journal, again and again until it answers or the lane is stopped."""
        wait = 0.05
        while True:
            try:
                return await self.scribe.do(call)
            except JournalError as error:
                if self._closing:
                    raise
                self._bear(error)
                await asyncio.sleep(wait)
                wait = min(wait * 2, 10.0)
