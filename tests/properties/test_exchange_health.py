"""Law: a destination's health after any runs is its health after one run of the same attempts.

`dflow.exchange.health`: "how each attempt ended stands in the journal already, so that the
failures in a row are counted from it".
"""

from __future__ import annotations

import asyncio

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from dflow.delivery import Breaker, Health, Retry, Treatment
from dflow.exchange import Mount
from dflow.exchange.journal import NewArrival, NewDelivery, Outcome, open_journal
from dflow.exchange.lane import Lane
from dflow.exchange.scribe import Scribe
from support_exchange import Clock, Moody, work_of

_MOODS = st.sampled_from(["down", "down", "down", "well", "refuses", "lies", "breaks"])
#: Seconds before a file comes.  No rest lasts longer, since a new run does not wait for its end.
_PAUSES = st.sampled_from([40, 41, 100, 1000])


async def lived(
    moments: list[tuple[str, int]], cuts: set[int], breaker: Breaker, *, probes: bool
) -> Health:
    """The health after each file came in its mood, with a new run at each cut."""
    clock, outbox = Clock(), Moody(probes=probes)
    treatment = Treatment(
        concurrency=2,
        breaker=breaker,
        retry=Retry(first=10, cap=40, jitter=0, attempts=4),
        unanswered="again",
    )
    journal = open_journal(None)
    scribe = Scribe(journal)
    mount = Mount(name="old", outbox=outbox, treatment=treatment)
    lane: Lane | None = None
    for number, (mood, pause) in enumerate(moments):
        clock.now += pause
        if lane is None or number in cuts:
            lane = Lane(mount=mount, scribe=scribe, clock=clock, chance=lambda: 0.5)
            await lane._begin()
        outbox.mood = mood
        journal.record(
            NewArrival(
                at=clock.now,
                source="x",
                name="a",
                content=b"%d" % number,
                outcome=Outcome.ROUTED,
                deliveries=(NewDelivery(destination="old", key=f"k{number}"),),
            )
        )
        await work_of(lane)
    scribe.stop()
    journal.close()
    assert lane is not None
    return evolve(lane._health, trial=False)


@pytest.mark.untraced
@given(
    moments=st.lists(st.tuples(_MOODS, _PAUSES), min_size=1, max_size=12),
    cuts=st.sets(st.integers(1, 12)),
    after=st.integers(1, 4),
    probes=st.booleans(),
)
def test_runs_end_in_the_health_of_one_run(
    moments: list[tuple[str, int]], cuts: set[int], after: int, *, probes: bool
) -> None:
    breaker = Breaker(after=after, rest=10, cap=40)
    one = asyncio.run(lived(moments, set(), breaker, probes=probes))
    many = asyncio.run(lived(moments, cuts, breaker, probes=probes))
    assert many == one
