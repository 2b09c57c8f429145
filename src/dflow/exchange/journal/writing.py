"""Rows into a journal, and old ones out of it.

In: a connection, inside the journal's transaction, and values.  Out: numbers.  This module
does not decide what is written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from dflow.delivery import FINAL, State
from dflow.exchange.journal.database import Database, inserted
from dflow.exchange.journal.payloads import Kept
from dflow.exchange.journal.rows import EventRow, NewArrival, NewDelivery, Outcome, Pruned

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
    kept: Kept | None,
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
        " repeat_of, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.at,
            new.source,
            new.name,
            "" if kept is None else kept.hash,
            len(new.content or b""),
            *words,
            _dump(new.address),
            outcome.value,
            new.rule,
            reason,
            new.decision,
            new.rules_hash,
            first,
            None if kept is None else kept.number,
        ),
    )
    return inserted(cursor)


def insert_delivery(
    connection: Database,
    arrival: int,
    new: NewDelivery,
    at: float,
    *,
    about: Kept | None,
    own: Kept | None,
) -> int:
    """A delivery's row, about the payload of its arrival; its number, or 0 if its key is known."""
    other = own is not None and (about is None or own.number != about.number)
    state = State.HELD if new.held else State.DUE
    cursor = connection.execute(
        "INSERT INTO delivery (arrival, destination, kind, rule, fallback, state, attempts,"
        " due, made, changed, about, key, line, hash, payload, address, notes, place, reason)"
        " VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?)"
        " ON CONFLICT (about, key) DO NOTHING",
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
            0 if about is None else about.number,
            new.key,
            new.line,
            "" if own is None else own.hash,
            own.number if own is not None and other else None,
            _dump(new.address),
            _dump(new.notes),
            new.held,
        ),
    )
    return inserted(cursor) if cursor.rowcount else 0


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
    return inserted(cursor)


def forget(connection: Database, *, before: float, limit: int) -> tuple[Pruned, set[int]]:
    """Delete finished arrivals older than an instant, and all about them.

    Returns:
        Which, and the numbers of the payloads that they named.
    """
    # Said of what is not settled, so that no index of outcomes is tried: the oldest come first.
    unsettled = ", ".join(f"'{outcome.value}'" for outcome in Outcome if not outcome.settled)
    rows = connection.execute(
        f"SELECT id, at, payload FROM arrival a WHERE at < ? AND outcome NOT IN ({unsettled})"
        " AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.arrival = a.id"
        f" AND d.state NOT IN ({FINISHED})) ORDER BY at, id LIMIT ?",
        (before, limit),
    ).fetchall()
    numbers = [(row["id"],) for row in rows]
    payloads = {row["payload"] for row in rows}
    for number in numbers:
        found = connection.execute("SELECT payload FROM delivery WHERE arrival = ?", number)
        payloads.update(row["payload"] for row in found)
    connection.executemany(
        "DELETE FROM attempt WHERE delivery IN (SELECT id FROM delivery WHERE arrival = ?)",
        numbers,
    )
    connection.executemany("DELETE FROM delivery WHERE arrival = ?", numbers)
    connection.executemany("DELETE FROM arrival WHERE id = ?", numbers)
    instants = [row["at"] for row in rows] or [None]
    pruned = Pruned(arrivals=len(rows), first=instants[0], last=instants[-1])
    return pruned, payloads - {None}


def _dump(words: Mapping[str, str]) -> str:
    return json.dumps(dict(words), sort_keys=True)
