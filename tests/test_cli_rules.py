"""``dflow rules``, from the outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dflow.cli import main

RULES = """\
destination a
destination b

route x:  flow D0150  to M/OLDM
    deliver a

clone c:  flow D0150  during 2019-01-01 .. 2020-01-01
    copy b
"""
FILE = b"ZHV|0000000001|D0150001|X|UDMS|M|OLDM|20190627103000||||OPER|\r\n"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "x.routes"
    path.write_text(RULES)
    archive = tmp_path / "archive"
    archive.mkdir()
    (archive / "one.usr").write_bytes(FILE)
    (archive / "noise.txt").write_bytes(b"nothing")
    return path


def test_format(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "format", str(rules)]) == 0
    assert capsys.readouterr().out == RULES
    assert main(["rules", "format", "--check", str(rules)]) == 0
    rules.write_text(RULES.replace("  to", " to"))
    assert main(["rules", "format", "--check", str(rules)]) == 1
    assert main(["rules", "format", "--write", str(rules)]) == 0
    assert rules.read_text() == RULES


def test_a_refused_file_is_status_2(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.write_text("destination a\nroute x: deliver aa\n")
    assert main(["rules", "lint", str(rules)]) == 2
    assert "did you mean a?" in capsys.readouterr().err


def test_explain(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(rules.parent / "archive" / "one.usr")
    assert main(["rules", "explain", str(rules), file, "--at", "2019-06-27"]) == 0
    assert "outcome: deliver, by route x (line 4)" in capsys.readouterr().out
    assert main(["rules", "explain", str(rules), file, "--at", "2019-06-27", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["copies"][0]["destination"] == "b"
    assert main(["rules", "explain", str(rules), file, "--at", "2019-06-27T10:00"]) == 2
    assert main(["rules", "explain", str(rules), str(rules)]) == 2


def test_lint(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "lint", str(rules), "--at", "2019-06-27"]) == 0
    assert "nothing to remark" in capsys.readouterr().out
    rules.write_text(RULES + "hold y: flow D0150 to M/OLDM test none\n")
    assert main(["rules", "lint", str(rules), "--at", "2019-06-27", "--json"]) == 1
    (remark,) = json.loads(capsys.readouterr().out)["remarks"]
    assert (remark["code"], remark["others"], remark["differs"]) == ("never-fires", ["x"], True)


def test_coverage_draft_and_apply(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.write_text("destination a\n\nroute x:  flow D0217 v001  to X/UDMS\n    deliver a\n")
    before = rules.read_text()
    changes = rules.with_name("changes.toml")
    words = ["rules", "coverage", str(rules), "--release", "12.5", "--party", "X/UDMS"]
    assert main([*words, "--draft", str(changes)]) == 1
    assert "D0217 v002 to X/UDMS: missing; v001 went by x" in capsys.readouterr().out
    assert main(["rules", "apply", str(rules), str(changes), "--write"]) == 0
    assert main([*words, "--json"]) == 1  # sends of X/UDMS have no destination to presume
    found = json.loads(capsys.readouterr().out)
    assert not [one for one in found["lines"] if one["flow"] == "D0217" and not one["rules"]]
    assert main(["rules", "apply", str(rules), str(changes)]) == 2
    assert main(["rules", "apply", str(rules), str(changes), "--reverse", "--write"]) == 0
    assert rules.read_text() == before


def test_diff_over_an_archive_and_without(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = rules.with_name("new.routes")
    new.write_text(RULES.replace("deliver a", "deliver b"))
    archive = str(rules.parent / "archive")
    assert main(["rules", "diff", str(rules), str(new), "--over", archive]) == 1
    assert "1 files treated differently" in capsys.readouterr().out
    assert main(["rules", "diff", str(rules), str(new)]) == 1
    assert "now deliver to b" in capsys.readouterr().out
    assert main(["rules", "diff", str(rules), str(rules), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_simulate(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "simulate", str(rules), str(rules.parent / "archive")]) == 0
    assert "temporary clone c adds 1 files, 63 bytes" in capsys.readouterr().out


def test_graph_and_report(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "graph", str(rules)]) == 0
    assert capsys.readouterr().out.startswith("flowchart LR\n")
    page = rules.with_name("page.html")
    assert main(["rules", "report", str(rules), str(page), "--at", "2019-06-27"]) == 0
    assert "<svg" in page.read_text()
