"""A journal that fails in the middle: it is told, and a run that is to end does not lie."""

from __future__ import annotations

import asyncio

import pytest

from dflow.exchange import Journal, JournalError, Mount, open_journal
from dflow.exchange.scribe import Scribe
from support_exchange import Moody, World, file

NAMES = ("old", "new", "spare")


def failing(here: World, monkeypatch: pytest.MonkeyPatch, *, times: int, patience: float) -> None:
    """The journal gives no work, so often."""
    left, claim = [None] * times, type(here.journal).claim

    def claims(*words: object, **more: object) -> object:
        if left:
            left.pop()
            raise JournalError("the disk is away")
        return claim(*words, **more)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(type(here.journal), "claim", claims)
    monkeypatch.setattr("dflow.exchange.lane._LOOK", 0.01)
    monkeypatch.setattr("dflow.exchange.lane._PATIENCE", patience)


def test_a_run_that_is_to_end_does_not_say_that_nothing_was_due_as_its_journal_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    here = World(mounts=tuple(Mount(name=name, outbox=Moody()) for name in NAMES))
    here.put(file(1))
    failing(here, monkeypatch, times=9999, patience=0.1)
    with pytest.raises(JournalError, match="the disk is away"):
        here.run()
    told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert told[0] == "the journal cannot be used, and everything waits: the disk is away"


def test_a_run_that_is_to_end_waits_a_little_for_its_journal(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    here = World(mounts=tuple(Mount(name=name, outbox=Moody()) for name in NAMES))
    here.put(file(1))
    failing(here, monkeypatch, times=3, patience=60)
    monkeypatch.setattr("dflow.exchange.scribe._QUIET", 0.0)
    here.run()
    assert here.journal.backlog() == []
    assert "the journal can be used again" in caplog.messages


def test_a_journal_that_can_be_read_and_not_written_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As on a disk that is full."""
    scribe = Scribe(open_journal(None))

    def fails(_journal: Journal) -> None:
        raise JournalError("the disk is full")

    async def scenario() -> None:
        for _ in range(3):
            with pytest.raises(JournalError):
                await scribe.do(fails)
            await scribe.do(lambda journal: journal.last_event())

    asyncio.run(scenario())
    scribe.stop()
    assert len(caplog.messages) == 1
