"""A clock that is set back leaves nothing waiting until the old time, and no quota is exceeded."""

from __future__ import annotations

import asyncio
import time

import pytest

from dflow.delivery import Quota, Retry, State, Treatment
from dflow.exchange import Mount
from dflow.exchange.journal import Journal, NewArrival, NewDelivery, Outcome, Query, open_journal
from dflow.exchange.lane import Lane
from dflow.exchange.lease import Lease, moment
from dflow.exchange.scribe import Scribe
from support_exchange import Clock, Moody, World, file, work_of
from support_postgres import database, opened

RULES = """
destination old "the old agent"
route all: flow D0010 to M/OLDM deliver old
"""
DAY = 86400
#: An instant 23:50 by UTC.
LATE = 1_789_948_800.0 // DAY * DAY + 23 * 3600 + 50 * 60


def world(old: Moody, *, cap: float = 900.0) -> World:
    treatment = Treatment(retry=Retry(first=1, cap=cap, jitter=0))
    return World(rules=RULES, mounts=(Mount(name="old", outbox=old, treatment=treatment),))


def test_a_run_after_the_clock_was_set_back_sends_what_is_due() -> None:
    old = Moody("down")
    here = world(old, cap=60)
    here.put(file(1))
    here.run()
    here.journal.record(
        NewArrival(
            at=here.clock.now,
            source="x",
            name="b",
            content=b"never tried",
            outcome=Outcome.ROUTED,
            deliveries=(NewDelivery(destination="old", key="never tried"),),
        )
    )
    old.mood = "well"
    here.clock.now -= 7200
    here.run()
    assert [row.state for row in here.journal.deliveries(Query())] == [State.DELIVERED] * 2
    (event,) = here.journal.events(kind="clock went back")
    assert event.why == (
        "the clock was set back since the last run; 2 deliveries that waited are due earlier"
    )
    here.run()
    assert len(here.journal.events(kind="clock went back")) == 1


def test_a_wait_that_the_treatment_gives_is_no_clock_set_back() -> None:
    here = world(Moody("down"))
    here.put(file(1))
    here.run()
    here.run()
    assert not here.journal.events(kind="clock went back")
    assert len(here.journal.attempts(1)) == 1


def test_a_clock_set_back_while_it_runs_keeps_each_wait_as_it_was() -> None:
    old = Moody("down")
    here = world(old)

    async def scenario() -> None:
        exchange = here.exchange()
        running = asyncio.ensure_future(exchange.run())
        here.inbox.put(file(1))
        last, back = time.monotonic(), False
        for _ in range(600):
            await asyncio.sleep(0.02)
            here.clock.now += time.monotonic() - last
            last = time.monotonic()
            if not back and old.moods == [] and here.journal.attempts(1):
                here.clock.now, back, old.mood = here.clock.now - 600, True, "well"
            if old.kept:
                break
        exchange.stop()
        await asyncio.wait_for(running, 5)

    asyncio.run(scenario())
    assert old.kept
    (event,) = here.journal.events(kind="clock went back")
    assert "by 600 s; 1 delivery that" in event.why


async def sent(lane: Lane, keys: list[str]) -> int:
    """How many are delivered in all after more came."""

    def record(journal: Journal) -> None:
        for key in keys:
            journal.record(
                NewArrival(
                    at=lane.clock(),
                    source="x",
                    name="a",
                    content=key.encode(),
                    outcome=Outcome.ROUTED,
                    deliveries=(NewDelivery(destination="old", key=key),),
                )
            )

    await lane.scribe.do(record)
    lane._look_at = 0.0
    await work_of(lane)
    assert isinstance(lane.mount.outbox, Moody)
    return len(lane.mount.outbox.kept)


async def over_midnight(journal: Journal) -> list[int]:
    """Sends five minutes before and after midnight, and again once the clock was set back."""
    clock, scribe = Clock(now=LATE), Scribe(journal)
    mount = Mount(name="old", outbox=Moody(), treatment=Treatment(quota=Quota(per_day=5)))
    lease = Lease(journal.lease)
    lease.renewed(moment())
    lane = Lane(mount=mount, scribe=scribe, clock=clock, lease=lease)
    await lane._begin()
    found = [await sent(lane, [f"a{n}" for n in range(3)])]
    clock.now = LATE + 900
    found.append(await sent(lane, [f"b{n}" for n in range(4)]))
    clock.now = LATE + 300
    found.append(await sent(lane, [f"c{n}" for n in range(9)]))
    clock.now = LATE + 960
    found.append(await sent(lane, []))
    clock.now = LATE + 960 + DAY
    found.append(await sent(lane, []))
    scribe.stop()
    journal.close()
    return found


#: 3 on the first day, 4 on the second; none, as the first has 7 now; 1 on the second; 5 on a third.
_FOUND = [3, 7, 7, 8, 13]


def test_a_quota_is_not_begun_anew_by_a_clock_set_back_over_midnight() -> None:
    assert asyncio.run(over_midnight(open_journal(None))) == _FOUND


def test_nor_is_a_quota_that_workers_share() -> None:
    with database(lease=60.0) as place:
        assert asyncio.run(over_midnight(opened(place))) == _FOUND


@pytest.mark.parametrize("by", [0.0, 600.0])
def test_what_waits_for_a_person_waits_whatever_the_clock_says(by: float) -> None:
    here = world(Moody("lies", probes=False))
    here.put(file(1))
    here.run()
    (before,) = here.journal.deliveries(Query())
    assert here.journal.hasten("old", now=here.clock.now - 9999, by=by, longest=60) == 0
    assert list(here.journal.deliveries(Query())) == [before]
