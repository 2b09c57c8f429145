"""The ledger, its clock, two versions of what is said, the frame of the operations' commands."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.cli.operation import VERBS, add_verbs, run_verb
from dflow.errors import DflowError
from dflow.operation import (
    Clock,
    ClockWentBack,
    Entry,
    Ledger,
    LedgerBusy,
    LedgerError,
    SetClock,
    differences_of,
    instant_from,
    interrupted,
)
from dflow.report import Report

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)

entries = st.builds(
    Entry,
    at=st.just(NOW),
    kind=st.text(min_size=1),
    about=st.text(),
    why=st.text(),
    data=st.dictionaries(st.text(), st.integers() | st.text(), max_size=3),
)


@given(st.lists(entries, max_size=5), st.binary(max_size=20))
def test_what_was_appended_is_read_after_any_torn_end(
    tmp_path_factory: pytest.TempPathFactory, kept: list[Entry], torn: bytes
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "sub" / "ledger.jsonl"
    with Ledger(path) as ledger:
        ledger.append(*kept)
    torn = torn.replace(b"\n", b"")
    with path.open("ab") as file:
        file.write(torn)
    assert list(Ledger(path).read()) == kept
    with Ledger(path) as ledger:
        ledger.append(Entry(at=NOW, kind="last"))
    assert [one.kind for one in Ledger(path).read()] == [*(one.kind for one in kept), "last"]
    if torn:
        assert path.with_name("ledger.jsonl.torn").read_bytes() == torn + b"\n"


def test_a_line_that_is_no_entry_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"at": "2026-06-01T12:00:00+00:00", "kind": "a"}\n[]\n', "utf-8")
    with pytest.raises(LedgerError, match=r"ledger\.jsonl:2: "):
        list(Ledger(path).read())


def test_time_does_not_run_backwards(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        ledger.append(Entry(at=NOW, kind="a"))
        with pytest.raises(ClockWentBack, match="set the clock right"):
            ledger.append(Entry(at=NOW - timedelta(seconds=1), kind="b"))
    with Ledger(path) as ledger, pytest.raises(ClockWentBack):
        ledger.append(Entry(at=NOW - timedelta(days=1), kind="b"))
    assert [one.kind for one in Ledger(path).read()] == ["a"]


def test_one_process_writes_and_anyone_reads(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    code = (
        "import sys, pathlib\nfrom dflow.operation import Ledger\n"
        f"with Ledger(pathlib.Path({str(path)!r})):\n    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"held"
        with pytest.raises(LedgerBusy):
            Ledger(path).__enter__()
        assert list(Ledger(path).read()) == []
        other.kill()
    with Ledger(path) as ledger:  # the lock died with its owner
        ledger.append(Entry(at=NOW, kind="a"))


def test_a_ledger_that_is_not_held_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="not open for writing"):
        Ledger(tmp_path / "x").append(Entry(at=NOW, kind="a"))


@pytest.mark.parametrize(
    ("kinds", "begun"),
    [
        ([], None),
        (["run begun", "accepted"], 0),
        (["run begun", "run ended", "accepted"], None),
        (["run begun", "run begun"], 1),
        (["run begun", "run ended", "run begun"], 2),
    ],
)
def test_a_run_that_never_ended_was_interrupted(
    tmp_path: Path, kinds: list[str], begun: int | None
) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        for minutes, kind in enumerate(kinds):
            ledger.append(Entry(at=NOW + timedelta(minutes=minutes), kind=kind))
    assert interrupted(Ledger(path)) == (None if begun is None else NOW + timedelta(minutes=begun))


def test_a_set_clock_stands_still_until_it_is_moved() -> None:
    clock = SetClock(NOW)
    assert clock.now() == clock.now() == NOW
    clock.advance(days=1, hours=1, seconds=1)
    assert clock.now() - NOW == timedelta(days=1, hours=1, seconds=1)
    clock.set(NOW - timedelta(days=9))
    assert clock.now() < NOW
    with pytest.raises(ValueError, match="offset"):
        SetClock(datetime(2026, 6, 1))  # noqa: DTZ001  what is refused


def test_instants_from_what_people_write() -> None:
    assert instant_from("2019-06-27T18:00").isoformat() == "2019-06-27T18:00:00+01:00"
    assert instant_from("2019-01-27").isoformat() == "2019-01-27T00:00:00+00:00"
    assert instant_from("2019-06-27T18:00+02:00").utcoffset() == timedelta(hours=2)
    with pytest.raises(DflowError, match="no instant"):
        instant_from("tomorrow")


leaves = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(("", "1", "2")))


@given(leaves, leaves)
def test_every_name_that_differs_is_told_once_in_the_order_of_the_new(
    old: dict[str, str], new: dict[str, str]
) -> None:
    found = differences_of(old, new)
    told = [one.what for one in found]
    assert sorted(told) == sorted({name for name, _ in old.items() ^ new.items()})
    assert all((one.old, one.new) == (old.get(one.what), new.get(one.what)) for one in found)
    said = [*new, *old]
    assert told == sorted(told, key=said.index)


@given(leaves)
def test_equal_versions_have_no_difference(same: dict[str, str]) -> None:
    assert differences_of(same, dict(reversed(same.items()))) == []


def parsed(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_verbs(parser.add_subparsers(), "campaign", "about")
    return parser.parse_args(words)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_shows_its_report(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[datetime] = []

    def carry_out(file: Path, clock: Clock, args: argparse.Namespace) -> Report:
        seen.append(clock.now())
        return Report(title=f"{args.verb} of {file.name}", verdict="It stands.", tone="good")

    page = tmp_path / "report.html"
    words = ["campaign", verb, "plan.toml", "--at", "2019-06-27"]
    assert run_verb(parsed([*words, "--html", str(page)]), dict.fromkeys(VERBS, carry_out)) == 0
    assert capsys.readouterr().out.startswith(f"{verb} of plan.toml\n")
    assert f"<h1>{verb} of plan.toml</h1>" in page.read_text("utf-8")
    assert run_verb(parsed([*words, "--json"]), dict.fromkeys(VERBS, carry_out)) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "It stands."
    assert seen == [instant_from("2019-06-27")] * 2


def test_bad_news_is_status_1() -> None:
    bad = Report(title="t", verdict="v", tone="bad")
    args = parsed(["campaign", "status", "plan.toml"])
    assert run_verb(args, {"status": lambda _file, _clock, _args: bad}) == 1
