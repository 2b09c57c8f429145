"""One destination's work: what it is sent instead, in which order, and how it is spared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.delivery import Breaker, Retry, State, Treatment, Unanswered
from dflow.exchange import Mount, Operations
from dflow.exchange.journal import LaneRow, Query
from support_exchange import Moody, World, file

RULES = """
destination old "the old agent"
destination new "the new agent"
destination spare "the spare"
route all: flow D0010 to M/OLDM deliver old else spare
clone migration: flow D0010 to M/OLDM copy new else spare readdressed to M/NEWM
"""


def world(*, old: Moody | None = None, treatment: Treatment, spare: Treatment) -> World:
    return World(
        rules=RULES,
        mounts=(
            Mount(name="old", outbox=old or Moody(), treatment=treatment),
            Mount(name="new", outbox=Moody(), treatment=treatment),
            Mount(name="spare", outbox=Moody(), treatment=spare),
        ),
    )


def test_a_diverted_delivery_takes_its_own_bytes_along() -> None:
    old = Moody("refuses")
    here = world(old=old, treatment=Treatment(), spare=Treatment())
    here.journal.set_lane(LaneRow(destination="new", diverted=True))
    here.put(file(1))
    here.run()
    act = Operations(journal=here.journal, who="ann", why="ticket 7", clock=here.clock)
    dead = next(here.journal.deliveries(Query(state=State.DEAD)))
    act.replace(dead.id, b"edited by ann")
    here.journal.set_lane(LaneRow(destination="old", diverted=True))
    here.run()
    here.run()
    spare = here.mounts[2].outbox
    assert isinstance(spare, Moody)
    kept = {parcel.notes.get("diverted_from"): parcel.content for parcel in spare.kept.values()}
    assert kept["old"] == b"edited by ann"
    assert b"|M|NEWM|" in kept["new"]


def test_a_diverted_delivery_waits_in_the_order_of_where_it_goes() -> None:
    here = world(treatment=Treatment(order="all"), spare=Treatment(order="sender and flow"))
    for name in ("old", "new"):
        here.journal.set_lane(LaneRow(destination=name, diverted=True))
    here.put(file(1))
    here.run()
    lines = {row.line for row in here.journal.deliveries(Query(destination="spare"))}
    assert lines == {"M/WEST D0010"}


@pytest.mark.parametrize("unanswered", ["person", "again"])
def test_a_destination_that_hangs_and_cannot_be_asked_is_down(unanswered: Unanswered) -> None:
    old = Moody("hangs", probes=False)
    treatment = Treatment(
        timeout=0.01, breaker=Breaker(after=3, rest=60), unanswered=unanswered, concurrency=1
    )
    here = world(old=old, treatment=treatment, spare=Treatment())
    here.put(*[file(n) for n in range(4)])
    here.run()
    here.run()
    assert [one.destination for one in here.journal.events(kind="degraded")] == ["old"]
    assert not here.journal.events(kind="recovered")


@pytest.mark.parametrize("probes", [True, False])
def test_what_is_lost_again_and_again_is_sent_less_often_and_then_no_more(*, probes: bool) -> None:
    old = Moody("breaks", probes=probes)
    treatment = Treatment(
        retry=Retry(first=10, jitter=0, attempts=4), breaker=Breaker(after=99), unanswered="again"
    )
    here = world(old=old, treatment=treatment, spare=Treatment())
    here.put(file(1))
    attempts = []
    for seconds in (0, 11, 11, 21, 99, 99):
        here.clock.now += seconds
        here.run()
        row = next(here.journal.deliveries(Query(destination="old")))
        attempts.append(row.attempts)
    # At once after the first loss, which may have been a crash; then after 10 and 20 seconds.
    assert attempts == [2, 3, 3, 4, 4, 4]
    # What it certainly does not have goes to the fallback.
    assert row.state is (State.CANCELLED if probes else State.UNKNOWN)
    word = "diverted" if probes else "waits for a person"
    assert len(here.journal.events(kind=word)) == 1


def test_what_a_crash_lost_is_sent_however_long_the_exchange_was_down() -> None:
    treatment = Treatment(retry=Retry(give_up=3600.0))
    here = world(treatment=treatment, spare=Treatment())
    here.put(file(1))
    here.journal.set_lane(LaneRow(destination="old", paused=True))
    here.run()
    # The process died while it was being sent, and was started again after three days.
    here.journal.claim("old", now=here.clock.now, limit=1)
    here.journal.set_lane(LaneRow(destination="old"))
    here.clock.now += 3 * 86400
    here.run()
    row = next(here.journal.deliveries(Query(destination="old")))
    assert (row.state, row.attempts) == (State.DELIVERED, 2)


def test_a_destination_that_was_diverted_from_is_tried_and_taken_again() -> None:
    old = Moody("down")
    treatment = Treatment(breaker=Breaker(after=1, rest=10), fallback_after=100)
    here = world(old=old, treatment=treatment, spare=Treatment())
    for number in range(3):
        here.put(file(number))
        here.run()
        here.clock.now += 120
    assert not old.kept
    assert here.journal.events(kind="diverted")
    old.mood = "well"
    for number in range(3, 6):
        here.put(file(number))
        here.run()
    assert len(here.journal.events(kind="recovered")) == 1
    assert len(old.kept) >= 3, "what came after the trial went there"
    delivered = Query(state=State.DELIVERED, kind="original")
    assert len(list(here.journal.deliveries(delivered))) == 6, "each of them once"


def test_what_was_paused_for_long_is_not_given_up_at_its_first_failure() -> None:
    treatment = Treatment(
        retry=Retry(first=3600, factor=1, jitter=0),
        breaker=Breaker(after=999),
        fallback_after=None,
    )
    here = world(old=Moody("down"), treatment=treatment, spare=Treatment())
    here.put(file(1))
    here.journal.set_lane(LaneRow(destination="old", paused=True))
    here.run()
    here.clock.now += 30 * 86400
    here.journal.set_lane(LaneRow(destination="old"))
    days = 0.0
    while next(here.journal.deliveries(Query(destination="old"))).state is not State.DEAD:
        here.run()
        here.clock.now += 7200
        days += 7200 / 86400
    assert 7 < days < 7.3


@given(
    moods=st.lists(st.sampled_from(["down", "down", "well", "breaks", "lies"]), max_size=30),
    pauses=st.lists(st.sampled_from([1, 30, 120]), min_size=6, max_size=6),
)
def test_a_line_keeps_its_order_where_it_is_diverted_to(
    moods: list[str], pauses: list[int]
) -> None:
    treatment = Treatment(
        order="sender",
        concurrency=2,
        retry=Retry(first=5, jitter=0),
        breaker=Breaker(after=2, rest=10),
        fallback_after=60,
    )
    spare = Moody()
    here = World(
        rules=RULES,
        mounts=(
            Mount(name="old", outbox=Moody("down", moods=moods), treatment=treatment),
            Mount(name="new", outbox=Moody()),
            Mount(name="spare", outbox=spare, treatment=Treatment(order="sender")),
        ),
    )
    for turn, seconds in enumerate(pauses):
        for number in range(2 * turn, 2 * turn + 2):
            for sender in ("WEST", "EAST"):
                name = f"{sender} {number:02}"
                here.inbox.put(file(number, sender=sender), name=name)
        here.run()
        here.clock.now += seconds
    for sender in ("WEST", "EAST"):
        went = [name for name in spare.order if name.startswith(sender)]
        assert went == sorted(went)


def test_what_a_person_diverts_goes_nowhere_else_however_much_it_is() -> None:
    old, spare = Moody(), Moody()
    here = World(
        rules=RULES,
        mounts=(
            Mount(name="spare", outbox=spare),
            Mount(name="old", outbox=old),
            Mount(name="new", outbox=Moody()),
        ),
    )
    here.journal.set_lane(LaneRow(destination="old", paused=True))
    here.put(*map(file, range(600)))
    here.run()
    here.journal.set_lane(LaneRow(destination="old", diverted=True))
    here.run()
    assert (len(old.kept), len(spare.kept)) == (0, 600)
    assert here.journal.events(kind="diverted")[0].why == "diverted to spare: a person said so"


def test_what_waits_behind_an_unknown_one_is_not_sent_where_a_person_said_no() -> None:
    old, spare = Moody(moods=["lies"], probes=False), Moody()
    here = World(
        rules=RULES,
        mounts=(
            Mount(name="old", outbox=old),
            Mount(name="new", outbox=Moody()),
            Mount(name="spare", outbox=spare, treatment=Treatment(order="all")),
        ),
    )
    here.put(file(1))
    here.run()
    here.journal.set_lane(LaneRow(destination="old", diverted=True))
    here.put(file(2))
    here.run()
    assert (len(old.kept), len(spare.kept)) == (1, 0), "it might overtake the first"
    act = Operations(journal=here.journal, who="ann", why="they have it", clock=here.clock)
    act.mark_delivered([1], evidence="by phone")
    here.clock.now += 2
    here.run()
    assert (len(old.kept), len(spare.kept)) == (1, 1)


def test_what_is_tried_for_the_last_time_goes_to_its_fallback() -> None:
    # The breaker opens after five failures: the destination never counts as down.
    treatment = Treatment(retry=Retry(first=1, jitter=0, attempts=3), order="all")
    old, spare = Moody("down"), Moody()
    here = World(
        rules=RULES,
        mounts=(
            Mount(name="old", outbox=old, treatment=treatment),
            Mount(name="new", outbox=Moody()),
            Mount(name="spare", outbox=spare),
        ),
    )
    here.put(file(1))
    for _ in range(3):
        here.run()
        here.clock.now += 5
    (row,) = here.journal.deliveries(Query(destination="old"))
    assert (row.state, row.attempts) == (State.CANCELLED, 3)
    assert len(spare.kept) == 1
    (event,) = here.journal.events(kind="diverted")
    assert event.why == "diverted to spare: old did not take it, and no more attempts are allowed"
    assert not here.journal.events(kind="dead")


def test_what_is_given_up_overtakes_nothing_at_an_ordered_fallback() -> None:
    treatment = Treatment(
        retry=Retry(first=1, factor=1, jitter=0, attempts=2), breaker=Breaker(after=999)
    )
    old, spare = Moody(moods=["lies", "down", "down", "down"], probes=False), Moody()
    here = World(
        rules=RULES,
        mounts=(
            Mount(name="old", outbox=old, treatment=treatment),
            Mount(name="new", outbox=Moody()),
            Mount(name="spare", outbox=spare, treatment=Treatment(order="all")),
        ),
    )
    here.put(file(1))
    here.run()
    here.put(file(2))
    for _ in range(2):
        here.run()
        here.clock.now += 5
    assert not spare.kept, "the first may yet follow it"
    act = Operations(journal=here.journal, who="ann", why="they have it", clock=here.clock)
    act.mark_delivered([1], evidence="by phone")
    here.run()
    assert len(spare.kept) == 1
