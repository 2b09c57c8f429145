"""The calls of a journal that its book answers alike in every database.

In: the calls of `dflow.exchange.journal.port`.  Out: what the book says, each change within
the journal's own transaction.  This module hands out no work: that is each database's own.
"""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager

from dflow.exchange.journal.book import Book
from dflow.exchange.journal.payloads import Payloads
from dflow.exchange.journal.rows import AttemptRow, Backlog, EventRow, LaneRow, Outcome
from dflow.exchange.journal.sequences import SequenceRow

__all__ = ["BookFront"]


class BookFront:
    """What `SqliteJournal` and `PostgresJournal` do alike."""

    __slots__ = ()

    _book: Book
    _payloads: Payloads

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Everything in the block becomes durable together, or not at all."""

    def settle(
        self, arrival: int, *, at: float, outcome: Outcome, reason: str, rule: str = ""
    ) -> None:
        """Change what became of an arrival; an event keeps what it was before."""
        with self.transaction():
            self._book.settle(arrival, at=at, outcome=outcome, reason=reason, rule=rule)

    def payload(self, hash_: str) -> bytes:
        """The bytes of a hash."""
        return self._payloads.get(hash_)

    def attempts(self, delivery: int) -> list[AttemptRow]:
        """The attempts at a delivery, in order."""
        return self._book.attempts(delivery)

    def backlog(self) -> list[Backlog]:
        """The deliveries that are not finished, by destination and state."""
        return self._book.backlog()

    def started_since(self, destination: str, since: float) -> int:
        """How many attempts at a destination began at or after an instant, and ended."""
        return self._book.started_since(destination, since)

    def latest_attempts(self, destination: str, *, until: float, limit: int) -> list[AttemptRow]:
        """The newest attempts at a destination until an instant, in the order they were kept."""
        return self._book.latest_attempts(destination, until=until, limit=limit)

    def hasten(self, destination: str, *, now: float, by: float, longest: float) -> int:
        """Bring forward what a clock that was set back has put too far away; how many."""
        with self.transaction():
            return self._book.hasten(destination, now=now, by=by, longest=longest)

    def note(self, event: EventRow) -> int:
        """Keep an event; its number."""
        with self.transaction():
            return self._book.note(event)

    def events(self, *, after: int = 0, limit: int | None = None, kind: str = "") -> list[EventRow]:
        """Events by number, above `after`."""
        return self._book.events(after=after, limit=limit, kind=kind)

    def last_event(self) -> int:
        """The number of the newest event; 0 if there is none."""
        return self._book.last_event()

    def lane(self, destination: str) -> LaneRow:
        """What is remembered of a destination."""
        return self._book.lane(destination)

    def set_lane(self, lane: LaneRow) -> None:
        """Remember it."""
        with self.transaction():
            self._book.set_lane(lane)

    def missing(self) -> list[SequenceRow]:
        """The sources and targets of which numbers are missing, by name."""
        return self._book.missing()
