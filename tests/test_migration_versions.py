"""Two versions of a plan: everything that a file says counts, and equal plans have none."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, fields

from dflow.cli import main
from dflow.migration import Setup, Volumes, differences, load_setup
from support import CHECKOUT

EXAMPLE = CHECKOUT / "examples" / "migration_plan"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The example's plan as `old.toml`, beside the files it names."""
    for path in [*EXAMPLE.glob("*.csv"), *EXAMPLE.glob("*.routes"), EXAMPLE / "dflow.toml"]:
        shutil.copy(path, tmp_path)
    shutil.copy(EXAMPLE / "plan.toml", tmp_path / "old.toml")
    return tmp_path


def edited(folder: Path, *changes: tuple[str, str]) -> Setup:
    text = (folder / "old.toml").read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "new.toml").write_text(text, "utf-8")
    return load_setup(folder / "new.toml")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("daily = 120", "daily = 100", ["industry daily: 120 became 100"]),
        ('version = "0.2"', 'version = "0.3"', ["version: 0.2 became 0.3"]),
        (
            '    "0.2: SUPB qualifies on 15 June; SUPC was added.",\n',
            '    "0.2: SUPB qualifies on 15 June; SUPC was added.",\n    "0.3: agreed.",\n',
            ["comment 3: new, 0.3: agreed."],
        ),
        ("holidays = [2026-08-31]", "holidays = []", ["calendar holidays: 2026-08-31 became none"]),
        (
            "first = 0.1, last = 1.0",
            "first = 0.2, last = 1.0",
            ["industry ramp 1 first: 0.1 became 0.2"],
        ),
        ("# A migration plan", "# The migration plan", []),
    ],
)
def test_what_changed_is_told(folder: Path, old: str, new: str, told: list[str]) -> None:
    before = load_setup(folder / "old.toml")
    assert [str(one) for one in differences(before, edited(folder, (old, new)))] == told


def test_the_way_back_tells_what_is_gone(folder: Path) -> None:
    before = load_setup(folder / "old.toml")
    fewer = evolve(before, plan=evolve(before.plan, comments=before.plan.comments[:1]))
    assert [str(one) for one in differences(before, fewer)] == [
        "comment 2: gone, was 0.2: SUPB qualifies on 15 June; SUPC was added."
    ]


def test_where_a_plan_lies_does_not_count(folder: Path) -> None:
    assert differences(load_setup(EXAMPLE / "plan.toml"), load_setup(folder / "old.toml")) == []


@pytest.mark.parametrize(
    "name", [one.name for one in fields(Setup) if one.name not in ("path", "digest", "tranches")]
)
def test_every_word_of_a_setup_counts(folder: Path, name: str) -> None:
    before = load_setup(folder / "old.toml")
    other: dict[str, Any] = {
        "plan": evolve(before.plan, name="another"),
        "method": "lottery",
        "seed": 7,
        "zone": "Europe/Dublin",
        "files": 3,
        "surge": 9.5,
        "running": None,
    }
    after = evolve(before, **{name: other.get(name, ())})
    assert differences(before, after)
    assert differences(after, before)


def test_volumes_that_moved_to_other_days_are_told_though_their_sum_is_the_same() -> None:
    before = load_setup(EXAMPLE / "plan.toml")
    start = before.plan.start

    def planned(*days: int) -> Setup:
        volumes = Volumes(start, 10)
        for day in days:
            volumes.add(date(start.year, start.month, start.day + day), "SUPA", "12", 5)
        return evolve(before, plan=evolve(before.plan, volumes=volumes))

    (one,) = differences(planned(0, 1, 4), planned(0, 2, 4))
    assert str(one) == (
        "planned of SUPA on network 12 (2 days differ): 15 from 2026-06-01 to 2026-06-05 became"
        " 15 from 2026-06-01 to 2026-06-05"
    )
    assert differences(planned(0, 1), planned(0, 1)) == []


def test_the_meter_points_of_moves_are_not_told(folder: Path) -> None:
    before = load_setup(folder / "old.toml")
    after = evolve(before, moves=before.moves[1:])
    (one,) = differences(before, after)
    assert str(one).startswith("moves: 4, SHA-256 ")
    assert not any(move.mpan in str(one) for move in before.moves)


def test_the_command_says_what_changed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edited(folder, ("daily = 120", "daily = 130"))
    words = ["migration", "plan", str(folder / "new.toml"), "--against", str(folder / "old.toml")]
    main([*words, "--at", "2026-05-01"])
    said = capsys.readouterr().out.split("What changed")[1]
    assert said.split() == ["What", "Was", "Is", "industry", "daily", "120", "130"]
