"""The Protocol of a journal: what the exchange asks of whatever keeps its memory.

In: rows.  Out: rows.  This module does not know databases.

The guarantees, which the exchange relies on:

- What happened inside `transaction` is durable when the block is left, or nothing of it
  happened and the block raises.
- `record` keeps content, arrival and deliveries together or not at all, and looks for
  an earlier arrival of the same content first: a repeat gets no deliveries if the first
  had some; but if all of those were copies, what is no copy is sent.
- `claim` hands a delivery to one caller only, and has it `sending` by then.
- A delivery's state changes by `dflow.delivery.advance` alone.
- A row that was written is never changed into another's: numbers are not used again.

Where several workers share a journal, `lease` says for how many seconds one that says
nothing keeps what it has taken, and three guarantees more hold:

- What `claim` and `unknown` hand out is one worker's own while it lives; `renew` keeps it
  alive.  Only what dead workers were sending becomes unknown.
- A step that names a lease is refused if the delivery was handed out again since.
- Of one line one delivery is under way at a time, whoever sends it.

A journal of one worker has no lease, and its `renew`, `hints` and `spent` do nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from dflow.delivery import Spent, State, Step
from dflow.errors import DflowError
from dflow.exchange.journal.rows import (
    ArrivalRow,
    AttemptRow,
    Backlog,
    DeliveryRow,
    EventRow,
    LaneRow,
    NewArrival,
    NewDelivery,
    Outcome,
    Pruned,
    Query,
    Recorded,
)
from dflow.exchange.journal.sequences import SequenceRow, Taken

__all__ = ["LEASE_ENDED", "STOPPED", "Journal", "JournalBusy", "JournalError", "LeaseLost"]

#: What an attempt is kept with that ended with its exchange: it says nothing of the destination.
STOPPED = "the exchange stopped while it was being sent"
#: As `STOPPED`, where the worker that was sending said nothing any more.
LEASE_ENDED = "the lease of the worker that was sending it has ended"


class JournalError(DflowError):
    """The journal cannot be read or written now: locked, full, damaged or newer than this."""


class JournalBusy(JournalError):
    """Another worker was in the way; nothing happened, and the same call may succeed now."""


class LeaseLost(JournalError):
    """This worker said nothing for too long: others may have what it was sending."""


@runtime_checkable
class Journal(Protocol):
    """The exchange's memory.  Calls come from one thread at a time."""

    @property
    def lease(self) -> float | None:
        """Seconds for which a silent worker keeps what it took; None if there is but one."""
        ...

    def own(self) -> None:
        """Be the worker of this journal, or one of its workers, until it is closed.

        Raises:
            JournalError: if it has one worker only, and that is another process.
        """
        ...

    def renew(self, *, at: float) -> list[int]:
        """Say that this worker lives; what dead ones were sending is unknown now: its numbers.

        Raises:
            LeaseLost: this worker was taken for dead.  It may go on, as a new one, once what
                it is sending is given up.
        """
        ...

    def hints(self, wake: Callable[[str], None]) -> AbstractContextManager[None]:
        """While the block lasts, `wake` may be called with a destination that has new work.

        The calls come from another thread.  They are hints: late, needless or missing.
        """
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Everything in the block becomes durable together, or not at all."""
        ...

    def record(self, new: NewArrival) -> Recorded:
        """Keep an arrival with its decision and its deliveries."""
        ...

    def settle(
        self, arrival: int, *, at: float, outcome: Outcome, reason: str, rule: str = ""
    ) -> None:
        """Change what became of an arrival, such as a held one that is released."""
        ...

    def add(self, arrival: int, new: NewDelivery, *, at: float) -> int:
        """Add a delivery to an arrival that is there; its number, or 0 if the key is known.

        Keys are made from the content, so that of two contents none is the same: it is
        enough to look among the deliveries of arrivals with this one's bytes.
        """
        ...

    def claim(self, destination: str, *, now: float, limit: int) -> list[DeliveryRow]:
        """Take the step START for the deliveries that are due, oldest first."""
        ...

    def unknown(self, destination: str, *, now: float, limit: int) -> list[DeliveryRow]:
        """The deliveries in `UNKNOWN` that are due to be asked about."""
        ...

    def waiting(self, destination: str, *, limit: int) -> list[DeliveryRow]:
        """The deliveries that are due or retrying and have a fallback, oldest first."""
        ...

    def step(
        self,
        delivery: int,
        step: Step,
        *,
        at: float,
        detail: str = "",
        due: float | None = None,
        place: str = "",
        started: float | None = None,
        lease: int | None = None,
    ) -> State:
        """Let a delivery take a step; with `started`, the attempt is kept too.

        With `lease`, as the row had it that was handed out, it must not have been handed out
        again since; a person needs none.

        Raises:
            WrongStep: if it cannot, or if it was handed out to another since.
        """
        ...

    def recover(self, *, at: float) -> list[int]:
        """What was being sent by who does not live any more is unknown now; their numbers."""
        ...

    def next_due(self, destination: str, *, after: float) -> float | None:
        """The first instant after `after` at which a delivery comes due; None if none does."""
        ...

    def spent(self, destination: str) -> Spent | None:
        """What all workers together have used of a destination's quota.

        Nobody else reads it before the transaction has ended.  None if there is one worker,
        who knows it himself; a day of 0 if nothing was ever used.
        """
        ...

    def spend(self, destination: str, spent: Spent) -> None:
        """Remember what is used now."""
        ...

    def payload(self, hash_: str) -> bytes:
        """The bytes of a hash.

        Raises:
            JournalError: if they are missing or no longer have the hash.
        """
        ...

    def arrivals(self, query: Query) -> Iterator[ArrivalRow]:
        """The arrivals that a query asks for, by number."""
        ...

    def arrivals_in_pages(self, query: Query) -> Iterator[ArrivalRow]:
        """The same, a page at a time, so that others may write in between."""
        ...

    def deliveries(self, query: Query) -> Iterator[DeliveryRow]:
        """The deliveries that a query asks for, by number."""
        ...

    def attempts(self, delivery: int) -> list[AttemptRow]:
        """The attempts at a delivery, in order."""
        ...

    def backlog(self) -> list[Backlog]:
        """The deliveries that are not finished, by destination and state."""
        ...

    def outcomes(self, *, since: float | None = None) -> dict[Outcome, int]:
        """How many arrivals had each outcome."""
        ...

    def started_since(self, destination: str, since: float) -> int:
        """How many attempts at a destination ended or began at or after an instant."""
        ...

    def latest_attempts(self, destination: str, *, until: float, limit: int) -> list[AttemptRow]:
        """The newest attempts at a destination that began at or before an instant.

        They come in the order in which they were kept, at most `limit`.
        """
        ...

    def hasten(self, destination: str, *, now: float, by: float, longest: float) -> int:
        """Bring forward what waits for an instant that a clock set back has put too far away.

        What was never tried is due now, and so is what would wait longer than `longest`
        seconds; what waits otherwise is due `by` seconds earlier.  How many were moved.
        """
        ...

    def note(self, event: EventRow) -> int:
        """Keep an event; its number."""
        ...

    def events(self, *, after: int = 0, limit: int | None = None, kind: str = "") -> list[EventRow]:
        """Events by number, above `after`."""
        ...

    def last_event(self) -> int:
        """The number of the newest event; 0 if there is none."""
        ...

    def lane(self, destination: str) -> LaneRow:
        """What is remembered of a destination."""
        ...

    def set_lane(self, lane: LaneRow) -> None:
        """Remember it."""
        ...

    def sequence(self, source: str, target: str, number: int) -> Taken:
        """Remember that a file sequence number came; what it is to those before it.

        Two who are told numbers of the same source and target do so one after the other.
        """
        ...

    def missing(self) -> list[SequenceRow]:
        """The sources and targets of which numbers are missing, by name."""
        ...

    def prune(self, *, before: float, limit: int = 1000) -> Pruned:
        """Forget finished arrivals older than an instant, the oldest first, at most `limit`."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
