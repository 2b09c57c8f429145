"""What people do to an exchange: pause, hold, release, replay, settle, and say why.

In: a journal, who it is, and what they want.  Out: changed rows, and one event for each
act with who, when and why.  This module sends nothing: a running exchange sees the
journal's new state within a second, and one that does not run will see it when it does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from attrs import evolve, field, frozen

from dflow.delivery import STEPS, State, Step, WrongStep, steps_from
from dflow.errors import near_or_known
from dflow.exchange.account import counted
from dflow.exchange.foresight import (
    Foreseen,
    OperationRefused,
    again,
    decided_now,
    foresee,
    is_full,
)
from dflow.exchange.intake import Intake, delivery_key, line_of
from dflow.exchange.journal import (
    ArrivalRow,
    DeliveryRow,
    EventRow,
    Journal,
    LaneRow,
    NewDelivery,
    Outcome,
    Query,
    Span,
    content_hash,
)
from dflow.exchange.wanted import query_words

__all__ = ["OperationRefused", "Operations"]


def _said(_: object, __: object, value: str) -> None:
    if not value.strip():
        raise ValueError("who and why must be said: both go into the journal")


@frozen(kw_only=True)
class Operations:
    """What one person does, for one reason.

    Attributes:
        journal: of the exchange.
        who: the person's name.
        why: the reason, for those who read the journal later.
        clock: POSIX seconds.
        noted: the events of what was done, with their numbers.
    """

    journal: Journal = field(repr=False)
    who: str = field(validator=_said)
    why: str = field(validator=_said)
    clock: Callable[[], float] = field(default=time.time, repr=False)
    noted: list[EventRow] = field(factory=list, init=False, repr=False, eq=False)

    @contextmanager
    def act(self) -> Iterator[None]:
        """All of the block, or nothing of it; and then nothing was noted."""
        before = len(self.noted)
        try:
            with self.journal.transaction():
                yield
        except BaseException:
            del self.noted[before:]
            raise

    def note(
        self,
        kind: str,
        *,
        destination: str = "",
        arrival: int | None = None,
        delivery: int | None = None,
        detail: str = "",
    ) -> int:
        """Leave an event with who and why; its number."""
        event = EventRow(
            at=self.clock(),
            kind=kind,
            who=self.who,
            why=self.why,
            destination=destination,
            arrival=arrival,
            delivery=delivery,
            detail=detail,
        )
        self.noted.append(evolve(event, id=self.journal.note(event)))
        return self.noted[-1].id

    # -- destinations --------------------------------------------------------------

    def pause(self, destination: str) -> None:
        """Send nothing more there until it is resumed."""
        self._lane(destination, "paused", lambda lane: evolve(lane, paused=True))

    def resume(self, destination: str) -> None:
        """Send there again."""
        self._lane(destination, "resumed", lambda lane: evolve(lane, paused=False))

    def divert(self, destination: str) -> None:
        """Let fallbacks take over, as if it had been down for long enough."""
        self._lane(destination, "fallback on", lambda lane: evolve(lane, diverted=True))

    def undivert(self, destination: str) -> None:
        """Send there again what is due from now on."""
        self._lane(destination, "fallback off", lambda lane: evolve(lane, diverted=False))

    def _lane(self, destination: str, kind: str, change: Callable[[LaneRow], LaneRow]) -> None:
        with self.act():
            self.journal.set_lane(change(self.journal.lane(destination)))
            self.note(kind, destination=destination)

    # -- deliveries ----------------------------------------------------------------

    def hold(self, deliveries: Iterable[int]) -> int:
        """Stop deliveries until they are released; how many."""
        return self._step(deliveries, Step.HOLD, "held")

    def let_go(self, deliveries: Iterable[int]) -> int:
        """Release held deliveries; how many."""
        return self._step(deliveries, Step.RELEASE, "released")

    def cancel(self, deliveries: Iterable[int]) -> int:
        """Never deliver them; how many."""
        return self._step(deliveries, Step.CANCEL, "cancelled")

    def retry(self, deliveries: Iterable[int]) -> int:
        """Send them again now; how many.  An unknown one may be delivered twice by this."""
        return self._step(deliveries, Step.RETRY, "retried")

    def mark_delivered(self, deliveries: Iterable[int], *, evidence: str) -> int:
        """They were delivered by another way, such as a webform or a phone call; how many."""
        if not evidence.strip():
            raise OperationRefused("evidence is needed: a reference, a name, a time")
        return self._step(deliveries, Step.EVIDENCE, "marked delivered", evidence)

    def _step(self, deliveries: Iterable[int], step: Step, kind: str, detail: str = "") -> int:
        """All of them, or none if one cannot take the step."""
        numbers = list(dict.fromkeys(deliveries))
        with self.act():
            for delivery in numbers:
                row = self._delivery(delivery)
                reason = f"{self.why} ({self.who})" + (f": {detail}" if detail else "")
                try:
                    self.journal.step(delivery, step, at=self.clock(), detail=reason)
                except WrongStep as error:
                    words = f"delivery {delivery} is {row.state.value}, and cannot be {kind}"
                    raise WrongStep(f"{words}; {_able(row.state)}") from error
                self.note(kind, delivery=delivery, detail=detail)
        return len(numbers)

    def replace(self, delivery: int, content: bytes) -> int:
        """Send other bytes instead of a delivery that is dead or held; the new one's number."""
        with self.act():
            row = self._delivery(delivery)
            if row.state not in {State.DEAD, State.HELD}:
                raise OperationRefused(
                    f"delivery {delivery} is {row.state.value}; only a dead or held one is edited"
                )
            self.journal.step(delivery, Step.CANCEL, at=self.clock(), detail="edited")
            key = delivery_key(row.key, "edited", content_hash(content))
            notes = {**row.notes, "edited_from_sha256": row.hash}
            new = evolve(again(row), key=key, content=content, notes=notes)
            number = self.journal.add(row.arrival, new, at=self.clock())
            if not number:
                raise OperationRefused("these very bytes were sent for this delivery before")
            self.note("edited", delivery=delivery, detail=f"replaced by delivery {number}")
        return number

    def _delivery(self, number: int) -> DeliveryRow:
        found = next(iter(self.journal.deliveries(Query(after=number - 1, limit=1))), None)
        if found is None or found.id != number:
            raise OperationRefused(f"the journal has no delivery {number}")
        return found

    # -- arrivals ------------------------------------------------------------------

    def arrival(self, number: int) -> ArrivalRow:
        """An arrival by its number.

        Raises:
            OperationRefused: if there is none.
        """
        found = next(iter(self.journal.arrivals(Query(arrival=number))), None)
        if found is None:
            raise OperationRefused(f"the journal has no arrival {number}")
        return found

    def release(
        self, number: int, intake: Intake, *, to: str = "", across_test: bool = False
    ) -> tuple[int, ...]:
        """Let a held, unrouted or refused arrival go: by the rules of now, or to one place.

        The check that may have held it is not made again.

        Args:
            number: the arrival's.
            intake: the rules of now.
            to: one destination, whatever the rules say.
            across_test: whether a live file may go to a test destination, and the reverse.

        Raises:
            OperationRefused: if it is not waiting, or the rules of now hold it still.
        """
        with self.act():
            row = self.arrival(number)
            if row.outcome.settled:
                raise OperationRefused(f"arrival {number} is {row.outcome.value}: nothing waits")
            if not row.hash:
                raise OperationRefused(f"arrival {number} has no bytes ({row.reason}): settle it")
            now = self.clock()
            content = self.journal.payload(row.hash)
            if to:
                key = delivery_key(row.hash, "by hand", to)
                news: tuple[NewDelivery, ...] = (
                    self._by_hand(row, intake, to, key, across_test=across_test),
                )
                rule = ""
            else:
                decided = decided_now(intake, row, content, now)
                if decided.outcome is not Outcome.ROUTED:
                    raise OperationRefused(
                        f"arrival {number} would be {decided.outcome.value} now:"
                        f" {decided.reason or decided.rule}; name a destination instead"
                    )
                news, rule = decided.deliveries, decided.rule
            made = [self.journal.add(number, new, at=now) for new in news]
            reason = f"released by {self.who}: {self.why}"
            self.journal.settle(number, at=now, outcome=Outcome.ROUTED, reason=reason, rule=rule)
            self.note("released", arrival=number, destination=to)
        return tuple(delivery for delivery in made if delivery)

    def _by_hand(
        self, row: ArrivalRow, intake: Intake, to: str, key: str, *, across_test: bool
    ) -> NewDelivery:
        by_name = {one.name: one for one in intake.routes.destinations}
        if to not in by_name:
            raise OperationRefused(f"no destination {to}; {near_or_known(to, by_name)}")
        live = row.address.get("test_flag", "") in ("", "OPER")
        if live is by_name[to].test and not across_test:
            what = "live and {} is for tests" if live else "a test and {} is live"
            raise OperationRefused(
                f"arrival {row.id} is {what.format(to)}: say so if that is meant (--across-test)"
            )
        line = line_of(intake.orders.get(to, "none"), row.address)
        return NewDelivery(destination=to, key=key, rule="by hand", line=line, address=row.address)

    def settle(self, number: int) -> None:
        """Nothing needs to be done about an arrival any more: it was dealt with."""
        with self.act():
            row = self.arrival(number)
            if row.outcome.settled:
                raise OperationRefused(f"arrival {number} is {row.outcome.value}: nothing waits")
            reason = f"dealt with by {self.who}: {self.why}"
            self.journal.settle(number, at=self.clock(), outcome=Outcome.DISCARDED, reason=reason)
            self.note("dealt with", arrival=number)

    def replay(
        self,
        query: Query,
        intake: Intake | None = None,
        *,
        destination: str = "",
        left: Callable[[ArrivalRow, str], None] = lambda _row, _why: None,
    ) -> tuple[int, ...]:
        """As `replay_in_parts`, all of them; the numbers of the new deliveries."""
        parts = self.replay_in_parts(query, intake, destination=destination, left=left)
        return tuple(number for part in parts for number in part)

    def replay_in_parts(
        self,
        query: Query,
        intake: Intake | None = None,
        *,
        destination: str = "",
        left: Callable[[ArrivalRow, str], None] = lambda _row, _why: None,
    ) -> Iterator[tuple[int, ...]]:
        """Send again what arrived: as it was decided then, or by the rules of `intake`.

        Each part is kept together with an event that says how far it came: an exchange that
        runs waits for one part at most.  A replay that makes nothing leaves an event too.

        Args:
            query: which arrivals.
            intake: the rules of now; None for the deliveries of then.
            destination: only what goes there; empty for all.
            left: told which arrivals are left out by the rules of now, and why.

        Returns:
            The numbers of the new deliveries, part by part.
        """
        rules = f"rules of now ({intake.routes.rules_hash[:12]})" if intake else "rules of then"
        words = ", ".join([*query_words(query), rules])
        part: list[Foreseen] = []
        told = False
        for one in self.foresee(query, intake, destination=destination, left=left):
            if part and part[-1][0].id != one[0].id and is_full(part):
                yield self._replayed(part, words, destination, left, now=intake is not None)
                part, told = [], True
            part.append(one)
        if part or not told:
            yield self._replayed(part, words, destination, left, now=intake is not None)

    def foresee(
        self,
        query: Query,
        intake: Intake | None = None,
        *,
        destination: str = "",
        left: Callable[[ArrivalRow, str], None] = lambda _row, _why: None,
    ) -> Iterator[Foreseen]:
        """What `replay` would send: each arrival, the rule that settles it, and a delivery."""
        return foresee(self.journal, query, intake, self.clock, destination=destination, left=left)

    def _replayed(
        self,
        part: list[Foreseen],
        words: str,
        destination: str,
        left: Callable[[ArrivalRow, str], None],
        *,
        now: bool,
    ) -> tuple[int, ...]:
        """Make what was foreseen, and leave the event, both or nothing."""
        made: list[int] = []
        with self.act():
            waiting = {row.id: row for row, _, _ in part if now and not row.outcome.settled}
            # Somebody else may have released it since it was looked at.
            gone = {number for number in waiting if self.arrival(number).outcome.settled}
            for number in gone:
                left(waiting.pop(number), "was released meanwhile")
            part = [one for one in part if one[0].id not in gone]
            detail = f"{words}: {counted(len(part), 'delivery', 'deliveries')}"
            detail += f" of arrivals {Span(part[0][0].id, part[-1][0].id)}" if part else ""
            mark = self.note("replay", destination=destination, detail=detail)
            for row, rule, new in part:
                key = delivery_key(new.key, "replay", str(mark))
                notes = {**new.notes, "replay": str(mark)}
                new_one = evolve(new, key=key, kind="replay", notes=notes)
                made.append(self.journal.add(row.id, new_one, at=self.clock()))
                if new.kind == "original" and waiting.pop(row.id, None) is not None:
                    # It waits no longer: a release would send it a second time.
                    reason = f"replayed by {self.who}: {self.why}"
                    self.journal.settle(
                        row.id, at=self.clock(), outcome=Outcome.ROUTED, reason=reason, rule=rule
                    )
        return tuple(number for number in made if number)


def _able(state: State) -> str:
    """What a person can do to a delivery in this state, in words."""
    if state is State.SENDING:
        return "wait for what comes of it"
    steps = [step for step in steps_from(state) if STEPS[step][0] == "person"]
    words = ["mark delivered" if step is Step.EVIDENCE else step.value for step in steps]
    return f"possible: {', '.join(words)}" if words else "that is final"
