"""The example that a newcomer runs: twice, without harm, and it tells what went where."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import CHECKOUT

EXAMPLE = CHECKOUT / "examples" / "change_of_agent"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    target = tmp_path / "change_of_agent"
    shutil.copytree(EXAMPLE, target, ignore=shutil.ignore_patterns("out"))
    return target


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "src")}
    return subprocess.run(
        [sys.executable, str(folder / "run.py"), *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def delivered(folder: Path, destination: str) -> list[str]:
    home = folder / "out" / destination
    return sorted(
        str(path.relative_to(home))
        for path in home.rglob("*.usr")
        if ".dflow" not in path.relative_to(home).parts
    )


def test_it_delivers_copies_holds_and_keeps(copy: Path) -> None:
    before = {path.name: path.read_bytes() for path in (copy / "inbox").iterdir()}
    for _ in range(2):
        result = run(copy)
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
        originals = [
            "D0010_WEST_0000000201.usr",
            "D0010_WEST_0000000202.usr",
            "D0150_NORD_0000000101.usr",
            "D0150_NORD_0000000102.usr",
        ]
        assert delivered(copy, "old-agent") == originals
        assert delivered(copy, "new-agent") == [
            "D0010002/WEST_0000000201.usr",
            "D0010002/WEST_0000000202.usr",
            "D0150002/NORD_0000000101.usr",
            "D0150002/NORD_0000000102.usr",
        ]
        assert delivered(copy, "bench") == ["D0010_WEST_0000000204.usr"]
        assert "held: group-count: line 8" in result.stdout
        assert "unrouted: no rule fits" in result.stdout
        assert "unparsable: The first record is not a header." in result.stdout
        assert "copy to new-agent by migration: delivered" in result.stdout
        assert "3 wait for a person" in result.stdout
        assert "\x1b" not in result.stdout
    assert {path.name: path.read_bytes() for path in (copy / "inbox").iterdir()} == before
    for name in originals:
        assert (copy / "out" / "old-agent" / name).read_bytes() == before[name]


def test_its_json_says_the_same(copy: Path) -> None:
    told = json.loads(run(copy, "--json").stdout)
    assert told["summary"]["outcomes"] == {
        "routed": 5,
        "held": 1,
        "unrouted": 1,
        "unparsable": 1,
    }
    first = next(one for one in told["arrivals"] if one["file_id"] == "0000000101")
    assert [(one["destination"], one["kind"], one["state"]) for one in first["deliveries"]] == [
        ("old-agent", "original", "delivered"),
        ("new-agent", "copy", "delivered"),
    ]
    provenance = json.loads(
        (copy / "out/new-agent/D0150002/NORD_0000000101.usr.provenance.json").read_text()
    )
    assert provenance["original_sha256"] == first["sha256"]
    assert provenance["rule"] == "migration"


def test_a_second_run_over_the_same_files_sends_nothing_twice(copy: Path) -> None:
    run(copy)
    for path in (copy / "inbox").iterdir():
        shutil.copy(path, copy / "out" / "inbox")
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "src")}
    result = subprocess.run(
        [sys.executable, "-m", "dflow", "run", str(copy / "dflow.toml"), "--once", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1, result.stderr
    told = json.loads(result.stdout)
    assert told["summary"]["outcomes"]["repeat"] == 5
    assert told["summary"]["steps"] == {}
    assert len(delivered(copy, "old-agent")) == 4
