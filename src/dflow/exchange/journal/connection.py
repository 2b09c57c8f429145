"""One connection to a journal in SQLite: every failure is a `JournalError` in one sentence.

In: SQL.  Out: rows by the names of their columns.  This module does not know the tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dflow.exchange.journal.database import kept
from dflow.exchange.journal.port import JournalError

__all__ = ["Connection", "connect", "is_damage", "told"]

#: What SQLite says of a file whose pages are not what they should be.
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

#: Its words of what is wrong with a page may hold bytes of it, which need not be text.
_FAILURES = (sqlite3.Error, UnicodeDecodeError)


def is_damage(error: BaseException | None) -> bool:
    """Whether an error tells of a damaged file."""
    # The low byte is the kind; what is above it says where SQLite saw it.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in _DAMAGED or _no_text(error)


def _no_text(error: BaseException | None) -> bool:
    """Whether a text of the file is none; Python's own words would repeat it."""
    return isinstance(error, UnicodeDecodeError) or str(error).startswith("Could not decode")


def told(path: Path | None, error: Exception) -> JournalError:
    """An error of SQLite or of the disk as the journal's, with what to do about it."""
    words = "a text in it is not UTF-8" if _no_text(error) else str(error)
    if is_damage(error):
        words += "; put a copy in its place, or save what can be read: dflow journal salvage"
    return JournalError(f"{path or 'journal'}: {words}")


class Connection(sqlite3.Connection):
    """A connection of which every statement and every row may fail, in the journal's words."""

    path: Path | None = None

    def execute(self, statement: str, values: Any = (), /) -> _Cursor:
        """Run one statement."""
        cursor = self.cursor(_Cursor)
        try:
            if isinstance(values, Mapping):
                values = dict(zip(values, kept(values.values()), strict=True))
            else:
                values = kept(values)
            cursor.execute(statement, values)
        except _FAILURES as error:
            raise told(self.path, error) from error
        return cursor

    def executemany(self, statement: str, values: Iterable[Any], /) -> _Cursor:
        """Run one statement for each of several rows of values."""
        cursor = self.cursor(_Cursor)
        try:
            cursor.executemany(statement, map(kept, values))
        except _FAILURES as error:
            raise told(self.path, error) from error
        return cursor


class _Cursor(sqlite3.Cursor):
    connection: Connection

    def fetchone(self) -> Any:
        try:
            return super().fetchone()
        except _FAILURES as error:
            raise told(self.connection.path, error) from error

    def fetchall(self) -> list[Any]:
        try:
            return super().fetchall()
        except _FAILURES as error:
            raise told(self.connection.path, error) from error

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except _FAILURES as error:
            raise told(self.connection.path, error) from error


def connect(path: Path | None) -> Connection:
    """A connection to a file, or to a database in memory.

    Raises:
        sqlite3.Error: if it cannot be had.
    """
    connection = sqlite3.connect(
        ":memory:" if path is None else path,
        isolation_level=None,
        check_same_thread=False,
        timeout=10.0,
        factory=Connection,
    )
    connection.path = path
    connection.row_factory = sqlite3.Row
    return connection
