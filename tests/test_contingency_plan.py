"""A working model: what it says, what it leaves open, what differs, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from dflow.cli import main
from dflow.contingency import (
    Backstop,
    Hours,
    Level,
    Model,
    Owner,
    Part,
    Stage,
    differences,
    gaps,
    hours_from,
    load_setup,
    on_duty,
    remarks,
)
from dflow.errors import RefusedText, SourceError
from support import CHECKOUT

EXAMPLE = CHECKOUT / "examples" / "contingency" / "chain.toml"
MONDAY = datetime(2026, 6, 1, tzinfo=UTC)

stretches = st.tuples(
    st.sampled_from(["mon", "wed", "sat", "sun"]),
    st.sampled_from(["", "-tue", "-fri", "-sun"]),
    st.integers(0, 23),
    st.integers(0, 23),
).filter(lambda one: one[2] != one[3])
words = st.lists(stretches, min_size=1, max_size=3).map(
    lambda some: ", ".join(f"{a}{b} {c:02}:00-{d:02}:00" for a, b, c, d in some)
)


@given(words, words, st.integers(0, 7 * 24 * 60 - 1))
def test_a_gap_is_where_nobody_is_on_duty(text: str, other: str, minute: int) -> None:
    owners = {
        "a": Owner(name="a", hours=hours_from(text), out_of_hours="b"),
        "b": Owner(name="b", hours=hours_from(other)),
    }
    at = MONDAY + timedelta(minutes=minute)
    there = on_duty(owners, "a", at, "UTC")
    clock = f"{at:%a %H:%M}".lower()
    order = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

    def number(words: str) -> int:
        day, time = words.split()
        return order.index(day) * 1440 + int(time[:2]) * 60 + int(time[3:])

    inside = any(number(g.start) <= number(clock) < number(g.end) for g in gaps(owners, "a"))
    assert (there is None) == inside


def test_a_day_off_is_somebody_elses() -> None:
    off = frozenset({date(2026, 6, 1)})
    owners = {
        "desk": Owner(name="desk", hours=hours_from("always"), days_off=off, out_of_hours="call"),
        "call": Owner(name="call", hours=hours_from("mon-sun 12:00-24:00")),
    }
    assert on_duty(owners, "desk", MONDAY + timedelta(hours=13), "UTC") == owners["call"]
    assert on_duty(owners, "desk", MONDAY + timedelta(hours=11), "UTC") is None
    assert on_duty(owners, "desk", MONDAY + timedelta(days=1), "UTC") == owners["desk"]
    assert [str(one) for one in gaps(owners, "desk")] == ["2026-06-01 00:00 to 2026-06-01 12:00"]


texts = st.sampled_from(["", "a", "b", "a, b"])
stages = st.builds(
    Stage,
    number=st.integers(1, 2),
    name=texts,
    owner=texts,
    fallback=st.none() | texts,
    pauses=st.booleans(),
    records=st.lists(st.sampled_from(["x", "y"]), max_size=2).map(tuple),
)
models = st.builds(
    Model,
    name=texts,
    stages=st.lists(stages, min_size=1, max_size=2, unique_by=lambda one: one.number).map(tuple),
    owners=st.dictionaries(
        st.sampled_from("pq"),
        st.builds(Owner, name=st.just("p"), hours=st.none() | st.builds(Hours, st.just(((0, 5),)))),
        max_size=1,
    ),
    levels=st.lists(
        st.builds(Level, name=texts, after=st.sampled_from([0.0, 1.0]), owner=texts), max_size=1
    ).map(tuple),
    backstop=st.sampled_from(
        [Backstop(), Backstop(minutes=60.0), Backstop(parts=(Part("x", 75.0),))]
    ),
)


@given(models, models)
def test_two_models_have_one_hash_exactly_if_nothing_differs(one: Model, other: Model) -> None:
    assert (one.digest == other.digest) == (not differences(one, other))
    assert (len(differences(one, other)) > 0) == (len(differences(other, one)) > 0)
    assert one.digest == evolve(one).digest


def test_what_differs_is_said() -> None:
    old = Model(name="m", stages=(Stage(number=1, name="s"),))
    new = evolve(old, stages=(Stage(number=1, name="s", fallback="phone"),))
    assert [str(one) for one in differences(old, new)] == [
        "stage 1 fallback: not decided became phone"
    ]


def test_the_example_leaves_open_what_the_document_does() -> None:
    setup = load_setup(EXAMPLE)
    stages = setup.model.stages
    assert [one.number for one in stages if one.fallback is None] == [8, 9, 10, 11, 12]
    assert [one.number for one in stages if one.pauses] == [1, 2, 3]
    assert [one.channel for one in stages[3:7]] == ["webform", "webform", "phone", "phone"]
    assert list(setup.model.backstop.alarms) == [45.0, 60.0, 75.0]
    said = [(one.where, one.severity) for one in remarks(setup)]
    assert ("owner networks", "warning") in said
    assert ("stage 8 receive and process the 017", "warning") in said


def test_the_plan_says_what_is_open_and_what_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "old.toml"
    old.write_text(EXAMPLE.read_text("utf-8").replace('version = "0.2"', 'version = "0.1"'))
    words = ["contingency", "plan", str(EXAMPLE), "--against", str(old), "--json"]
    assert main([*words, "--at", "2026-06-01"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert "not decided" in report["verdict"]
    assert "version" in json.dumps(report)


BASE = """
[model]
name = "m"
{model}
[[stage]]
name = "first"
owner = "us"
{stage}
[owner.us]
{owner}
{rest}
"""


@pytest.mark.parametrize(
    ("where", "text", "said"),
    [
        ("model", "zone = 'Europe/Atlantis'", "no time zone"),
        ("model", "agreed = 'soon'", "agreed is a date"),
        ("model", "nmae = 1", "[model] has no key 'nmae'"),
        ("stage", "fallback = 3", "fallback is a text"),
        ("stage", "number = 0", "a whole number from 1"),
        ("stage", "[[stage]]\nname = 'x'\nnumber = 1", "two stages 1"),
        ("stage", "[[stage]]\nname = 'x'\nowner = 'uz'", "no [owner.uz]"),
        ("stage", "pauses = 'yes'", "true or false"),
        ("owner", "hours = 'nine to five'", "is no hours"),
        ("owner", "hours = 'mon 25:00-26:00'", "hours go from"),
        ("owner", "out_of_hours = 'us'", "stand in for each other"),
        ("owner", "days_off = ['x']", "a list of dates"),
        ("rest", "[backstop]\nminutes = 75\nparts = [{owner='a', minutes=60}]", "are 60 minutes"),
        ("rest", "[backstop]\nwarn = []", "no share warns"),
        ("rest", "[backstop]\nwarn = [-1]", "a list of shares"),
        ("rest", "[backstop]\nminutes = nan", "minutes is a number"),
        (
            "rest",
            ("[[level]]\nafter = 5\nowner = 'us'\n[[level]]\nafter = 5\nowner = 'us'"),
            "each level comes later",
        ),
        ("rest", "[messages]\nreconnect = ['E05']\ndisconnect = ['E05']", "cannot both"),
        ("rest", "[messages]\nrefused = ['106E']", "two meanings"),
        ("rest", "[exchange]\ndestination = 'hub'", "needs config"),
        ("rest", "[exchange]\nconfig='d.toml'\ndestination='hub'\nevery=0", "0.1 or more"),
        ("rest", "[rehearsal]\nstage = 9", "there is no stage 9"),
        ("rest", "[life_support]\nfile = 'life.txt'", "no meter point of digits"),
        ("rest", "[by_hand]\nbefore = -1", "0 or more"),
    ],
)
def test_a_model_that_contradicts_itself_is_refused_whole(
    tmp_path: Path, where: str, text: str, said: str
) -> None:
    (tmp_path / "life.txt").write_text("10000000001  # a remark\nsomebody\n")
    parts = dict.fromkeys(("model", "stage", "owner", "rest"), "") | {where: text}
    path = tmp_path / "model.toml"
    path.write_text(BASE.format(**parts), "utf-8")
    with pytest.raises(RefusedText) as refused:
        load_setup(path)
    assert said in str(refused.value)
    assert "model.toml" in str(refused.value)


def test_a_list_that_is_not_there_is_said(tmp_path: Path) -> None:
    path = tmp_path / "model.toml"
    rest = "[life_support]\nfile = 'none.txt'"
    path.write_text(BASE.format(model="", stage="", owner="", rest=rest), "utf-8")
    with pytest.raises(SourceError, match=r"none\.txt"):
        load_setup(path)
