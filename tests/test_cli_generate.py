"""``dflow generate``: files made up from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dflow.cli import main
from dflow.generator import mpan
from dflow.parse import read
from dflow.validate import check


def test_a_file_as_it_is_asked_for(tmp_path: Path) -> None:
    portfolio = tmp_path / "portfolio.csv"
    portfolio.write_text("mpan\n" + "".join(f"{mpan(at)}\n" for at in range(40)))
    out = tmp_path / "out.usr"
    words = "generate D0150 --version 002 --count 1000 --seed 7 --from M/OLDM --to X/UDMS"
    assert main([*words.split(), "--mpans", str(portfolio), "-o", str(out)]) == 0
    flow = read(out)
    assert flow.header is not None
    assert (str(flow.header.sender), str(flow.header.recipient)) == ("M/OLDM", "X/UDMS")
    assert len(flow.groups) == 1000
    assert {group["J0003"] for group in flow.groups} == {mpan(at) for at in range(40)}
    assert check(out).clean
    again = tmp_path / "again.usr"
    assert main([*words.split(), "--mpans", str(portfolio), "-o", str(again)]) == 0
    assert again.read_bytes() == out.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "again.usr",
        "out.usr",
        "portfolio.csv",
    ]


def test_standard_output_and_defaults(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["generate", "d0010"]) == 0
    data = capfdbinary.readouterr().out
    flow = read(data)
    assert check(data).clean
    assert flow.header is not None
    assert (flow.header.version, flow.header.test_flag, len(flow.groups)) == ("002", "TR01", 1)


def test_the_day_and_the_flag_are_taken(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["generate", "D0010", "--date", "20250704", "--test-flag", "OPER"]) == 0
    header = read(capfdbinary.readouterr().out).header
    assert header is not None
    assert (header.created[:8], header.test_flag) == ("20250704", "OPER")


def test_a_scenario_is_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "story"
    assert main(["generate", "--scenario", "change-of-agent", "-o", str(folder)]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed == [str(path) for path in sorted(folder.iterdir())]
    assert len(listed) == 7
    assert main(["check", str(folder)]) == 0


def test_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "--list"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == ["change-of-agent", "change-of-supplier", "meter-exchange"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "neither a flow nor a scenario"),
        ("D0011 --version 009", "no flow D0011 v009; known: v001"),
        ("D0091 --version 002", "D0091 v002 has no known structure"),
        ("D0236 --count 2", "holds one instance"),
        ("D0010 --from MOLDM", "'MOLDM' is no party; expected such as M/OLDM"),
        ("D0010 --date 20250230", "'20250230' is no day"),
        ("D0010 --count -3", "'-3' is no count"),
        ("D0010 --count x", "'x' is no count"),
        ("D0010 --mpans nowhere.csv", "nowhere.csv: no such file\n"),
        ("D0010 -o no/such/folder/x", "cannot be written"),
        ("--scenario change-of-agent", "name a new folder with -o"),
        ("D0010 --scenario change-of-agent -o x", "--scenario stands alone"),
        ("--scenario change-of-agnt -o x", "near: change-of-agent"),
    ],
)
def test_wrong_use_is_said_and_nothing_written(
    words: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["generate", *words.split()]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_portfolio_with_mistakes_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "p.csv"
    path.write_text("mpan\n1000000000009\n")
    assert main(["generate", "D0010", "--mpans", str(path)]) == 2
    assert "p.csv:2: '1000000000009' is no MPAN" in capsys.readouterr().err


def test_an_existing_folder_is_not_mixed_into(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", "--scenario", "meter-exchange", "-o", str(tmp_path)]) == 2
    assert "cannot be made" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_flow_of_ones_own_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own" / "X9001"
    own.mkdir(parents=True)
    (own / "001.toml").write_text(
        'flow = "X9001"\nversion = "001"\nname = "Stock"\nprovenance = "private: made up"\n'
        'routes = ["Supplier -> NHHDC"]\n[[group]]\ncode = "STK"\nlevel = 1\nrange = "1-*"\n'
        'name = "Stock"\nitems = ["J0003"]\n'
    )
    out, over = tmp_path / "out", ["--overlay", str(own.parent)]
    assert main(["generate", "X9001", "--count", "2", "-o", str(out), *over]) == 0
    assert out.read_text().count("\nSTK|") == 2
    assert main(["check", str(out), *over]) == 0
    assert capsys.readouterr().err == ""


def test_a_story_that_breaks_off_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second flow can be made for one meter point only."""
    (tmp_path / "story.toml").write_text(
        'title = "breaks off"\nprovenance = "made up"\n[parties]\na = "X/OLDS"\nb = "D/TSTA"\n'
        '[[step]]\nflow = "D0010"\nversion = "002"\nfrom = "a"\nto = "b"\n'
        '[[step]]\nflow = "D0236"\nversion = "001"\nfrom = "a"\nto = "b"\n'
    )
    words = ["generate", "--scenario", str(tmp_path / "story.toml"), "--count", "2"]
    assert main([*words, "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    assert "holds one instance" in said.err
    assert said.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["story.toml"]


def test_what_is_being_made_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out.part").write_text("another process's")
    assert main(["generate", "D0010", "-o", str(tmp_path / "out")]) == 2
    assert "out.part: is there: " in capsys.readouterr().err
    assert (tmp_path / "out.part").read_text() == "another process's"
