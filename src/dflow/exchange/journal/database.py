"""What the modules of a journal ask of a connection to its database, whichever it is.

In: SQL with ``?`` for each value, which SQLite and the PostgreSQL adapter both take.  Out:
rows by the names of their columns.  This module does not know a database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from dflow.errors import DflowError

__all__ = ["Cursor", "Database", "Row", "inserted", "kept", "plain"]


class Row(Protocol):
    """One row."""

    def __getitem__(self, name: str, /) -> Any:
        """The value of a column."""
        ...


class Cursor(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""
        ...

    @property
    def lastrowid(self) -> int | None:
        """The number that it gave to a new arrival, delivery or event."""
        ...

    def fetchone(self) -> Any:
        """The next row; None after the last."""
        ...

    def fetchall(self) -> list[Any]:
        """The rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """The rows that are left, one by one."""
        ...


class Database(Protocol):
    """A connection, inside a transaction or each statement for itself."""

    def execute(self, statement: str, values: Sequence[object] = (), /) -> Cursor:
        """Run one statement."""
        ...

    def executemany(self, statement: str, values: Iterable[Sequence[object]], /) -> object:
        """Run one statement for each of several rows of values."""
        ...


def kept(values: Iterable[object]) -> list[object]:
    """Values as every database keeps them: each text is a `plain` one."""
    return [plain(value) if isinstance(value, str) else value for value in values]


def plain(text: str) -> str:
    r"""A text that every database can keep and give back: without NUL and lone surrogates.

    A NUL in a text of SQLite is what a lost page reads like; PostgreSQL keeps none.  Lone
    surrogates stand for bytes that are no UTF-8, in what came from a shell or a folder.

    >>> plain("a\0b") == "a\u2400b", plain("a\udcff")
    (True, 'a\\udcff')
    """
    if "\0" in text:
        text = text.replace("\0", "\N{SYMBOL FOR NULL}")
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    return text


def inserted(cursor: Cursor) -> int:
    """The number of the row that a statement has just inserted."""
    if cursor.lastrowid is None:  # pragma: no cover  an INSERT always gives one
        raise DflowError("the database gave a row no number")
    return cursor.lastrowid
