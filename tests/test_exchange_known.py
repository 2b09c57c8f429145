"""The index of hashes that a journal keeps by hand: it finds what is there, and stays small."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.exchange.journal import (
    JournalError,
    NewArrival,
    NewDelivery,
    Outcome,
    Query,
    SqliteJournal,
    content_hash,
    known,
    open_journal,
)


def arrive(journal: SqliteJournal, content: bytes, at: float) -> None:
    journal.record(
        NewArrival(
            at=at,
            source="gateway",
            name="a.usr",
            content=content,
            outcome=Outcome.ROUTED,
            deliveries=(NewDelivery(destination="old", key=content_hash(content), held="wait"),)
            if content.startswith(b"kept")
            else (),
        )
    )


def count(journal: SqliteJournal, table: str) -> int:
    row = journal._connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()  # noqa: S608  a word of this test
    return int(row[0])


CONTENTS = [f"{word}{number}".encode() for number in range(6) for word in ("", "kept")]


@pytest.mark.parametrize("bits", [1, 2, 64])
@given(
    acts=st.lists(
        st.one_of(st.sampled_from(CONTENTS), st.tuples(st.integers(0, 30), st.integers(1, 5))),
        max_size=30,
    )
)
def test_what_is_there_is_found_and_what_is_pruned_is_not(
    bits: int, acts: list[bytes | tuple[int, int]]
) -> None:
    """Even where many hashes begin alike, and where numbers come back."""
    with pytest.MonkeyPatch.context() as patch:
        whole = known.digest_of
        patch.setattr(known, "digest_of", lambda hash_: whole(hash_) >> (64 - bits))
        journal = open_journal(None)
        for at, act in enumerate(acts):
            if isinstance(act, bytes):
                arrive(journal, act, float(at))
            else:
                journal.prune(before=float(act[0]), limit=act[1])
            there = {row.hash for row in journal.arrivals(Query())}
            rows = journal._connection.execute("SELECT id, hash FROM payload").fetchall()
            assert [row["hash"] for row in rows] == sorted(
                there, key=[r["hash"] for r in rows].index
            )
            for row in rows:
                assert known.find(journal._connection, row["hash"]) == row["id"]
                assert content_hash(journal.payload(row["hash"])) == row["hash"]
                found = list(journal.arrivals(Query(hash=row["hash"])))
                assert found
                assert {one.hash for one in found} == {row["hash"]}
            for content in CONTENTS:
                if content_hash(content) not in there:
                    assert known.find(journal._connection, content_hash(content)) is None
        journal.close()


def test_what_leads_nowhere_is_removed_in_passing() -> None:
    """A journal that is pruned for long has as many entries as contents, and some more."""
    journal = open_journal(None)
    for number in range(4000):
        arrive(journal, b"%d" % number, float(number))
        if number >= 500 and not number % 50:
            assert journal.prune(before=float(number - 500), limit=99).arrivals in (0, 50)
    assert count(journal, "payload") <= 560
    assert count(journal, "known") < 1.6 * count(journal, "payload")
    # All is pruned: the last look removes the rest of what it sees.
    while journal.prune(before=1e9, limit=100).arrivals:
        pass
    assert count(journal, "payload") == 0
    assert count(journal, "known") < 200
    journal.close()


@pytest.mark.parametrize(
    "hash_", ["", "abc", "z" * 64, "0" * 64, "f" * 64, "\u0660" * 64, "-1" * 32]
)
def test_a_hash_that_is_none_is_not_found(hash_: str) -> None:
    journal = open_journal(None)
    arrive(journal, b"x", 1.0)
    assert -(2**63) <= known.digest_of(hash_) < 2**63
    assert list(journal.arrivals(Query(hash=hash_ or "none"))) == []
    assert list(journal.arrivals(Query(hash=f"g{hash_}"))) == []
    with pytest.raises(JournalError):
        journal.payload(hash_)
    journal.close()


@given(
    contents=st.sets(st.binary(max_size=3), max_size=20), length=st.integers(1, 64), data=st.data()
)
def test_a_hash_is_found_by_how_it_begins(
    contents: set[bytes], length: int, data: st.DataObject
) -> None:
    journal = open_journal(None)
    for content in contents:
        arrive(journal, content, 1.0)
    hashes = {content_hash(content) for content in contents}
    begins = data.draw(st.sampled_from(sorted(hashes) or [content_hash(b"none")]))[:length]
    found = {row.hash for row in journal.arrivals(Query(hash=begins.upper()))}
    assert found == {one for one in hashes if one.startswith(begins)}
    journal.close()
