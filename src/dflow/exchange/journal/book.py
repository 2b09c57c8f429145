"""The rows of a journal in any SQL database: what `SqliteJournal` and `PostgresJournal` share.

In: a connection, inside the journal's transaction, and values.  Out: rows.  This module
does not begin or end transactions, and hands out no work: queues are each database's own.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve, frozen

from dflow.delivery import State
from dflow.exchange.journal.database import Database
from dflow.exchange.journal.listing import (
    arrival_from,
    arrivals_where,
    event_from,
    sequence_from,
)
from dflow.exchange.journal.payloads import Kept, Payloads
from dflow.exchange.journal.port import JournalError
from dflow.exchange.journal.rows import (
    COPIES,
    ArrivalRow,
    AttemptRow,
    Backlog,
    EventRow,
    LaneRow,
    NewArrival,
    NewDelivery,
    Outcome,
    Pruned,
    Query,
    Recorded,
)
from dflow.exchange.journal.schema import ACTIVE
from dflow.exchange.journal.sequences import SequenceRow, Taken, spans_kept
from dflow.exchange.journal.writing import (
    FINISHED,
    forget,
    insert_arrival,
    insert_delivery,
    insert_event,
)

__all__ = ["Book"]

#: What is due later waits for a person, whatever the clock says.
_NEVER = 1e14


@frozen
class Book:
    """The rows of one journal, over its connection."""

    database: Database
    payloads: Payloads

    def record(self, new: NewArrival) -> Recorded:
        """Keep an arrival with its decision and its deliveries."""
        kept = None if new.content is None else self.payloads.keep(new.content)
        outcome, reason, first = new.outcome, new.reason, None
        # What is new to the journal is not looked for: every arrival's payload is kept.
        if kept is not None and not kept.fresh:
            first = self._sent_before(kept.number)
            if first is None:
                # Not sent then, so sending it now is not twice: such as after a new rule.
                first = self._first(kept.number)
            elif not (_has_original(new) and self._only_copied(kept.number)):
                outcome = Outcome.REPEAT
                reason = f"the same content arrived before, as {first}"
        number = insert_arrival(
            self.database, new, kept, outcome=outcome, reason=reason, first=first
        )
        made: list[int] = []
        if outcome is not Outcome.REPEAT:
            made = [self._add(number, one, new.at, kept) for one in new.deliveries]
        return Recorded(
            arrival=number,
            outcome=outcome,
            repeat_of=first,
            deliveries=tuple(delivery for delivery in made if delivery),
        )

    def _first(self, payload: int) -> int | None:
        row = self.database.execute(
            "SELECT MIN(id) AS id FROM arrival WHERE payload = ?", (payload,)
        ).fetchone()
        return None if row["id"] is None else int(row["id"])

    def _sent_before(self, payload: int) -> int | None:
        """The first arrival of this content that had deliveries."""
        row = self.database.execute(
            "SELECT MIN(a.id) AS id FROM arrival a WHERE a.payload = ?"
            " AND EXISTS (SELECT 1 FROM delivery d WHERE d.arrival = a.id)",
            (payload,),
        ).fetchone()
        return None if row["id"] is None else int(row["id"])

    def _only_copied(self, payload: int) -> bool:
        """Whether nothing but copies was ever sent of a content: they keep no original back."""
        row = self.database.execute(
            "SELECT COUNT(*) AS number FROM arrival a JOIN delivery d ON d.arrival = a.id"
            " WHERE a.payload = ? AND d.kind NOT IN ('copy', 'backfill')",
            (payload,),
        ).fetchone()
        return int(row["number"]) == 0

    def settle(
        self, arrival: int, *, at: float, outcome: Outcome, reason: str, rule: str = ""
    ) -> None:
        """Change what became of an arrival; an event keeps what it was before."""
        row = self.database.execute(
            "SELECT outcome, reason FROM arrival WHERE id = ?", (arrival,)
        ).fetchone()
        if row is None:
            raise JournalError(f"the journal has no arrival {arrival}")
        self.database.execute(
            "UPDATE arrival SET outcome = ?, reason = ?, rule = ? WHERE id = ?",
            (outcome.value, reason, rule, arrival),
        )
        was = f"was {row['outcome']}" + (f": {row['reason']}" if row["reason"] else "")
        self.note(EventRow(at=at, kind="settled", arrival=arrival, why=reason, detail=was))

    def add(self, arrival: int, new: NewDelivery, *, at: float) -> int:
        """Add a delivery to an arrival that is there; its number, or 0 if the key is known."""
        row = self.database.execute(
            "SELECT payload, hash FROM arrival WHERE id = ?", (arrival,)
        ).fetchone()
        if row is None:
            raise JournalError(f"the journal has no arrival {arrival}")
        about = None if row["payload"] is None else Kept(row["payload"], row["hash"], fresh=False)
        return self._add(arrival, new, at, about)

    def _add(self, arrival: int, new: NewDelivery, at: float, about: Kept | None) -> int:
        own = about if new.content is None else self.payloads.keep(new.content)
        return insert_delivery(self.database, arrival, new, at, about=about, own=own)

    def attempt(
        self,
        delivery: int,
        *,
        destination: str,
        number: int,
        started: float,
        ended: float,
        step: str,
        detail: str,
    ) -> None:
        """Keep an attempt that has ended."""
        self.database.execute(
            "INSERT INTO attempt (delivery, destination, number, started, ended, step,"
            " detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (delivery, destination, number, started, ended, step, detail),
        )

    def arrivals(self, query: Query) -> Iterator[ArrivalRow]:
        """The arrivals that a query asks for, by number."""
        return map(arrival_from, self.database.execute(*arrivals_where(query)))

    def attempts(self, delivery: int) -> list[AttemptRow]:
        """The attempts at a delivery, in order."""
        rows = self.database.execute(
            "SELECT delivery, number, started, ended, step, detail FROM attempt"
            " WHERE delivery = ? ORDER BY id",
            (delivery,),
        )
        return [AttemptRow(**dict(row)) for row in rows]

    def backlog(self) -> list[Backlog]:
        """The deliveries that are not finished, by destination and state."""
        rows = self.database.execute(
            "SELECT destination, state, COUNT(*) AS number, MIN(made) AS oldest FROM delivery"
            f" WHERE state NOT IN ({FINISHED}) GROUP BY destination, state"
        )
        return [
            Backlog(
                destination=row["destination"],
                state=State(row["state"]),
                number=row["number"],
                oldest=row["oldest"],
            )
            for row in rows
        ]

    def outcomes(self, *, since: float | None = None) -> dict[Outcome, int]:
        """How many arrivals had each outcome."""
        rows = self.database.execute(
            # First those since, by the index of times; an outcome's index would be all of it.
            "SELECT outcome, COUNT(*) AS number FROM"
            " (SELECT outcome, at FROM arrival WHERE at >= ? LIMIT ?) AS late GROUP BY outcome",
            (since or 0.0, 2**62),
        )
        return {Outcome(row["outcome"]): row["number"] for row in rows}

    def started_since(self, destination: str, since: float) -> int:
        """How many attempts at a destination began at or after an instant, and ended."""
        row = self.database.execute(
            "SELECT COUNT(*) AS number FROM attempt WHERE destination = ? AND started >= ?",
            (destination, since),
        ).fetchone()
        return int(row["number"])

    def latest_attempts(self, destination: str, *, until: float, limit: int) -> list[AttemptRow]:
        """The newest attempts at a destination until an instant, in the order they were kept."""
        rows = self.database.execute(
            "SELECT id, delivery, number, started, ended, step, detail FROM attempt"
            " WHERE destination = ? AND started <= ? ORDER BY started DESC, id DESC LIMIT ?",
            (destination, until, limit),
        ).fetchall()
        words = ("delivery", "number", "started", "ended", "step", "detail")
        # A clock that was set back has made the beginnings no order; the numbers are one.
        return [
            AttemptRow(**{word: row[word] for word in words})
            for row in sorted(rows, key=lambda row: int(row["id"]))
        ]

    def hasten(self, destination: str, *, now: float, by: float, longest: float) -> int:
        """Bring forward what a clock that was set back has put too far away; how many."""
        odd = "(due > ? OR (state = 'due' AND attempts = 0))"
        cursor = self.database.execute(
            f"UPDATE delivery SET due = CASE WHEN {odd} OR due < ? THEN ? ELSE due - ? END"
            f" WHERE destination = ? AND {ACTIVE} AND state <> 'sending' AND due > ? AND due < ?"
            + ("" if by else f" AND {odd}"),
            (
                *(now + by + longest, now + by, now, by),
                *(destination, now, _NEVER),
                *(() if by else (now + longest,)),
            ),
        )
        return cursor.rowcount

    def note(self, event: EventRow) -> int:
        """Keep an event; its number."""
        return insert_event(self.database, event)

    def events(self, *, after: int = 0, limit: int | None = None, kind: str = "") -> list[EventRow]:
        """Events by number, above `after`."""
        # Said apart, so that a kind is found by its index.
        of_kind, values = (" AND kind = ?", [kind]) if kind else ("", [])
        rows = self.database.execute(
            f"SELECT * FROM event WHERE id > ?{of_kind} ORDER BY id LIMIT ?",
            (after, *values, 2**62 if limit is None else limit),
        )
        return [event_from(row) for row in rows]

    def last_event(self) -> int:
        """The number of the newest event; 0 if there is none."""
        row = self.database.execute("SELECT MAX(id) AS id FROM event").fetchone()
        return int(row["id"] or 0)

    def lane(self, destination: str) -> LaneRow:
        """What is remembered of a destination."""
        row = self.database.execute(
            "SELECT * FROM lane WHERE destination = ?", (destination,)
        ).fetchone()
        if row is None:
            return LaneRow(destination=destination)
        return LaneRow(
            destination=destination,
            paused=bool(row["paused"]),
            diverted=bool(row["diverted"]),
            down_since=row["down_since"],
        )

    def set_lane(self, lane: LaneRow) -> None:
        """Remember it."""
        self.database.execute(
            "INSERT INTO lane (destination, paused, diverted, down_since) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (destination) DO UPDATE SET paused = excluded.paused,"
            " diverted = excluded.diverted, down_since = excluded.down_since",
            (lane.destination, int(lane.paused), int(lane.diverted), lane.down_since),
        )

    def sequence(self, source: str, target: str, number: int) -> Taken:
        """Remember that a file sequence number came; what it is to those before it."""
        row = self.database.execute(
            "SELECT * FROM sequence WHERE source = ? AND target = ?", (source, target)
        ).fetchone()
        if row is None:
            taken = Taken.first(source, target, number)
        else:
            taken = sequence_from(row).take(number)
        if taken.after != taken.before:
            known = taken.after
            self.database.execute(
                "INSERT INTO sequence (source, target, lowest, number, missing)"
                " VALUES (?, ?, ?, ?, ?) ON CONFLICT (source, target) DO UPDATE SET"
                " lowest = excluded.lowest, number = excluded.number, missing = excluded.missing",
                (source, target, known.lowest, known.highest, spans_kept(known.missing)),
            )
        return taken

    def missing(self) -> list[SequenceRow]:
        """The sources and targets of which numbers are missing, by name."""
        rows = self.database.execute("SELECT * FROM sequence WHERE missing > ''")
        return sorted(map(sequence_from, rows), key=lambda one: (one.source, one.target))

    def prune(self, *, before: float, limit: int) -> Pruned:
        """Forget finished arrivals older than an instant, the oldest first, at most `limit`."""
        forgotten, payloads = forget(self.database, before=before, limit=limit)
        sizes = self.payloads.sweep(payloads)
        return evolve(forgotten, payloads=len(sizes), size=sum(sizes))


def _has_original(new: NewArrival) -> bool:
    return any(one.kind not in COPIES for one in new.deliveries)
