"""What a journal should hold, kept in dictionaries, slowly and plainly.

In: the same calls that a journal had.  Out: what it should say.  This module does not
know a journal; it is the oracle of `dflow.testing.journals`.
"""

from __future__ import annotations

from collections import Counter

from attrs import define, evolve, field, frozen

from dflow.delivery import FINAL, OPEN, State, Step, advance
from dflow.exchange.journal import (
    COPIES,
    Backlog,
    DeliveryRow,
    LaneRow,
    NewArrival,
    NewDelivery,
    Outcome,
    Pruned,
    Recorded,
    Standing,
    content_hash,
)

__all__ = ["JournalModel", "Known", "KnownArrival"]

_CLAIMABLE = (State.DUE, State.RETRYING)


@frozen(kw_only=True)
class KnownArrival:
    """What is known of an arrival."""

    at: float
    hash: str
    outcome: Outcome


@frozen(kw_only=True)
class Known:
    """What is known of a delivery; the fields are those of `DeliveryRow`."""

    arrival: int
    destination: str
    kind: str
    fallback: str
    line: str
    key: str
    hash: str
    state: State
    attempts: int
    due: float
    made: float
    changed: float

    @classmethod
    def of(cls, row: DeliveryRow) -> Known:
        """The same of a row that a journal gave."""
        return cls(
            arrival=row.arrival,
            destination=row.destination,
            kind=row.kind,
            fallback=row.fallback,
            line=row.line,
            key=row.key,
            hash=row.hash,
            state=row.state,
            attempts=row.attempts,
            due=row.due,
            made=row.made,
            changed=row.changed,
        )


@define
class JournalModel:
    """A journal's contents, by number."""

    arrivals: dict[int, KnownArrival] = field(factory=dict)
    deliveries: dict[int, Known] = field(factory=dict)
    attempts: dict[int, list[str]] = field(factory=dict)
    lanes: dict[str, LaneRow] = field(factory=dict)
    sequences: dict[tuple[str, str], list[int]] = field(factory=dict)
    _highest: int = 0
    _highest_delivery: int = 0

    def known_keys(self) -> set[str]:
        """The keys of all deliveries that are there."""
        return {one.key for one in self.deliveries.values()}

    def expected(self, new: NewArrival) -> Recorded:
        """What recording an arrival should give; its number and theirs are left 0."""
        hash_ = "" if new.content is None else content_hash(new.content)
        same = sorted(
            number for number, one in self.arrivals.items() if hash_ and one.hash == hash_
        )
        sent = {one.arrival for one in self.deliveries.values()}
        repeats = [number for number in same if number in sent]
        originals = [one for one in new.deliveries if one.kind not in COPIES]
        only_copied = all(
            one.kind in COPIES for one in self.deliveries.values() if one.arrival in repeats
        )
        if repeats and not (originals and only_copied):
            return Recorded(arrival=0, outcome=Outcome.REPEAT, repeat_of=repeats[0])
        fresh = [one for one in new.deliveries if one.key not in self.known_keys()]
        return Recorded(
            arrival=0,
            outcome=new.outcome,
            repeat_of=next(iter(repeats or same), None),
            deliveries=(0,) * len(fresh),
        )

    def record(self, new: NewArrival, given: Recorded) -> None:
        """Take in an arrival under the numbers that the journal gave.

        Raises:
            AssertionError: if a number was used before.
        """
        if given.arrival <= self._highest:
            raise AssertionError(f"arrival {given.arrival} comes after {self._highest}")
        self._highest = given.arrival
        hash_ = "" if new.content is None else content_hash(new.content)
        one = KnownArrival(at=new.at, hash=hash_, outcome=given.outcome)
        self.arrivals[given.arrival] = one
        fresh = [each for each in new.deliveries if each.key not in self.known_keys()]
        if given.outcome is not Outcome.REPEAT:
            for number, delivery in zip(given.deliveries, fresh, strict=True):
                self.add(given.arrival, number, delivery, new.at)

    def add(self, arrival: int, number: int, new: NewDelivery, at: float) -> None:
        """Take in a delivery under the number that the journal gave.

        Raises:
            AssertionError: if the number was used before.
        """
        if number <= self._highest_delivery:
            raise AssertionError(f"delivery {number} comes after {self._highest_delivery}")
        self._highest_delivery = number
        own = None if new.content is None else content_hash(new.content)
        self.deliveries[number] = Known(
            arrival=arrival,
            destination=new.destination,
            kind=new.kind,
            fallback=new.fallback,
            line=new.line,
            key=new.key,
            hash=own or self.arrivals[arrival].hash,
            state=State.HELD if new.held else State.DUE,
            attempts=0,
            due=at,
            made=at,
            changed=at,
        )

    def claimable(self, destination: str, now: float) -> tuple[list[int], list[int]]:
        """What is due without a line, and the heads of lines that are due, oldest first."""
        open_ = self._at(destination, *OPEN)
        heads: dict[str, int] = {}
        for number, one in sorted(open_.items()):
            heads.setdefault(one.line, number)
        ready = {
            number: one
            for number, one in open_.items()
            if one.state in _CLAIMABLE and one.due <= now
        }
        free = [number for number, one in ready.items() if not one.line]
        # An older delivery that a person has revived waits for a younger one under way.
        busy = {one.line for one in open_.values() if one.state not in _CLAIMABLE}
        return (
            sorted(free, key=lambda number: (ready[number].due, number)),
            sorted(
                number
                for line, number in heads.items()
                if number in ready and line not in {"", *busy}
            ),
        )

    def step(
        self,
        number: int,
        step: Step,
        at: float,
        *,
        due: float | None = None,
        started: float | None = None,
    ) -> None:
        """Let a delivery take a step that it can take."""
        one = self.deliveries[number]
        self.deliveries[number] = evolve(
            one,
            state=advance(one.state, step),
            attempts=one.attempts + {Step.START: 1, Step.DEFER: -1}.get(step, 0),
            due=at if due is None else due,
            changed=at,
        )
        if started is not None:
            self.attempts.setdefault(number, []).append(step.value)

    def settle(self, number: int, outcome: Outcome) -> None:
        """Change what became of an arrival."""
        self.arrivals[number] = evolve(self.arrivals[number], outcome=outcome)

    def recover(self, at: float) -> list[int]:
        """What was being sent is unknown; their numbers."""
        lost = sorted(n for n, one in self.deliveries.items() if one.state is State.SENDING)
        for number in lost:
            self.step(number, Step.LOST, at, started=at)
        return lost

    def finished(self, *, before: float) -> list[int]:
        """The arrivals older than an instant of which nothing is left to do, by number."""
        busy = {one.arrival for one in self.deliveries.values() if one.state not in FINAL}
        return sorted(
            number
            for number, one in self.arrivals.items()
            if one.at < before and one.outcome.settled and number not in busy
        )

    def sequence(self, source: str, target: str, number: int) -> Standing:
        """Take in a file sequence number; what it is to those before it."""
        seen = self.sequences.setdefault((source, target), [])
        standing = Standing.FIRST
        if seen:
            standing = Standing.FILLED
            if number in seen:
                standing = Standing.REPEAT
            elif number < seen[0]:
                standing = Standing.BELOW
            elif number > max(seen):
                standing = Standing.NEXT if number - 1 in seen else Standing.GAP
        if standing is not Standing.BELOW:
            seen.append(number)
        return standing

    def missing(self) -> dict[tuple[str, str], list[int]]:
        """The numbers that did not come, one by one, where there are any."""
        left = {
            pair: [number for number in range(seen[0], max(seen)) if number not in seen]
            for pair, seen in self.sequences.items()
        }
        return {pair: numbers for pair, numbers in left.items() if numbers}

    def contents(self) -> set[str]:
        """The hashes of all that arrivals and deliveries name."""
        hashes = {one.hash for one in self.arrivals.values()}
        return (hashes | {one.hash for one in self.deliveries.values()}) - {""}

    def forget(self, arrivals: list[int]) -> Pruned:
        """Forget arrivals and all about them; what that is, but for the bytes."""
        before = self.contents()
        instants = [self.arrivals[number].at for number in arrivals]
        for number in arrivals:
            del self.arrivals[number]
        for number in [n for n, one in self.deliveries.items() if one.arrival in arrivals]:
            del self.deliveries[number]
            self.attempts.pop(number, None)
        return Pruned(
            arrivals=len(arrivals),
            first=min(instants, default=None),
            last=max(instants, default=None),
            payloads=len(before - self.contents()),
        )

    def unknown(self, destination: str, now: float) -> list[int]:
        """What is to be asked about, in turn."""
        found = self._at(destination, State.UNKNOWN)
        ready = [number for number, one in found.items() if one.due <= now]
        return sorted(ready, key=lambda number: (found[number].due, number))

    def waiting(self, destination: str) -> list[int]:
        """What has a fallback and is not being sent, by number."""
        found = self._at(destination, *_CLAIMABLE)
        return sorted(number for number, one in found.items() if one.fallback)

    def next_due(self, destination: str, after: float) -> float | None:
        """The first instant at which something comes due."""
        found = self._at(destination, *(OPEN - {State.SENDING})).values()
        return min((one.due for one in found if one.due > after), default=None)

    def backlog(self) -> list[Backlog]:
        """What is not finished, by destination and state."""
        left = [one for one in self.deliveries.values() if one.state not in FINAL]
        numbers = Counter((one.destination, one.state) for one in left)
        return [
            Backlog(
                destination=destination,
                state=state,
                number=number,
                oldest=min(
                    one.made for one in left if (one.destination, one.state) == (destination, state)
                ),
            )
            for (destination, state), number in sorted(
                numbers.items(), key=lambda item: (item[0][0], item[0][1].value)
            )
        ]

    def _at(self, destination: str, *states: State) -> dict[int, Known]:
        return {
            number: one
            for number, one in self.deliveries.items()
            if one.destination == destination and one.state in states
        }
