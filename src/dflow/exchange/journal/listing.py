"""Queries and rows of a journal: values to SQL, and back.

In: a `Query`, or a database row.  Out: a WHERE clause with its parameters, or a value.
This module does not hold a connection.  Every value goes in as a parameter.
"""

from __future__ import annotations

import json

from dflow.delivery import FINAL, State
from dflow.exchange.journal.database import Row
from dflow.exchange.journal.known import BEGINNING, FIND, asked, beginning
from dflow.exchange.journal.port import JournalError
from dflow.exchange.journal.rows import ArrivalRow, DeliveryRow, EventRow, Outcome, Query
from dflow.exchange.journal.sequences import SequenceRow, spans_from
from dflow.exchange.journal.writing import FINISHED

__all__ = [
    "arrival_from",
    "arrivals_where",
    "deliveries_where",
    "delivery_from",
    "event_from",
    "sequence_from",
]

_WHOLE_HASH = 64
_ARRIVAL_WORDS = ("flow", "version", "sender", "recipient", "file_id", "source")


def _arrival_clauses(query: Query) -> tuple[list[str], list[object]]:
    clauses: list[str] = []
    values: list[object] = []
    for word in _ARRIVAL_WORDS:
        if value := getattr(query, word):
            clauses.append(f"a.{word} = ?")
            values.append(value)
    if query.hash:
        wanted = query.hash.lower()
        if len(wanted) == _WHOLE_HASH:
            clauses.append(f"a.payload = ({FIND})")
            values += asked(wanted)
        else:
            clauses.append(f"a.payload IN ({BEGINNING})")
            values += beginning(wanted)
    if query.outcome is not None:
        clauses.append("a.outcome = ?")
        values.append(query.outcome.value)
    return clauses, values


def _finish(
    select: str, clauses: list[str], values: list[object], query: Query, key: str
) -> tuple[str, list[object]]:
    clauses.append(f"{key} > ?")
    values.append(query.after)
    if query.before is not None:
        clauses.append(f"{key} < ?")
        values.append(query.before)
    if query.text:
        # Last, so that only what all else leaves is read, and opened where it is sealed.
        clauses.append("a.hash > '' AND dflow_holds(a.hash, ?)")
        values.append(query.text.encode("latin-1", "replace"))
    order = "DESC" if query.newest_first else "ASC"
    text = f"{select} WHERE {' AND '.join(clauses)} ORDER BY {key} {order}"
    if query.limit is not None:
        text += " LIMIT ?"
        values.append(query.limit)
    return text, values


def _window(column: str, query: Query) -> tuple[list[str], list[object]]:
    clauses: list[str] = []
    values: list[object] = []
    for sign, instant in ((">=", query.since), ("<", query.until)):
        if instant is not None:
            clauses.append(f"{column} {sign} ?")
            values.append(instant)
    return clauses, values


def arrivals_where(query: Query) -> tuple[str, list[object]]:
    """The statement that lists arrivals, and its parameters."""
    clauses, values = _arrival_clauses(query)
    within, instants = _window("a.at", query)
    if query.arrival is not None:
        within.append("a.id = ?")
        instants.append(query.arrival)
    if query.rule:
        within.append("a.rule = ?")
        instants.append(query.rule)
    about: list[str] = []
    about_values: list[object] = []
    for word, value in (("destination", query.destination), ("kind", query.kind)):
        if value:
            about.append(f"d.{word} = ?")
            about_values.append(value)
    if query.state is not None:
        about.append("d.state = ?")
        about_values.append(query.state.value)
    if about:
        within.append(
            f"EXISTS (SELECT 1 FROM delivery d WHERE d.arrival = a.id AND {' AND '.join(about)})"
        )
        instants += about_values
    # The plus keeps the database from going through all numbers for an outcome that is rare.
    key = "a.id" if query.outcome in (None, Outcome.ROUTED) else "+a.id"
    return _finish("SELECT a.* FROM arrival a", clauses + within, values + instants, query, key)


def deliveries_where(query: Query) -> tuple[str, list[object]]:
    """The statement that lists deliveries, and its parameters."""
    clauses, values = _arrival_clauses(query)
    within, instants = _window("d.made", query)
    if query.changed_since is not None:
        within.append("d.changed >= ?")
        instants.append(query.changed_since)
    for word, value in (
        ("destination", query.destination),
        ("kind", query.kind),
        ("rule", query.rule),
        ("arrival", query.arrival),
        ("state", query.state.value if query.state else None),
    ):
        if value:
            within.append(f"d.{word} = ?")
            instants.append(value)
    key = "d.id"
    if query.state is not None and query.state not in FINAL:
        # Few are open: they are found by their index, and then put in order.
        within.append(f"d.state NOT IN ({FINISHED})")
        key = "+d.id"
    return _finish(
        "SELECT d.*, a.name FROM delivery d JOIN arrival a ON a.id = d.arrival",
        clauses + within,
        values + instants,
        query,
        key,
    )


def arrival_from(row: Row) -> ArrivalRow:
    """An arrival from its row."""
    return ArrivalRow(
        id=row["id"],
        at=row["at"],
        source=row["source"],
        name=row["name"],
        hash=row["hash"],
        size=row["size"],
        address=json.loads(row["address"]),
        outcome=Outcome(row["outcome"]),
        rule=row["rule"],
        reason=row["reason"],
        decision=row["decision"],
        rules_hash=row["rules_hash"],
        repeat_of=row["repeat_of"],
    )


def delivery_from(row: Row) -> DeliveryRow:
    """A delivery from its row, which has its arrival's name too."""
    return DeliveryRow(
        id=row["id"],
        arrival=row["arrival"],
        destination=row["destination"],
        kind=row["kind"],
        rule=row["rule"],
        fallback=row["fallback"],
        state=State(row["state"]),
        attempts=row["attempts"],
        due=row["due"],
        made=row["made"],
        changed=row["changed"],
        key=row["key"],
        line=row["line"],
        hash=row["hash"],
        address=json.loads(row["address"]),
        notes=json.loads(row["notes"]),
        place=row["place"],
        reason=row["reason"],
        name=row["name"],
    )


def event_from(row: Row) -> EventRow:
    """An event from its row."""
    return EventRow(
        id=row["id"],
        at=row["at"],
        kind=row["kind"],
        who=row["who"],
        why=row["why"],
        destination=row["destination"],
        arrival=row["arrival"],
        delivery=row["delivery"],
        detail=row["detail"],
    )


def sequence_from(row: Row) -> SequenceRow:
    """What is known of a source's and target's numbers, from its row.

    Raises:
        JournalError: if what is kept of them is no ranges.
    """
    try:
        missing = spans_from(row["missing"])
    except ValueError as error:
        raise JournalError(
            f"{error}; `dflow journal salvage --anyway` makes the journal anew without them"
        ) from error
    return SequenceRow(
        source=row["source"],
        target=row["target"],
        lowest=row["lowest"],
        highest=row["number"],
        missing=missing,
    )
