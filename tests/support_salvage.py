"""Journals with something in them, damage done to them, and what is left."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from attrs import evolve

from dflow.delivery import Step
from dflow.exchange import open_journal
from dflow.exchange.journal import (
    ArrivalRow,
    Cipher,
    DeliveryRow,
    NewArrival,
    NewDelivery,
    Outcome,
    Query,
    Salvaged,
    SqliteJournal,
    salvage_journal,
)

PAGE = 4096


def arrival(number: int, *, large: bool = False, edited: bool = False) -> NewArrival:
    content = b"%05d" % number * (2000 if large else 60)
    deliveries = [NewDelivery(destination="old", key=f"{number} original", rule="all")]
    if edited:
        copy = NewDelivery(destination="new", key=f"{number} copy", kind="copy")
        deliveries.append(evolve(copy, content=content + b"edited"))
    return NewArrival(
        at=float(number),
        source="gateway",
        name=f"{number}.usr",
        content=content,
        address={"flow": "D0010", "file_id": str(number)},
        outcome=Outcome.ROUTED,
        rule="all",
        deliveries=tuple(deliveries),
    )


def fill(journal: SqliteJournal, count: int) -> None:
    """Arrivals of every kind, and deliveries in every state."""
    ends = [None, Step.ACCEPTED, Step.REFUSED, Step.LOST, Step.FAILED]
    with journal.transaction():
        for number in range(count):
            journal.record(arrival(number, large=not number % 7, edited=not number % 3))
            end = ends[number % len(ends)]
            for row in journal.claim("old", now=1e6 + number, limit=1):
                if end is not None:
                    journal.step(row.id, end, at=1e6, due=1e9, started=1e6, place="there")
    for seen in (7, 11):
        journal.sequence("WEST", "OLDM", seen)


def mend(path: Path, *, cipher: Cipher | None = None) -> Salvaged:
    return salvage_journal(
        path, at=2e6, who="a person", why="test", payloads_above=5000, cipher=cipher
    )


def rows(path: Path) -> tuple[dict[int, ArrivalRow], dict[int, DeliveryRow]]:
    with closing(open_journal(path, payloads_above=5000)) as journal:
        arrivals = {row.id: row for row in journal.arrivals(Query())}
        return arrivals, {row.id: row for row in journal.deliveries(Query())}


def is_sound(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def zeros(pages: set[int]) -> Callable[[bytes], bytes]:
    def damage(data: bytes) -> bytes:
        found = bytearray(data)
        for page in pages:
            at = page * PAGE % len(found)
            found[at : at + PAGE] = bytes(PAGE)
        return bytes(found)

    return damage


def cut(part: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(len(data) * part)]
