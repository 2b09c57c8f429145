"""The queues in the SQLite journal: what is due, in whose turn, and when next.

In: a connection, inside the journal's transaction.  Out: deliveries.  This module does not
know why a delivery is due; its queries stay quick because they look only at indexes of
what is not finished.
"""

from __future__ import annotations

from attrs import evolve

from dflow.delivery import Step, advance
from dflow.exchange.journal.connection import Connection
from dflow.exchange.journal.listing import delivery_from
from dflow.exchange.journal.rows import DeliveryRow
from dflow.exchange.journal.schema import ACTIVE
from dflow.exchange.journal.writing import FINISHED

__all__ = ["claim_due", "first_due", "unknown_due", "with_fallback"]

_SELECT = "SELECT d.*, a.name FROM delivery d JOIN arrival a ON a.id = d.arrival"

#: The oldest active delivery of every line of a destination, found line by line in the
#: index, so that a backlog of one line costs one look and not its length.  A line waits as
#: well while a younger delivery of it is under way: a person may have revived an older one.
_HEADS = f"""
WITH RECURSIVE lines (line) AS (
    SELECT MIN(line) FROM delivery WHERE destination = :d AND line > '' AND {ACTIVE}
    UNION ALL
    SELECT (SELECT MIN(line) FROM delivery WHERE destination = :d AND line > lines.line
            AND {ACTIVE})
    FROM lines WHERE lines.line IS NOT NULL
)
SELECT d.*, a.name FROM (
    SELECT (SELECT id FROM delivery WHERE destination = :d AND line = lines.line AND {ACTIVE}
            ORDER BY id LIMIT 1) AS head
    FROM lines WHERE lines.line IS NOT NULL
) JOIN delivery d ON d.id = head JOIN arrival a ON a.id = d.arrival
WHERE d.state IN ('due', 'retrying') AND d.due <= :now AND d.line NOT IN (
    SELECT b.line FROM delivery b WHERE b.destination = :d AND b.state IN ('sending', 'unknown')
    AND b.state NOT IN ({FINISHED})
) ORDER BY d.id LIMIT :limit
"""

#: The first of each line that comes due, found as the heads are.
_FIRST_DUE = f"""
WITH RECURSIVE lines (line) AS (
    SELECT MIN(line) FROM delivery WHERE destination = :d AND {ACTIVE}
    UNION ALL
    SELECT (SELECT MIN(line) FROM delivery WHERE destination = :d AND line > lines.line
            AND {ACTIVE})
    FROM lines WHERE lines.line IS NOT NULL
)
SELECT MIN(
    (SELECT due FROM delivery WHERE destination = :d AND line = lines.line AND {ACTIVE}
     AND state <> 'sending' AND due > :after ORDER BY due LIMIT 1)
) AS due FROM lines WHERE lines.line IS NOT NULL
"""


def claim_due(
    connection: Connection, destination: str, *, now: float, limit: int
) -> list[DeliveryRow]:
    """Take the step START for what is due: what has no line, then the heads of lines."""
    rows = connection.execute(
        f"{_SELECT} WHERE d.destination = ? AND d.line = '' AND d.{ACTIVE}"
        " AND d.state IN ('due', 'retrying') AND d.due <= ? ORDER BY d.due, d.id LIMIT ?",
        (destination, now, limit),
    ).fetchall()
    if len(rows) < limit:
        heads = {"d": destination, "now": now, "limit": limit - len(rows)}
        rows += connection.execute(_HEADS, heads).fetchall()
    claimed = [
        evolve(
            row,
            state=advance(row.state, Step.START),
            attempts=row.attempts + 1,
            due=now,
            changed=now,
            reason="",
        )
        for row in map(delivery_from, rows)
    ]
    connection.executemany(
        "UPDATE delivery SET state = ?, attempts = ?, due = ?, changed = ?, reason = ''"
        " WHERE id = ?",
        [(row.state.value, row.attempts, now, now, row.id) for row in claimed],
    )
    return claimed


def unknown_due(
    connection: Connection, destination: str, *, now: float, limit: int
) -> list[DeliveryRow]:
    """The deliveries in UNKNOWN that are due to be asked about."""
    rows = connection.execute(
        # Said of what is open, not of what is active: that index has the states in it, so
        # that a long backlog is not looked through.
        f"{_SELECT} WHERE d.destination = ? AND d.state NOT IN ({FINISHED})"
        " AND d.state = 'unknown'"
        " AND d.due <= ? ORDER BY d.due, d.id LIMIT ?",
        (destination, now, limit),
    )
    return [delivery_from(row) for row in rows]


def with_fallback(connection: Connection, destination: str, *, limit: int) -> list[DeliveryRow]:
    """The deliveries that are due or retrying and have a fallback, oldest first."""
    rows = connection.execute(
        f"{_SELECT} WHERE d.destination = ? AND d.{ACTIVE} AND d.state IN ('due', 'retrying')"
        " AND d.fallback > '' ORDER BY d.id LIMIT ?",
        (destination, limit),
    )
    return [delivery_from(row) for row in rows]


def first_due(connection: Connection, destination: str, *, after: float) -> float | None:
    """The first instant after `after` at which a delivery comes due; None if none does."""
    row = connection.execute(_FIRST_DUE, {"d": destination, "after": after}).fetchone()
    return None if row["due"] is None else float(row["due"])
