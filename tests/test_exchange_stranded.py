"""Deliveries for a destination that nobody mounts are told, once, and shown until they are gone."""

from __future__ import annotations

import asyncio

import pytest

from dflow.exchange import Mount, Operations
from dflow.exchange import stranded as stranded_module
from dflow.exchange.journal import Query
from dflow.exchange.status import status_of
from support_exchange import Moody, World, file

BEFORE = """
destination old "the old agent"
destination new "the new agent"
route all: flow D0010 to M/OLDM deliver old
"""
AFTER = """
destination new "the new agent"
route all: flow D0010 to M/OLDM deliver new
"""


def world(mood: str) -> World:
    """One delivery was made for a destination that the rules and mounts have no more."""
    old, new = Mount(name="old", outbox=Moody(mood)), Mount(name="new", outbox=Moody())
    here = World(rules=BEFORE, mounts=(old, new))
    here.put(file(1))
    here.run()
    here.rules, here.mounts = AFTER, (new,)
    return here


def told(here: World) -> list[tuple[str, str]]:
    return [(one.destination, one.why) for one in here.journal.events(kind="no mount")]


REMEDY = "which has no mount: mount it again, or cancel what waits"


def test_what_is_left_for_a_destination_without_a_mount_is_told_once() -> None:
    here = world("down")
    here.run()
    here.run()
    assert told(here) == [("old", f"1 delivery waits for old, {REMEDY}")]


def test_a_replay_for_a_destination_without_a_mount_is_told_too() -> None:
    here = world("well")
    here.run()
    assert told(here) == []
    act = Operations(journal=here.journal, who="ann", why="lost there", clock=here.clock)
    for _ in range(2):
        assert len(act.replay(Query())) == 1
        here.run()
    assert told(here) == [
        ("old", f"1 delivery waits for old, {REMEDY}"),
        ("old", f"2 deliveries wait for old, {REMEDY}"),
    ]


def test_what_has_come_and_was_cancelled_is_no_news() -> None:
    here = world("down")
    here.run()
    act = Operations(journal=here.journal, who="ann", why="x", clock=here.clock)
    act.cancel(act.replay(Query()))
    here.run()
    assert told(here) == [("old", f"1 delivery waits for old, {REMEDY}")]


def test_it_is_told_while_an_exchange_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stranded_module, "_LOOK", 0.01)
    here = world("well")

    async def scenario() -> None:
        exchange = here.exchange()
        running = asyncio.ensure_future(exchange.run())
        await asyncio.sleep(0.1)
        Operations(journal=here.journal, who="ann", why="x", clock=here.clock).replay(Query())
        for _ in range(200):
            await asyncio.sleep(0.02)
            if told(here):
                break
        exchange.stop()
        await asyncio.wait_for(running, 5)

    asyncio.run(scenario())
    assert [name for name, _ in told(here)] == ["old"]


def test_the_status_shows_it_until_it_is_gone() -> None:
    here = world("down")
    status = status_of(here.journal, ["new"], now=here.clock.now)
    assert status.needs_a_person
    assert "old: no mount, 1 retrying (oldest 0 s)" in status.lines()
    shown = status.as_json()["destinations"]
    assert isinstance(shown, list)
    assert [(one["destination"], one["mounted"]) for one in shown] == [
        ("new", True),
        ("old", False),
    ]
    assert not status_of(here.journal, ["new", "old"], now=here.clock.now).needs_a_person
    Operations(journal=here.journal, who="ann", why="x", clock=here.clock).cancel([1])
    assert not status_of(here.journal, ["new"], now=here.clock.now).needs_a_person
