"""What a salvage saves of a damaged journal is true, and the rest is named."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dflow.delivery import State
from dflow.exchange import open_journal
from dflow.exchange.journal import JournalError, Query, content_hash
from support_salvage import PAGE, arrival, cut, fill, is_sound, mend, rows, zeros


@settings(deadline=None, max_examples=25)
@given(
    count=st.integers(1, 60),
    damage=st.one_of(
        st.sets(st.integers(1, 400), min_size=1, max_size=12).map(zeros),
        st.floats(0.1, 0.999).map(cut),
    ),
)
def test_what_is_saved_is_what_was_there_and_the_rest_is_named(
    count: int, damage: Callable[[bytes], bytes]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j.db"
        with closing(open_journal(path, payloads_above=5000)) as journal:
            fill(journal, count)
        arrivals, deliveries = rows(path)
        path.write_bytes(damage(path.read_bytes()))
        damaged = path.read_bytes()
        try:
            found = mend(path)
        except JournalError:
            # Without the page of the tables' names nothing can be read, nor is it touched.
            assert path.read_bytes() == damaged
            assert not list(Path(folder).glob("*damaged*"))
            return
        assert found.damaged.read_bytes() == damaged
        is_sound(path)
        saved, sent = rows(path)

        lost = {
            (one.table, number) for one in found.unread for number in range(one.first, one.last + 1)
        }
        for number, row in arrivals.items():
            if number not in saved:
                assert ("arrival", number) in lost
            elif number not in found.made and number not in found.held:
                assert saved[number] == row
        for number, one in deliveries.items():
            if number not in sent:
                assert ("delivery", number) in lost
                continue
            kept = sent[number]
            if one.state in {State.DELIVERED, State.DEAD, State.HELD, State.CANCELLED}:
                assert kept == evolve(one, name=kept.name)
            else:
                assert kept.state is State.UNKNOWN
                assert (kept.key, kept.hash, kept.attempts) == (one.key, one.hash, one.attempts)
        assert set(sent) <= set(deliveries)
        assert set(saved) - set(arrivals) <= set(found.made)
        with closing(open_journal(path, payloads_above=5000)) as journal:
            for row in saved.values():
                if row.id not in found.without_bytes:
                    assert content_hash(journal.payload(row.hash)) == row.hash
            again = journal.record(arrival(9999))
            assert again.arrival > max(arrivals)
            assert min(again.deliveries) > max(deliveries)
            assert journal.events(kind="salvaged")[0].who == "a person"


@settings(deadline=None, max_examples=25)
@given(
    data=st.data(),
    count=st.integers(1, 30),
    pages=st.lists(st.integers(0, 200), min_size=1, max_size=6),
)
def test_no_bytes_on_the_disk_break_a_salvage(
    data: st.DataObject, count: int, pages: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j.db"
        with closing(open_journal(path, payloads_above=5000)) as journal:
            fill(journal, count)
        found = bytearray(path.read_bytes())
        for page in pages:
            at = page * PAGE % len(found) + data.draw(st.integers(0, PAGE - 20))
            noise = data.draw(st.binary(min_size=1, max_size=20))
            found[at : at + len(noise)] = noise
        path.write_bytes(found)
        # Nor the reading of it as it is: what is wrong is said in the journal's words.
        with contextlib.suppress(JournalError), closing(open_journal(path)) as broken:
            with contextlib.suppress(ValueError):  # what its rows say may be no state
                list(broken.deliveries(Query()))
            list(broken.events())
        try:
            mend(path)
        except JournalError:
            return
        is_sound(path)
        rows(path)


@pytest.mark.untraced
@settings(deadline=None, max_examples=30)
@given(count=st.integers(20, 60), sector=st.floats(0, 1, exclude_max=True))
def test_a_lost_sector_takes_no_row_without_a_word(count: int, sector: float) -> None:
    """A page that is damaged in part may look whole; what its table lost, an index knows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j.db"
        with closing(open_journal(path, payloads_above=5000)) as journal:
            fill(journal, count)
        arrivals, deliveries = rows(path)
        found = bytearray(path.read_bytes())
        at = PAGE + int((len(found) - PAGE) * sector) // 512 * 512
        found[at : at + 512] = bytes(512)
        path.write_bytes(found)
        try:
            told = mend(path)
        except JournalError:
            return
        is_sound(path)
        saved, sent = rows(path)
        lost = {
            (one.table, number) for one in told.unread for number in range(one.first, one.last + 1)
        }
        assert {("arrival", number) for number in set(arrivals) - set(saved)} <= lost
        assert {("delivery", number) for number in set(deliveries) - set(sent)} <= lost


@pytest.mark.untraced
@settings(deadline=None, max_examples=30)
@given(count=st.integers(1, 25), part=st.floats(0, 1), salvaged=st.booleans())
def test_a_log_cut_short_is_a_journal_of_somewhat_earlier(
    count: int, part: float, salvaged: bool
) -> None:
    """What SQLite had not yet put into the file: whole commits remain, the first of them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j.db"
        journal = open_journal(path, payloads_above=5000)
        commits: list[tuple[int, int]] = []
        log = path.with_name("j.db-wal")
        for number in range(count):
            journal.record(arrival(number))
            commits.append((log.stat().st_size, number + 1))
        copy = Path(folder) / "copy"
        copy.mkdir()
        (copy / "j.db").write_bytes(path.read_bytes())
        length = int(log.stat().st_size * part)
        (copy / "j.db-wal").write_bytes(log.read_bytes()[:length])
        journal.close()
        assume(length >= commits[0][0])
        if salvaged:
            assert mend(copy / "j.db").whole
        kept = max(number for size, number in commits if size <= length)
        assert sorted(rows(copy / "j.db")[0]) == list(range(1, kept + 1))
        is_sound(copy / "j.db")
