"""A backfill: copies of what passed before a clone existed.

In: a journal, the rules, a clone's name, a window.  Out: deliveries, and events that say how
far it came.  This module sends nothing itself, and judges no copies: that is the audit's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from attrs import define, evolve, field, frozen

from dflow.errors import StructureError
from dflow.exchange.account import counted
from dflow.exchange.clones import asked_of, expected_copies, waits
from dflow.exchange.intake import Intake
from dflow.exchange.journal import EventRow, Journal, JournalError, NewDelivery, Query, Span

__all__ = ["Backfilled", "backfill", "backfill_in_parts"]

#: So many arrivals are looked at, and about so many bytes made of them, in one transaction.
_PART, _PART_BYTES = 200, 1 << 23


@frozen(kw_only=True)
class Backfilled:
    """A part of a backfill, which became durable together.

    Attributes:
        event: says how far it came; with its number.
        made: the numbers of the new deliveries.
    """

    event: EventRow
    made: tuple[int, ...]


@define(kw_only=True)
class _Part:
    """What of a backfill no event tells yet.

    Attributes:
        rule: the clone's name.
        seen: the first and the last arrival that it is about; None if there was none.
        copies: what is to be made, each with its arrival's number.
        looked: how many arrivals were looked at since something was kept.
        lost: how many of all of these no copy can be made of.
    """

    rule: str
    seen: Span | None = None
    copies: list[tuple[int, NewDelivery]] = field(factory=list)
    looked: int = 0
    lost: int = 0

    def look(self, arrival: int) -> None:
        """Go on to an arrival."""
        self.seen = Span(arrival if self.seen is None else self.seen.first, arrival)
        self.looked += 1

    @property
    def full(self) -> bool:
        """Whether it is enough for one transaction."""
        size = sum(len(copy.content or b"") for _, copy in self.copies)
        return self.looked >= _PART or size > _PART_BYTES

    def keep(self, journal: Journal, plain: EventRow, *, last: bool) -> Backfilled | None:
        """Make the copies and leave the event, both or nothing; None if there was no need.

        Args:
            journal: of the exchange.
            plain: the event without its words.
            last: whether the event is needed though nothing new was made.
        """
        with journal.transaction():
            numbers = [journal.add(*copy, at=plain.at) for copy in self.copies]
            made = tuple(number for number in numbers if number)
            event = evolve(plain, detail=self._words(len(made)))
            if made or last:
                event = evolve(event, id=journal.note(event))
        self.copies, self.looked = [], 0
        if not event.id:
            return None
        self.seen, self.lost = None, 0
        return Backfilled(event=event, made=made)

    def _words(self, made: int) -> str:
        words = f"{self.rule}: {counted(made, 'copy', 'copies')}"
        words += f" of arrivals {self.seen}" if self.seen is not None else ""
        return words + (f", {self.lost} cannot be made" if self.lost else "")


def backfill(
    journal: Journal,
    intake: Intake,
    rule: str,
    *,
    since: float,
    until: float,
    who: str,
    why: str,
    clock: Callable[[], float] = time.time,
    as_at: float | None = None,
) -> tuple[int, ...]:
    """Copy what passed before the clone existed; the numbers of the new deliveries.

    As `backfill_in_parts`, all of them.
    """
    parts = backfill_in_parts(
        journal,
        intake,
        rule,
        since=since,
        until=until,
        who=who,
        why=why,
        clock=clock,
        as_at=as_at,
    )
    return tuple(number for part in parts for number in part.made)


def backfill_in_parts(
    journal: Journal,
    intake: Intake,
    rule: str,
    *,
    since: float,
    until: float,
    who: str,
    why: str,
    clock: Callable[[], float] = time.time,
    as_at: float | None = None,
) -> Iterator[Backfilled]:
    """Copy what passed before the clone existed, some arrivals at a time.

    An arrival is copied if the clone fits it now, or fitted it when it came, and it has no
    copy by that clone yet.  Doing it twice copies nothing twice.  What the check holds has
    not passed: it is copied when it is released.  `as_at` is the instant at which the clone
    is asked instead of now, such as its first, when it is over.

    Each part is kept together with an event that says how far it came: whatever breaks a
    backfill off, the journal tells what it made.  One that makes nothing leaves an event too.

    Raises:
        LookupMiss: if the rules have no clone of that name.
        DflowError: if the window ends before it begins.
    """
    asked_of(intake, rule, since, until)
    now = clock()
    plain = EventRow(at=now, kind="backfill", who=who, why=why)
    part, told = _Part(rule=rule), False
    for row in journal.arrivals_in_pages(Query(since=since, until=until)):
        part.look(row.id)
        if not waits(row):
            try:
                expected = expected_copies(journal, intake, row, rule, row.at)
                if not expected:
                    asked = now if as_at is None else as_at
                    expected = expected_copies(journal, intake, row, rule, asked)
                part.copies += [(row.id, _filling(one)) for one in expected]
            except (StructureError, JournalError):
                part.lost += 1  # the audit names it
        if part.full and (kept := part.keep(journal, plain, last=False)) is not None:
            told = True
            yield kept
    if (kept := part.keep(journal, plain, last=not told or part.lost > 0)) is not None:
        yield kept


def _filling(copy: NewDelivery) -> NewDelivery:
    return evolve(copy, kind="backfill", notes={**copy.notes, "kind": "backfill"})
