"""``dflow catalogue models`` and ``dflow catalogue schema``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dflow.cli import main
from support import CHECKOUT

USE = """
import io
from mine import d0010_002
data = (
    b"ZHV|0000000001|D0010002|D|UDMS|X|AAAA|20160301000000||||OPER|\\n"
    b"026|1200000000011|V|\\nZPT|0000000001|1||1|20160301000000|\\n"
)
(mpan,) = d0010_002.read(io.BytesIO(data))
print(type(mpan).__module__, mpan.mpan_core)
"""


def test_models_are_written_once_and_work_on_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine"
    assert main(["catalogue", "models", "D0010", "--out", str(out), "--json"]) == 0
    written = json.loads(capsys.readouterr().out)["written"]
    assert sorted(Path(path).name for path in written) == [
        "__init__.py",
        "codes.py",
        "d0010_002.py",
    ]
    assert main(["catalogue", "models", "D0010", "--out", str(out)]) == 0
    assert capsys.readouterr().out.startswith("0 written")
    done = subprocess.run(
        [sys.executable, "-c", USE],
        cwd=tmp_path,
        env={"PYTHONPATH": str(CHECKOUT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("mine.d0010_002 1200000000011\n", "")


def test_models_of_an_unknown_flow_are_refused_with_its_near_misses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["catalogue", "models", "D0011x", "--out", str(tmp_path)]) == 2
    assert "D0011" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_schema_is_printed_by_flow_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "schema", "D0269", "v002"]) == 0
    assert json.loads(capsys.readouterr().out)["title"].startswith("D0269 v002 ")
    assert main(["catalogue", "schema", "D0269"]) == 0
    assert json.loads(capsys.readouterr().out)["title"].startswith("D0269 v004 ")


def test_a_flow_without_structure_has_no_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "schema", "D0091", "002"]) == 2
    assert "not known" in capsys.readouterr().err
