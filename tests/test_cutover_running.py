"""A cut-over while it runs: by the clock, by hand, interrupted anywhere, and gone on."""

from __future__ import annotations

import getpass
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from dflow.cli import main
from dflow.cutover import Hand, Run, by_hand, ledger_of, load_plan, real_world, run_due, standing_of
from dflow.cutover.gate import has_gate
from dflow.errors import DflowError
from dflow.operation import ClockWentBack, Entry, Ledger, SetClock, instant_from
from sshd import fingerprint, keys, shared_sshd
from support import swapped
from support_process import example


@pytest.fixture
def story(tmp_path: Path) -> ModuleType:
    """The example in a folder of its own, prepared, with its change set drafted."""
    for name in ("stage_0", "dtc_12_5"):
        example(name, tmp_path)
    path = tmp_path / "stage_0" / "run.py"
    spec = importlib.util.spec_from_file_location("stage_0_story", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.prepare()
    assert main(["cutover", "plan", str(module.PLAN), "--draft", "--at", "2019-04-15"]) == 1
    return module


def run(story: ModuleType, at: str, hand: Hand | None = None, *, exchange: bool = False) -> None:
    plan, clock = load_plan(story.PLAN), SetClock(instant_from(at))
    with real_world(plan, clock, own=exchange) as world, Run.of(world, ledger_of(plan)) as one:
        if hand is not None:
            by_hand(one, hand)
        run_due(one)
        if exchange:
            world.exchange.run_once()


def entries(story: ModuleType) -> list[Entry]:
    return list(ledger_of(load_plan(story.PLAN)).read())


class Died(BaseException):
    """The process dies here."""


def test_a_run_that_dies_anywhere_goes_on_and_does_nothing_twice(
    story: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(story, "2019-06-20T09:00")
    run(story, "2019-06-27T17:00", Hand(who="a", why="b", done="last-report"))
    run(story, "2019-06-27T18:01", Hand(who="a", why="b", done="restrict"))
    real, left = Ledger.append, 0

    def dying(self: Ledger, *given: Entry) -> None:
        nonlocal left
        if left == 0:
            raise Died
        left -= 1
        real(self, *given)

    deaths = 0
    for after in range(12):
        left = after
        with monkeypatch.context() as patched:
            patched.setattr(Ledger, "append", dying)
            try:
                run(story, "2019-06-28T09:00")
            except Died:
                deaths += 1
            else:
                break
        standing = standing_of(
            load_plan(story.PLAN), entries(story), instant_from("2019-06-28T09:00")
        )
        assert (standing.interrupted is None) == (after == 0)
    assert deaths >= 4
    placed = [str(one.data["name"]) for one in entries(story) if one.kind == "file placed"]
    assert sorted(placed) == [
        "meters-xxxx.csv",
        "relations-udms-0001.usr",
        "relations-udms-0002.usr",
    ]
    assert len(list((story.OUT / "areas" / "udms").glob("[!.]*"))) == 2
    assert len(list((story.OUT / "areas" / "xxxx").glob("[!.]*"))) == 1
    ended = [one.about for one in entries(story) if one.kind == "step ended"]
    assert len(ended) == len(set(ended))
    assert "files" in ended


def test_status_says_where_an_interrupted_run_stands(
    story: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    run(story, "2019-06-20T09:00")
    at = instant_from("2019-06-27T18:00")
    with ledger_of(load_plan(story.PLAN)) as ledger:
        ledger.append(
            Entry(at=at, kind="run begun"), Entry(at=at, kind="step begun", about="release")
        )
    capsys.readouterr()
    assert main(["cutover", "status", str(story.PLAN), "--at", "2019-06-27T18:05"]) == 1
    told = capsys.readouterr().out
    assert "the run of Thu 27 Jun 2019 18:00 was interrupted in release" in told
    assert "it goes on where it stood" in told
    run(story, "2019-06-27T18:10")
    assert main(["cutover", "status", str(story.PLAN), "--at", "2019-06-27T18:11"]) == 1
    assert "interrupted" not in capsys.readouterr().out


@pytest.mark.slow
def test_a_run_that_is_killed_for_real_goes_on(story: ModuleType) -> None:
    run(story, "2019-06-20T09:00")
    run(story, "2019-06-27T17:00", Hand(who="a", why="b", done="last-report"))
    run(story, "2019-06-27T18:01", Hand(who="a", why="b", done="restrict"))
    command = [sys.executable, "-m", "dflow", "cutover", "run", str(story.PLAN)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = 0
    for number in range(20):
        with subprocess.Popen(
            [*command, "--at", "2019-06-28T09:00"],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                process.wait(timeout=0.15 + number * 0.08)
                ended += 1
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
    run(story, "2019-06-28T09:30")
    placed = [str(one.data["name"]) for one in entries(story) if one.kind == "file placed"]
    assert len(placed) == len(set(placed)) == 3
    assert len(list((story.OUT / "areas" / "udms").glob("[!.]*"))) == 2


def test_a_clock_that_jumps_back_moves_nothing(story: ModuleType) -> None:
    run(story, "2019-06-20T09:00")
    before = entries(story)
    with pytest.raises(ClockWentBack, match="set the clock right"):
        run(story, "2019-06-19T09:00")
    assert entries(story) == before


def test_a_clock_that_jumps_forward_does_what_is_due_and_tells_what_is_late(
    story: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    run(story, "2019-06-20T09:00")
    run(story, "2019-07-02T09:00")
    capsys.readouterr()
    assert main(["cutover", "status", str(story.PLAN), "--at", "2019-07-02T09:00"]) == 1
    told = capsys.readouterr().out
    assert "Step last-report is late." in told
    assert "restrict waits for last-report; files waits for restrict" in told
    assert "do last-report first" in told


def test_a_plan_whose_days_are_over_does_not_begin(story: ModuleType) -> None:
    with pytest.raises(DflowError, match="nothing was begun, and the gateway's closure"):
        run(story, "2019-06-28T09:00")
    assert entries(story) == []
    assert not has_gate(_routes(story))


def _routes(story: ModuleType):  # type: ignore[no-untyped-def]  # of the rules' file
    from dflow.routing import Routes

    return Routes.load(story.OUT / "stage_0.routes")


@pytest.mark.parametrize(
    ("hand", "words"),
    [
        (Hand(who="a", why="b", done="restrct"), "did you mean restrict"),
        (Hand(who="a", why="b", done="restrict"), "comes after last-report, which is not done"),
        (Hand(who="a", why="b", begin="deploy"), "comes after fetched"),
        (Hand(who="a", why="b", done="files"), "is dflow's own"),
        (Hand(who="a", why="b", undo=True), "no such file|No such file|change set"),
    ],
)
def test_what_people_cannot_do(story: ModuleType, hand: Hand, words: str) -> None:
    if hand.undo:
        (story.OUT / "changes.toml").unlink()
    with pytest.raises(DflowError, match=words):
        run(story, "2019-06-20T09:00", hand)


def test_who_and_why_have_to_be_said(story: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["cutover", "run", str(story.PLAN), "--done", "restrict", "--at", "2019-06-20"]
    assert main(words) == 2
    assert "say who and why" in capsys.readouterr().err


def test_a_step_that_was_done_is_not_done_again_and_words_go_into_the_log(
    story: ModuleType,
) -> None:
    run(story, "2019-06-20T09:00")
    run(story, "2019-06-27T09:00", Hand(who="a", why="b", begin="last-report"))
    with pytest.raises(DflowError, match="was begun before"):
        run(story, "2019-06-27T09:01", Hand(who="a", why="b", begin="last-report"))
    run(story, "2019-06-27T17:00", Hand(who="a", why="b", done="last-report", say="hello"))
    with pytest.raises(DflowError, match="was done Thu 27 Jun 2019 17:00"):
        run(story, "2019-06-27T17:01", Hand(who="a", why="b", done="last-report"))
    standing = standing_of(load_plan(story.PLAN), entries(story), instant_from("2019-06-27T17:02"))
    assert [one.words for one in standing.updates][:1] == ["hello"]


def test_the_rules_go_in_once_and_come_out_again(story: ModuleType) -> None:
    before = _routes(story)
    run(story, "2019-06-20T09:00")
    assert has_gate(_routes(story))
    assert (story.OUT / "stage_0.routes.before-cutover").exists()
    run(story, "2019-06-20T10:00", Hand(who="a", why="no", undo=True))
    assert _routes(story) == before


def test_rules_that_the_exchange_would_refuse_are_not_put_in_place(story: ModuleType) -> None:
    changes = story.OUT / "changes.toml"
    text = changes.read_text("utf-8")
    # A route that stands behind the hold rules, and that they leave nothing.
    extra = '\n[[add]]\nafter = ""\n'
    extra += "rule = '''\nrefuse cutover-dead: flow D0217 v002 during .. 2019-06-01\n'''\n"
    changes.write_text(text + extra, "utf-8")
    before = (story.OUT / "stage_0.routes").read_text("utf-8")
    run(story, "2019-06-20T09:00")
    failed = entries(story)[-2]
    assert failed.kind == "step failed"
    assert "would refuse" in failed.why
    assert (story.OUT / "stage_0.routes").read_text("utf-8") == before


def test_a_change_set_for_other_rules_is_not_put_in_place(story: ModuleType) -> None:
    rules = story.OUT / "stage_0.routes"
    rules.write_text(rules.read_text("utf-8") + "\ndiscard noise: flow D0019 to X/UDMS\n", "utf-8")
    run(story, "2019-06-20T09:00")
    failed = entries(story)[-2]
    assert failed.kind == "step failed"
    assert "draft it again" in failed.why


def _to_friday(story: ModuleType) -> None:
    run(story, "2019-06-20T09:00")
    run(story, "2019-06-27T17:00", Hand(who="a", why="b", done="last-report"))
    run(story, "2019-06-27T18:01", Hand(who="a", why="b", done="restrict"))
    run(story, "2019-06-28T09:00")


def test_who_has_not_fetched_is_told_and_when_all_have(
    story: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    _to_friday(story)
    (story.OUT / "areas" / "xxxx" / "meters-xxxx.csv").unlink()
    run(story, "2019-06-28T13:07")
    capsys.readouterr()
    assert main(["cutover", "run", str(story.PLAN), "--at", "2019-06-28T16:01"]) == 1
    told = capsys.readouterr().out
    assert "X/UDMS has not fetched relations-udms-0001.usr" in told
    assert "P/XXXX has not" not in told
    for path in (story.OUT / "areas" / "udms").glob("[!.]*"):
        path.unlink()
    run(story, "2019-06-28T16:30")
    plan = load_plan(story.PLAN)
    standing = standing_of(plan, entries(story), instant_from("2019-06-28T16:31"))
    assert standing.unfetched == ()
    assert standing.of("fetched").state == "done"
    assert standing.of("fetched").late
    by_party = {one.placed.party: one.fetched for one in standing.files}
    assert by_party["P/XXXX"] == instant_from("2019-06-28T13:07")


def test_an_area_that_is_away_is_no_fetched_file(story: ModuleType) -> None:
    _to_friday(story)
    shutil.rmtree(story.OUT / "areas")
    run(story, "2019-06-28T13:07")
    failed = entries(story)[-2]
    assert (failed.kind, failed.about) == ("step failed", "fetched")
    plan = load_plan(story.PLAN)
    standing = standing_of(plan, entries(story), instant_from("2019-06-28T13:08"))
    assert len(standing.unfetched) == 3


def test_an_outage_that_lasts_too_long_is_flagged(
    story: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    _to_friday(story)
    for path in (story.OUT / "areas").glob("*/[!.]*"):
        path.unlink()
    run(story, "2019-06-28T13:07")
    run(story, "2019-06-28T18:00", Hand(who="a", why="b", begin="deploy"))
    capsys.readouterr()
    assert main(["cutover", "status", str(story.PLAN), "--at", "2019-06-28T20:00"]) == 0
    assert main(["cutover", "status", str(story.PLAN), "--at", "2019-06-28T20:01"]) == 1
    told = capsys.readouterr().out
    assert "enquiry service has been out for 2 h 1 min" in told
    assert "it may be out for 2 h at most" in told
    run(story, "2019-06-28T20:10", Hand(who="a", why="b", done="deploy"))
    main(["cutover", "status", str(story.PLAN), "--at", "2019-06-28T20:11", "--json"])
    told = capsys.readouterr().out
    assert "enquiry service was out for 2 h 10 min" in json.dumps(json.loads(told))


def test_status_makes_no_journal(story: ModuleType) -> None:
    assert main(["cutover", "status", str(story.PLAN), "--at", "2019-04-15"]) == 0
    assert not (story.OUT / "journal.db").exists()


def test_a_rehearsal_touches_nothing_of_the_real_exchange(story: ModuleType) -> None:
    run(story, "2019-06-20T09:00")
    before = {path: path.stat().st_mtime_ns for path in story.OUT.rglob("*") if path.is_file()}
    ledger = story.PLAN.with_name("plan.toml.ledger").read_bytes()
    assert main(["cutover", "rehearse", str(story.PLAN), "--at", "2019-06-21"]) == 0
    after = {path: path.stat().st_mtime_ns for path in story.OUT.rglob("*") if path.is_file()}
    ours = {path for path in after if not path.name.endswith(("-shm", "-wal"))}
    assert {path: after[path] for path in ours} == {p: t for p, t in before.items() if p in ours}
    assert story.PLAN.with_name("plan.toml.ledger").read_bytes() == ledger


def test_files_are_placed_and_watched_on_an_sftp_server(story: ModuleType) -> None:
    with shared_sshd() as server:
        config = story.HERE / "dflow.toml"
        old = '[mount.area-udms]\ntransport = "directory"\npath = "out/areas/udms"\n'
        new = (
            '[mount.area-udms]\ntransport = "sftp"\nhost = "127.0.0.1"\n'
            f'port = {server.port}\nuser = "{getpass.getuser()}"\nkey_file = "{keys() / "user"}"\n'
            f'host_key = "{fingerprint("host")}"\npath = "{server.folder}"\n'
        )
        config.write_text(swapped(config.read_text("utf-8"), old, new), "utf-8")
        _to_friday(story)
        assert [name for name, _ in server.delivered()] == [
            "relations-udms-0001.usr",
            "relations-udms-0002.usr",
        ]
        (server.folder / "relations-udms-0001.usr").unlink()
        run(story, "2019-06-28T13:07")
        plan = load_plan(story.PLAN)
        standing = standing_of(plan, entries(story), instant_from("2019-06-28T13:08"))
        left = [one.placed.name for one in standing.unfetched]
        assert left == ["meters-xxxx.csv", "relations-udms-0002.usr"]
