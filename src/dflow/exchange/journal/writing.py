"""Rows into a journal, and old ones out of it.

In: a connection, inside the journal's transaction, and values.  Out: numbers.  This module
does not decide what is written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from dflow.delivery import FINAL, State
from dflow.errors import DflowError
from dflow.exchange.journal.database import Cursor, Database
from dflow.exchange.journal.rows import EventRow, NewArrival, NewDelivery, Outcome

__all__ = ["FINISHED", "forget", "insert_arrival", "insert_delivery", "insert_event"]

#: The states that nothing leaves, as SQL texts, in the order in which the partial indexes
#: of the tables name them: in another order SQLite would not see that they fit.
FINISHED = ", ".join(
    f"'{state.value}'" for state in sorted(FINAL, key=lambda one: one.value, reverse=True)
)

_ADDRESS = ("flow", "version", "sender", "recipient", "file_id")


def insert_arrival(
    connection: Database,
    new: NewArrival,
    hash_: str,
    *,
    outcome: Outcome,
    reason: str,
    first: int | None,
) -> int:
    """An arrival's row; its number."""
    words = [new.address.get(word, "") for word in _ADDRESS]
    cursor = connection.execute(
        "INSERT INTO arrival (at, source, name, hash, size, flow, version, sender,"
        " recipient, file_id, address, outcome, rule, reason, decision, rules_hash,"
        " repeat_of) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.at,
            new.source,
            new.name,
            hash_,
            len(new.content or b""),
            *words,
            _dump(new.address),
            outcome.value,
            new.rule,
            reason,
            new.decision,
            new.rules_hash,
            first,
        ),
    )
    return _number(cursor)


def insert_delivery(
    connection: Database, arrival: int, new: NewDelivery, at: float, hash_: str
) -> int:
    """A delivery's row; its number, or 0 if its key is known."""
    state = State.HELD if new.held else State.DUE
    cursor = connection.execute(
        "INSERT INTO delivery (arrival, destination, kind, rule, fallback, state, attempts,"
        " due, made, changed, key, line, hash, address, notes, place, reason)"
        " VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, '', ?)"
        " ON CONFLICT (key) DO NOTHING",
        (
            arrival,
            new.destination,
            new.kind,
            new.rule,
            new.fallback,
            state.value,
            at,
            at,
            at,
            new.key,
            new.line,
            hash_,
            _dump(new.address),
            _dump(new.notes),
            new.held,
        ),
    )
    return _number(cursor) if cursor.rowcount else 0


def insert_event(connection: Database, event: EventRow) -> int:
    """An event's row; its number."""
    cursor = connection.execute(
        "INSERT INTO event (at, kind, who, why, destination, arrival, delivery, detail)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event.at,
            event.kind,
            event.who,
            event.why,
            event.destination,
            event.arrival,
            event.delivery,
            event.detail,
        ),
    )
    return _number(cursor)


def forget(connection: Database, *, before: float, limit: int) -> tuple[int, set[str]]:
    """Delete finished arrivals older than an instant, and all about them.

    Returns:
        How many, and the hashes of payloads that they named.
    """
    # Said of what is not settled, so that no index of outcomes is tried: the oldest come first.
    unsettled = ", ".join(f"'{outcome.value}'" for outcome in Outcome if not outcome.settled)
    rows = connection.execute(
        f"SELECT id, hash FROM arrival a WHERE at < ? AND outcome NOT IN ({unsettled})"
        " AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.arrival = a.id"
        f" AND d.state NOT IN ({FINISHED})) ORDER BY at, id LIMIT ?",
        (before, limit),
    ).fetchall()
    numbers = [(row["id"],) for row in rows]
    hashes = {row["hash"] for row in rows}
    for number in numbers:
        found = connection.execute("SELECT hash FROM delivery WHERE arrival = ?", number)
        hashes.update(row["hash"] for row in found)
    connection.executemany(
        "DELETE FROM attempt WHERE delivery IN (SELECT id FROM delivery WHERE arrival = ?)",
        numbers,
    )
    connection.executemany("DELETE FROM delivery WHERE arrival = ?", numbers)
    connection.executemany("DELETE FROM arrival WHERE id = ?", numbers)
    return len(numbers), hashes


def _dump(words: Mapping[str, str]) -> str:
    return json.dumps(dict(words), sort_keys=True)


def _number(cursor: Cursor) -> int:
    if cursor.lastrowid is None:  # pragma: no cover  an INSERT always gives one
        raise DflowError("the database gave a row no number")
    return cursor.lastrowid
