"""A mailbox in one SQLite file: who knows the file puts parcels in and takes them out.

Nothing here knows an event loop: these are functions that wait for a disk, and
`dflow.transport.wrap` runs them in threads.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field

from dflow.transport import Arrival, Capabilities, Parcel, Presence, Receipt, Unavailable
from dflow.transport.wrap import FunctionInbox, FunctionOutbox, inbox_of, outbox_of

__all__ = ["Mailbox"]

#: Keys are kept when their parcels are gone, so that none is delivered twice.
_TABLE = """
CREATE TABLE IF NOT EXISTS parcels (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    name BLOB NOT NULL,
    content BLOB,
    notes TEXT NOT NULL,
    taker TEXT NOT NULL DEFAULT '',
    until REAL NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0
)
"""
_TAKE = """
UPDATE parcels SET taker = ?, until = ? WHERE number = (
    SELECT number FROM parcels WHERE NOT done AND until < ? ORDER BY number LIMIT 1
) RETURNING number, name, content, notes
"""


@define(eq=False, kw_only=True)
class Mailbox:
    """One mailbox, or one reader's view of it.

    Attributes:
        path: the file; its folder must exist.
        lease: seconds after which what a dead reader took is given to another.
    """

    path: Path
    lease: float = 60.0
    _me: str = field(factory=lambda: f"{os.getpid()}-{secrets.token_hex(4)}", init=False)

    def outbox(self) -> FunctionOutbox:
        """The way out."""
        return outbox_of(
            self.put,
            probe=self.probe,
            check=self.check,
            capabilities=Capabilities(
                probes=True, idempotent=True, durable=True, ordered=True, notes=True
            ),
        )

    def inbox(self, *, poll: float = 1.0) -> FunctionInbox:
        """The way in; each call is a reader of its own."""
        reader = Mailbox(path=self.path, lease=self.lease)
        return inbox_of(
            reader.take,
            done=reader.done,
            failed=reader.failed,
            check=reader.check,
            close=reader.release,
            poll=poll,
        )

    def put(self, parcel: Parcel) -> Receipt:
        """Put a parcel in, unless its key was there before."""
        values = (
            _safe(parcel.key),
            parcel.name.encode("utf-8", "surrogatepass"),
            parcel.content,
            json.dumps(dict(parcel.notes)),
        )
        words = "INSERT INTO parcels (key, name, content, notes) VALUES (?, ?, ?, ?)"
        with self._open() as file:
            added = file.execute(f"{words} ON CONFLICT (key) DO NOTHING", values)
            return Receipt(key=parcel.key, place=self.path.name, repeat=added.rowcount == 0)

    def probe(self, key: str) -> Presence:
        """Whether a key was ever put in."""
        with self._open() as file:
            found = file.execute("SELECT 1 FROM parcels WHERE key = ?", (_safe(key),)).fetchone()
        return Presence.PRESENT if found else Presence.ABSENT

    def take(self) -> Arrival | None:
        """The oldest that nobody holds; it is ours until the lease ends."""
        now = time.time()
        with self._open() as file:
            row = file.execute(_TAKE, (self._me, now + self.lease, now)).fetchone()
        if row is None:
            return None
        number, name, content, notes = row
        return Arrival(
            name=name.decode("utf-8", "surrogatepass"),
            content=content,
            token=str(number),
            notes=json.loads(notes),
        )

    def done(self, arrival: Arrival) -> None:
        """Keep the key and forget the rest."""
        words = "UPDATE parcels SET done = 1, content = NULL WHERE number = ? AND taker = ?"
        with self._open() as file:
            file.execute(words, (arrival.token, self._me))

    def failed(self, arrival: Arrival, reason: str) -> None:  # noqa: ARG002  kept by the journal
        """Give it back."""
        words = "UPDATE parcels SET until = 0, taker = '' WHERE number = ? AND taker = ?"
        with self._open() as file:
            file.execute(words, (arrival.token, self._me))

    def release(self) -> None:
        """Give back all that this reader holds."""
        words = "UPDATE parcels SET until = 0, taker = '' WHERE NOT done AND taker = ?"
        with self._open() as file:
            file.execute(words, (self._me,))

    def check(self) -> str:
        """Whether the file can be used; nothing is put in or taken."""
        if not self.path.parent.is_dir():
            raise Unavailable(f"{self.path.parent}: no such folder; make it, or correct the path")
        if not self.path.exists():
            return f"the mailbox {self.path} is not there yet, and is made when it is used"
        with self._open() as file:
            (count,) = file.execute("SELECT count(*) FROM parcels WHERE NOT done").fetchone()
        return f"the mailbox {self.path} holds {count} parcels"

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The file, in one transaction that is on the disk when the block ends."""
        try:
            file = sqlite3.connect(self.path, timeout=5.0)
        except sqlite3.Error as error:
            raise Unavailable(f"{self.path}: {error}") from error
        try:
            with file:  # commits, or rolls back
                file.execute("PRAGMA synchronous = FULL")
                file.execute(_TABLE)
                file.execute("BEGIN IMMEDIATE")
                yield file
        except sqlite3.OperationalError as error:
            # Locked, read-only, full: SQLite has rolled back, so nothing was put in.
            raise Unavailable(f"{self.path}: {error}") from error
        finally:
            file.close()


def _safe(key: str) -> str:
    return key.encode("utf-8", "backslashreplace").decode()
