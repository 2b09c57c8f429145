"""Whether a method of allocation favours size.

In: a method.  Out: what size did to the outcome, over many made-up rounds.  This module
knows nothing of law: it measures, and says with what certainty.

Each round makes up suppliers whose sizes differ up to a thousandfold, lets their requests
arrive in an order that has nothing to do with size, gives room for part of what is
wanted, and allocates.  Two outcomes are looked at: who begins earlier, and what part of
the wish is met when half of the room is used.  If size played no part, sizes could be
exchanged between suppliers without anyone noticing: so they are, many times, and the
real connection is compared with those.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from attrs import frozen

from dflow.migration.allocation import METHODS, Method, Request, allocate
from dflow.migration.limits import Calendar, Limit
from dflow.migration.plan import Plan, Supplier

__all__ = ["SizeTest", "favours_size"]

#: A connection weaker than this is of no practical weight, however certain.  When requests
#: are filled one after the other, nobody waits behind himself, and who is large has so much
#: less before him: that alone gives about 0.1.
_WEAK = 0.2
#: A chance below this is taken as certain enough to speak of.
_CERTAIN = 0.01

_START = date(2026, 1, 5)
_DAYS = 20


@frozen(kw_only=True)
class SizeTest:
    """What size did to the outcome of a method.

    Attributes:
        method: the method's name.
        rounds: how many were made up.
        start: rank correlation of size with beginning early, -1 to 1; above 0 favours large.
        met: rank correlation of size with the part of the wish met halfway.
        start_chance: how likely so strong a connection is if size plays no part.
        met_chance: the same for `met`.
    """

    method: str
    rounds: int
    start: float
    met: float
    start_chance: float
    met_chance: float

    @property
    def verdict(self) -> Literal["favours large", "favours small", "does not favour size"]:
        """In words; a connection counts if it is strong enough and no chance."""
        pairs = ((self.start, self.start_chance), (self.met, self.met_chance))
        strong = [value for value, chance in pairs if abs(value) >= _WEAK and chance < _CERTAIN]
        if not strong:
            return "does not favour size"
        return "favours large" if max(strong, key=abs) > 0 else "favours small"


def favours_size(
    method: str | Method, *, rounds: int = 60, suppliers: int = 12, seed: int = 1
) -> SizeTest:
    """Try a method on made-up rounds; the same seed gives the same answer.

    Raises:
        KeyError: no such method.
    """
    chosen = METHODS[method] if isinstance(method, str) else method
    chance = random.Random(seed)  # noqa: S311  made-up rounds that can be repeated
    rows = [_round(chosen, suppliers, chance) for _ in range(rounds)]
    start = [(sizes, early) for sizes, early, _ in rows]
    met = [(sizes, part) for sizes, _, part in rows]
    return SizeTest(
        method=chosen.name,
        rounds=rounds,
        start=_mean(start),
        met=_mean(met),
        start_chance=_chance(start, chance),
        met_chance=_chance(met, chance),
    )


def _round(
    method: Method, suppliers: int, chance: random.Random
) -> tuple[list[float], list[float], list[float]]:
    names = [f"S{number:03}" for number in range(suppliers)]
    sizes = [int(10 ** chance.uniform(2, 5)) for _ in names]
    order = names[:]
    chance.shuffle(order)
    received = datetime(2025, 6, 2, 9, tzinfo=UTC)
    requests = [
        Request(
            received=received + timedelta(minutes=order.index(name)),
            supplier=name,
            network="10",
            wanted=size,
        )
        for name, size in zip(names, sizes, strict=True)
    ]
    daily = max(1, int(sum(sizes) * 0.6 / _DAYS))
    open_to_all = Limit(name="supplier", daily=None)
    plan = Plan(
        name="made up",
        start=_START,
        end=_START + timedelta(days=_DAYS),
        calendar=Calendar(days_off=()),
        industry=Limit(name="industry", daily=daily),
        networks={"10": Limit(name="network 10", daily=None)},
        suppliers={n: Supplier(mpid=n, limit=open_to_all, qualified=_START) for n in names},
    )
    done = allocate(plan, requests, method, seed=chance.getrandbits(32))
    never = _DAYS * 2
    early = [-float((grant.first - _START).days if grant.first else never) for grant in done.grants]
    half = _DAYS // 2
    part = [
        sum(done.volumes.row(name, "10")[:half]) / size
        for name, size in zip(names, sizes, strict=True)
    ]
    return [float(size) for size in sizes], early, part


def _ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 0; equal values share the middle of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    at = 0
    while at < len(order):
        end = at
        while end + 1 < len(order) and values[order[end + 1]] == values[order[at]]:
            end += 1
        for number in order[at : end + 1]:
            ranks[number] = (at + end) / 2
        at = end + 1
    return ranks


def _correlation(a: Sequence[float], b: Sequence[float]) -> float:
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    top = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    low = sum((x - mean_a) ** 2 for x in a) * sum((y - mean_b) ** 2 for y in b)
    return top / low**0.5 if low else 0.0


def _mean(rows: Sequence[tuple[list[float], list[float]]]) -> float:
    return sum(_correlation(_ranks(a), _ranks(b)) for a, b in rows) / len(rows)


def _chance(rows: Sequence[tuple[list[float], list[float]]], chance: random.Random) -> float:
    """How often exchanged sizes show as strong a connection as the real ones."""
    ranked = [(_ranks(a), _ranks(b)) for a, b in rows]
    real = abs(sum(_correlation(a, b) for a, b in ranked) / len(ranked))
    trials, as_strong = 200, 0
    for _ in range(trials):
        total = 0.0
        for a, b in ranked:
            chance.shuffle(a)
            total += _correlation(a, b)
        as_strong += abs(total / len(ranked)) >= real - 1e-12
    return (as_strong + 1) / (trials + 1)
