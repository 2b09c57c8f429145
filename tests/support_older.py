"""A journal as an older dflow left it, and what a newer one must know of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dflow.delivery import State
from dflow.exchange.journal import (
    Journal,
    JournalError,
    NewArrival,
    NewDelivery,
    Outcome,
    Query,
    Standing,
    content_hash,
)
from dflow.exchange.journal.known import digest_of
from dflow.exchange.journal.schema import migrate

#: What arrived: the bytes of each, None for those that could not be had.
_ARRIVED = (b"a", b"b", None, b"a")
#: What was sent: for which arrival, its state, its own bytes.
_SENT = ((1, "delivered", b"a"), (1, "delivered", b"a edited"), (2, "dead", b"b"))
#: All bytes there are, in the order in which they came.
_CONTENTS = (b"a", b"b", b"a edited")
#: Numbers that were given out and pruned, up to these.
_PRUNED_ARRIVAL, _PRUNED_DELIVERY = 90, 80


def older_journal(path: Path, version: int) -> None:
    """A SQLite journal as a dflow of that version of the tables left it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        assert migrate(database, to=version) == version
        older_rows(database.execute, numbered=version >= 4)


def older_rows(
    execute: Callable[[str, tuple[object, ...]], object], mark: str = "?", *, numbered: bool
) -> None:
    """Write the rows.

    Args:
        execute: runs a statement.
        mark: how the database wants the place of a value.
        numbered: whether payloads have numbers in that version, by which rows name them.
    """
    numbers = {content: number for number, content in enumerate(_CONTENTS, start=1)}

    def named(content: bytes | None) -> dict[str, object]:
        return {"payload": None if content is None else numbers[content]} if numbered else {}

    def insert(table: str, values: dict[str, object]) -> None:
        columns, marks = ", ".join(values), ", ".join([mark] * len(values))
        execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(values.values()))  # noqa: S608  words of this test

    def arrival(number: int, content: bytes | None, outcome: str) -> None:
        words = ("name", "flow", "version", "sender", "recipient", "file_id", "reason", "rule")
        row: dict[str, object] = {"address": "{}", "source": "gateway"}
        row |= dict.fromkeys((*words, "decision", "rules_hash"), "")
        told: dict[str, object] = {
            "id": number,
            "at": number,
            "hash": "" if content is None else content_hash(content),
            "size": 1,
            "outcome": outcome,
        }
        insert("arrival", row | told | named(content))

    def delivery(number: int, about: int, state: str, key: str, content: bytes) -> None:
        words = ("rule", "fallback", "line", "place", "reason")
        row: dict[str, object] = dict.fromkeys(words, "")
        row |= dict.fromkeys(("due", "made", "changed"), 0) | {"attempts": 1, "kind": "original"}
        row |= {"destination": "old", "address": "{}", "notes": "{}"}
        told = {"id": number, "arrival": about, "state": state, "key": key}
        row |= told | {"hash": content_hash(content)}
        if numbered:
            first = _ARRIVED[about - 1]
            row |= {"about": 0 if first is None else numbers[first]}
            row |= named(None if content == first else content)
        insert("delivery", row)

    for content, number in numbers.items():
        row = {"hash": content_hash(content), "size": len(content), "body": content}
        insert("payload", row | ({"id": number} if numbered else {}))
        if numbered:
            insert("known", {"digest": digest_of(content_hash(content)), "payload": number})
    for number, body in enumerate(_ARRIVED, start=1):
        outcome = "unreadable" if body is None else "repeat" if number == 4 else "routed"
        arrival(number, body, outcome)
    for number, (about, state, content) in enumerate(_SENT, start=1):
        delivery(number, about, state, f"key {number}", content)
        row = {"delivery": number, "destination": "old", "number": 1, "started": 0, "ended": 0}
        insert("attempt", row | {"step": "accepted", "detail": ""})
    insert("sequence", {"source": "WEST", "target": "OLDM", "number": 9})
    arrival(_PRUNED_ARRIVAL, None, "routed")
    delivery(_PRUNED_DELIVERY, 1, "dead", "pruned", b"a")
    execute(f"DELETE FROM delivery WHERE id = {mark}", (_PRUNED_DELIVERY,))  # noqa: S608  a mark
    execute(f"DELETE FROM arrival WHERE id = {mark}", (_PRUNED_ARRIVAL,))  # noqa: S608  a mark


def knows_what_it_knew(journal: Journal) -> None:
    """Nothing was forgotten, and what comes next goes by it."""
    found = [(row.id, row.hash) for row in journal.arrivals(Query())]
    assert found == [
        (number, "" if body is None else content_hash(body))
        for number, body in enumerate(_ARRIVED, start=1)
    ]
    rows = list(journal.deliveries(Query()))
    assert [(row.id, row.arrival, row.state.value, row.key, row.hash) for row in rows] == [
        (number, about, state, f"key {number}", content_hash(content))
        for number, (about, state, content) in enumerate(_SENT, start=1)
    ]
    assert [len(journal.attempts(row.id)) for row in rows] == [1] * len(rows)
    assert journal.outcomes() == {Outcome.ROUTED: 2, Outcome.REPEAT: 1, Outcome.UNREADABLE: 1}
    assert [row.id for row in journal.arrivals(Query(hash=content_hash(b"a")))] == [1, 4]
    assert [row.id for row in journal.deliveries(Query(hash=content_hash(b"a")))] == [1, 2]
    for content in (b"a", b"b", b"a edited"):
        assert journal.payload(content_hash(content)) == content

    again = journal.record(_new(b"a"))
    assert (again.outcome, again.repeat_of, again.deliveries) == (Outcome.REPEAT, 1, ())
    assert again.arrival > _PRUNED_ARRIVAL
    assert journal.add(4, NewDelivery(destination="new", key="key 1"), at=9.0) == 0
    added = journal.add(4, NewDelivery(destination="new", key="key 9"), at=9.0)
    assert added > _PRUNED_DELIVERY
    assert [row.state for row in journal.deliveries(Query(arrival=4))] == [State.DUE]

    # Below the highest number an older journal does not know what it saw.
    assert journal.missing() == []
    standings = [journal.sequence("WEST", "OLDM", n).standing for n in (9, 8, 11, 10, 12)]
    known = [Standing.REPEAT, Standing.BELOW, Standing.GAP, Standing.FILLED, Standing.NEXT]
    assert standings == known

    # The repeats keep the bytes of the first; those of its edited copy go with it.
    assert journal.prune(before=3.5).arrivals == 1
    assert journal.payload(content_hash(b"a")) == b"a"
    assert journal.payload(content_hash(b"b")) == b"b"
    assert [row.id for row in journal.arrivals(Query(until=3.5))] == [2, 3]
    with pytest.raises(JournalError):
        journal.payload(content_hash(b"a edited"))


def _new(content: bytes) -> NewArrival:
    deliveries = (NewDelivery(destination="old", key="key 1"),)
    return NewArrival(
        at=9.0,
        source="gateway",
        name="a.usr",
        content=content,
        outcome=Outcome.ROUTED,
        deliveries=deliveries,
    )
