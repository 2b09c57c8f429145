"""A destination's health as the journal's attempts tell it: it outlives a run and a crash.

In: attempts, as they were kept.  Out: what they say of the destination.  This module writes
nothing: how each attempt ended stands in the journal already, so that the failures in a row
are counted from it, and no second memory of them can say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from dflow.delivery import Breaker, Health, Step
from dflow.exchange.journal import AttemptRow, LaneRow
from dflow.exchange.journal.port import LEASE_ENDED, STOPPED

__all__ = [
    "CANNOT_ASK",
    "COULD_NOT_TELL",
    "GIVEN_UP",
    "NONE_LEFT",
    "answered",
    "begun_with",
    "enough",
    "found_down",
    "health_of",
]

#: What an attempt is kept with that was given up for this worker's sake.
GIVEN_UP = "given up: the journal cannot be reached, and the lease has ended"
#: Asked, it does not have the delivery, which may be sent no more: dead, but it did answer.
NONE_LEFT = "asked, the destination does not have it, and no more attempts are allowed"
#: Asked, it answered without an answer.
COULD_NOT_TELL = "asked, the destination could not tell"
#: It was not asked: its transport has no questions.
CANNOT_ASK = "it cannot be asked"

#: What cut an attempt off on this side.
_OURS = {STOPPED, LEASE_ENDED, GIVEN_UP}
#: Attempts that are looked at beyond those that open a breaker.
_MORE = 256


def answered(step: Step, detail: str) -> bool | None:
    """Whether the destination takes or refuses what it is sent, as an attempt or a question shows.

    None if neither is shown: it was not asked, this side broke off, or it answers that it has
    nothing, which one that hangs on every parcel does too.
    """
    if step in {Step.ACCEPTED, Step.REFUSED, Step.FOUND}:
        return True
    if step is Step.MISSING or (step is Step.EXHAUSTED and detail == NONE_LEFT):
        return None
    if step is Step.LOST and detail in _OURS:
        return None
    if step in {Step.UNDECIDED, Step.PRESUMED} and detail.startswith((CANNOT_ASK, COULD_NOT_TELL)):
        return None
    return False


def health_of(attempts: Iterable[AttemptRow], breaker: Breaker) -> Health:
    """The health after these attempts, in the order in which they ended."""
    health = Health()
    for one in attempts:
        up = answered(Step(one.step), one.detail)
        if up is not None:
            health = breaker.answered(health) if up else breaker.failed(health, one.ended)
    return health


def enough(breaker: Breaker) -> int:
    """How many of the newest attempts tell a health."""
    return breaker.after + _MORE


def found_down(health: Health, since: float, breaker: Breaker, now: float) -> Health:
    """The health where another worker, or attempts forgotten since, found it down.

    One trial may go, not all, and if it fails the destination rests.
    """
    failures = max(health.failures, breaker.after - 1)
    return evolve(health, failures=failures, down_since=since, rest_until=now)


def begun_with(
    lane: LaneRow, attempts: Iterable[AttemptRow], breaker: Breaker, now: float
) -> Health:
    """The health with which a run begins: that of the attempts, its rest being over.

    Who starts a run wants to know whether the destination is back: one trial may go at once.

    Args:
        lane: what the journal remembers of the destination.
        attempts: the newest at it, in the order in which they ended.
        breaker: the destination's.
        now: the instant.
    """
    health = health_of(attempts, breaker)
    if health.rest_until is None and lane.down_since is not None:
        return found_down(health, lane.down_since, breaker, now)
    if health.rest_until is None:
        return health
    since = [one for one in (health.down_since, lane.down_since) if one is not None]
    return evolve(health, down_since=min(*since, now), rest_until=now)
