"""The example that a newcomer runs: twice, without harm, and it tells what went where."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from support import CHECKOUT
from support_process import example, run

EXAMPLE = CHECKOUT / "examples" / "change_of_agent"


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The example's folder after two runs, the first's words and the second's JSON."""
    copy = example("change_of_agent", tmp_path_factory.mktemp("example"))
    outputs: list[str] = []
    for words in ([], ["--json"]):
        result = run(copy / "run.py", *words)
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
        outputs.append(result.stdout)
    return copy, outputs[0], outputs[1]


def delivered(folder: Path, destination: str) -> list[str]:
    home = folder / "out" / destination
    return sorted(
        str(path.relative_to(home))
        for path in home.rglob("*.usr")
        if ".dflow" not in path.relative_to(home).parts
    )


def test_the_day_of_the_example(day: tuple[Path, str, str]) -> None:
    copy, words, _ = day
    before = {path.name: path.read_bytes() for path in EXAMPLE.glob("[ai]*/*.usr")}
    assert len(before) == 14
    numbers = {"D0010_WEST": (201, 202, 203, 206, 207, 208), "D0150_NORD": range(101, 106)}
    originals = [f"{name}_0000000{n}.usr" for name, ns in numbers.items() for n in ns]
    assert delivered(copy, "old-agent") == originals
    assert delivered(copy, "new-agent") == [
        f"{one[:5]}002/{one.partition('_')[2]}" for one in originals
    ]
    assert delivered(copy, "bench") == ["D0010_WEST_0000000204.usr"]
    for said in (
        "held: group-count: line 8",
        "unrouted: no rule fits",
        "unparsable: The first record is not a header.",
        "copy to new-agent by migration: delivered",
        "3 wait for a person",
        "deliveries: 2 failed, 6 accepted",
        "old-agent: down for",
        "4 due (oldest",
        "D0010 in the order of arrival: 206, 207, 208",
        "D0150 in the order of arrival: 103, 104, 105",
        "clone migration: 11 copies, complete",
    ):
        assert said in words
    assert "\x1b" not in words
    assert "Complete: each of 11 copies" in (copy / "out/evidence.html").read_text("utf-8")
    assert {path.name: path.read_bytes() for path in copy.glob("[ai]*/*.usr")} == before
    for name in originals:
        assert (copy / "out" / "old-agent" / name).read_bytes() == before[name]


def test_its_json_says_the_same(day: tuple[Path, str, str]) -> None:
    copy, told = day[0], json.loads(day[2])
    assert told["morning"]["summary"]["outcomes"] == {
        "routed": 5,
        "held": 1,
        "unrouted": 1,
        "unparsable": 1,
    }
    first = next(one for one in told["morning"]["arrivals"] if one["file_id"] == "0000000101")
    assert [(one["destination"], one["kind"], one["state"]) for one in first["deliveries"]] == [
        ("old-agent", "original", "delivered"),
        ("new-agent", "copy", "delivered"),
    ]
    provenance = json.loads(
        (copy / "out/new-agent/D0150002/NORD_0000000101.usr.provenance.json").read_text()
    )
    assert provenance["original_sha256"] == first["sha256"]
    assert provenance["rule"] == "migration"
    assert told["afternoon"]["summary"]["steps"] == {"failed": 2, "accepted": 6}
    assert len(told["drained"]) == told["evening"]["summary"]["steps"]["accepted"] == 6
    assert (told["audit"]["complete"], told["audit"]["copies"]) == (True, 11)


def test_the_same_files_again_are_not_sent_twice(
    day: tuple[Path, str, str], tmp_path: Path
) -> None:
    copy = tmp_path / "again"
    shutil.copytree(day[0], copy)
    for path in (copy / "inbox").iterdir():
        shutil.copy(path, copy / "out" / "inbox")
    result = run("-m", "dflow", "run", copy / "dflow.toml", "--once", "--json")
    assert result.returncode == 1, result.stderr
    told = json.loads(result.stdout)
    assert told["summary"]["outcomes"]["repeat"] == 6
    assert told["summary"]["steps"] == {}
    assert len(delivered(copy, "old-agent")) == 11
