"""The exchange at work: what fails, hangs, lies and comes back, and what is kept of it."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter

import pytest

from dflow.delivery import Breaker, Quota, Retry, State, Treatment
from dflow.exchange import Mount
from dflow.exchange.journal import LaneRow, Outcome, Query
from dflow.routing import Routes
from dflow.transport import Parcel, Receipt
from support_exchange import Moody, World, file

QUICK = Treatment(retry=Retry(first=5, jitter=0), breaker=Breaker(after=1000), timeout=0.2)


def world(
    old: Moody | None = None,
    new: Moody | None = None,
    spare: Moody | None = None,
    *,
    treatment: Treatment = QUICK,
) -> World:
    return World(
        mounts=(
            Mount(name="old", outbox=old or Moody(), treatment=treatment),
            Mount(name="new", outbox=new or Moody(), treatment=QUICK),
            Mount(name="spare", outbox=spare or Moody(), treatment=QUICK),
        )
    )


def states(here: World, destination: str) -> Counter[State]:
    return Counter(one.state for one in here.journal.deliveries(Query(destination=destination)))


def outcomes(here: World) -> dict[str, int]:
    return {outcome.value: n for outcome, n in here.journal.outcomes().items()}


class Alarming(Moody):
    """An outbox that is signalled to while it sends."""

    async def send(self, parcel: Parcel) -> Receipt:
        signal.raise_signal(signal.Signals[self.mood])
        await asyncio.sleep(0.02)  # so that the signal is seen first
        return Receipt(key=parcel.key, place=parcel.name)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_a_run_and_what_is_under_way_is_kept(name: str) -> None:
    here = world(Alarming(name))
    here.put(file(1))
    assert here.exchange().run_until_signal().received == 1
    assert states(here, "old") == {State.DELIVERED: 1}


def test_every_outcome_is_kept_and_named() -> None:
    here = world()
    here.put(
        file(1),
        file(2, flow="D0150"),
        file(3, flow="D0312"),
        file(4, flow="D0019"),
        file(5, flow="D0004"),
        b"not a flow",
        b"",
        b"\x00" * 100_000,
        b"|" * 1_000_000,
        b"ZHV|" + b"A" * 100_000,
        b"ZHV|1|D0010002|M|../..|M|OLDM|20260601120000||||OPER|\n",
        b"ZHV|1|D0010002|M|W\xff\x01\x1b|M|OLDM|20260601120000||||OPER|\n",
    )
    here.run()
    assert outcomes(here) == {
        "routed": 3,
        "held": 1,
        "refused": 1,
        "discarded": 1,
        "unrouted": 1,
        "unparsable": 5,
    }
    assert states(here, "old") == {State.DELIVERED: 3}
    for arrival in here.journal.arrivals(Query()):
        assert arrival.reason or arrival.outcome in {
            Outcome.ROUTED,
            Outcome.HELD,
            Outcome.REFUSED,
            Outcome.DISCARDED,
        }
        assert arrival.hash
    first = next(here.journal.arrivals(Query()))
    assert json.loads(first.decision)["rule"] == "all"
    assert first.rules_hash == Routes.parse(here.rules).rules_hash


def test_a_copy_is_the_same_bytes_and_its_provenance_lies_beside() -> None:
    old, new = Moody(), Moody()
    here = world(old, new)
    here.put(file(1, size=4000))
    here.run()
    (original,), (copy,) = old.kept.values(), new.kept.values()
    assert original.content == copy.content
    assert original.key != copy.key
    assert original.notes == {}
    assert copy.notes["rule"] == "migration"
    assert copy.notes["original_file_id"] == "0000000001"


def test_a_repeat_is_recorded_pointed_at_the_first_and_not_sent() -> None:
    old = Moody()
    here = world(old)
    here.put(file(1), file(1), file(2))
    here.run()
    here.put(file(1))
    here.run()
    assert [(one.outcome.value, one.repeat_of) for one in here.journal.arrivals(Query())] == [
        ("routed", None),
        ("repeat", 1),
        ("routed", None),
        ("repeat", 1),
    ]
    assert max(old.times.values()) == 1


def test_what_was_unrouted_may_come_again_once_a_rule_is_there() -> None:
    here = world()
    here.put(file(1, flow="D0004"))
    here.run()
    here.rules += "route late: flow D0004 deliver new\n"
    here.put(file(1, flow="D0004"))
    here.run()
    assert [(one.outcome.value, one.repeat_of) for one in here.journal.arrivals(Query())] == [
        ("unrouted", None),
        ("routed", 1),
    ]


def test_a_dead_destination_does_not_touch_the_others() -> None:
    old, new = Moody("down"), Moody()
    here = world(old, new)
    here.put(*[file(n) for n in range(20)])
    here.run()
    assert states(here, "old") == {State.RETRYING: 20}
    assert states(here, "new") == {State.DELIVERED: 20}
    old.mood = "well"
    here.run()
    assert states(here, "old") == {State.RETRYING: 20}, "not before they are due"
    here.clock.now += 6
    here.run()
    assert states(here, "old") == {State.DELIVERED: 20}
    assert set(old.times.values()) == {1}
    attempts = here.journal.attempts(1)
    assert [(one.number, one.step) for one in attempts] == [(1, "failed"), (2, "accepted")]
    assert attempts[0].detail == "nobody answers"


@pytest.mark.parametrize("mood", ["lies", "hangs", "breaks"])
def test_what_is_not_certain_is_asked_about_before_it_is_sent_again(mood: str) -> None:
    old = Moody(moods=[mood])
    here = world(old)
    here.put(file(1))
    here.run()
    assert old.asked == 1
    assert states(here, "old") == {State.DELIVERED: 1}
    assert set(old.times.values()) == {1}
    assert here.journal.attempts(1)[0].step == "lost"


def test_what_cannot_be_asked_waits_for_a_person() -> None:
    old = Moody(moods=["lies"], probes=False)
    here = world(old)
    here.put(file(1))
    here.run()
    assert states(here, "old") == {State.UNKNOWN: 1}
    here.clock.now += 1e6
    here.run()
    assert states(here, "old") == {State.UNKNOWN: 1}
    assert [event.kind for event in here.journal.events()] == ["unknown", "waits for a person"]
    again = Treatment(unanswered="again", retry=QUICK.retry)
    other = world(Moody(moods=["lies"], probes=False), treatment=again)
    other.put(file(1))
    other.run()
    assert states(other, "old") == {State.DELIVERED: 1}


def test_a_refusal_and_exhaustion_are_dead_and_block_nobody() -> None:
    few = Treatment(
        retry=Retry(first=1, attempts=2, jitter=0), order="all", timeout=0.2, fallback_after=None
    )
    old = Moody(moods=["refuses", "well", "down", "down"])
    here = world(old, treatment=few)
    here.put(file(1), file(2), file(3), file(4))
    here.run()
    assert states(here, "old") == {
        State.DEAD: 1,
        State.DELIVERED: 1,
        State.RETRYING: 1,
        State.DUE: 1,
    }
    here.clock.now += 2
    here.run()
    assert states(here, "old") == {State.DEAD: 2, State.DELIVERED: 2}
    dead = [event.why for event in here.journal.events(kind="dead")]
    assert dead == ["not for us", "nobody answers"]


def test_order_is_kept_within_a_line_and_others_go_on() -> None:
    lined = Treatment(retry=Retry(first=5, jitter=0), order="sender and flow", concurrency=8)
    old = Moody(moods=["down"])
    here = world(old, treatment=lined)
    for number in range(5):
        here.inbox.put(file(number), name=f"west{number}")
    for number in range(5):
        here.inbox.put(file(number, sender="EAST"), name=f"east{number}")
    here.run()
    assert old.order == [f"east{n}" for n in range(5)]
    here.clock.now += 6
    here.run()
    assert old.order[5:] == [f"west{n}" for n in range(5)]


def test_concurrency_is_kept() -> None:
    old = Moody(pause=0.01)
    here = world(old, treatment=Treatment(concurrency=3))
    here.put(*[file(n) for n in range(30)])
    here.run()
    assert (old.most, len(old.kept)) == (3, 30)


def test_a_breaker_spares_a_destination_that_is_down_and_notices_its_return() -> None:
    treatment = Treatment(
        concurrency=1, breaker=Breaker(after=3, rest=60), retry=Retry(first=1, jitter=0)
    )
    old = Moody("down")
    here = world(old, treatment=treatment)
    here.put(*[file(n) for n in range(50)])
    here.run()
    assert states(here, "old") == {State.RETRYING: 3, State.DUE: 47}
    assert here.journal.lane("old").down_since is not None
    old.mood = "well"
    here.clock.now += 100
    here.run()
    assert states(here, "old") == {State.DELIVERED: 50}
    kinds = [event.kind for event in here.journal.events()]
    assert kinds == ["degraded", "recovered"], "transitions, not repetitions"
    assert here.journal.lane("old").down_since is None


def test_fallback_takes_over_after_its_time_and_nothing_goes_twice() -> None:
    treatment = Treatment(
        concurrency=1,
        breaker=Breaker(after=1, rest=10),
        retry=Retry(first=1, jitter=0),
        fallback_after=100,
    )
    old, spare = Moody("down"), Moody()
    here = world(old, spare=spare, treatment=treatment)
    here.put(*[file(n) for n in range(10)])
    here.run()
    assert not spare.kept
    here.clock.now += 120
    here.run()
    here.run()
    assert states(here, "old") == {State.CANCELLED: 10}
    assert states(here, "spare") == {State.DELIVERED: 10}
    assert len(here.journal.events(kind="diverted")) == 10


def test_a_person_can_divert_and_pause() -> None:
    old, new, spare = Moody(), Moody(), Moody()
    here = world(old, new, spare)
    here.journal.set_lane(LaneRow(destination="old", diverted=True))
    here.journal.set_lane(LaneRow(destination="new", paused=True))
    here.put(file(1))
    here.run()
    here.run()
    assert (len(old.kept), len(new.kept), len(spare.kept)) == (0, 0, 1)
    assert states(here, "new") == {State.DUE: 1}


def test_a_quota_counts_what_was_sent_before_the_restart() -> None:
    old = Moody()
    here = world(old, treatment=Treatment(quota=Quota(per_day=7)))
    here.put(*[file(n) for n in range(5)])
    here.run()
    here.put(*[file(n) for n in range(5, 10)])
    here.run()
    assert len(old.kept) == 7
    here.clock.now += 86400
    here.run()
    assert len(old.kept) == 10


def test_a_damaged_payload_is_dead_and_the_others_go_on() -> None:
    old = Moody("down")
    here = world(old)
    here.put(file(1), file(2))
    here.run()
    first = next(here.journal.deliveries(Query(destination="old")))
    here.journal._connection.execute(
        "UPDATE payload SET body = x'00' WHERE hash = ?", (first.hash,)
    )
    old.mood = "well"
    here.clock.now += 6
    here.run()
    assert states(here, "old") == {State.DEAD: 1, State.DELIVERED: 1}
    assert "damaged" in here.journal.events(kind="dead")[0].why


def test_many_damaged_payloads_do_not_end_a_run() -> None:
    old = Moody("down")
    here = world(old)
    here.put(*map(file, range(40)))
    here.run()
    rows = list(here.journal.deliveries(Query(destination="old")))
    for row in rows[:30]:
        here.journal._connection.execute(
            "UPDATE payload SET body = x'00' WHERE hash = ?", (row.hash,)
        )
    old.mood = "well"
    here.clock.now += 86400
    here.run()
    assert states(here, "old") == {State.DEAD: 30, State.DELIVERED: 10}


def test_rules_are_swapped_whole_or_not_at_all() -> None:
    here = world()
    exchange = here.exchange()
    before = exchange.routes
    with pytest.raises(ValueError, match="no mount for elsewhere"):
        exchange.use(Routes.parse('destination elsewhere "x"\nroute a: deliver elsewhere\n'))
    assert exchange.routes is before
    here.rules += "route rest: flow * deliver new\n"
    exchange.use(Routes.parse(here.rules))
    here.put(file(1, flow="D0004"))
    exchange.run_once()
    assert outcomes(here) == {"routed": 1}


def test_a_change_of_rules_is_an_event_with_both_hashes() -> None:
    here = world()
    exchange = here.exchange()
    first, second = (Routes.parse(here.rules + more) for more in ("", "discard rest: flow *\n"))

    async def scenario() -> None:
        running = asyncio.ensure_future(exchange.run())
        await asyncio.sleep(0.05)
        for routes in (first, second, second, first):
            exchange.use(routes)
            await asyncio.sleep(0.05)
        exchange.stop()
        await asyncio.wait_for(running, 5)

    asyncio.run(scenario())
    assert [one.detail for one in here.journal.events(kind="rules changed")] == [
        f"from {first.rules_hash} to {second.rules_hash}",
        f"from {second.rules_hash} to {first.rules_hash}",
    ]


def test_it_runs_until_stopped_and_tells_its_events() -> None:
    old = Moody("refuses")
    here = world(old)
    told: list[str] = []

    async def scenario() -> None:
        exchange = here.exchange()
        exchange.observe = lambda event: told.append(event.kind)
        running = asyncio.ensure_future(exchange.run())
        await asyncio.sleep(0.05)
        here.inbox.put(file(1))
        for _ in range(100):
            await asyncio.sleep(0.05)
            if told and here.mounts[1].outbox.kept:  # type: ignore[attr-defined]  # a Moody
                break
        exchange.stop()
        totals = await asyncio.wait_for(running, 5)
        assert totals.received == 1

    asyncio.run(scenario())
    assert told == ["dead"]
    assert here.inbox.waiting == 0


def test_stopped_while_a_destination_hangs_the_next_run_asks() -> None:
    old = Moody("hangs")
    patient = Treatment(timeout=3600)
    here = world(old, treatment=patient)

    async def scenario() -> None:
        exchange = here.exchange()
        here.inbox.put(file(1))
        running = asyncio.ensure_future(exchange.run())
        while not old.now:
            await asyncio.sleep(0.01)
        exchange.stop()
        await asyncio.wait_for(running, 5)

    asyncio.run(scenario())
    assert states(here, "old") == {State.SENDING: 1}
    old.mood = "well"
    here.run()
    assert states(here, "old") == {State.DELIVERED: 1}
    assert (old.asked, set(old.times.values())) == (1, {1})
