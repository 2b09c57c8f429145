"""The journal in SQLite: one file, write-ahead log, every commit on the disk.

In: rows.  Out: rows.  This module does not know why anything happened; it keeps the
guarantees of `dflow.exchange.journal.port`.

`synchronous = FULL` makes a commit wait for the disk, so what was committed survives a
loss of power; the cost is shared by committing many rows at once, which is the
driver's business.  Two drivers on one journal would send twice, so a driver holds a
lock file; readers and operators' commands need none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from attrs import define, field

from dflow.delivery import Spent, State, Step, advance
from dflow.exchange.journal.book import Book
from dflow.exchange.journal.connection import Connection
from dflow.exchange.journal.front import BookFront
from dflow.exchange.journal.listing import deliveries_where, delivery_from
from dflow.exchange.journal.paging import in_pages
from dflow.exchange.journal.payloads import Payloads, Sealed
from dflow.exchange.journal.port import STOPPED, JournalError
from dflow.exchange.journal.queue import claim_due, first_due, unknown_due, with_fallback
from dflow.exchange.journal.rows import (
    ArrivalRow,
    DeliveryRow,
    NewArrival,
    NewDelivery,
    Outcome,
    Pruned,
    Query,
    Recorded,
)
from dflow.exchange.journal.schema import ACTIVE
from dflow.exchange.journal.sequences import Taken
from dflow.transport.durable import try_lock

__all__ = ["SqliteJournal"]


@define(eq=False)
class SqliteJournal(BookFront):
    """A journal in SQLite; `open_journal` makes one."""

    path: Path | None
    _connection: Connection = field(repr=False)
    _payloads: Payloads = field(repr=False)
    _lock: int | None = field(default=None, init=False, repr=False)
    _book: Book = field(init=False, repr=False)

    @_book.default
    def _open_book(self) -> Book:
        return Book(self._connection, self._payloads)

    def own(self) -> None:
        """Be the one driver of this journal, until it is closed or the process ends.

        Raises:
            JournalError: if another process drives it.
        """
        if self.path is None or self._lock is not None:
            return
        try:
            self._lock = try_lock(self.path.with_name(self.path.name + ".lock"))
        except OSError as error:
            raise JournalError(f"{self.path}: {error.strerror or error}") from error
        if self._lock is None:
            raise JournalError(f"{self.path}: another process is running this exchange")

    @property
    def lease(self) -> None:
        """None: this journal has one worker."""
        return

    def renew(self, *, at: float) -> list[int]:  # noqa: ARG002  there are no leases
        """Nothing: there are no others who could die, or take this one for dead."""
        return []

    def hints(self, wake: Callable[[str], None]) -> AbstractContextManager[None]:  # noqa: ARG002  the Protocol's
        """No hints: who gives it work from another process is seen by looking."""
        return nullcontext()

    def spent(self, destination: str) -> None:  # noqa: ARG002  the Protocol's
        """None: the one worker knows what it has used."""
        return

    def spend(self, destination: str, spent: Spent) -> None:
        """Nothing: as `spent`."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything in the block becomes durable together, or not at all."""
        if self._in_transaction():
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._payloads.undone()
            if self._in_transaction():
                self._connection.execute("ROLLBACK")
            raise
        if self._payloads.forgotten:
            # Only now that it is durable; in a transaction, as others may keep the same anew.
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._payloads.discard()
            finally:
                self._connection.execute("ROLLBACK")

    def _in_transaction(self) -> bool:
        return self._connection.in_transaction

    def record(self, new: NewArrival) -> Recorded:
        """Keep an arrival with its decision and its deliveries."""
        with self.transaction():
            return self._book.record(new)

    def add(self, arrival: int, new: NewDelivery, *, at: float) -> int:
        """Add a delivery to an arrival that is there; its number, or 0 if the key is known."""
        with self.transaction():
            return self._book.add(arrival, new, at=at)

    def claim(self, destination: str, *, now: float, limit: int) -> list[DeliveryRow]:
        """Take the step START for the deliveries that are due, oldest first."""
        with self.transaction():
            return claim_due(self._connection, destination, now=now, limit=limit)

    def unknown(self, destination: str, *, now: float, limit: int) -> list[DeliveryRow]:
        """The deliveries in `UNKNOWN` that are due to be asked about."""
        return unknown_due(self._connection, destination, now=now, limit=limit)

    def waiting(self, destination: str, *, limit: int) -> list[DeliveryRow]:
        """The deliveries that are due or retrying and have a fallback, oldest first."""
        return with_fallback(self._connection, destination, limit=limit)

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
        lease: int | None = None,  # noqa: ARG002  one worker needs none
    ) -> State:
        """Let a delivery take a step; with `started`, the attempt is kept too."""
        with self.transaction():
            row = self._connection.execute(
                "SELECT state, attempts, destination FROM delivery WHERE id = ?", (delivery,)
            ).fetchone()
            if row is None:
                raise JournalError(f"the journal has no delivery {delivery}")
            to = advance(State(row["state"]), step)
            # What was put back unsent was no attempt.
            began = {Step.START: 1, Step.DEFER: -1}.get(step, 0)
            self._connection.execute(
                "UPDATE delivery SET state = ?, attempts = attempts + ?, due = ?, changed = ?,"
                " place = CASE ? WHEN '' THEN place ELSE ? END, reason = ? WHERE id = ?",
                (to.value, began, at if due is None else due, at, place, place, detail, delivery),
            )
            if started is not None:
                self._book.attempt(
                    delivery,
                    destination=row["destination"],
                    number=row["attempts"],
                    started=started,
                    ended=at,
                    step=step.value,
                    detail=detail or place,
                )
        return to

    def recover(self, *, at: float) -> list[int]:
        """What was being sent when the last run ended is unknown now; their numbers."""
        with self.transaction():
            rows = self._connection.execute(
                f"SELECT id, changed FROM delivery WHERE {ACTIVE} AND state = 'sending'"
            ).fetchall()
            for row in rows:
                self.step(
                    row["id"],
                    Step.LOST,
                    at=at,
                    detail=STOPPED,
                    started=row["changed"],
                )
        return [row["id"] for row in rows]

    def next_due(self, destination: str, *, after: float) -> float | None:
        """The first instant after `after` at which a delivery comes due; None if none does."""
        return first_due(self._connection, destination, after=after)

    def arrivals(self, query: Query) -> Iterator[ArrivalRow]:
        """The arrivals that a query asks for, by number."""
        return self._book.arrivals(query)

    def arrivals_in_pages(self, query: Query) -> Iterator[ArrivalRow]:
        """The same, a page at a time, so that others may write in between."""
        return in_pages(query, self.arrivals)

    def deliveries(self, query: Query) -> Iterator[DeliveryRow]:
        """The deliveries that a query asks for, by number."""
        return map(delivery_from, self._connection.execute(*deliveries_where(query)))

    def outcomes(self, *, since: float | None = None) -> dict[Outcome, int]:
        """How many arrivals had each outcome."""
        if since is not None:
            return self._book.outcomes(since=since)
        rows = self._connection.execute("SELECT outcome, number FROM tally WHERE number > 0")
        return {Outcome(row["outcome"]): row["number"] for row in rows}

    def sequence(self, source: str, target: str, number: int) -> Taken:
        """Remember that a file sequence number came; what it is to those before it."""
        with self.transaction():
            return self._book.sequence(source, target, number)

    def prune(self, *, before: float, limit: int = 1000) -> Pruned:
        """Forget finished arrivals older than an instant, the oldest first, at most `limit`."""
        with self.transaction():
            return self._book.prune(before=before, limit=limit)

    def seal(
        self, *, after: str = "", limit: int = 100, tell: Callable[[int], object] = bool
    ) -> Sealed:
        """Seal some payloads that are plain or under an older key.

        What `tell` notes of how many, if there are any, is kept together with them.
        """
        with self.transaction():
            done, old = self._payloads.seal_more(after=after, limit=limit)
            if done.number:
                tell(done.number)
        for path in old:
            path.unlink(missing_ok=True)
        if not done.mark:
            # The write-ahead log may hold plain bytes still.
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return done

    def close(self) -> None:
        """Let go of the file and its lock."""
        self._connection.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
