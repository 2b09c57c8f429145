"""What is known of a damaged file by its pages is what SQLite would have said, row by row."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dflow.exchange.journal import JournalError
from dflow.exchange.journal.damaged import Unread, reading

PAGE = 512
Found = tuple[list[int], tuple[Unread, ...]]


def table(path: Path, *, count: int, step: int, logged: int) -> None:
    """A deep tree of small pages; some of its rows are changed in the log alone."""
    whole = path.with_name("whole.db")
    with closing(sqlite3.connect(whole, isolation_level=None)) as database:
        database.execute(f"PRAGMA page_size = {PAGE}")
        database.execute("PRAGMA journal_mode = WAL")
        for name in ("event", "other"):
            columns = "(id INTEGER PRIMARY KEY AUTOINCREMENT, words TEXT)"
            database.execute(f"CREATE TABLE {name} {columns}")
        database.execute("BEGIN")
        for number in range(1, count + 1):
            values = (number * step, "w" * (number * 7 % 90))
            database.execute("INSERT INTO event VALUES (?, ?)", values)
            database.execute("INSERT INTO other VALUES (?, ?)", values)
        database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("UPDATE event SET words = words || 'x' WHERE id <= ?", (logged * step,))
        for end in ("", "-wal"):
            shutil.copy(whole.with_name(whole.name + end), path.with_name(path.name + end))


def read(path: Path, *, by_pages: bool) -> Found:
    with tempfile.TemporaryDirectory() as folder, reading(path, Path(folder)) as old:
        assert old._pages is not None
        if not by_pages:
            old._pages = None
        return [number for number, _ in old.rows("event", lambda *_: None)], old.unread


def zeros(data: bytearray, pages: Iterable[int]) -> None:
    for page in pages:
        at = page % (len(data) // PAGE) * PAGE
        if at:  # the first says what the file is
            data[at : at + PAGE] = bytes(PAGE)


TABLES = {
    "count": st.integers(1, 700),
    "step": st.sampled_from([1, 1, 3, 200]),
    "logged": st.sampled_from([0, 0, 5, 300]),
}


@settings(deadline=None, max_examples=40)
@given(**TABLES, lost=st.sets(st.integers(1, 600), max_size=30), part=st.floats(0.05, 1))
@example(count=1500, step=1, logged=1500, lost=set(range(3, 200)), part=1)
def test_where_pages_are_lost_the_same_rows_are_read(
    count: int, step: int, logged: int, lost: set[int], part: float
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j.db"
        table(path, count=count, step=step, logged=logged)
        data = bytearray(path.read_bytes())
        zeros(data, lost)
        path.write_bytes(data[: int(len(data) * part)])
        try:
            slow = read(path, by_pages=False)
        except JournalError:
            return
        assert read(path, by_pages=True) == slow


NOISE = st.tuples(
    st.integers(1, 600),
    st.one_of(st.integers(0, 40), st.integers(0, PAGE - 6)),
    st.binary(min_size=1, max_size=6),
)


@settings(deadline=None, max_examples=40)
@given(**TABLES, lost=st.sets(st.integers(1, 600), max_size=9), noise=st.lists(NOISE, max_size=20))
def test_whatever_a_page_says_what_is_not_asked_for_cannot_be_read(
    count: int, step: int, logged: int, lost: set[int], noise: list[tuple[int, int, bytes]]
) -> None:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        path = Path(folder) / "j.db"
        table(path, count=count, step=step, logged=logged)
        data = bytearray(path.read_bytes())
        zeros(data, lost)
        for page, offset, words in noise:
            if at := page % (len(data) // PAGE) * PAGE:
                data[at + offset : at + offset + len(words)] = words
        path.write_bytes(data)
        with contextlib.suppress(JournalError), reading(path, Path(other)) as old:
            for first, last in old._gone("event", count * step):
                for number in {first, (first + last) // 2, last}:
                    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
                        old._database.execute(
                            "SELECT * FROM event WHERE id BETWEEN ? AND ?", (number, number)
                        ).fetchall()


def test_numbers_out_of_order_are_not_believed() -> None:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        path = Path(folder) / "j.db"
        table(path, count=100, step=1, logged=0)
        data = bytearray(path.read_bytes())
        at = PAGE  # of the first table after the names
        cells = int.from_bytes(data[at + 3 : at + 5], "big")
        assert (data[at], cells > 5) == (5, True)
        below = [int.from_bytes(data[at + 12 + 2 * n :][:2], "big") for n in range(cells)]
        zeros(data, [int.from_bytes(data[at + place :][:4], "big") - 1 for place in below[2:4]])
        for swapped in (False, True):
            if swapped:
                two = data[at + 14 : at + 18]
                data[at + 14 : at + 18] = two[2:] + two[:2]
            path.write_bytes(data)
            with reading(path, Path(other)) as old:
                assert bool(list(old._gone("event", 100))) is not swapped


def test_what_was_cut_off_is_not_asked_for_row_by_row() -> None:
    asked: list[str] = []
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        path = Path(folder) / "j.db"
        table(path, count=5000, step=1, logged=0)
        path.with_name("j.db-wal").unlink()
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        with reading(path, Path(other)) as old:
            old._database.set_trace_callback(asked.append)
            found = sum(1 for _ in old.rows("event", lambda *_: None))
            lost = sum(one.last - one.first + 1 for one in old.unread)
    assert found + lost == 5000
    assert lost > 2000
    assert len(asked) < 100
