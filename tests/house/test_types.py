"""The whole project is typed: mypy, strict, over the package, its tests and examples."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support import CHECKOUT


def _mypy(*arguments: str, cwd: Path = CHECKOUT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mypy", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_mypy_has_nothing_to_say() -> None:
    folders = [
        name for name in ("src", "tests", "examples") if any((CHECKOUT / name).rglob("*.py"))
    ]
    result = _mypy(*folders)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_package_says_that_it_is_typed() -> None:
    assert (CHECKOUT / "src" / "dflow" / "py.typed").is_file()
