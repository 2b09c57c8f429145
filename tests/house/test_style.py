"""Ruff has nothing to say, neither on form nor on substance, and exceptions have reasons."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from support import CHECKOUT


def _ruff(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ruff", *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_ruff_check() -> None:
    result = _ruff("check", "--no-cache", ".")
    assert result.returncode == 0, result.stdout + result.stderr


def test_ruff_format() -> None:
    result = _ruff("format", "--no-cache", "--check", "--diff", ".")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("folder", ["src", "tests", "examples", "docs"])
def test_every_exception_has_its_code_and_reason(folder: str) -> None:
    """`noqa: CODE  reason`, `type: ignore[code]  # reason`."""
    bare = [
        f"{path.relative_to(CHECKOUT)}:{number}: {line.strip()}"
        for path in sorted((CHECKOUT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if re.search(r"#\s*noqa(?!: [A-Z]+[0-9]+(, ?[A-Z]+[0-9]+)*\s+\S)", line)
        or re.search(r"#\s*type:\s*ignore(?!\[[a-z\-, ]+\]\s+#?\s*\S)", line)
    ]
    assert not bare, "\n".join(bare)
