"""Thirty million meter points over two years: allocated, checked, and supposed otherwise.

Run it: ``cd tests; PYTHONPATH=../src:. python -m bench.test_bench_migration``.  The
numbers are made up.  It prints seconds; they are not held to a limit, as no time is.
"""

from __future__ import annotations

import random
import time
from datetime import UTC, date, datetime, timedelta

import pytest

from dflow.migration import (
    METHODS,
    Calendar,
    Change,
    Limit,
    Plan,
    Request,
    Supplier,
    allocate,
    check,
    what_if,
)

START, END = date(2026, 4, 1), date(2028, 4, 1)
NETWORKS = [str(number) for number in range(10, 24)]
SUPPLIERS = [f"SU{number:02}" for number in range(50)]
WANTED = 30_000_000


def two_years() -> tuple[Plan, list[Request]]:
    """A plan of fifty suppliers on fourteen networks, and what they ask for."""
    plan = Plan(
        name="two years",
        start=START,
        end=END,
        calendar=Calendar(),
        industry=Limit(name="industry", daily=70_000),
        networks={name: Limit(name=f"network {name}", daily=8_000) for name in NETWORKS},
        suppliers={
            mpid: Supplier(
                mpid=mpid, limit=Limit(name=f"supplier {mpid}", daily=20_000), qualified=START
            )
            for mpid in SUPPLIERS
        },
    )
    chance = random.Random(1)
    each = WANTED // (len(SUPPLIERS) * len(NETWORKS))
    received = datetime(2026, 1, 1, tzinfo=UTC)
    requests = [
        Request(
            received=received + timedelta(minutes=chance.randrange(9999)),
            supplier=mpid,
            network=name,
            wanted=each,
        )
        for mpid in SUPPLIERS
        for name in NETWORKS
    ]
    return plan, requests


@pytest.mark.slow
def test_two_years_are_planned_without_a_breach() -> None:
    plan, requests = two_years()
    done = allocate(plan, requests)
    assert done.unmet == 0
    assert done.volumes.total == sum(one.wanted for one in requests)
    assert check(plan, done.volumes) == ()
    less = what_if(plan, requests, Change(name="less", industry=0.5), method=done.method)
    assert less.unmet > 0


def _main() -> None:
    plan, requests = two_years()
    began = time.perf_counter()
    done = allocate(plan, requests)
    print(f"allocate {done.volumes.total:,} migrations: {time.perf_counter() - began:.2f} s")
    began = time.perf_counter()
    found = check(plan, done.volumes)
    print(f"check two years, {len(found)} breaches: {time.perf_counter() - began:.2f} s")
    for method in METHODS:
        began = time.perf_counter()
        seen = what_if(plan, requests, Change(name="less", industry=0.9), method=method)
        took = time.perf_counter() - began
        print(f"what if, {method}: {seen.granted:,} by {seen.last}: {took:.2f} s")


if __name__ == "__main__":
    _main()
