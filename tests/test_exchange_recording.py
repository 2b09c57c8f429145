"""Arrivals are recorded in their order, whatever the journal does, and none stops the others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dflow.exchange import Mount, SqliteJournal
from dflow.exchange.journal import JournalError, NewArrival, Query, Recorded
from support_exchange import Moody, World, file

RULES = 'destination old "the old agent"\nroute all: flow D0010 to M/OLDM deliver old\n'
NAMES = [f"{number}.usr" for number in range(6)]


def world() -> World:
    here = World(mounts=(Mount(name="old", outbox=Moody()),), rules=RULES)
    here.put(*map(file, range(6)))
    return here


def names(here: World) -> list[str]:
    return [row.name for row in here.journal.arrivals(Query())]


async def until(here: World, number: int) -> None:
    """Run until so many arrivals are recorded."""
    exchange = here.exchange()
    running = asyncio.ensure_future(exchange.run())
    async with asyncio.timeout(20):
        while exchange._arrivals.total() < number:
            await asyncio.sleep(0.01)
    exchange.stop()
    await running


@pytest.mark.parametrize("failing", [{0}, {0, 1}, {0, 1, 2}, {0, 1, 3, 4}, {0, 2, 3, 5, 6, 8}])
def test_none_overtakes_another_while_the_journal_fails(
    failing: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, plain = world(), SqliteJournal.record
    calls = iter(range(10_000))

    def record(journal: SqliteJournal, new: NewArrival) -> Recorded:
        if next(calls) in failing:
            raise JournalError("the disk is full")
        return plain(journal, new)

    monkeypatch.setattr(SqliteJournal, "record", record)
    asyncio.run(until(here, 6))
    assert names(here) == NAMES
    assert not here.journal.events(kind="not recorded")


def test_none_overtakes_another_while_nothing_can_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, plain = world(), SqliteJournal.transaction
    # While it begins the journal works; then, for a while, only now and then.
    works = iter([True] * 6 + [False] * 9 + [True, False, False] * 3)

    @contextmanager
    def transaction(journal: SqliteJournal) -> Iterator[None]:
        if not journal._in_transaction() and not next(works, True):
            raise JournalError("the journal is locked")
        with plain(journal):
            yield

    monkeypatch.setattr(SqliteJournal, "transaction", transaction)
    asyncio.run(until(here, 6))
    assert names(here) == NAMES


def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = SqliteJournal.record

    def record(journal: SqliteJournal, new: NewArrival) -> Recorded:
        if new.name == "2.usr":
            raise JournalError("this row cannot be written")
        return plain(journal, new)

    monkeypatch.setattr(SqliteJournal, "record", record)


def test_what_the_journal_does_not_take_stops_nothing_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = world()
    poisoned(monkeypatch)
    asyncio.run(until(here, 5))
    assert names(here) == [name for name in NAMES if name != "2.usr"]
    (event,) = here.journal.events(kind="not recorded")
    assert event.why == "2.usr cannot be recorded, and is tried again: this row cannot be written"
    assert here.inbox.waiting == 1, "it is still in its source"


def test_a_single_run_records_the_others_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    here = World(mounts=(Mount(name="old", outbox=Moody()),), rules=RULES)
    here.put(*map(file, range(300)))  # more than are on their way at once
    poisoned(monkeypatch)
    with pytest.raises(JournalError, match="this row cannot be written"):
        here.run()
    assert names(here) == [f"{number}.usr" for number in range(300) if number != 2]
    assert len(here.journal.events(kind="not recorded")) == 1
    assert here.inbox.waiting == 1


def test_what_is_held_is_an_event_whatever_holds_it() -> None:
    here = World(
        mounts=(Mount(name="old", outbox=Moody()),),
        rules=RULES + 'hold early: flow D0150 because "not before June"\nrefuse no: flow D0312\n',
    )
    exchange = here.exchange()
    exchange.check = lambda content: "count: wrong" if b"D0010" in content else ""
    here.put(file(1), file(2, flow="D0150"), file(3, flow="D0312"))
    exchange.run_once()
    told = [(one.kind, one.arrival, one.why) for one in here.journal.events()]
    assert told == [("held", 1, "count: wrong"), ("held", 2, "not before June")]
