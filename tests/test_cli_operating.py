"""Words given to the commands that operate an exchange, by somebody on a bad day."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import pytest

from dflow.cli import main
from support_exchange import file
from support_wiring import configured

RULES = """
destination old "the old agent"
destination spare "the spare"
route all: flow D0010 to M/OLDM deliver old else spare
hold early: flow D0002
"""


@pytest.fixture
def config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Arrival 1 was delivered; 2 is unrouted, 3 held, 4 no flow."""
    path = configured(tmp_path, RULES, {"old": "old", "spare": "spare"})
    for number, flow in ((1, "D0010"), (2, "D0150"), (3, "D0002")):
        (tmp_path / "in" / f"{number}.usr").write_bytes(file(number, flow=flow))
    (tmp_path / "in" / "4.usr").write_text("junk")
    assert main(["run", str(path), "--once"]) == 1
    capsys.readouterr()
    return str(path)


def said(capsys: pytest.CaptureFixture[str], status: int, *words: str) -> str:
    """What a command prints on both streams, given its status."""
    assert main(list(words)) == status
    found = capsys.readouterr()
    return found.out + found.err


_ACTS = [
    ["pause", "old"],
    ["resume", "old"],
    ["divert", "old"],
    ["hold", "1"],
    ["release", "3"],
    ["cancel", "1"],
    ["retry", "1"],
    ["mark-delivered", "1", "--evidence", "webform 7"],
    ["replay", "--all"],
    ["dead", "1", "--replace", "x"],
]


@pytest.mark.parametrize("words", _ACTS, ids=lambda words: words[0])
@pytest.mark.parametrize("empty", ["--who", "--why"])
def test_who_and_why_are_never_empty(
    config: str, capsys: pytest.CaptureFixture[str], words: list[str], empty: str
) -> None:
    reason = ["--who", "ann", "--why", "ticket 7"]
    reason[reason.index(empty) + 1] = " "
    told = said(capsys, 2, words[0], config, *words[1:], *reason)
    assert told == f"dflow: {empty} is empty; who and why go into the journal, so say both\n"


def test_a_user_without_a_name_is_asked_for_one(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for word in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(word, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 54321)
    with pytest.raises((KeyError, OSError)):
        getpass.getuser()
    told = said(capsys, 2, "pause", config, "old", "--why", "ticket 7")
    assert told == "dflow: this user has no name; say --who\n"


@pytest.mark.parametrize("number", ["-1", "9" * 25, "1.0", "one"])
def test_numbers_that_no_journal_has_are_refused(
    config: str, capsys: pytest.CaptureFixture[str], number: str
) -> None:
    for words in (["journal", "show", config, number], ["hold", config, number, "--why", "x"]):
        assert "Traceback" not in said(capsys, 2, *words)
    said(capsys, 2, "journal", "list", config, "--most", number)


def test_a_window_that_ends_before_it_begins_is_refused(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    window = ["--since", "2027-01-02", "--until", "2027-01-01"]
    why = ["--why", "x"]
    for words in (["replay", config, *why], ["journal", "list", config]):
        assert "the window ends before it begins" in said(capsys, 2, *words, *window)


def test_a_step_that_cannot_be_taken_names_the_delivery_and_what_can_be_done(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    why = ["--why", "x"]
    told = said(capsys, 2, "hold", config, "1", *why)
    assert told == "dflow: delivery 1 is delivered, and cannot be held; that is final\n"
    said(capsys, 0, "replay", config, "--flow", "D0010", *why)
    assert said(capsys, 0, "hold", config, "2", "2", *why) == "1 held\n"
    told = said(capsys, 2, "retry", config, "2", *why)
    assert told == (
        "dflow: delivery 2 is held, and cannot be retried;"
        " possible: release, mark delivered, cancel\n"
    )


def test_one_poisoned_file_does_not_stop_a_replay_by_the_rules_of_now(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = Path(config).with_name("x.routes")
    rules.write_text(RULES + "route more: flow D0150 deliver spare\n")
    words = ["replay", config, "--all", "--rules", "now", "--why", "a rule was missing"]
    told = said(capsys, 0, *words, "--dry-run")
    assert "2 arrivals would be sent again: 1 to old, 1 to spare\n" in told
    assert "arrival 3 is held: release it; its original is left out" in told
    assert "arrival 4 has no address" in told
    assert "2 deliveries due: 2 to 3\n" in said(capsys, 0, *words)
    events = json.loads(said(capsys, 0, "journal", "events", config, "--kind", "replay", "--json"))
    assert events[0]["why"] == "a rule was missing"
    assert events[0]["detail"].startswith("rules of now (")
    # It waits no longer, so that nobody sends it a second time.
    assert "arrival 2 is routed: nothing waits" in said(
        capsys, 2, "release", config, "2", *words[-2:]
    )


def test_words_that_cannot_be_meant_together_are_refused(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    why = ["--why", "x"]
    for words in (
        ["--deliveries", "--settle"],
        ["--deliveries", "--to", "old"],
        ["--settle", "--to", "old"],
        ["--across-test"],
    ):
        assert "goes without" in (
            told := said(capsys, 2, "release", config, "3", *words, *why)
        ) or ("name it with --to" in told)
    assert "two steps" in said(capsys, 2, "dead", config, "1", "--save", "a", "--replace", "b")


def test_a_dead_letter_that_is_none_is_not_passed_over(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "saved"
    told = said(capsys, 2, "dead", config, "1", "--save", str(saved), "--why", "x")
    assert told == "dflow: delivery 1 is delivered, not dead\n"
    assert not saved.exists()
    assert said(capsys, 2, "dead", config, "99") == "dflow: the journal has no delivery 99\n"


def test_to_divert_what_has_no_fallback_is_told(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(capsys, 0, "divert", config, "spare", "--why", "x")
    assert "no rule has an else for spare: nothing goes elsewhere" in told
    assert said(capsys, 0, "divert", config, "old", "--why", "x") == "old: fallback on\n"


def test_pruning_leaves_an_event(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, 0, "journal", "prune", config, "--older-than", "2100-01-01", "--who", "ann")
    events = said(capsys, 0, "journal", "events", config, "--kind", "pruned")
    assert "pruned by ann: they are old [1 arrival from before 2100-01-01" in events
    assert said(capsys, 0, "journal", "events", config, "--kind", "prooned") == "no such event\n"


def test_people_act_while_the_rules_are_broken_and_secrets_are_elsewhere(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(config).with_name("x.routes").write_text("route half: deli")
    with Path(config).open("a") as file:
        file.write('[mount.spare.retry]\nfirst = "soon"\n[mount.more]\ntransport = "http"\n')
        file.write('url = "https://agent.example/"\nsecret = { env = "NOT_IN_THIS_SHELL" }\n')
    why = ["--why", "their release weekend"]
    assert said(capsys, 0, "pause", config, "old", *why) == "old: paused\n"
    assert said(capsys, 0, "divert", config, "old", *why) == "old: fallback on\n"
    assert "old: paused, fallback on" in said(capsys, 1, "status", config)
    assert "paused (old)" in said(capsys, 0, "journal", "events", config)
    assert "delivery 1 is delivered" in said(capsys, 2, "cancel", config, "1", *why)
    assert said(capsys, 0, "dead", config) == "nothing is dead\n"
    assert "x.routes:1" in said(capsys, 2, "replay", config, "--all", *why)
