"""The journal: what it keeps, what it refuses, and that its promises hold."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dflow.delivery import State, Step, WrongStep
from dflow.exchange.journal import (
    EventRow,
    Journal,
    JournalError,
    LaneRow,
    NewArrival,
    NewDelivery,
    Outcome,
    Query,
    Span,
    SqliteJournal,
    content_hash,
    open_journal,
)
from dflow.exchange.journal.schema import SCHEMA_VERSION
from support_pruning import pruned_in_vain


def arrival(content: bytes | None, *keys: str, at: float = 1.0, line: str = "") -> NewArrival:
    return NewArrival(
        at=at,
        source="gateway",
        name="a.usr",
        content=content,
        address={"flow": "D0010", "version": "002", "file_id": "1"},
        outcome=Outcome.ROUTED if keys else Outcome.UNROUTED,
        deliveries=tuple(NewDelivery(destination="old", key=key, line=line) for key in keys),
    )


@pytest.fixture(params=["file", "memory"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> SqliteJournal:
    return open_journal(tmp_path / "journal.db" if request.param == "file" else None)


def test_the_protocol_is_kept(journal: SqliteJournal) -> None:
    assert isinstance(journal, Journal)


def test_one_payload_however_often_it_arrives(journal: SqliteJournal) -> None:
    first = journal.record(arrival(b"x", "k1"))
    second = journal.record(arrival(b"x", "k2"))
    assert (first.outcome, first.deliveries) == (Outcome.ROUTED, (1,))
    assert (second.outcome, second.repeat_of, second.deliveries) == (Outcome.REPEAT, 1, ())
    assert journal.payload(content_hash(b"x")) == b"x"
    count = journal._connection.execute("SELECT COUNT(*) FROM payload").fetchone()[0]
    assert count == 1


def test_a_transaction_is_whole_or_nothing(journal: SqliteJournal) -> None:
    def half() -> None:
        with journal.transaction():
            journal.record(arrival(b"x", "k"))
            journal.note(EventRow(at=1.0, kind="x"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert list(journal.arrivals(Query())) == []
    assert journal.events() == []
    with pytest.raises(JournalError):
        journal.payload(content_hash(b"x"))


def test_a_claim_is_sending_and_handed_out_once(journal: SqliteJournal) -> None:
    for number in range(5):
        journal.record(arrival(b"%d" % number, f"k{number}"))
    first = journal.claim("old", now=2.0, limit=3)
    assert [row.id for row in first] == [1, 2, 3]
    assert {row.state for row in first} == {State.SENDING}
    assert [row.id for row in journal.claim("old", now=2.0, limit=3)] == [4, 5]
    stored = next(journal.deliveries(Query()))
    assert (stored.state, stored.attempts) == (State.SENDING, 1)
    assert first[0] == stored


def test_the_head_of_a_line_holds_back_those_behind(journal: SqliteJournal) -> None:
    for number in range(3):
        journal.record(arrival(b"a%d" % number, f"a{number}", line="a"))
        journal.record(arrival(b"b%d" % number, f"b{number}", line="b"))
    assert [row.key for row in journal.claim("old", now=2.0, limit=9)] == ["a0", "b0"]
    assert journal.claim("old", now=2.0, limit=9) == []
    journal.step(1, Step.FAILED, at=3.0, due=50.0, started=2.0)
    journal.step(2, Step.REFUSED, at=3.0, started=2.0)
    assert [row.key for row in journal.claim("old", now=4.0, limit=9)] == ["b1"]
    assert [row.key for row in journal.claim("old", now=50.0, limit=9)] == ["a0"]


def test_an_older_one_that_a_person_revives_waits_for_a_younger_under_way(
    journal: SqliteJournal,
) -> None:
    for number in range(2):
        journal.record(arrival(b"a%d" % number, f"a{number}", line="a"))
    journal.claim("old", now=2.0, limit=9)
    journal.step(1, Step.REFUSED, at=3.0, started=2.0)
    assert [row.key for row in journal.claim("old", now=4.0, limit=9)] == ["a1"]
    journal.step(1, Step.RETRY, at=5.0)
    assert journal.claim("old", now=6.0, limit=9) == []
    journal.step(2, Step.ACCEPTED, at=7.0, started=4.0)
    assert [row.key for row in journal.claim("old", now=8.0, limit=9)] == ["a0"]


def test_only_the_table_moves_a_delivery(journal: SqliteJournal) -> None:
    journal.record(arrival(b"x", "k"))
    with pytest.raises(WrongStep):
        journal.step(1, Step.ACCEPTED, at=2.0)
    with pytest.raises(JournalError, match="no delivery 99"):
        journal.step(99, Step.START, at=2.0)


def test_what_was_being_sent_is_unknown_after_a_crash(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j.db")
    journal.record(arrival(b"x", "k"))
    journal.claim("old", now=2.0, limit=1)
    journal.close()
    again = open_journal(tmp_path / "j.db")
    assert again.recover(at=3.0) == [1]
    assert again.recover(at=3.0) == []
    assert next(again.deliveries(Query())).state is State.UNKNOWN
    assert [row.step for row in again.attempts(1)] == ["lost"]
    assert [row.id for row in again.unknown("old", now=3.0, limit=5)] == [1]


def test_large_payloads_lie_in_a_private_folder(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j.db", payloads_above=10)
    journal.record(arrival(b"y" * 11, "k"))
    hash_ = content_hash(b"y" * 11)
    path = tmp_path / "j.db.payloads" / hash_[:2] / hash_
    assert path.read_bytes() == b"y" * 11
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "j.db").stat().st_mode) == 0o600
    assert journal.payload(hash_) == b"y" * 11
    path.write_bytes(b"z" * 11)
    with pytest.raises(JournalError, match="damaged"):
        journal.payload(hash_)
    path.unlink()
    with pytest.raises(JournalError, match="No such file"):
        journal.payload(hash_)


def test_pruning_never_touches_what_is_not_finished(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j.db", payloads_above=1)
    journal.record(arrival(b"done", "k1"))
    journal.record(arrival(b"open", "k2"))
    journal.record(arrival(b"unrouted"))
    journal.record(arrival(b"late", "k4", at=100.0))
    for number in (1, 4):
        journal.step(number if number == 1 else 3, Step.EVIDENCE, at=2.0)
    assert journal.prune(before=50.0).arrivals == 1
    assert [row.id for row in journal.arrivals(Query())] == [2, 3, 4]
    left = sorted(path.read_bytes() for path in (tmp_path / "j.db.payloads").glob("*/*"))
    assert left == [b"late", b"open", b"unrouted"]
    assert journal.record(arrival(b"new", "k5")).arrival == 5, "numbers are not used again"


def test_queries(journal: SqliteJournal) -> None:
    journal.record(arrival(b"one 1012345678901", "k1", at=10.0))
    journal.record(arrival(b"two", at=20.0))
    journal.record(arrival(None, at=30.0))

    def found(query: Query) -> list[int]:
        return [row.id for row in journal.arrivals(query)]

    assert found(Query(since=15.0)) == [2, 3]
    assert found(Query(until=20.0)) == [1]
    assert found(Query(outcome=Outcome.UNROUTED, limit=1)) == [2]
    assert found(Query(newest_first=True)) == [3, 2, 1]
    assert found(Query(after=1)) == [2, 3]
    assert found(Query(text="1012345678901")) == [1]
    assert found(Query(destination="old", state=State.DUE)) == [1]
    assert found(Query(file_id="1", flow="D0010", hash=content_hash(b"two"))) == [2]
    assert found(Query(file_id="'; DROP TABLE arrival; --")) == []
    assert [row.id for row in journal.deliveries(Query(flow="D0010"))] == [1]


def test_lanes_sequences_and_backlog(journal: SqliteJournal) -> None:
    assert journal.lane("old") == LaneRow(destination="old")
    lane = LaneRow(destination="old", paused=True, down_since=5.0)
    journal.set_lane(lane)
    assert journal.lane("old") == lane
    standings = [journal.sequence("a", "b", n).standing.value for n in (5, 8, 7, 3)]
    assert standings == ["first", "gap", "filled", "below"]
    (row,) = journal.missing()
    assert (row.lowest, row.highest, row.missing) == (5, 8, (Span(6, 6),))
    journal.record(arrival(b"x", "k", at=7.0))
    (only,) = journal.backlog()
    assert (only.destination, only.state, only.number, only.oldest) == ("old", State.DUE, 1, 7.0)


def test_a_newer_schema_and_a_damaged_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    open_journal(path).close()
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    database.close()
    with pytest.raises(JournalError, match="this dflow knows up to"):
        open_journal(path)
    path.write_bytes(b"this is no database, but it is long enough to be read as one" * 50)
    with pytest.raises(JournalError, match="not a database"):
        open_journal(path)
    with pytest.raises(JournalError):
        open_journal(tmp_path)


def test_a_journal_cut_short_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = open_journal(path)
    for number in range(200):
        journal.record(arrival(b"%d" % number * 500, f"k{number}"))
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])

    def use() -> None:
        cut = open_journal(path)
        with cut.transaction():
            for number in range(200):
                cut.record(arrival(b"new %d" % number, f"n{number}"))

    with pytest.raises(JournalError, match=r"malformed|not a database|disk image"):
        use()


def test_two_drivers_on_one_journal_are_refused(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j.db")
    journal.own()
    script = (
        "import sys; from pathlib import Path; from dflow.exchange import open_journal;"
        "open_journal(Path(sys.argv[1])).own()"
    )
    other = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "j.db")],
        env={"PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert other.returncode == 1
    assert "another process is running this exchange" in other.stderr
    journal.close()
    open_journal(tmp_path / "j.db").own()


def test_what_is_pruned_in_vain_still_has_its_bytes(tmp_path: Path) -> None:
    pruned_in_vain(open_journal(tmp_path / "j.db", payloads_above=1), tmp_path)
