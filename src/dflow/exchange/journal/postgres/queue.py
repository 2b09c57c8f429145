"""The queues in the PostgreSQL journal: many workers take from them, each delivery goes to one.

In: a connection, inside the journal's transaction, and a worker's name.  Out: deliveries
that are its own.  This module does not know when a lease ends.

What another worker has locked is passed over, not waited for.  A line has an owner while
one of its deliveries is under way: whoever takes its head has a lock on the line's name
first, and looks at the line again under it.
"""

from __future__ import annotations

from attrs import evolve

from dflow.delivery import Step, advance
from dflow.exchange.journal.listing import delivery_from
from dflow.exchange.journal.postgres.connection import Connection
from dflow.exchange.journal.rows import DeliveryRow
from dflow.exchange.journal.schema import ACTIVE

__all__ = ["claim_due", "first_due", "leased", "unknown_due", "with_fallback"]

_SELECT = "SELECT d.*, a.name FROM delivery d JOIN arrival a ON a.id = d.arrival"

_READY = "d.state IN ('due', 'retrying') AND d.due <= ?"

#: The lines of a destination, found one by one in the index: a long line costs one look.
_LINES = f"""
WITH RECURSIVE lines (line) AS (
    (SELECT line FROM delivery WHERE destination = ? AND line > '' AND {ACTIVE}
     ORDER BY line LIMIT 1)
    UNION ALL
    SELECT (SELECT d.line FROM delivery d WHERE d.destination = ? AND d.line > lines.line
            AND d.{ACTIVE} ORDER BY d.line LIMIT 1)
    FROM lines WHERE lines.line IS NOT NULL
), heads AS (
    SELECT lines.line, (SELECT d.id FROM delivery d WHERE d.destination = ?
        AND d.line = lines.line AND d.{ACTIVE} ORDER BY d.id LIMIT 1) AS head
    FROM lines WHERE lines.line IS NOT NULL
)
SELECT heads.line FROM heads JOIN delivery d ON d.id = heads.head WHERE {_READY}
AND NOT EXISTS (SELECT 1 FROM delivery b WHERE b.destination = ? AND b.line = heads.line
    AND b.state IN ('sending', 'unknown'))
ORDER BY d.id LIMIT ?
"""

_LOCKS = """
SELECT line FROM unnest(?::text[]) AS line
WHERE pg_try_advisory_xact_lock(hashtextextended(? || line, 0))
"""

#: Seen anew under the locks: in the meantime another worker may have taken the head.
_HEADS = f"""
{_SELECT} WHERE d.id IN (
    SELECT (SELECT h.id FROM delivery h WHERE h.destination = ? AND h.line = one.line
            AND h.{ACTIVE} ORDER BY h.id LIMIT 1)
    FROM unnest(?::text[]) AS one (line)
    WHERE NOT EXISTS (SELECT 1 FROM delivery b WHERE b.destination = ? AND b.line = one.line
        AND b.state IN ('sending', 'unknown'))
) AND {_READY} ORDER BY d.id FOR UPDATE OF d SKIP LOCKED
"""


def leased(row: object) -> DeliveryRow:
    """A delivery from its row, with its lease."""
    return evolve(delivery_from(row), lease=row["lease"])  # type: ignore[arg-type,index]  # a row by names, as SQLite gives


def claim_due(
    connection: Connection, destination: str, *, now: float, limit: int, owner: str
) -> list[DeliveryRow]:
    """Take the step START for what is due: what has no line, then the heads of lines."""
    rows = connection.execute(
        f"{_SELECT} WHERE d.destination = ? AND d.line = '' AND d.{ACTIVE} AND {_READY}"
        " ORDER BY d.due, d.id LIMIT ? FOR UPDATE OF d SKIP LOCKED",
        (destination, now, limit),
    ).fetchall()
    if len(rows) < limit:
        rows += _heads(connection, destination, now, limit - len(rows))
    claimed = [
        evolve(
            row,
            state=advance(row.state, Step.START),
            attempts=row.attempts + 1,
            due=now,
            changed=now,
            reason="",
            lease=row.lease + 1,
        )
        for row in map(leased, rows)
    ]
    if claimed:
        connection.execute(
            "UPDATE delivery SET state = ?, attempts = attempts + 1, due = ?, changed = ?,"
            " reason = '', owner = ?, lease = lease + 1 WHERE id = ANY(?)",
            (claimed[0].state.value, now, now, owner, [row.id for row in claimed]),
        )
    return claimed


def _heads(connection: Connection, destination: str, now: float, limit: int) -> list[object]:
    d = destination
    found = connection.execute(_LINES, (d, d, d, now, d, limit)).fetchall()
    lines = [row["line"] for row in found]
    if not lines:
        return []
    prefix = f"dflow {connection.place.schema} line {destination} "
    mine = [row["line"] for row in connection.execute(_LOCKS, (lines, prefix))]
    if not mine:
        return []
    return connection.execute(_HEADS, (d, mine, d, now)).fetchall()


def unknown_due(
    connection: Connection, destination: str, *, now: float, limit: int, owner: str
) -> list[DeliveryRow]:
    """The deliveries in UNKNOWN that are due to be asked about, by nobody else."""
    rows = connection.execute(
        f"{_SELECT} WHERE d.destination = ? AND d.{ACTIVE} AND d.state = 'unknown'"
        # Who asked and died may not have been noticed by a `renew` or `recover` yet.
        " AND d.due <= ? AND (d.owner IN ('', ?) OR NOT EXISTS (SELECT 1 FROM worker w"
        " WHERE w.name = d.owner AND w.until > clock_timestamp())) ORDER BY d.due, d.id LIMIT ?"
        " FOR UPDATE OF d SKIP LOCKED",
        (destination, now, owner, limit),
    ).fetchall()
    fresh = [row["id"] for row in rows if row["owner"] != owner]
    if fresh:
        connection.execute(
            "UPDATE delivery SET owner = ?, lease = lease + 1 WHERE id = ANY(?)", (owner, fresh)
        )
    return [
        evolve(leased(row), lease=row["lease"] + (1 if row["owner"] != owner else 0))
        for row in rows
    ]


def with_fallback(connection: Connection, destination: str, *, limit: int) -> list[DeliveryRow]:
    """The deliveries that are due or retrying and have a fallback, oldest first."""
    rows = connection.execute(
        f"{_SELECT} WHERE d.destination = ? AND d.{ACTIVE} AND d.state IN ('due', 'retrying')"
        " AND d.fallback > '' ORDER BY d.id LIMIT ? FOR UPDATE OF d SKIP LOCKED",
        (destination, limit),
    )
    return [leased(row) for row in rows]


def first_due(connection: Connection, destination: str, *, after: float) -> float | None:
    """The first instant after `after` at which a delivery comes due; None if none does."""
    row = connection.execute(
        f"SELECT MIN(due) AS due FROM delivery WHERE destination = ? AND {ACTIVE}"
        " AND state <> 'sending' AND due > ?",
        (destination, after),
    ).fetchone()
    return None if row["due"] is None else float(row["due"])
