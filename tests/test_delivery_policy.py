"""Retries, breakers, quotas and closed hours, as pure functions of time."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dflow.delivery import Breaker, Closed, Health, Quota, Retry, Spent, Treatment

LONDON = ZoneInfo("Europe/London")
#: Noon before the clocks change.
SPRING = datetime(2026, 3, 28, 12, tzinfo=LONDON)
AUTUMN = datetime(2026, 10, 24, 12, tzinfo=LONDON)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_wait_is_capped_and_within_its_jitter(attempts: int, chance: float) -> None:
    retry = Retry(first=2, factor=3, cap=100, jitter=0.1)
    assert 1.7999 <= retry.wait(attempts, chance) <= 110.0001


def test_waits_grow_and_end() -> None:
    retry = Retry(first=1, factor=2, cap=10, jitter=0, attempts=3, give_up=60)
    assert [retry.wait(n, 0.3) for n in range(1, 6)] == [1, 2, 4, 8, 10]
    assert [retry.exhausted(n, 0) for n in (2, 3)] == [False, True]
    assert retry.exhausted(1, 60)


def test_a_breaker_rests_then_tries_once() -> None:
    treatment = Treatment(concurrency=8, breaker=Breaker(after=2, rest=30, cap=100))
    breaker, health = treatment.breaker, Health()
    for now in (100.0, 101.0):
        health = breaker.failed(health, now)
    assert (health.down_since, health.rest_until) == (100.0, 131.0)

    def may(now: float, under_way: int = 0) -> int:
        return treatment.allowance(
            now=now, under_way=under_way, health=health, spent=Spent()
        ).number

    assert (may(130.9), may(131.0), may(131.0, 1)) == (0, 1, 0)
    health = breaker.started(health)
    assert may(131.0) == 0
    health = breaker.failed(health, 132.0)
    assert health.rest_until == 132.0 + 60
    for _ in range(5):
        health = breaker.failed(health, 200.0)
    assert health.rest_until == 300.0
    assert breaker.answered(health) == Health()


def test_what_was_under_way_when_a_breaker_opened_makes_its_rest_no_longer() -> None:
    """Eight attempts at once and a server that dies: it is tried after 30 s, not after hours."""
    breaker, health = Breaker(after=5, rest=30, cap=9999), Health()
    for now in (100.0, 100.0, 100.1, 100.1, 100.2, 100.2, 100.3, 129.0):
        health = breaker.failed(health, now)
    assert (health.failures, health.rest_until) == (5, 130.2)
    assert breaker.failed(breaker.started(health), 131.0).rest_until == 131.0 + 60


def test_a_quota_by_the_second_and_by_the_day() -> None:
    quota = Quota(per_second=2, per_day=5, zone="Europe/London")
    now = at("2026-06-30T22:30:00")  # half past eleven, summer time
    spent = quota.fresh(now)
    assert quota.room(spent, now) == (2, None)
    spent = quota.used(spent, now, 2)
    assert quota.room(spent, now) == (0, now + 0.5)
    spent = quota.used(spent, now + 10, 2)
    spent = quota.used(spent, now + 20, 1)
    room, again = quota.room(spent, now + 30)
    assert (room, again) == (0, at("2026-06-30T23:00:00"))
    assert quota.room(spent, at("2026-06-30T23:00:01"))[0] == 2


@given(st.lists(st.floats(-100, 100), max_size=30))
def test_a_clock_that_jumps_never_gives_more_than_the_quota(jumps: list[float]) -> None:
    quota = Quota(per_second=1)
    now, spent, forward, started = 1000.0, quota.fresh(1000.0), 0.0, 0
    for jump in jumps:
        now += jump
        forward += max(0.0, jump)
        room, _ = quota.room(spent, now)
        assert room is not None
        started += room
        spent = quota.used(spent, now, room)
    assert started <= 1 + forward + 1e-6


def test_closed_hours_by_the_local_clock() -> None:
    night = Closed(start=time(22), end=time(2), days=("sun",), zone="Europe/London")
    assert night.until(at("2026-07-05T20:59:00")) is None
    assert night.until(at("2026-07-05T21:00:00")) == at("2026-07-06T01:00:00")
    assert night.until(at("2026-07-06T00:59:00")) == at("2026-07-06T01:00:00")
    assert night.until(at("2026-07-06T01:00:00")) is None
    assert night.until(at("2026-07-06T21:00:00")) is None
    once = Closed(
        start=datetime(2026, 6, 27, 0, 0, tzinfo=UTC), end=datetime(2026, 6, 28, 0, 0, tzinfo=UTC)
    )
    assert once.until(at("2026-06-27T12:00:00")) == at("2026-06-28T00:00:00")
    assert once.until(at("2026-06-28T00:00:00")) is None


def test_a_day_whose_midnight_comes_twice_begins_once() -> None:
    quota, azores = Quota(per_day=1, zone="Atlantic/Azores"), ZoneInfo("Atlantic/Azores")
    instants = [datetime(2026, 10, 25, 0, 30, tzinfo=azores, fold=fold) for fold in (0, 1)]
    assert len({quota.day_start(one.timestamp()) for one in instants}) == 1


@example(time(23, 45), time(1, 45), AUTUMN, 13 * 60 + 30)
@example(time(1, 15), time(5), SPRING, 13 * 60 + 5)
@example(time(0), time(1, 15), SPRING, 12 * 60 + 30)
@example(time(0), time(1, 1, fold=1), SPRING, 12 * 60 + 1)
@given(
    start=st.times().map(lambda one: one.replace(second=0, microsecond=0)),
    end=st.times().map(lambda one: one.replace(second=0, microsecond=0)),
    night=st.sampled_from([SPRING, AUTUMN]),
    minutes=st.integers(0, 24 * 60),
)
def test_it_is_closed_when_the_clock_says_so_also_where_that_is_set(
    start: time, end: time, night: datetime, minutes: int
) -> None:
    assume(start != end)
    now = night.timestamp() + 60 * minutes
    until = Closed(start=start, end=end, zone=LONDON.key).until(now)
    local = datetime.fromtimestamp(now, LONDON)
    shown = local.time()
    within = start <= shown < end if start < end else shown >= start or shown < end
    assert until is None or until > now
    if within:
        assert until is not None
    elif until is not None:
        # In an hour that comes twice, between a start and an end that does.
        assert (night, local.hour) == (AUTUMN, 1)
        assert datetime.fromtimestamp(until, LONDON).time().replace(fold=0) == end


def test_what_makes_no_sense_is_refused() -> None:
    for make in (
        lambda: Retry(first=0),
        lambda: Breaker(after=0),
        lambda: Treatment(concurrency=0),
        lambda: Closed(start=time(1), end=time(1)),
        lambda: Closed(start=time(1), end=time(2), days=("sunday",)),
        lambda: Closed(
            start=datetime(2026, 1, 2, tzinfo=UTC), end=datetime(2026, 1, 1, tzinfo=UTC)
        ),
    ):
        with pytest.raises(ValueError, match=r"."):
            make()


def test_allowance_says_why() -> None:
    shut = Treatment(closed=(Closed(start=time(0), end=time(23, 59)),))
    allowed = shut.allowance(
        now=at("2026-01-01T12:00:00"), under_way=0, health=Health(), spent=Spent()
    )
    assert (allowed.number, allowed.why) == (0, "closed for maintenance")
    busy = Treatment(concurrency=2).allowance(now=0, under_way=2, health=Health(), spent=Spent())
    assert busy.why == "as many attempts under way as allowed"


def test_fallbacks_take_over_when_it_has_been_down_long_enough() -> None:
    treatment = Treatment(fallback_after=60, breaker=Breaker(after=1))
    health = treatment.breaker.failed(Health(), 100.0)
    assert not treatment.diverts(health, 159.0)
    assert treatment.diverts(health, 160.0)
    assert not Treatment(fallback_after=None).diverts(health, 1e9)
