"""Rules that contradict themselves are refused, or told, before they are used."""

from __future__ import annotations

from pathlib import Path

import pytest

from dflow.cli import main
from dflow.errors import RefusedText
from dflow.exchange import load_wiring
from dflow.exchange.reload import RulesFile
from dflow.findings import Severity
from support_wiring import configured

SOUND = """\
destination old-agent
route all: flow D0010 to M/OLDM deliver old-agent
"""
# Live files only: test files never reach a live destination, so the hold would take those.
BLOCKED = SOUND + "hold late: flow D0010 v002 to M/OLDM test none\n"
ENDLESS = SOUND + "clone more: flow D0010 to M/NEWM copy old-agent\n"


def wired(folder: Path, rules: str, refuse_on: str = "") -> Path:
    line = f'refuse_on = "{refuse_on}"\n' if refuse_on else ""
    return configured(folder, rules, {"old-agent": "old"}, routes=line)


def test_a_rule_that_can_never_fire_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(RefusedText) as refused:
        load_wiring(wired(tmp_path, BLOCKED))
    (fault,) = refused.value.faults
    assert (fault.source, fault.line) == (str(tmp_path / "x.routes"), 3)
    assert "never-fires" in fault.message
    assert "all" in fault.message  # names the rule that blocks it


def test_unless_it_is_allowed_and_then_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(wired(tmp_path, BLOCKED, "never")), "--once"]) == 0
    assert "x.routes:3: error" in capsys.readouterr().err


def test_a_doubt_is_told_and_refused_only_where_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = wired(tmp_path, ENDLESS)
    assert main(["run", str(path), "--once"]) == 0
    assert "x.routes:3: warning" in capsys.readouterr().err
    wired(tmp_path, ENDLESS, "warning")
    assert main(["run", str(path), "--once"]) == 2
    assert "endless-clone" in capsys.readouterr().err


def test_a_changed_file_that_contradicts_itself_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.routes"
    path.write_text(SOUND)
    rules = RulesFile(path, Severity.ERROR)
    path.write_text(BLOCKED)
    routes, problem = rules.changed()
    assert routes is None
    assert "never-fires" in problem
    path.write_text(SOUND + "\n\n")
    routes, problem = rules.changed()
    assert routes is not None
    assert problem == ""
