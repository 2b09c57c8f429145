"""Python in a process of its own: examples that are run whole, and scripts that die at work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from support import CHECKOUT


def environment() -> dict[str, str]:
    """This process's environment, with the checkout's package and no other."""
    return {**os.environ, "PYTHONPATH": str(CHECKOUT / "src")}


def example(name: str, into: Path) -> Path:
    """A copy of an example, without what earlier runs left in it."""
    left = shutil.ignore_patterns("out", "*.ledger*", "__pycache__")
    return shutil.copytree(CHECKOUT / "examples" / name, into / name, ignore=left)


def run(*words: str | Path, timeout: float | None = None) -> subprocess.CompletedProcess[str]:
    """Python with these words, and what it said."""
    return subprocess.run(
        [sys.executable, *words],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def ran(script: Path, *words: str, timeout: float = 120) -> str:
    """What a script says that has to end well."""
    done = run(script, *words, timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def found_by(script: Path, *words: str | Path) -> dict[str, object]:
    """What a campaign of kills found, which it says in JSON; it has to end well."""
    done = run(script, *words)
    assert done.stdout, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    assert done.returncode == 0, found
    return found


def dies(script: str, *words: str | Path) -> None:
    """Run the text of a script that kills its own process at work, by `os._exit(9)`."""
    done = run("-c", script, *words, timeout=60)
    assert done.returncode == 9, done.stdout + done.stderr
