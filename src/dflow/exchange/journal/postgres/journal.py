"""The journal in PostgreSQL: several workers on several hosts share one exchange's work.

In: rows.  Out: rows.  This module does not know why anything happened; it keeps the
guarantees of `dflow.exchange.journal.port`, for all workers together.

What a worker takes is its own until it takes a step with it, or until its lease ends: then
any other turns what it was sending into unknown, to be asked about.  A step names the
lease under which the delivery was taken, and is refused if it was taken by another since.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import TypeVar

from attrs import define, evolve, field

from dflow.delivery import Spent, State, Step
from dflow.exchange.journal.book import Book
from dflow.exchange.journal.cipher import Cipher
from dflow.exchange.journal.front import BookFront
from dflow.exchange.journal.listing import deliveries_where
from dflow.exchange.journal.paging import in_pages
from dflow.exchange.journal.payloads import Payloads, Sealed, content_hash
from dflow.exchange.journal.port import LEASE_ENDED, JournalError, LeaseLost
from dflow.exchange.journal.postgres.connection import Connection
from dflow.exchange.journal.postgres.hints import listening
from dflow.exchange.journal.postgres.place import PostgresPlace
from dflow.exchange.journal.postgres.queue import (
    claim_due,
    first_due,
    leased,
    unknown_due,
    with_fallback,
)
from dflow.exchange.journal.postgres.schema import migrate
from dflow.exchange.journal.postgres.steps import spend_of, spent_of, take_step
from dflow.exchange.journal.postgres.workers import alive, forgotten, prolong, register, retire
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
from dflow.exchange.journal.sequences import Taken

__all__ = ["PostgresJournal", "open_postgres"]

T = TypeVar("T", ArrivalRow, DeliveryRow)


def open_postgres(
    place: PostgresPlace,
    *,
    payloads: Path | None = None,
    payloads_above: int = 256 * 1024,
    cipher: Cipher | None = None,
) -> PostgresJournal:
    """A journal in a PostgreSQL database, its tables made if they are missing.

    Args:
        place: where it is.
        payloads: folder for large payloads, the same for all workers; None keeps all in
            the database.
        payloads_above: bytes above which a payload goes to the folder.
        cipher: seals payloads; None keeps them plain.

    Raises:
        JournalError: if it cannot be used: no server, no such database, refused, too new.
    """
    connection = Connection(place)
    kept = Payloads(connection, payloads, payloads_above, cipher)
    try:
        migrate(connection, place.schema)
        kept.check_keys()
    except BaseException:
        connection.close()
        raise
    return PostgresJournal(place, connection, kept)


@define(eq=False)
class PostgresJournal(BookFront):
    """A journal in PostgreSQL; `open_postgres` makes one.

    Attributes:
        place: where it is.
        worker: the name under which work is taken; empty until some is.
    """

    place: PostgresPlace
    _connection: Connection = field(repr=False)
    _payloads: Payloads = field(repr=False)
    worker: str = field(default="", init=False)
    _session: int = field(default=0, init=False, repr=False)
    _lock: threading.RLock = field(factory=threading.RLock, init=False, repr=False)
    _book: Book = field(init=False, repr=False)

    @_book.default
    def _open_book(self) -> Book:
        return Book(self._connection, self._payloads)

    # -- workers -------------------------------------------------------------------------

    @property
    def lease(self) -> float:
        """Seconds for which a worker that says nothing keeps what it has taken."""
        return self.place.lease

    def own(self) -> None:
        """Be one of the workers of this journal."""
        with self.transaction():
            self._reborn()

    def _reborn(self) -> None:
        """Be a new worker."""
        self.worker = register(self._connection, self.place.lease)
        self._session = self._connection.opened

    def _me(self) -> str:
        """The name under which to take work, which nobody takes for dead meanwhile."""
        if not self.worker:
            self._reborn()
        elif self._session != self._connection.opened:
            # Until `renew` has told of it, what the former session took may be under way.
            raise LeaseLost(f"worker {self.worker} has lost its session")
        return alive(self._connection, self.worker)

    def renew(self, *, at: float) -> list[int]:
        """Live on, and take what dead workers were sending as unknown; their numbers.

        Raises:
            LeaseLost: this worker was dead for the others, and is another one from now on.
        """
        with self.transaction():
            try:
                self._me()
                prolong(self._connection, self.worker, self.place.lease)
            except LeaseLost:
                # What it took waits for the end of its lease; what is next taken is another's.
                self.worker = ""
                raise
            return self._lost(at)

    def recover(self, *, at: float) -> list[int]:
        """Begin anew: what dead workers were sending, and this one before, is unknown now."""
        with self.transaction():
            if self.worker:
                retire(self._connection, self.worker)
            self._reborn()
            return self._lost(at)

    def _lost(self, at: float) -> list[int]:
        found = forgotten(self._connection)
        for number, began in found:
            self.step(number, Step.LOST, at=at, detail=LEASE_ENDED, started=began)
        return [number for number, _ in found]

    def hints(self, wake: Callable[[str], None]) -> AbstractContextManager[None]:
        """While the block lasts, `wake` is told destinations that others gave work."""
        return listening(self.place, wake)

    # -- transactions --------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything in the block becomes durable together, or not at all."""
        with self._lock:
            if self._connection.inside:
                yield
                return
            worker = self.worker
            try:
                with self._connection.transaction():
                    yield
            except BaseException:
                self._payloads.undone()
                if self.worker != worker:
                    # A worker that was registered in what is undone does not exist.
                    self.worker = ""
                raise
            if self._payloads.forgotten:
                # Only now that it is durable; alone, as others may keep the same anew.
                with self._connection.transaction():
                    self._connection.lock("prune")
                    self._payloads.discard()

    # -- arrivals ------------------------------------------------------------------------

    def record(self, new: NewArrival) -> Recorded:
        """Keep an arrival with its decision and its deliveries."""
        with self.transaction():
            self._keeping(new.content)
            for one in new.deliveries:
                self._keeping(one.content)
            return self._book.record(new)

    def _keeping(self, content: bytes | None) -> None:
        """Before a payload is kept: nobody else keeps the same, and nobody prunes."""
        self._connection.lock("prune", shared=True)
        if content is not None:
            # The other worker's arrival of the same content is seen after this, or not there.
            self._connection.lock(f"payload {content_hash(content)}")

    def add(self, arrival: int, new: NewDelivery, *, at: float) -> int:
        """Add a delivery to an arrival that is there; its number, or 0 if the key is known."""
        with self.transaction():
            self._keeping(new.content)
            return self._book.add(arrival, new, at=at)

    def prune(self, *, before: float, limit: int = 1000) -> Pruned:
        """Forget finished arrivals older than an instant, the oldest first, at most `limit`."""
        with self.transaction():
            self._connection.lock("prune")
            return self._book.prune(before=before, limit=limit)

    def seal(
        self, *, after: str = "", limit: int = 100, tell: Callable[[int], object] = bool
    ) -> Sealed:
        """Seal some payloads that are plain or under an older key.

        What `tell` notes of how many, if there are any, is kept together with them.
        """
        with self.transaction():
            self._connection.lock("prune")
            done, old = self._payloads.seal_more(after=after, limit=limit)
            if done.number:
                tell(done.number)
        for path in old:
            path.unlink(missing_ok=True)
        return done

    # -- deliveries ----------------------------------------------------------------------

    def claim(self, destination: str, *, now: float, limit: int) -> list[DeliveryRow]:
        """Take the step START for the deliveries that are due, oldest first."""
        with self.transaction():
            return claim_due(self._connection, destination, now=now, limit=limit, owner=self._me())

    def unknown(self, destination: str, *, now: float, limit: int) -> list[DeliveryRow]:
        """The deliveries in `UNKNOWN` that are due to be asked about, and nobody else asks."""
        with self.transaction():
            return unknown_due(
                self._connection, destination, now=now, limit=limit, owner=self._me()
            )

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
        lease: int | None = None,
    ) -> State:
        """Let a delivery take a step; with `started`, the attempt is kept too.

        Raises:
            WrongStep: if it cannot, or another worker has taken it since `lease`.
        """
        with self.transaction():
            found = take_step(
                self._connection,
                delivery,
                step,
                at=at,
                detail=detail,
                due=due,
                place=place,
                lease=lease,
                owner=self._me() if step is Step.START else "",
            )
            if started is not None:
                self._book.attempt(
                    delivery,
                    destination=found.destination,
                    number=found.attempts,
                    started=started,
                    ended=at,
                    step=step.value,
                    detail=detail or place,
                )
        return found.state

    def next_due(self, destination: str, *, after: float) -> float | None:
        """The first instant after `after` at which a delivery comes due; None if none does."""
        return first_due(self._connection, destination, after=after)

    def spent(self, destination: str) -> Spent:
        """What all workers together have used of a quota; held until the transaction ends."""
        with self.transaction():
            return spent_of(self._connection, destination)

    def spend(self, destination: str, spent: Spent) -> None:
        """Remember what is used."""
        with self.transaction():
            spend_of(self._connection, destination, spent)

    # -- listings ------------------------------------------------------------------------

    def arrivals(self, query: Query) -> Iterator[ArrivalRow]:
        """The arrivals that a query asks for, by number."""
        return self._holding(query, in_pages(self._plain(query), self._book.arrivals))

    def arrivals_in_pages(self, query: Query) -> Iterator[ArrivalRow]:
        """The same, a page at a time, so that others may write in between."""
        return self.arrivals(query)

    def deliveries(self, query: Query) -> Iterator[DeliveryRow]:
        """The deliveries that a query asks for, by number."""
        return self._holding(query, in_pages(self._plain(query), self._deliveries))

    def _deliveries(self, query: Query) -> Iterator[DeliveryRow]:
        return map(leased, self._connection.execute(*deliveries_where(query)))

    @staticmethod
    def _plain(query: Query) -> Query:
        """Without the text: what is sealed, or beside the database, only dflow can search."""
        return evolve(query, text="", limit=None) if query.text else query

    def _holding(self, query: Query, rows: Iterator[T]) -> Iterator[T]:
        if not query.text:
            return rows
        text = query.text.encode("latin-1", "replace")
        found = (row for row in rows if row.hash and self._payloads.holds(row.hash, text))
        return islice(found, query.limit)

    def outcomes(self, *, since: float | None = None) -> dict[Outcome, int]:
        """How many arrivals had each outcome."""
        return self._book.outcomes(since=since)

    # -- events, lanes, sequences --------------------------------------------------------

    def sequence(self, source: str, target: str, number: int) -> Taken:
        """Remember that a file sequence number came; what it is to those before it."""
        with self.transaction():
            self._connection.lock(f"sequence {source} {target}")
            return self._book.sequence(source, target, number)

    def close(self) -> None:
        """Work no longer, and let go of the connection."""
        if self.worker and self._session == self._connection.opened:
            with contextlib.suppress(JournalError), self.transaction():
                retire(self._connection, self.worker)
        self._connection.close()
