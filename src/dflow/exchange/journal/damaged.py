"""What can still be read of a damaged SQLite file, row by row.

In: a file, and its write-ahead log if there is one.  Out: the rows of its tables, and the
numbers of those that could not be read.  This module does not know what the rows mean, and
changes nothing of the file: it reads a copy.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from attrs import define, field, frozen

from dflow.exchange.journal.pages import Pages
from dflow.exchange.journal.port import JournalError

__all__ = ["Damaged", "Seen", "Unread", "Value", "reading"]

_MAGIC = b"SQLite format 3\0"
_PAGE = 4096
#: Rows asked for at once where all is well.
_STRETCH = 1024

#: No journal has given out so many numbers; a higher one is what a damaged page says.
_NUMBERS = 1 << 32
#: SQLite's words of what is wrong may hold bytes of the page, which need not be text.
_UNREADABLE = (sqlite3.Error, UnicodeError)

#: What a row of SQLite holds.
Value = str | bytes | int | float | None
#: Told which table is read, up to which number, and which is the last.
Seen = Callable[[str, int, int], None]


@frozen
class Unread:
    """Rows of a table that could not be read: all numbers from one to another.

    Not every number between them need have been a row.
    """

    table: str
    first: int
    last: int

    def __str__(self) -> str:
        numbers = f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"
        return f"{self.table} {numbers}"


@define
class Damaged:
    """A copy of a damaged database, open.

    Attributes:
        version: of its tables, as it says itself.
    """

    _database: sqlite3.Connection
    _count: int
    _pages: Pages | None
    version: int
    _lost: dict[str, list[tuple[int, int]]] = field(factory=dict, init=False)

    @property
    def unread(self) -> tuple[Unread, ...]:
        """What could not be read so far."""
        found: list[Unread] = []
        for table, lost in self._lost.items():
            for first, last in sorted(lost):
                if found and found[-1].table == table and first <= found[-1].last + 1:
                    found[-1] = Unread(table, found[-1].first, max(last, found[-1].last))
                else:
                    found.append(Unread(table, first, last))
        return tuple(found)

    def rows(self, table: str, seen: Seen) -> Iterator[tuple[int, Mapping[str, Value]]]:
        """The rows of a table that can be read, by number, with that number.

        `seen` is told now and then how far it is.
        """
        low, most = 1, self._most(table)
        for first, last in self._gone(table, most):
            yield from self._stretches(table, low, first - 1, lambda high: seen(table, high, most))
            self.refuse(table, first, last)
            low = last + 1
        yield from self._stretches(table, low, most, lambda high: seen(table, high, most))

    def _gone(self, table: str, most: int) -> Iterator[tuple[int, int]]:
        """Spans of a table's numbers, in order, that nobody need ask for."""
        if self._pages is not None:
            root = self._number("SELECT rootpage FROM sqlite_schema WHERE name = ?", table)
            yield from self._pages.gone(root or 0, most)

    def _stretches(
        self, table: str, low: int, to: int, seen: Callable[[int], None]
    ) -> Iterator[tuple[int, Mapping[str, Value]]]:
        while low <= to:
            high = min(to, low + _STRETCH - 1)
            found = False
            for row in self._between(table, low, high):
                found = True
                yield row
            seen(high)
            low = high + 1
            if not found:
                # Perhaps all of them were pruned: where does it go on?
                after = self._number(f"SELECT MIN(rowid) FROM {table} WHERE rowid > ?", high)
                low = max(low, after or 0)

    def refuse(self, table: str, first: int, last: int | None = None) -> None:
        """Count a row, or all from one to another, as what could not be read."""
        last = first if last is None else last
        lost = self._lost.setdefault(table, [])
        if lost and lost[-1][1] + 1 == first:
            first = lost.pop()[0]
        lost.append((first, last))

    def numbers(self, table: str, index: str, column: str) -> Iterator[int]:
        """The numbers of a table's rows by one of its indexes, as far as that can be read.

        A page that is damaged in part may have lost rows without a word; an index knows them.
        """
        try:
            rows = self._database.execute(
                f"SELECT rowid AS number FROM {table} INDEXED BY {index} WHERE {column} > -1e300"
            )
            for row in rows:
                yield int(row["number"])
        except (*_UNREADABLE, TypeError, ValueError):
            return

    def given(self, table: str) -> int:
        """The highest number that a table has given out, as far as that can be read."""
        return self._number("SELECT seq FROM sqlite_sequence WHERE name = ?", table) or 0

    def _between(
        self, table: str, low: int, high: int
    ) -> Iterator[tuple[int, Mapping[str, Value]]]:
        try:
            rows = self._database.execute(
                f"SELECT rowid AS number_, * FROM {table} WHERE rowid BETWEEN ? AND ?"
                " ORDER BY rowid",
                (low, high),
            ).fetchall()
        except _UNREADABLE:
            if low == high:
                self.refuse(table, low)
                return
            middle = (low + high) // 2
            yield from self._between(table, low, middle)
            yield from self._between(table, middle + 1, high)
            return
        for row in rows:
            values = dict(row)
            number = values.pop("number_")
            # What is not among the numbers asked for is no row.
            if isinstance(number, int) and low <= number <= high:
                yield number, values

    def _most(self, table: str) -> int:
        """No row of a table has a higher number."""
        most = self._number(f"SELECT MAX(rowid) FROM {table}")
        given = self._number("SELECT seq FROM sqlite_sequence WHERE name = ?", table)
        if most is not None or given:
            return max(most or 0, given or 0)
        if table == "payload":
            # Each was kept for an arrival or for a delivery.
            given = self._number(
                "SELECT SUM(seq) FROM sqlite_sequence WHERE name IN ('arrival', 'delivery')"
            )
        return given or max(self._count, _STRETCH)

    def _number(self, statement: str, *values: str | int) -> int | None:
        try:
            row = self._database.execute(statement, values).fetchone()
        except _UNREADABLE:
            return None
        number = 0 if row is None or row[0] is None else row[0]
        return number if isinstance(number, int) and 0 <= number < _NUMBERS else None


@contextmanager
def reading(path: Path, folder: Path) -> Iterator[Damaged]:
    """A damaged database, to be read.

    Args:
        path: its file.
        folder: an empty one, with room for a copy.

    Raises:
        JournalError: if nothing of it can be read at all.
    """
    copy = folder / "damaged.db"
    _copy(path, copy)
    log = path.with_name(path.name + "-wal")
    if log.exists():
        _copy(log, copy.with_name(copy.name + "-wal"))
    count, size = _made_whole(path, copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as database, copy.open("rb") as file:
        database.row_factory = sqlite3.Row
        # What is no text is seen to be none, and not an error in the middle of many rows.
        database.text_factory = _text
        try:
            # A page whose cells cannot be right is refused, and not read for what it says.
            database.execute("PRAGMA cell_size_check = ON")
            version = int(database.execute("PRAGMA user_version").fetchone()[0])
            database.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
        except _UNREADABLE as error:
            raise JournalError(f"{path}: nothing of it can be read: {error}") from error
        pages = Pages(file.fileno(), size) if _without_log(database) else None
        yield Damaged(database, count, pages, version)


def _without_log(database: sqlite3.Connection) -> bool:
    """Put into the file what its log has; whether the file alone says now what SQLite reads."""
    try:
        busy, *_ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except _UNREADABLE:
        return False
    return not busy


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _copy(path: Path, to: Path) -> None:
    """Copy a file; what the disk does not give is zeros."""
    try:
        shutil.copyfile(path, to)
    except OSError:
        with path.open("rb", buffering=0) as source, to.open("wb") as target:
            size = os.fstat(source.fileno()).st_size
            for at in range(0, size, _PAGE):
                try:
                    source.seek(at)
                    target.write(source.read(_PAGE).ljust(min(_PAGE, size - at), b"\0"))
                except OSError:
                    target.write(bytes(min(_PAGE, size - at)))
    to.chmod(0o600)


def _made_whole(path: Path, copy: Path) -> tuple[int, int]:
    """As long as its first page says, the missing pages being zeros; how many, and their size."""
    with copy.open("r+b") as file:
        head = file.read(100)
        if not head.startswith(_MAGIC) or len(head) < 100:
            raise JournalError(f"{path}: nothing of it can be read: it does not begin as a journal")
        page = int.from_bytes(head[16:18], "big")
        page = 65536 if page == 1 else max(page, 512)
        # Of a page that was cut nothing is believed.
        size = file.seek(0, os.SEEK_END) // page * page
        file.truncate(size)
        pages = max(int.from_bytes(head[28:32], "big"), size // page)
        try:
            file.truncate(pages * page)
        except OSError:
            # It says that it was larger than any disk: that page is damaged too.
            pages = size // page
    return pages, page
