"""One destination's work: what is due, sent, asked about and diverted.

In: a mount and the journal.  Out: deliveries that took steps.  This module does not know
rules or sources.  One lane never waits for another: each has its own queue in the
journal, its own health, its own allowance.

The order of things is the guarantee.  A delivery is `sending` in the journal, durably,
before its parcel is handed to the transport; what came of it is durable before the lane
forgets it.  If the journal cannot keep the result, the row stays `sending`, and the next
run takes it as unknown and asks.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import TypeVar

from attrs import define, evolve, field, frozen

from dflow.delivery import Health, Spent, Step, Treatment, WrongStep
from dflow.exchange.gate import Gate
from dflow.exchange.intake import delivery_key
from dflow.exchange.journal import (
    DeliveryRow,
    EventRow,
    Journal,
    JournalError,
    LaneRow,
    NewDelivery,
)
from dflow.exchange.scribe import Scribe
from dflow.exchange.seen import Attempted
from dflow.transport import (
    Outbox,
    Parcel,
    Presence,
    Refused,
    TransportError,
    Unavailable,
)

__all__ = ["NEVER", "Lane", "Mount"]

T = TypeVar("T")

#: A delivery that waits for a person is due then: never by itself.
NEVER = 1e15

#: So many seconds at most pass before a person's command from another process is seen.
_LOOK = 1.0


@frozen(kw_only=True)
class Mount:
    """A destination of the rules, and how it is reached and treated."""

    name: str
    outbox: Outbox
    treatment: Treatment = field(factory=Treatment)
    gate: Gate | None = None


@frozen(kw_only=True)
class _Work:
    """What one look into the journal found."""

    lane: LaneRow
    send: tuple[tuple[DeliveryRow, bytes], ...] = ()
    ask: tuple[DeliveryRow, ...] = ()
    deferred: int = 0
    next_due: float | None = None


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
    """

    mount: Mount
    scribe: Scribe
    clock: Callable[[], float]
    chance: Callable[[], float] = random.random
    steps: Callable[[Attempted], None] = field(default=lambda _seen: None)
    grace: float = 10.0
    _health: Health = field(factory=Health, init=False)
    _spent: Spent = field(factory=Spent, init=False)
    _tasks: set[asyncio.Task[None]] = field(factory=set, init=False)
    _wake: asyncio.Event = field(factory=asyncio.Event, init=False)
    _closing: bool = field(default=False, init=False)
    _no_more: bool = field(default=False, init=False)
    _asking: set[int] = field(factory=set, init=False)
    _broken: BaseException | None = field(default=None, init=False)

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
        self._wake.set()

    def stop(self) -> None:
        """Begin nothing more; end when what is under way has ended."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Work until stopped, or, after `finish`, until nothing is due now."""
        await self._begin()
        while not self._closing:
            self._wake.clear()
            no_more = self._no_more
            if self._broken is not None:
                raise self._broken
            wait = await self._turn()
            if wait <= 0:
                continue
            if no_more and not self._tasks and not self._wake.is_set():
                break
            await self._pause(wait)
        await self._end()

    async def _end(self) -> None:
        """Let what is under way end; what outlasts `grace` is given up, and asked about later."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self.grace)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def _begin(self) -> None:
        treatment, now = self.mount.treatment, self.clock()
        day = treatment.quota.day_start(now)

        def look(journal: Journal) -> tuple[LaneRow, int]:
            return journal.lane(self.name), journal.started_since(self.name, day)

        lane, used = await self._insist(look)
        if (gate := self.mount.gate) is not None:
            await self._insist(lambda journal: gate.begin(journal, self.name, now))
        self._spent = treatment.quota.fresh(now, used_today=used)
        if lane.down_since is not None:
            # It was down when the last run ended: begin with one trial, not with all.
            self._health = Health(failures=1, down_since=lane.down_since, rest_until=now)

    async def _pause(self, wait: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), min(wait, _LOOK))
        except TimeoutError:
            return

    async def _turn(self) -> float:
        """Do what can be done now; seconds until there may be more."""
        now, treatment = self.clock(), self.mount.treatment
        allowed = treatment.allowance(
            now=now, under_way=len(self._tasks), health=self._health, spent=self._spent
        )
        try:
            work = await self.scribe.do(lambda journal: self._look(journal, now, allowed.number))
        except JournalError:
            return _LOOK
        number = len(work.send) + len(work.ask)
        if number:
            self._health = treatment.breaker.started(self._health)
            self._spent = treatment.quota.used(self._spent, now, number)
        for row in work.ask:
            self._asking.add(row.id)
            self._start(self._ask(row))
        for row, content in work.send:
            self._start(self._send(row, content))
        if allowed.number and number + work.deferred == allowed.number:
            return 0.0
        times = [again for again in (work.next_due, allowed.again) if again is not None]
        return max(0.001, min(times, default=now + _LOOK) - now) if times else _LOOK

    def _look(self, journal: Journal, now: float, number: int) -> _Work:
        """In one transaction: what a person said, what to divert, what to send and ask."""
        lane = journal.lane(self.name)
        if lane.diverted or self.mount.treatment.diverts(self._health, now):
            self._divert(journal, now)
        if lane.paused or number <= 0:
            return _Work(lane=lane)
        asking = self._asking
        unknown = journal.unknown(self.name, now=now, limit=number + len(asking))
        ask = [row for row in unknown if row.id not in asking][:number]
        send: list[tuple[DeliveryRow, bytes]] = []
        deferred = 0
        if number > len(ask):
            for row in journal.claim(self.name, now=now, limit=number - len(ask)):
                try:
                    content = journal.payload(row.hash)
                except JournalError as error:
                    # One damaged payload must not stop the lane.
                    journal.step(row.id, Step.REFUSED, at=now, detail=str(error), started=now)
                    self._note(journal, row, now, "dead", str(error))
                    continue
                if self._deferred(journal, row, content, now):
                    deferred += 1
                else:
                    send.append((row, content))
        return _Work(
            lane=lane,
            send=tuple(send),
            ask=tuple(ask),
            deferred=deferred,
            next_due=journal.next_due(self.name, after=now),
        )

    def _deferred(self, journal: Journal, row: DeliveryRow, content: bytes, now: float) -> bool:
        """Ask the gate, and put back what it does not let through, unsent."""
        if self.mount.gate is None:
            return False
        later = self.mount.gate.admit(row, content, now)
        if later is None:
            return False
        journal.step(row.id, Step.DEFER, at=now, due=later.until, detail=later.why)
        return True

    def _divert(self, journal: Journal, now: float) -> None:
        for row in journal.waiting(self.name, limit=256):
            why = f"diverted to {row.fallback}: {self.name} is down"
            journal.step(row.id, Step.DIVERT, at=now, detail=why)
            journal.add(
                row.arrival,
                NewDelivery(
                    destination=row.fallback,
                    kind=row.kind,
                    key=delivery_key(row.key, "fallback", row.fallback),
                    rule=row.rule,
                    line=row.line,
                    address=row.address,
                    notes={**row.notes, "diverted_from": self.name},
                    content=None,
                ),
                at=now,
            )
            self._note(journal, row, now, "diverted", why)

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, JournalError):
            self._broken = self._broken or error
        self._wake.set()

    async def _send(self, row: DeliveryRow, content: bytes) -> None:
        """One attempt, and what came of it."""
        started, treatment = self.clock(), self.mount.treatment
        parcel = Parcel(
            key=row.key, name=row.name, content=content, address=row.address, notes=row.notes
        )
        step, detail, place, up = Step.LOST, "", "", False
        try:
            receipt = await asyncio.wait_for(self.mount.outbox.send(parcel), treatment.timeout)
            step, place, up = Step.ACCEPTED, receipt.place, True
            detail = "the destination had it already" if receipt.repeat else ""
        except Refused as error:
            step, detail, up = Step.REFUSED, str(error), True
            self._give_back(row)
        except Unavailable as error:
            self._give_back(row)
            gone = treatment.retry.exhausted(row.attempts, started - row.made)
            step, detail = (Step.EXHAUSTED if gone else Step.FAILED), str(error)
        except TimeoutError:
            detail = f"no answer in {treatment.timeout:g} s"
        except TransportError as error:
            detail = str(error)
        except Exception as error:  # noqa: BLE001  what a transport did not think of
            detail = f"{type(error).__name__}: {error}"
        await self._answered(row, up=up, why=detail)
        due = None
        if step is Step.FAILED:
            due = self.clock() + treatment.retry.wait(row.attempts, self.chance())
        await self._keep(row, step, detail=detail, place=place, due=due, started=started)

    def _give_back(self, row: DeliveryRow) -> None:
        """What was certainly not delivered has used nothing of its gate's room."""
        if self.mount.gate is not None:
            self.mount.gate.give_back(row)

    async def _ask(self, row: DeliveryRow) -> None:
        """Ask the destination about an unknown delivery, and what came of it."""
        started, treatment = self.clock(), self.mount.treatment
        step, detail = Step.UNDECIDED, ""
        due: float | None = started + treatment.retry.wait(row.attempts, self.chance())
        try:
            if not self.mount.outbox.capabilities.probes:
                presence = Presence.UNKNOWN
            else:
                presence = await asyncio.wait_for(
                    self.mount.outbox.probe(row.key), treatment.timeout
                )
        except Exception as error:  # noqa: BLE001  what a transport did not think of
            detail = str(error) or type(error).__name__
            await self._answered(row, up=False, why=detail)
        else:
            await self._answered(row, up=True, why="")
            if presence is Presence.PRESENT:
                step, detail, due = Step.FOUND, "asked, the destination has it", None
            elif presence is Presence.ABSENT:
                step, detail, due = Step.MISSING, "asked, the destination does not have it", None
            elif treatment.unanswered == "again":
                step, detail, due = Step.PRESUMED, "it cannot be asked: sent again", None
            elif not self.mount.outbox.capabilities.probes:
                detail, due = "it cannot be asked: a person has to look", NEVER
        await self._keep(row, step, detail=detail, due=due, started=started)

    async def _answered(self, row: DeliveryRow, *, up: bool, why: str) -> None:
        """Judge the destination's health; a change of it is an event, a repetition is not."""
        before, now = self._health, self.clock()
        breaker = self.mount.treatment.breaker
        self._health = breaker.answered(before) if up else breaker.failed(before, now)
        rested = before.rest_until is not None
        resting = self._health.rest_until is not None
        if rested == resting:
            return
        kind = "degraded" if resting else "recovered"
        event = EventRow(at=now, kind=kind, destination=self.name, delivery=row.id, why=why)
        down = self._health.down_since

        def write(journal: Journal) -> None:
            journal.set_lane(evolve(journal.lane(self.name), down_since=down))
            journal.note(event)

        await self._insist(write)

    async def _keep(
        self,
        row: DeliveryRow,
        step: Step,
        *,
        detail: str,
        started: float,
        place: str = "",
        due: float | None = None,
    ) -> None:
        now = self.clock()
        telling = {
            Step.REFUSED: "dead",
            Step.EXHAUSTED: "dead",
            Step.LOST: "unknown",
        }.get(step, "waits for a person" if due == NEVER else "")

        def write(journal: Journal) -> None:
            try:
                journal.step(
                    row.id, step, at=now, detail=detail, place=place, due=due, started=started
                )
            except WrongStep as error:
                # While the destination was asked, a person settled it.
                self._note(journal, row, now, "overtaken", f"{step.value}: {error}")
                return
            if telling:
                self._note(journal, row, now, telling, detail)

        try:
            await self._insist(write)
        finally:
            self._asking.discard(row.id)
        self.steps(Attempted(delivery=row, step=step, started=started, ended=now, detail=detail))

    def _note(self, journal: Journal, row: DeliveryRow, now: float, kind: str, why: str) -> None:
        event = EventRow(
            at=now,
            kind=kind,
            destination=self.name,
            arrival=row.arrival,
            delivery=row.id,
            why=why,
        )
        journal.note(event)

    async def _insist(self, call: Callable[[Journal], T]) -> T:
        """Write to the journal, again and again until it takes it or the lane is stopped."""
        wait = 0.05
        while True:
            try:
                return await self.scribe.do(call)
            except JournalError:
                if self._closing:
                    raise
                await asyncio.sleep(wait)
                wait = min(wait * 2, 10.0)
