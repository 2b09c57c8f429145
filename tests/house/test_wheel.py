"""What people install works: built, installed elsewhere, and run from there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from support import CHECKOUT

_FILE = b"""\
ZHV|WHEEL00001|D0010002|D|READ|X|SUPL|20190601120000||||OPER|
026|1212345678902|V|
028|S95A12345|R|
030|01|20190531000000|12345.0|||T|N|
ZPT|WHEEL00001|3||1|20190601120001|
"""


def _run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command outside the checkout, without the checkout's modules."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "COV_", "COVERAGE_", "VIRTUAL_ENV"))
    }
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from that sdist."""
    out = tmp_path_factory.mktemp("dist")
    result = _run(
        sys.executable, "-m", "build", "--no-isolation", "--outdir", out, CHECKOUT, cwd=out
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return out


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a new virtual environment that holds the wheel."""
    home = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(home, with_pip=True)
    programs = home / ("Scripts" if sys.platform == "win32" else "bin")
    (wheel,) = built.glob("*.whl")
    result = _run(programs / "python", "-m", "pip", "install", "-q", wheel, cwd=home)
    assert result.returncode == 0, result.stdout + result.stderr
    return programs


def test_the_wheel_holds_the_catalogue_and_the_marker(built: Path) -> None:
    (wheel,) = built.glob("dflow-*-py3-none-any.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    here = {
        f"dflow/catalogue_data/{path.relative_to(CHECKOUT / 'catalogue').as_posix()}"
        for path in (CHECKOUT / "catalogue").rglob("*.toml")
    }
    assert here
    assert here <= names
    assert "dflow/py.typed" in names
    assert not [name for name in names if name.startswith(("tests/", "docs/"))]


def test_the_sdist_holds_what_its_tests_need(built: Path) -> None:
    (sdist,) = built.glob("dflow-*.tar.gz")
    with tarfile.open(sdist) as archive:
        tops = {Path(name).parts[1] for name in archive.getnames() if len(Path(name).parts) > 1}
    here = {"src", "tests", "catalogue", "docs", "examples", "README.md", "LICENSE", ".ci"}
    assert {name for name in here if (CHECKOUT / name).exists()} <= tops


def test_the_wheel_needs_attrs_and_lark_only(installed: Path) -> None:
    result = _run(installed / "python", "-m", "pip", "freeze", cwd=installed)
    names = {line.split("==")[0].split(" @ ")[0].lower() for line in result.stdout.split("\n")}
    assert names - {""} == {"attrs", "lark", "dflow"}  # nothing came along


def test_the_catalogue_is_read_from_the_wheel(installed: Path) -> None:
    code = (
        "import dflow, dflow.catalogue as c\n"
        "flows = c.bundled()\n"
        "print(c.bundled_folder())\n"
        "print(len(flows), flows['D0010', '002'].name)\n"
    )
    result = _run(installed / "python", "-c", code, cwd=installed)
    assert result.returncode == 0, result.stderr
    folder, found = result.stdout.splitlines()
    assert Path(folder).is_relative_to(installed.parent)
    assert not Path(folder).is_relative_to(CHECKOUT)
    held = len(list((CHECKOUT / "catalogue" / "dtc").glob("[A-Z][0-9]*/[0-9][0-9][0-9].toml")))
    assert found == f"{held} Meter Readings"


def test_check_and_show_run_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    file = tmp_path / "wheel.usr"
    file.write_bytes(_FILE)
    checked = _run(installed / "dflow", "check", file, cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    shown = _run(installed / "dflow", "show", file, cwd=tmp_path)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "Meter Readings" in shown.stdout
    file.write_bytes(_FILE.replace(b"ZPT|WHEEL00001|3", b"ZPT|WHEEL00001|4"))
    faulty = _run(installed / "dflow", "check", file, cwd=tmp_path)
    assert faulty.returncode == 1, faulty.stdout + faulty.stderr
    assert "Traceback" not in faulty.stderr


def test_the_example_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """The README's first command, with the wheel in place of the checkout."""
    copy = tmp_path / "change_of_agent"
    here = CHECKOUT / "examples" / "change_of_agent"
    shutil.copytree(here, copy, ignore=shutil.ignore_patterns("out", "__pycache__"))
    result = _run(installed / "python", copy / "run.py", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert list((copy / "out" / "old-agent").rglob("*.usr"))
    assert list((copy / "out" / "new-agent").rglob("*.usr"))
