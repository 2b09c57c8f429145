"""A damaged SQLite journal made anew from what can still be read of it.

In: the file, and how its payloads are kept.  Out: a whole journal in its place, the damaged
one beside it, and an account of what is missing.  This module does not know an exchange.

What was read is trusted as far as it can be proved: bytes by their hash, rows by their form.
What was on its way is unknown now, so that destinations are asked before anything is sent:
the damaged file may have forgotten what it knew.  What is known of an arrival only by its
deliveries or its bytes gets a row that says so.  Bytes that are lost come back by themselves
when the file arrives again.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from attrs import frozen

from dflow.delivery import State
from dflow.exchange.journal.cipher import Cipher
from dflow.exchange.journal.connection import Connection, connect, is_damage, told
from dflow.exchange.journal.damaged import Damaged, Seen, Unread, Value, reading
from dflow.exchange.journal.mending import Mender, stand_in
from dflow.exchange.journal.payloads import Payloads
from dflow.exchange.journal.port import JournalError
from dflow.exchange.journal.rows import EventRow, Outcome
from dflow.exchange.journal.schema import SCHEMA_VERSION, migrate
from dflow.exchange.journal.sequences import spans_from
from dflow.exchange.journal.writing import insert_event
from dflow.transport.durable import sync_folder, try_lock

__all__ = ["Salvaged", "is_whole", "salvage_journal"]

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


@frozen(kw_only=True)
class Salvaged:
    """What became of a damaged journal.

    Attributes:
        path: of the journal, which is whole now.
        damaged: where the damaged file is; nothing needs it, and nothing removes it.
        read: how many rows of each table were read.
        unread: what could not be read.
        made: arrivals that have a row again, made of their deliveries or their bytes.
        held: arrivals that wait for a person, as none of their deliveries could be read.
        without_bytes: arrivals whose bytes, or those of an edited copy, are lost.
        asked: how many deliveries are unknown now, and will be asked about.
    """

    path: Path
    damaged: Path
    read: Mapping[str, int]
    unread: tuple[Unread, ...]
    made: tuple[int, ...]
    held: tuple[int, ...]
    without_bytes: tuple[int, ...]
    asked: int

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return not (self.unread or self.made or self.held or self.without_bytes)


def _unseen(_table: str, _number: int, _last: int, /) -> None:
    """Nobody looks on."""


def salvage_journal(
    path: Path,
    *,
    at: float,
    who: str,
    why: str,
    payloads: Path | None = None,
    payloads_above: int = 256 * 1024,
    cipher: Cipher | None = None,
    seen: Seen = _unseen,
) -> Salvaged:
    """Put a whole journal in the place of a damaged one.

    Until the very end nothing of the damaged one is touched, and then it gets another name.

    Args:
        path: of the damaged file.
        at: now, in POSIX seconds.
        who: does it, for the event that stays.
        why: for the event.
        payloads: the folder of large payloads; None for the one beside the journal.
        payloads_above: bytes above which payloads go there.
        cipher: opens sealed payloads, to prove them.
        seen: told now and then which table is read, up to which number, and the last.

    Raises:
        JournalError: if nothing can be read, the journal is in use or too new, a key is
            missing, or there is no room.
    """
    beside = payloads or path.with_name(path.name + ".payloads")
    try:
        with _alone(path), _folder(path) as folder:
            source = _source(path)
            with reading(source, folder) as old:
                read, made = _copied(old, folder / "new.db", seen)
            with closing(connect(folder / "new.db")) as new:
                migrate(new)
                kept = Payloads(new, beside, payloads_above, cipher)
                kept.check_keys()
                mender = Mender(new, kept, at)
                new.execute("BEGIN IMMEDIATE")
                mender.mend(deliveries_lost=any(one.table == "delivery" for one in old.unread))
                told_of = ", ".join(map(str, old.unread[:20])) or "every row was read"
                event = EventRow(at=at, kind="salvaged", who=who, why=why, detail=told_of)
                insert_event(new, event)
                new.execute("COMMIT")
            damaged = _put_in_place(folder / "new.db", path, source)
    except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
        raise told(path, error) from error
    return Salvaged(
        path=path,
        damaged=damaged,
        read=read,
        unread=old.unread,
        made=(*made, *mender.made),
        held=tuple(mender.held),
        without_bytes=tuple(mender.without_bytes),
        asked=mender.asked,
    )


def is_whole(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with a file, page by page.

    Raises:
        JournalError: if it cannot be looked at, such as one that is locked.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return bool(database.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok")
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if is_damage(error):
            return False
        raise told(path, error) from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Be the one who uses a journal."""
    lock = try_lock(path.with_name(path.name + ".lock"))
    if lock is None:
        raise JournalError(f"{path}: another process is running this exchange")
    try:
        yield
    finally:
        os.close(lock)


@contextmanager
def _folder(path: Path) -> Iterator[Path]:
    """A private folder beside a file, for as long as it is needed."""
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _damaged_name(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.damaged" + (f"-{number}" if number else ""))


def _source(path: Path) -> Path:
    """What to read: the file, or the name that an interrupted salvage gave it."""
    number = 0
    while (other := _damaged_name(path, number)).exists():
        # Its log is with it; beside the first name it may be gone already.
        if path.exists() and other.samefile(path):
            return other
        number += 1
    return path


def _copied(old: Damaged, to: Path, seen: Seen) -> tuple[dict[str, int], list[int]]:
    """Copy what is sound into a new file; rows of each table, and the arrivals made up for."""
    if not 0 < old.version <= SCHEMA_VERSION:
        raise JournalError(f"schema version {old.version}; this dflow knows 1 to {SCHEMA_VERSION}")
    os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    counts: dict[str, int] = {}
    made: list[int] = []
    with closing(connect(to)) as new:
        migrate(new, to=old.version)
        new.execute("BEGIN IMMEDIATE")
        for table in _TABLES:
            counts[table] = _copy_table(old, new, table, made, seen)
        for table in ("arrival", "delivery", "attempt", "event"):
            _count_on(old, new, table)
        new.execute("COMMIT")
    return counts, made


def _copy_table(
    old: Damaged,
    new: Connection,
    table: str,
    made: list[int],
    seen: Seen,
) -> int:
    columns = new.execute(f"PRAGMA table_info({table})").fetchall()
    names = [column["name"] for column in columns]
    places = ", ".join("?" * len(names))
    insert = f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({places})"
    count = 0
    for number, values in old.rows(table, seen):
        sound = all(_is_sound(values.get(column["name"]), column) for column in columns)
        if sound and table == "delivery" and not _there(new, "arrival", values["arrival"]):
            made.append(_made_up(new, values))
        if table == "attempt" and not _there(new, "delivery", values["delivery"]):
            sound = False
        if sound and new.execute(insert, [values.get(name) for name in names]).rowcount:
            count += 1
        else:
            old.refuse(table, number)
    if table in _INDEXED:
        for number in old.numbers(table, *_INDEXED[table]):
            if not _there(new, table, number):
                old.refuse(table, number)
    return count


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


def _count_on(old: Damaged, new: Connection, table: str) -> None:
    """Numbers that were given out, or may have been, are not given out again."""
    lost = [one.last for one in old.unread if one.table == table]
    highest = max([old.given(table), *lost])
    new.execute(
        "INSERT INTO sqlite_sequence (name, seq) SELECT ?, 0"
        " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?)",
        (table, table),
    )
    new.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (highest, table))


def _put_in_place(new: Path, path: Path, source: Path) -> Path:
    """Give the damaged one another name, and its own to the new one; the other name."""
    damaged = source
    if source == path:
        number = 0
        while (damaged := _damaged_name(path, number)).exists():
            number += 1
        for end in ("-wal", ""):
            if path.with_name(path.name + end).exists():
                _also(path.with_name(path.name + end), damaged.with_name(damaged.name + end))
        sync_folder(path.parent)
    # A log of the one must never meet the other.
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    sync_folder(path.parent)
    new.replace(path)
    sync_folder(path.parent)
    return damaged


def _also(path: Path, to: Path) -> None:
    """Give a file a second name; a copy where there are no second names."""
    try:
        to.hardlink_to(path)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            to.unlink()
        shutil.copy2(path, to)
