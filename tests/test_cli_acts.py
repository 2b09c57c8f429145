"""Commands that act say with `--json` what they did, in one shape, and with whose numbers."""

from __future__ import annotations

import json
import re
import shlex
from itertools import count
from pathlib import Path

import pytest

from dflow.cli import main
from dflow.exchange import JournalError, SqliteJournal, backfilling, pruning
from dflow.exchange.journal import new_key
from support import CHECKOUT
from support_exchange import file
from support_wiring import configured

RULES = """
destination old "the old agent"
destination new "the new agent"
destination spare "the spare"
route all: flow D0010 deliver old
clone both: flow D0010 copy new
hold early: flow D0002
"""

MPAN = "1212345678902"

#: The command, what comes before it, what was done, to which deliveries and arrivals, and
#: the destinations of the deliveries that it made.
ACTS: list[tuple[str, str, str, list[int], list[int], list[str]]] = [
    ("pause CONFIG old", "", "paused", [], [], []),
    ("resume CONFIG old", "", "resumed", [], [], []),
    ("divert CONFIG old", "", "fallback on", [], [], []),
    ("divert CONFIG old --off", "", "fallback off", [], [], []),
    ("hold CONFIG 2", "", "held", [2], [], []),
    ("release CONFIG --deliveries 2", "hold CONFIG 2", "released", [2], [], []),
    ("cancel CONFIG 2", "", "cancelled", [2], [], []),
    ("retry CONFIG 2", "", "retried", [2], [], []),
    ("mark-delivered CONFIG 2 --evidence 'call 7'", "", "marked delivered", [2], [], []),
    ("release CONFIG 2 3 --to old", "", "released", [], [2, 3], ["old", "old"]),
    ("release CONFIG 3 --settle", "", "dealt with", [], [3], []),
    ("replay CONFIG --flow D0010", "", "replay", [], [1], ["new", "old"]),
    ("replay CONFIG --flow D0010 --dry-run", "", "", [], [1], ["new", "old"]),
    ("replay CONFIG --all --rules now", "", "replay", [], [1], ["new", "old", "spare"]),
    ("dead CONFIG 2 --replace FILE", "hold CONFIG 2", "edited", [2], [], ["new"]),
    ("clones backfill CONFIG late", "", "backfill", [], [1], ["spare"]),
    ("journal prune CONFIG --older-than 2100-01-01", "cancel CONFIG 2", "pruned", [], [], []),
    ("journal encrypt CONFIG", "", "encrypted", [], [], []),
]


@pytest.fixture
def folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Arrival 1 went to `old`, and its copy cannot go to `new`; 2 is held, 3 unrouted."""
    (tmp_path / "no").write_text("no folder")
    mounts = {"old": "old", "new": "no/folder/here", "spare": "spare"}
    config = configured(tmp_path, RULES, mounts)
    (tmp_path / "edited.usr").write_text("ZHV|edited|\n")
    for number, flow in enumerate(("D0010", "D0002", "D0150"), start=1):
        (tmp_path / "in" / f"{number}.usr").write_bytes(file(number, flow=flow))
    assert main(["run", str(config), "--once"]) == 1
    # A key and a clone that came late.
    monkeypatch.setenv("DFLOW_JOURNAL_KEY", new_key())
    with config.open("a") as more:
        more.write("[journal]\nencrypt_with = { env = 'DFLOW_JOURNAL_KEY' }\n")
    (tmp_path / "x.routes").write_text(RULES + "clone late: flow D0010 copy spare\n")
    capsys.readouterr()
    return tmp_path


def words_of(folder: Path, command: str) -> list[str]:
    named = {"CONFIG": folder / "dflow.toml", "FILE": folder / "edited.usr"}
    return [str(named.get(word, word)) for word in shlex.split(command)]


@pytest.mark.parametrize(
    ("command", "before", "done", "deliveries", "arrivals", "places"),
    ACTS,
    ids=[one[0] for one in ACTS],
)
def test_every_act_says_what_was_done(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    before: str,
    done: str,
    deliveries: list[int],
    arrivals: list[int],
    places: list[str],
) -> None:
    reason = ["--who", "ann", "--why", f"ticket 7 of {MPAN}"]
    if before:
        assert main([*words_of(folder, before), *reason]) == 0
    capsys.readouterr()
    assert main([*words_of(folder, command), *reason, "--json"]) == 0
    told = capsys.readouterr()
    assert MPAN not in told.out + told.err
    found = json.loads(told.out)
    assert list(found) == [
        "command",
        "done",
        "dry_run",
        "who",
        "why",
        "destination",
        "count",
        "deliveries",
        "arrivals",
        "made",
        "left_out",
        "events",
    ]
    name, *_ = command.split(" CONFIG")
    assert (found["command"], found["done"]) == (name, done)
    assert (found["who"], found["why"]) == ("ann", "ticket 7 of 12\u20262")
    assert (found["deliveries"], found["arrivals"]) == (deliveries, arrivals)
    others = {"pruned": 1, "encrypted": 3}.get(done, 0)
    assert found["count"] == len(deliveries) + len(arrivals) + others
    assert found["dry_run"] is (not done)
    lane = name in {"pause", "resume", "divert"} or "--to" in command
    assert found["destination"] == ("old" if lane else "")

    # What it says was made and noted is what the journal has.
    assert sorted(one["destination"] for one in found["made"]) == places
    main(["journal", "list", *words_of(folder, "CONFIG"), "--json"])
    rows = json.loads(capsys.readouterr().out)
    there = {each["delivery"]: row["arrival"] for row in rows for each in row["deliveries"]}
    for one in found["made"] if done else []:
        assert there[one["delivery"]] == one["arrival"]
    main(["journal", "events", *words_of(folder, "CONFIG"), "--json"])
    events = {one["event"]: one for one in json.loads(capsys.readouterr().out)}
    assert [events[one["event"]] for one in found["events"]] == found["events"]
    assert {one["kind"] for one in found["events"]} == ({done} if done else set())
    assert bool(found["events"]) is bool(done)
    assert found["left_out"] == (
        [
            {"arrival": 2, "why": "is held: release it"},
            {"arrival": 3, "why": "would be unrouted now"},
        ]
        if "--rules now" in command
        else []
    )


def test_what_was_done_before_a_refusal_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--why", "x", "--to", "old", "--json"]
    assert main([*words_of(folder, "release CONFIG 3 99"), *words]) == 2
    told = capsys.readouterr()
    assert json.loads(told.out)["arrivals"] == [3]
    assert told.err == "dflow: the journal has no arrival 99\n"
    # Nothing was done: nothing is told but why.
    assert main([*words_of(folder, "hold CONFIG 2 1 --why x --json")]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("dflow: delivery 1 is delivered")


def full_at(monkeypatch: pytest.MonkeyPatch, name: str, call: int) -> None:
    """Let a journal fail at one of the calls of a name, counted from 1, and at those after."""
    through, calls = getattr(SqliteJournal, name), count(1)

    def failing(self: SqliteJournal, *args: object, **words: object) -> object:
        if next(calls) >= call:
            raise JournalError("the disk is full")
        return through(self, *args, **words)

    monkeypatch.setattr(SqliteJournal, name, failing)


def test_a_backfill_that_is_broken_off_tells_what_it_made(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "x.routes").write_text(f"{RULES}clone late: flow D0010, D0002, D0150 copy spare\n")
    monkeypatch.setattr(backfilling, "_PART", 1)
    command = words_of(folder, "clones backfill CONFIG late --why x")
    with monkeypatch.context() as patch:
        full_at(patch, "add", 2)
        assert main([*command, "--json"]) == 2
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert [one["arrival"] for one in found["made"]] == [1]
    assert [one["detail"] for one in found["events"]] == ["late: 1 copy of arrivals 1"]
    assert told.err == "dflow: the disk is full\n"
    with monkeypatch.context() as patch:
        full_at(patch, "add", 3)
        assert main(command) == 2
    assert capsys.readouterr().out == "1 copy due\n", "of the second arrival"
    assert main([*command[:3], "nosuch", *command[4:]]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("call", ["prune", "note"])
def test_a_prune_that_is_broken_off_tells_what_is_gone(
    call: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for word in ("cancel CONFIG 2", "release CONFIG 2 --settle", "release CONFIG 3 --settle"):
        assert main(words_of(folder, f"{word} --why x")) == 0
    capsys.readouterr()
    size = next((folder / "old").glob("*.usr")).stat().st_size
    monkeypatch.setattr(pruning, "_PART", 1)
    command = words_of(folder, "journal prune CONFIG --older-than 2100-01-01 --who ann")

    def numbers(which: str, name: str, *more: str) -> list[object]:
        assert main(["journal", which, *words_of(folder, "CONFIG"), "--json", *more]) == 0
        found = json.loads(capsys.readouterr().out)
        assert isinstance(found, list)
        return [one[name] for one in found]

    with monkeypatch.context() as patch:
        full_at(patch, call, 2)
        assert main([*command, "--json"]) == 2
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert (found["count"], found["who"], found["why"]) == (1, "ann", "they are old")
    (detail,) = [one["detail"] for one in found["events"]]
    assert re.fullmatch(
        r"1 arrival from before 2100-01-01T00:00:00\.000\+00:00:"
        rf" from (\S+) to \1, 1 content of {size} bytes",
        detail,
    )
    assert told.err == "dflow: the disk is full\n"
    assert numbers("list", "arrival") == [2, 3]
    assert numbers("events", "detail", "--kind", "pruned") == [detail]
    with monkeypatch.context() as patch:
        full_at(patch, call, 2)
        assert main(command) == 2
    assert capsys.readouterr().out == "1 arrival forgotten\n"
    assert main(command) == 0
    assert main(command) == 0
    assert capsys.readouterr().out == "1 arrival forgotten\n0 arrivals forgotten\n"
    *three, last = numbers("events", "detail", "--kind", "pruned")
    assert len(three) == 3
    assert last == "0 arrivals from before 2100-01-01T00:00:00.000+00:00"


def test_a_replay_tells_the_numbers_of_its_deliveries(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words_of(folder, "replay CONFIG --flow D0010 --why x")) == 0
    assert capsys.readouterr().out == "2 deliveries due: 3 to 4\n"
    assert main(words_of(folder, "replay CONFIG --flow D0150 --why x")) == 0
    assert capsys.readouterr().out == "0 deliveries due\n"


def test_no_command_that_asks_why_is_left_out() -> None:
    page = (CHECKOUT / "docs/reference/cli.md").read_text("utf-8")
    sections = re.findall(r"^#+ dflow (.+?)$(.*?)(?=^#+ dflow |\Z)", page, re.MULTILINE | re.DOTALL)
    asking = {name for name, text in sections if "`--why TEXT`" in text and "CONFIG" in text}
    assert "pause" in asking
    # A salvage tells of a journal, an export of a folder, not of an act on what is in it.
    others = {"journal export", "journal salvage"}
    assert asking - others == {command.split(" CONFIG")[0] for command, *_ in ACTS}
