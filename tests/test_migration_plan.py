"""A migration plan on paper: limits, breaches, allocation, tranches, reverse, what if."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from dflow.errors import RefusedText
from dflow.migration import (
    METHODS,
    Application,
    Calendar,
    Change,
    Excepted,
    Limit,
    Move,
    Plan,
    Ramp,
    Request,
    Sprint,
    Supplier,
    Volumes,
    allocate,
    assign_tranches,
    check,
    favours_size,
    load_setup,
    read_volumes,
    reverse_of,
    what_if,
)

START = date(2026, 6, 1)  # a Monday
DAYS = 20
NETWORKS = ("12", "20")
SUPPLIERS = ("SUPA", "SUPB", "SUPC")
RECEIVED = datetime(2026, 3, 2, 9, tzinfo=UTC)

limits = st.none() | st.integers(0, 30)


def limit(name: str, daily: int | None) -> Limit:
    return Limit(name=name, daily=daily)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    offsets = st.integers(0, DAYS)
    ramp = Ramp(start=START, end=START + timedelta(days=5), first=0.2, last=1.0)
    sprint = Sprint(
        name="one",
        start=START,
        end=START + timedelta(days=7),
        tranches=draw(st.sampled_from([(), (1,)])),
    )
    return Plan(
        name="p",
        start=START,
        end=START + timedelta(days=DAYS),
        calendar=Calendar(holidays=frozenset({START + timedelta(days=2)})),
        industry=Limit(
            name="industry", daily=draw(limits), ramps=(ramp,) if draw(st.booleans()) else ()
        ),
        networks={name: limit(f"network {name}", draw(limits)) for name in NETWORKS},
        suppliers={
            mpid: Supplier(
                mpid=mpid,
                limit=limit(f"supplier {mpid}", draw(limits)),
                qualified=draw(st.none() | offsets.map(lambda n: START + timedelta(days=n))),
                tranche=draw(st.sampled_from([None, 1, 2])),
            )
            for mpid in SUPPLIERS
        },
        sprints=(sprint,),
    )


requests = st.lists(
    st.builds(
        Request,
        received=st.integers(0, 500).map(lambda n: RECEIVED + timedelta(minutes=n)),
        supplier=st.sampled_from(SUPPLIERS),
        network=st.sampled_from(NETWORKS),
        wanted=st.integers(0, 200),
        earliest=st.none() | st.integers(0, 10).map(lambda n: START + timedelta(days=n)),
        latest=st.none() | st.integers(8, 30).map(lambda n: START + timedelta(days=n)),
    ),
    max_size=6,
)


@given(plans(), requests, st.sampled_from(sorted(METHODS)))
def test_what_is_allocated_fits_the_plan(plan: Plan, asked: list[Request], method: str) -> None:
    done = allocate(plan, asked, method, seed=3)
    assert check(plan, done.volumes) == ()
    assert done.volumes.total == sum(grant.granted for grant in done.grants)
    for grant in done.grants:
        assert 0 <= grant.granted <= grant.request.wanted
        if grant.first and grant.last:
            assert (grant.request.earliest or START) <= grant.first <= grant.last
            assert grant.last <= (grant.request.latest or plan.end)
    assert allocate(plan, asked, method, seed=3).grants == done.grants


@given(plans(), requests)
def test_first_come_first_served_owes_nothing_to_who_comes_later(
    plan: Plan, asked: list[Request]
) -> None:
    ordered = sorted(asked, key=lambda one: one.received)
    whole = allocate(plan, ordered).grants
    for number in range(len(ordered)):
        assert allocate(plan, ordered[:number]).grants == whole[:number]


@given(plans(), requests)
def test_a_sharing_leaves_no_room_that_anyone_wants(plan: Plan, asked: list[Request]) -> None:
    for method in ("in proportion", "in equal parts"):
        done = allocate(plan, asked, method)
        for grant in done.grants:
            if grant.unmet:
                # One more anywhere in its days breaks some limit.
                first = max(0, ((grant.request.earliest or START) - START).days)
                last = min(DAYS, ((grant.request.latest or plan.end) - START).days + 1)
                for day in range(first, last):
                    row = done.volumes.row(grant.request.supplier, grant.request.network)
                    row[day] += 1
                    assert check(plan, done.volumes)
                    row[day] -= 1


def small(*, sprints: tuple[Sprint, ...] = ()) -> Plan:
    return Plan(
        name="p",
        start=START,
        end=START + timedelta(days=DAYS),
        calendar=Calendar(),
        industry=limit("industry", 100),
        networks={"12": limit("network 12", 60), "20": limit("network 20", None)},
        suppliers={
            "SUPA": Supplier(mpid="SUPA", limit=limit("supplier SUPA", 50), qualified=START),
            "SUPB": Supplier(mpid="SUPB", limit=limit("supplier SUPB", None)),
        },
        sprints=sprints,
    )


def volumes(*cells: tuple[int, str, str, int]) -> Volumes:
    made = Volumes(START, DAYS)
    for day, supplier, network, number in cells:
        made.add(START + timedelta(days=day), supplier, network, number)
    return made


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([(3, "SUPA", "12", 50)], []),
        (
            [(3, "SUPA", "12", 51)],
            ["2026-06-04: supplier SUPA allows 50, planned are 51, 1 too many"],
        ),
        (
            [(3, "SUPA", "12", 1200)],
            [
                "2026-06-04: industry allows 100, planned are 1,200, 1,100 too many",
                "2026-06-04: network 12 allows 60, planned are 1,200, 1,140 too many",
                "2026-06-04: supplier SUPA allows 50, planned are 1,200, 1,150 too many",
            ],
        ),
        ([(5, "SUPA", "20", 1)], ["2026-06-06: day off allows 0, planned are 1, 1 too many"]),
        (
            [(2, "SUPB", "20", 7), (3, "SUPB", "20", 7)],
            ["2026-06-03: qualification of SUPB allows 0, planned are 14, 14 too many"],
        ),
    ],
)
def test_a_breach_names_the_day_the_limit_and_the_excess(
    cells: list[tuple[int, str, str, int]], said: list[str]
) -> None:
    assert [str(one) for one in check(small(), volumes(*cells))] == said


def test_sprints_bound_their_sum_and_their_tranches() -> None:
    sprint = Sprint(name="S1", start=START, end=START + timedelta(days=5), tranches=(1,), most=60)
    plan = small(sprints=(sprint,))
    found = check(plan, volumes((0, "SUPA", "12", 40), (1, "SUPA", "12", 40)))
    assert [(one.day.day, one.limit, one.excess) for one in found] == [
        (1, "tranches of sprint S1", 80),
        (2, "sprint S1", 20),
    ]


def test_a_ramp_is_a_straight_line_and_rounds_down() -> None:
    up = Ramp(start=START, end=START + timedelta(days=5), first=0.1, last=0.9)
    ramped = Limit(name="x", daily=10, ramps=(up,), opens=START + timedelta(days=1))
    assert [ramped.on(START + timedelta(days=n)) for n in range(6)] == [0, 3, 5, 7, 9, 10]


def test_tranches_go_by_the_order_of_applications_whatever_their_size() -> None:
    applied = [
        Application(
            received=RECEIVED + timedelta(minutes=n), supplier=f"S{n}", prefers=1, portfolio=n
        )
        for n in range(4)
    ]
    assigned = assign_tranches(applied[::-1], (1, 2))
    assert [(one.supplier, one.tranche) for one in assigned] == [
        ("S0", 1),
        ("S1", 2),
        ("S2", 2),
        ("S3", None),
    ]
    assert assigned[1].why == "2 of 4, first come first served: tranche 1 was full"
    assert assign_tranches(applied, (1,), method="largest first")[0].supplier == "S3"
    with pytest.raises(ValueError, match="divides days"):
        assign_tranches(applied, (1,), method="in equal parts")


@pytest.mark.parametrize(
    ("method", "verdict"),
    [
        ("first come first served", "does not favour size"),
        ("lottery", "does not favour size"),
        ("largest first", "favours large"),
        ("in equal parts", "favours small"),
    ],
)
def test_whether_a_method_favours_size(method: str, verdict: str) -> None:
    assert favours_size(method, rounds=40).verdict == verdict


def test_reverse_migration_and_its_exceptions() -> None:
    plan = small()
    move = Move(
        day=START, mpan="1212345678902", network="12", old="SUPA", new="SUPB", migrated=True
    )
    excepted = Excepted(
        why="made up", suppliers=("SUPB",), networks=("12",), end=START + timedelta(days=3)
    )
    assert reverse_of(plan, move).outcome == "reverse"
    assert reverse_of(plan, evolve(move, new="SUPA")).outcome == "none"
    assert reverse_of(plan, evolve(move, migrated=False)).outcome == "none"
    assert reverse_of(plan, move, [excepted]).outcome == "excepted"
    for other in (
        evolve(move, network="20"),
        evolve(move, day=START + timedelta(days=3)),
        evolve(move, new="SUPX"),
    ):
        assert reverse_of(plan, other, [excepted]).outcome == "reverse"


def test_what_if_changes_what_it_says_and_nothing_else() -> None:
    plan = small()
    asked = [Request(received=RECEIVED, supplier="SUPA", network="12", wanted=700)]
    outlook = {
        change.name: what_if(plan, asked, change, method="first come first served")
        for change in (
            Change(name="as it is"),
            Change(name="half", suppliers=0.5),
            Change(name="later", later=7),
            Change(name="more", wanted=2),
        )
    }
    assert {name: (one.granted, one.unmet) for name, one in outlook.items()} == {
        "as it is": (700, 0),
        "half": (375, 325),
        "later": (500, 200),
        "more": (750, 650),
    }


PLAN = """
[plan]
start = 2026-06-01
end = 2026-06-21
{plan}
[industry]
daily = 100
[network.12]
[supplier.SUPA]
qualified = 2026-06-01
{rest}
"""


@pytest.mark.parametrize(
    ("plan", "rest", "said"),
    [
        ("name = 3\nmetod = 'x'", "", "[plan] has no key 'metod'"),
        ("method = 'first come'", "", "no method 'first come'"),
        ("", "portfolio = 1\n[[sprint]]\nfrom = 2026-06-05\nto = 2026-06-05", "not after"),
        ("", "[calendar]\ndays_off = ['someday']", "days_off is a list"),
        ("", "ramps = [{ from = 2026-06-01, to = 2026-06-03, first = 2, last = 1 }]", "0 to 1"),
        ("", "daily = -1", "whole number, 0 or more"),
        ("", "[supplier.SUPB]\nqualified = 2027-01-01", "after the plan's end"),
        ("volumes = 'v.csv'", "", "line 3: day 2026-07-01 lies outside the plan"),
        ("volumes = 'w.csv'", "", "the plan has no supplier SUPX"),
        ("volumes = 'u.csv'", "portfolio = 1", "5 are planned, and the portfolio is 1"),
        ("requests = 'r.csv'", "", "the plan has no network 99"),
        ("", "[exchange]\ndestination = 'd'", "needs config"),
        ("", "[[what_if]]\nindustry = 'x'", "a factor"),
        (
            "",
            (
                "[[sprint]]\nfrom = 2026-06-01\nto = 2026-06-10\n"
                "[[sprint]]\nfrom = 2026-06-05\nto = 2026-06-12"
            ),
            "before sprint S1 ends",
        ),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused_whole(
    tmp_path: Path, plan: str, rest: str, said: str
) -> None:
    head = "day,supplier,network,volume\n"
    (tmp_path / "v.csv").write_text(f"{head}2026-06-01,SUPA,12,x\n2026-07-01,SUPA,12,1\n", "utf-8")
    (tmp_path / "w.csv").write_text(f"{head}2026-06-01,SUPX,12,5\n", "utf-8")
    (tmp_path / "u.csv").write_text(f"{head}2026-06-01,SUPA,12,5\n", "utf-8")
    asked = "received,supplier,network,wanted\n2026-01-01,SUPA,99,5\n"
    (tmp_path / "r.csv").write_text(asked, "utf-8")
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.format(plan=plan, rest=rest), "utf-8")
    with pytest.raises(RefusedText) as refused:
        load_setup(path)
    assert said in str(refused.value).replace("v.csv:3:", "line 3:")


def test_a_csv_without_its_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    path.write_text("day,supplier,volume\n", "utf-8")
    with pytest.raises(RefusedText, match="column 'network' is missing"):
        read_volumes(path, start=START, days=5)
