"""What commands say of an exchange: English, and of use to who reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dflow.cli import main
from support_exchange import file
from support_wiring import configured

RULES = """
destination old "the old agent"
route all: flow D0010 to M/OLDM deliver old
hold early: flow D0002
"""
WHY = ("--who", "ann", "--why", "ticket 7")


@pytest.fixture
def config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Arrival 1 is held by a rule, 2 no flow, 3 no file, 4 of a sender with a long name."""
    path = configured(tmp_path, RULES, {"old": "old"})
    (tmp_path / "in" / "1.usr").write_bytes(file(1, flow="D0002"))
    assert main(["run", str(path), "--once"]) == 1
    (tmp_path / "in" / "2.usr").write_text("junk")
    assert main(["run", str(path), "--once"]) == 1
    (tmp_path / "in" / "3.usr").mkdir()
    assert main(["run", str(path), "--once"]) == 1
    (tmp_path / "in" / "4.usr").write_bytes(file(4, sender="N" * 3000))
    assert main(["run", str(path), "--once"]) == 0
    capsys.readouterr()
    return str(path)


def said(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert main(list(words)) == status
    found = capsys.readouterr()
    return found.out + found.err


def test_an_arrival_without_bytes_cannot_be_sent(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(capsys, "release", config, "3", "--to", "old", *WHY, status=2)
    assert told == "dflow: arrival 3 has no bytes (not a regular file): settle it\n"
    assert "sha256 not known\n" in said(capsys, "journal", "show", config, "3")


def test_one_is_one_and_what_is_empty_is_left_out(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(capsys, "release", config, "1", "--to", "old", *WHY)
    assert told == "arrival 1: 1 delivery due\n"
    assert "[was held]" in said(capsys, "journal", "events", config, "--kind", "settled")
    replayed = said(capsys, "replay", config, "--flow", "D0002", *WHY)
    assert replayed == "1 delivery due: 3\n"
    assert "replay to old by hand: due" in said(capsys, "journal", "show", config, "1")


def test_a_file_without_an_address_says_what_can_be_done(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hint = "has no address: The first record is not a header; release it to a destination"
    assert hint in said(capsys, "release", config, "2", *WHY, status=2)
    replay = ("replay", config, "--outcome", "unparsable", "--rules", "now", *WHY)
    assert hint in said(capsys, *replay)


def test_a_line_stays_short_whatever_a_sender_calls_itself(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = said(capsys, "journal", "list", config).splitlines()
    assert max(map(len, lines)) < 200
    assert any(line.endswith("N to M/OLDM") for line in lines)


def test_saved_bytes_are_told_of(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "release", config, "1", "--to", "old", *WHY)
    said(capsys, "hold", config, "2", *WHY)
    told = said(capsys, "dead", config, "2", "--save", str(tmp_path / "x"), *WHY)
    assert told.endswith(f"its bytes are in {tmp_path / 'x'}\n")


def test_bytes_are_saved_over_a_file_only_if_that_is_said(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "release", config, "1", "--to", "old", *WHY)
    said(capsys, "hold", config, "2", *WHY)
    saved = tmp_path / "x"
    saved.write_text("precious")
    saved.chmod(0o644)
    save = ("dead", config, "2", "--save", str(saved), *WHY)
    told = said(capsys, *save, status=2)
    assert told == f"dflow: {saved}: is there already; --force replaces it\n"
    assert saved.read_text() == "precious"
    said(capsys, *save, "--force")
    assert saved.read_bytes() == file(1, flow="D0002")
    assert saved.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.glob(".*.part")] == []
    told = said(capsys, *save[:4], ".", "--force", *WHY, status=2)
    assert told.startswith("dflow: .: ")
    assert "goes with --save" in said(capsys, "dead", config, "2", "--force", status=2)


def test_a_copy_that_cannot_be_made_goes_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = RULES + 'destination new "the new agent"\nclone late: flow D0010 copy new\n'
    above = "[journal]\npayloads_above = 1\n"
    path = configured(tmp_path, rules, {"old": "old", "new": "new"}, more=above)
    (tmp_path / "in" / "1.usr").write_bytes(file(1))
    assert main(["run", str(path), "--once"]) == 0
    for payload in tmp_path.glob("*.payloads/**/*"):
        if payload.is_file():
            payload.unlink()
    capsys.readouterr()
    told = said(capsys, "clones", "audit", str(path), "late", status=1)
    assert told.startswith("    1  1.usr: no copy can be made: payload ")
