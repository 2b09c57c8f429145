"""Imports go down only, and the contract that says so bites."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import CHECKOUT


def _lint(root: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the package under `root`."""
    return subprocess.run(
        [
            *(sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"),
            *("--no-cache", "--config", str(root / "pyproject.toml")),
        ],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and its contract, to be broken."""
    shutil.copytree(
        CHECKOUT / "src" / "dflow",
        tmp_path / "src" / "dflow",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    return tmp_path


def _append(file: Path, text: str) -> None:
    file.write_text(file.read_text("utf-8") + text, "utf-8")


def test_the_house_stands() -> None:
    result = _lint(CHECKOUT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


def test_an_import_upward_is_seen(copy: Path) -> None:
    _append(copy / "src" / "dflow" / "errors.py", "\nfrom dflow import flow\n")
    result = _lint(copy)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "imports go down only BROKEN" in result.stdout
    assert "dflow.errors is not allowed to import dflow.flow" in result.stdout


def test_an_import_sideways_is_seen(copy: Path) -> None:
    _append(copy / "src" / "dflow" / "records.py", "\nfrom dflow import envelope\n")
    result = _lint(copy)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "dflow.records is not allowed to import dflow.envelope" in result.stdout


def test_an_import_inside_a_function_counts(copy: Path) -> None:
    late = "\ndef later() -> object:\n    from dflow import flow\n    return flow\n"
    _append(copy / "src" / "dflow" / "findings" / "report.py", late)
    result = _lint(copy)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "dflow.findings is not allowed to import dflow.flow" in result.stdout


def test_a_room_without_a_floor_is_seen(copy: Path) -> None:
    (copy / "src" / "dflow" / "attic.py").write_text('"""Belongs nowhere."""\n', "utf-8")
    result = _lint(copy)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "dflow.attic" in result.stdout


def test_the_ground_floors_do_not_speak_lark(copy: Path) -> None:
    _append(copy / "src" / "dflow" / "records.py", "\nimport lark\n")
    result = _lint(copy)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "speak Lark BROKEN" in result.stdout
