"""``dflow fix``: a patch first, the file only when asked."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from dflow.cli import main
from samples import d0010

RIGHT = d0010()
WRONG = RIGHT.replace(b"|12||3|", b"|13||3|")


def test_a_patch_is_shown_and_nothing_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.usr"
    path.write_bytes(WRONG)
    assert main(["fix", str(path)]) == 1
    out = capsys.readouterr().out
    assert "-ZPT|0000000001|13||3|20260302154650|" in out
    assert "+ZPT|0000000001|12||3|20260302154650|" in out
    assert "1 file to repair; --write does it" in out
    assert path.read_bytes() == WRONG


def test_written_when_asked_and_then_there_is_nothing_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.usr"
    path.write_bytes(WRONG)
    assert main(["fix", str(tmp_path), "--write"]) == 0
    assert "1 file repaired" in capsys.readouterr().out
    assert path.read_bytes() == RIGHT
    assert main(["fix", str(path)]) == 0
    assert capsys.readouterr().out == "nothing to repair\n"
    assert sorted(tmp_path.iterdir()) == [path]


def test_changes_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.usr"
    path.write_bytes(b"\xef\xbb\xbf" + WRONG)
    assert main(["fix", "--json", str(path)]) == 1
    (entry,) = json.loads(capsys.readouterr().out)["files"]
    assert entry == {
        "file": str(path),
        "changes": [
            {"line": 1, "codes": ["byte-order-mark"], "gone": False},
            {"line": 14, "codes": ["group-count"], "gone": False},
        ],
        "written": False,
    }


def test_what_cannot_be_read_is_status_2_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.usr"
    path.write_bytes(WRONG)
    assert main(["fix", "--write", str(tmp_path / "none"), str(path)]) == 2
    assert "no such file" in capsys.readouterr().err
    assert path.read_bytes() == RIGHT


def test_standard_input_is_shown_but_has_no_place_to_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(WRONG)))
    assert main(["fix", "-"]) == 1
    assert "+ZPT|0000000001|12||" in capsys.readouterr().out
    assert main(["fix", "--write", "-"]) == 2


def test_personal_values_near_a_repair_are_masked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.usr"
    path.write_bytes(RIGHT.replace(b"|C|\n", b"|C\n", 1))
    assert main(["fix", str(path)]) == 1
    assert "METER0" not in capsys.readouterr().out
    assert main(["fix", "--unmask", str(path)]) == 1
    out = capsys.readouterr().out
    assert "-028|METER0|C\n" in out
    assert "+028|METER0|C|\n" in out
