"""The example of a third party's package: installed in a fresh environment, tested, used."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from support import CHECKOUT

EXAMPLE = CHECKOUT / "examples" / "own_transport"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, and beside it an environment in which it is installed.

    The environment borrows the libraries of the one that runs the tests, so that nothing
    is fetched; the package itself is built and installed as a user would.
    """
    folder = tmp_path_factory.mktemp("own")
    shutil.copytree(EXAMPLE, folder / "example")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    told = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    borrowed = f"{CHECKOUT / 'src'}\n{sysconfig.get_path('purelib')}\n"
    Path(told.stdout.strip(), "borrowed.pth").write_text(borrowed)
    words = ("install", "-q", "--no-build-isolation", "--no-deps", "--no-index")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    run(*pip, *words, folder / "example")
    return folder


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "PYTEST", "COV_", "COVERAGE_", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_its_own_tests_pass(place: Path) -> None:
    python = place / "venv" / "bin" / "python"
    told = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=place / "example")
    assert " passed" in told.stdout
    assert "failed" not in told.stdout


def test_a_configuration_uses_it(place: Path) -> None:
    python, demo = place / "venv" / "bin" / "python", place / "example" / "demo"
    rows = json.loads(run(python, "-m", "dflow", "mounts", "kinds", "--json").stdout)
    assert {"name": "mailbox", "package": "mailbox-post"}.items() <= rows[-1].items()
    told = run(python, "-m", "dflow", "mounts", "check", "dflow.toml", cwd=demo)
    assert "mount post      ok  the mailbox post.db is not there yet" in told.stdout
    run(python, "-m", "dflow", "run", "dflow.toml", "--once", cwd=demo)
    with sqlite3.connect(demo / "post.db") as file:
        rows = file.execute("SELECT name, content FROM parcels").fetchall()
    file.close()
    sent = EXAMPLE / "demo" / "in" / "D0010_0000000001.usr"
    assert rows == [(sent.name.encode(), sent.read_bytes())]
    assert not list((demo / "in").glob("*.usr"))
