"""What keeps a journal quick: counts kept by the database, sweeps of little, no scans."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.delivery import State, Step
from dflow.exchange.journal import (
    JournalError,
    NewArrival,
    NewDelivery,
    Outcome,
    Pruned,
    Query,
    SqliteJournal,
    content_hash,
    open_journal,
)
from dflow.exchange.journal import schema as schema_module
from dflow.exchange.status import status_of
from dflow.exchange.stranded import tell_stranded
from support_older import knows_what_it_knew, older_journal


def arrival(number: int, content: bytes, *, edited: bytes | None = None) -> NewArrival:
    deliveries = [NewDelivery(destination="old", key=f"{number} original")]
    if edited is not None:
        copy = NewDelivery(destination="new", key=f"{number} copy", kind="copy", content=edited)
        deliveries.append(copy)
    return NewArrival(
        at=float(number),
        source="gateway",
        name="a.usr",
        content=content,
        outcome=Outcome.ROUTED,
        deliveries=tuple(deliveries),
    )


def deliver(journal: SqliteJournal) -> None:
    for destination in ("old", "new"):
        for row in journal.claim(destination, now=1e9, limit=100):
            journal.step(row.id, Step.ACCEPTED, at=1e9, started=1e9)


def contents(journal: SqliteJournal) -> set[str]:
    rows = journal._connection.execute("SELECT hash FROM payload")
    return {row["hash"] for row in rows}


CONTENT = st.sampled_from([b"a", b"b", b"c", b"d"])


@given(
    files=st.lists(st.tuples(CONTENT, st.none() | CONTENT, st.booleans()), max_size=8),
    before=st.integers(0, 8),
    settled=st.lists(st.tuples(st.integers(1, 8), st.sampled_from(Outcome)), max_size=4),
)
def test_counts_are_those_of_the_rows_and_no_named_payload_is_swept(
    files: list[tuple[bytes, bytes | None, bool]],
    before: int,
    settled: list[tuple[int, Outcome]],
) -> None:
    journal = open_journal(None)
    for number, (content, edited, done) in enumerate(files):
        journal.record(arrival(number, content, edited=edited))
        if done:
            deliver(journal)
    for number, outcome in settled:
        if number <= len(files):
            journal.settle(number, at=1.0, outcome=outcome, reason="")
    journal.prune(before=float(before))

    assert journal.outcomes() == journal.outcomes(since=-1.0)
    kept = {one.hash for one in journal.arrivals(Query())}
    assert contents(journal) == kept | {one.hash for one in journal.deliveries(Query())}
    journal.close()


def test_a_payload_that_only_an_edited_copy_names_stays_until_that_is_forgotten() -> None:
    journal = open_journal(None)
    journal.record(arrival(0, b"shared"))
    deliver(journal)
    journal.record(arrival(1, b"other", edited=b"shared"))
    assert journal.prune(before=1.0) == Pruned(arrivals=1, first=0.0, last=0.0)
    assert journal.payload(content_hash(b"shared")) == b"shared"
    deliver(journal)
    gone = Pruned(arrivals=1, first=1.0, last=1.0, payloads=2, size=len(b"other" + b"shared"))
    assert journal.prune(before=2.0) == gone
    with pytest.raises(JournalError):
        journal.payload(content_hash(b"shared"))
    journal.close()


@pytest.mark.parametrize("version", range(1, schema_module.SCHEMA_VERSION))
def test_a_journal_of_an_older_version_keeps_all_it_knows(tmp_path: Path, version: int) -> None:
    path = tmp_path / "journal.db"
    older_journal(path, version)
    journal = open_journal(path)
    knows_what_it_knew(journal)
    assert journal._connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert journal._connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    with pytest.raises(JournalError), journal.transaction():
        journal._connection.execute("DELETE FROM payload")
    journal.close()


def test_nothing_the_exchange_asks_looks_through_a_whole_table() -> None:
    """Every statement of a life of deliveries is explained by SQLite itself."""
    journal = open_journal(None)
    connection = journal._connection
    asked: set[str] = set()
    connection.set_trace_callback(asked.add)
    for number in range(4):
        journal.record(arrival(number, b"%d" % number, edited=b"e%d" % number))
    deliver(journal)
    journal.record(arrival(9, b"9"))
    journal.recover(at=1.0)
    journal.unknown("old", now=1.0, limit=5)
    journal.next_due("old", after=1.0)
    journal.started_since("old", 1.0)
    journal.latest_attempts("old", until=1.0, limit=5)
    for by in (0.0, 60.0):
        journal.hasten("old", now=1.0, by=by, longest=9.0)
    journal.outcomes(since=1.0)
    journal.last_event()
    journal.events(after=0, limit=5)
    journal.events(kind="dead")
    status_of(journal, ["old"], now=1.0)
    tell_stranded(journal, [], 1.0)
    tell_stranded(journal, [], 2.0)
    assert [one.destination for one in journal.events(kind="no mount")] == ["old"]
    journal.prune(before=2.0)
    list(journal.arrivals(Query(outcome=Outcome.UNROUTED, limit=5)))
    list(journal.deliveries(Query(destination="old", state=State.DEAD, limit=5)))
    connection.set_trace_callback(None)
    # What may be gone through: the few rows of the tally, what is open or missing.
    open_ = ("delivery USING COVERING INDEX delivery_open", "delivery USING INDEX delivery_line")
    few = ("tally", "lines", "late", "CONSTANT", "sequence USING INDEX sequence_missing", *open_)
    scans = [
        f"{row['detail']}: {statement}"
        for statement in sorted(asked)
        if statement.lstrip().upper().startswith(("SELECT", "WITH", "UPDATE", "DELETE"))
        for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
        if (
            row["detail"].startswith("SCAN")
            and not row["detail"].removeprefix("SCAN ").startswith(few)
        )
        # All numbers above some number: a scan by another name.
        or (
            "(rowid>?)" in row["detail"] and (" event " not in statement or " kind = " in statement)
        )
    ]
    assert not scans, "\n".join(scans)
    journal.close()
