"""What is sound of a damaged journal, copied into a new file.

In: the damaged one, opened, and a place.  Out: the rows that could be proved, each table's
count, and the arrivals that were made up for.  This module does not mend what was copied.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from attrs import define, field

from dflow.delivery import State
from dflow.exchange.journal.connection import Connection, connect
from dflow.exchange.journal.damaged import Damaged, Seen, Value
from dflow.exchange.journal.mending import stand_in
from dflow.exchange.journal.port import JournalError
from dflow.exchange.journal.rows import Outcome
from dflow.exchange.journal.schema import SCHEMA_VERSION, migrate
from dflow.exchange.journal.sequences import spans_from

__all__ = ["Copying"]

#: The tables that are read, parents first; all others are made from them.
_TABLES = ("payload", "arrival", "delivery", "attempt", "event", "lane", "sequence")

#: An index that has every row of a table, and its first column.
_INDEXED = {
    "arrival": ("arrival_at", "at"),
    "delivery": ("delivery_arrival", "arrival"),
    "attempt": ("attempt_delivery", "delivery"),
}

_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "INTEGER": int,
    "REAL": (float, int),
    "TEXT": str,
    "BLOB": bytes,
}


@define
class Copying:
    """Copies a damaged journal into a new one of the same version.

    Attributes:
        old: the damaged one.
        seen: told now and then which table is read, up to which number, and the last.
        counts: rows of each table that were copied.
        made: arrivals that have a row again, made of their deliveries.
    """

    old: Damaged
    seen: Seen
    counts: dict[str, int] = field(factory=dict, init=False)
    made: list[int] = field(factory=list, init=False)

    def copy(self, to: Path) -> None:
        """Copy everything into a file, which is made.

        Raises:
            JournalError: if the tables are of no version that this dflow knows.
        """
        version = self.old.version
        if not 0 < version <= SCHEMA_VERSION:
            raise JournalError(f"schema version {version}; this dflow knows 1 to {SCHEMA_VERSION}")
        os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(connect(to)) as new:
            migrate(new, to=version)
            new.execute("BEGIN IMMEDIATE")
            for table in _TABLES:
                self.counts[table] = self._copy(new, table)
            for table in ("arrival", "delivery", "attempt", "event"):
                self._count_on(new, table)
            new.execute("COMMIT")

    def _copy(self, new: Connection, table: str) -> int:
        columns = new.execute(f"PRAGMA table_info({table})").fetchall()
        names = [column["name"] for column in columns]
        places = ", ".join("?" * len(names))
        insert = f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({places})"
        count = 0
        for number, values in self.old.rows(table, self.seen):
            sound = all(_is_sound(values.get(column["name"]), column) for column in columns)
            if sound and table == "delivery" and not _there(new, "arrival", values["arrival"]):
                self.made.append(_made_up(new, values))
            if table == "attempt" and not _there(new, "delivery", values["delivery"]):
                sound = False
            if sound and new.execute(insert, [values.get(name) for name in names]).rowcount:
                count += 1
            else:
                self.old.refuse(table, number)
        if table in _INDEXED:
            for number in self.old.numbers(table, *_INDEXED[table]):
                if not _there(new, table, number):
                    self.old.refuse(table, number)
        return count

    def _count_on(self, new: Connection, table: str) -> None:
        """Numbers that were given out, or may have been, are not given out again."""
        lost = [one.last for one in self.old.unread if one.table == table]
        highest = max([self.old.given(table), *lost])
        new.execute(
            "INSERT INTO sqlite_sequence (name, seq) SELECT ?, 0"
            " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?)",
            (table, table),
        )
        new.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (highest, table))


def _is_sound(value: Value, column: sqlite3.Row) -> bool:
    """Whether a value is of the kind that its column holds; zeros are what a lost page reads."""
    if value is None:
        return not column["notnull"]
    if not isinstance(value, _KINDS[column["type"]]):
        return False
    if not isinstance(value, str):
        return True
    name = column["name"]
    try:
        value.encode()
        if name in {"address", "notes"} or (name == "decision" and value):
            json.loads(value)
        elif name == "state":
            State(value)
        elif name == "outcome":
            Outcome(value)
        elif name == "missing":
            spans_from(value)
        elif name == "hash" and value:
            return len(bytes.fromhex(value)) == 32
    except ValueError:
        return False
    return "\0" not in value


def _there(new: Connection, table: str, number: Value) -> bool:
    found = new.execute(f"SELECT 1 FROM {table} WHERE id = ?", (number,))
    return found.fetchone() is not None


def _made_up(new: Connection, delivery: Mapping[str, Value]) -> int:
    """An arrival of which only a delivery could be read."""
    number, at = delivery["arrival"], delivery["made"]
    if not isinstance(number, int) or not isinstance(at, float | int):
        raise JournalError("a delivery was sound, and has no arrival")  # pragma: no cover
    return stand_in(
        new,
        number,
        outcome=Outcome.ROUTED,
        at=at,
        hash_=str(delivery["hash"]),
        address=str(delivery["address"]),
        rule=str(delivery["rule"]),
    )
