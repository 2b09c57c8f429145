"""What is known of a destination's health outlives a run, a crash, and the worker that saw it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from attrs import define

from dflow.delivery import Breaker, Health, Retry, State, Treatment
from dflow.exchange import Mount, open_journal
from dflow.exchange.journal import (
    EventRow,
    Journal,
    LaneRow,
    NewArrival,
    NewDelivery,
    Outcome,
    PostgresPlace,
    Query,
    open_postgres,
)
from dflow.exchange.lane import Lane
from dflow.exchange.lease import Lease, moment
from dflow.exchange.scribe import Scribe
from support_exchange import Clock, Crash, Moody, World, file, work_of
from support_postgres import database

RULES = """
destination old "the old agent"
destination spare "the spare"
route all: flow D0010 to M/OLDM deliver old else spare
"""

QUICK = Retry(first=1, factor=1, jitter=0)


def world(
    old: Moody, *, after: int = 2, fallback_after: float | None = 2, path: Path | None = None
) -> World:
    treatment = Treatment(
        retry=QUICK,
        timeout=0.05,
        breaker=Breaker(after=after, rest=30),
        fallback_after=fallback_after,
    )
    mounts = (
        Mount(name="old", outbox=old, treatment=treatment),
        Mount(name="spare", outbox=Moody()),
    )
    return World(rules=RULES, mounts=mounts, path=path)


def states(here: World, destination: str = "old") -> list[State]:
    return [row.state for row in here.journal.deliveries(Query(destination=destination))]


def again(here: World, *, runs: int, seconds: float = 4) -> None:
    for _ in range(runs):
        here.run()
        here.clock.now += seconds


def test_failures_in_runs_one_after_another_are_failures_in_a_row() -> None:
    here = world(Moody("down"))
    here.put(file(1))
    again(here, runs=3)
    assert states(here) == [State.CANCELLED]
    here.run()  # the spare's lane may have ended before
    assert states(here) == [State.CANCELLED]
    assert states(here, "spare") == [State.DELIVERED]
    assert [one.kind for one in here.journal.events()][-2:] == ["degraded", "diverted"]


def test_hanging_in_runs_one_after_another_is_to_be_down() -> None:
    here = world(Moody("hangs"))
    here.put(file(1))
    again(here, runs=2)
    here.put(file(2))
    here.run()
    # What hung may have arrived: it is asked about, and only the other is diverted.
    assert states(here) == [State.UNKNOWN, State.CANCELLED]


def test_answering_questions_is_no_sign_that_parcels_get_through() -> None:
    here = world(Moody("breaks"), fallback_after=30)
    here.put(*map(file, range(4)))
    again(here, runs=12)
    assert [one.destination for one in here.journal.events(kind="degraded")] == ["old"]
    assert not here.journal.events(kind="recovered")
    here.run()
    assert set(states(here)) == {State.CANCELLED}
    assert states(here, "spare") == [State.DELIVERED] * 4


def test_while_it_is_down_a_run_begins_with_one_trial() -> None:
    old = Moody("down")
    here = world(old, fallback_after=None)
    began = here.clock.now
    here.put(*map(file, range(9)))
    again(here, runs=1)
    for _ in range(3):
        here.run()
        assert here.journal.lane("old").down_since == began
    attempts = sum(len(here.journal.attempts(number)) for number in range(1, 10))
    assert attempts == 4 + 3
    assert len(here.journal.events(kind="degraded")) == 1


def test_a_success_between_two_runs_ends_the_row() -> None:
    old = Moody(moods=["down", "well", "down"])
    here = world(old)
    for number in range(3):
        here.put(file(number))
        here.run()
    assert here.journal.lane("old").down_since is None
    assert not here.journal.events(kind="degraded")


def test_a_crash_between_runs_forgets_no_failure_and_is_none(tmp_path: Path) -> None:
    old = Moody(moods=["down", "crash before"], mood="down")
    here = world(old, path=tmp_path / "journal.db", fallback_after=None)
    here.put(file(1))
    again(here, runs=1)
    with pytest.raises(Crash):
        here.run()
    here.journal.close()
    here.journal = open_journal(here.path)
    assert here.journal.lane("old").down_since is None
    # Asked about what the crash left, it does not answer: the second failure in a row.
    here.run()
    assert len(here.journal.events(kind="degraded")) == 1


def test_crashes_alone_are_no_failures_of_the_destination() -> None:
    old = Moody(moods=["crash before"] * 3, probes=False)
    here = world(old)
    for number in range(3):
        here.put(file(number))
        with pytest.raises(Crash):
            here.run()
    old.mood = "well"
    here.put(file(4))
    here.run()
    assert not here.journal.events(kind="degraded")
    assert states(here)[-1] is State.DELIVERED


def test_damaged_bytes_are_no_answer_of_the_destination() -> None:
    old = Moody("down")
    here = world(old, fallback_after=None)
    here.put(file(1))
    again(here, runs=1)
    here.journal._connection.execute("UPDATE payload SET body = x'00'")
    again(here, runs=1)
    assert states(here) == [State.DEAD]
    here.put(file(2))
    here.run()
    assert len(here.journal.events(kind="degraded")) == 1


def test_what_the_journal_says_is_down_is_tried_once_though_attempts_were_forgotten() -> None:
    old = Moody()
    here = world(old, fallback_after=None)
    here.journal.set_lane(LaneRow(destination="old", down_since=here.clock.now - 99))
    here.put(file(1), file(2))
    here.run()
    assert states(here) == [State.DELIVERED] * 2
    assert here.journal.lane("old").down_since is None
    assert len(here.journal.events(kind="recovered")) == 1


def test_a_breaker_that_was_made_stricter_says_that_it_is_down() -> None:
    here = world(Moody("down"), after=5)
    here.put(file(1))
    again(here, runs=2)
    assert not here.journal.events(kind="degraded")
    stricter = world(Moody("down"), after=2, fallback_after=None)
    here.mounts = stricter.mounts
    here.run()
    assert len(here.journal.events(kind="degraded")) == 1
    assert here.journal.lane("old").down_since is not None


@pytest.fixture
def shared() -> Iterator[PostgresPlace]:
    with database(lease=60.0) as place:
        yield place


@define
class Worker:
    """A worker of a shared journal, of which the one lane is let work by hand."""

    lane: Lane
    outbox: Moody

    @classmethod
    async def begun(cls, place: PostgresPlace, clock: Clock) -> Worker:
        outbox = Moody("down")
        treatment = Treatment(breaker=Breaker(after=3, rest=30), concurrency=1, retry=QUICK)
        mount = Mount(name="old", outbox=outbox, treatment=treatment)
        lease = Lease(60.0)
        lease.renewed(moment())
        scribe = Scribe(open_postgres(place))
        lane = Lane(mount=mount, scribe=scribe, clock=clock, lease=lease)
        await lane._begin()
        return cls(lane=lane, outbox=outbox)

    async def sends(self, *keys: str) -> None:
        for key in keys:
            one = NewDelivery(destination="old", key=key)
            new = NewArrival(
                at=self.lane.clock(),
                source="x",
                name="a",
                content=key.encode(),
                outcome=Outcome.ROUTED,
                deliveries=(one,),
            )
            await self.lane.scribe.do(partial(_recorded, new=new))
        await work_of(self.lane)

    def end(self) -> None:
        self.lane.scribe.stop()
        self.lane.scribe.journal.close()


def _recorded(journal: Journal, new: NewArrival) -> None:
    journal.record(new)


def test_of_two_workers_one_s_single_failures_rest_nobody(shared: PostgresPlace) -> None:
    async def scenario() -> None:
        clock = Clock()
        one, two = await Worker.begun(shared, clock), await Worker.begun(shared, clock)
        await one.sends("a")
        await two.sends("b")
        assert two.lane._health.failures == 1
        clock.now += 2
        two.outbox.mood = "well"
        await two.sends("c", "d")
        assert len(two.outbox.kept) == 4, "also what the other could not send"
        # Who begins now knows of the success, too.
        three = await Worker.begun(shared, clock)
        assert three.lane._health == Health()
        for worker in (one, two, three):
            worker.end()

    asyncio.run(scenario())


def test_a_worker_that_begins_counts_what_all_of_them_saw(shared: PostgresPlace) -> None:
    async def scenario() -> None:
        clock = Clock()
        one, two = await Worker.begun(shared, clock), await Worker.begun(shared, clock)
        await one.sends("a")
        await two.sends("b")
        three = await Worker.begun(shared, clock)
        assert (three.lane._health.failures, three.lane._health.rest_until) == (2, None)
        await three.sends("c")
        assert three.lane._health.rest_until is not None
        # What one of them found down is down for all, though each has seen but one failure.
        clock.now += 31
        await two.sends("d", "e")
        assert len(two.outbox.kept) == 0
        assert two.lane._health.rest_until is not None
        assert len(await two.lane.scribe.do(_degraded)) == 1
        for worker in (one, two, three):
            worker.end()

    asyncio.run(scenario())


def _degraded(journal: Journal) -> list[EventRow]:
    return journal.events(kind="degraded")
