"""The command line's frame: commands found, mistakes named, statuses kept."""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import types
from pathlib import Path

import pytest

from dflow import cli
from dflow.cli.terminal import Progress, paint_for, several, width_for
from dflow.errors import SourceError
from dflow.show import PLAIN, VIVID
from support import CHECKOUT


def _command(status: int | BaseException) -> types.ModuleType:
    module = types.ModuleType("made_up_command")

    def add(subparsers: cli.Subparsers) -> None:
        subparsers.add_parser("weigh").add_argument("thing")

    def run(args: argparse.Namespace) -> int:
        if isinstance(status, BaseException):
            raise status
        print("weighed", args.thing)
        return status

    module.__dict__.update(add=add, run=run)
    return module


@pytest.fixture
def weigh(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setitem(cli.COMMANDS, "weigh", ("made_up_command", "weigh a thing"))
    return monkeypatch


@pytest.mark.parametrize("status", [0, 1, 2])
def test_the_status_of_a_command_is_the_status_of_the_program(
    status: int, weigh: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weigh.setitem(sys.modules, "made_up_command", _command(status))
    assert cli.main(["weigh", "feather"]) == status
    assert capsys.readouterr().out == "weighed feather\n"


def test_an_error_for_callers_is_said_in_one_line_with_status_2(
    weigh: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weigh.setitem(sys.modules, "made_up_command", _command(SourceError("feather: no such file")))
    assert cli.main(["weigh", "feather"]) == 2
    assert capsys.readouterr().err == "dflow: feather: no such file\n"


def test_an_error_cannot_command_the_terminal(
    weigh: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weigh.setitem(sys.modules, "made_up_command", _command(SourceError("\x1b[2J: gone\nand so")))
    assert cli.main(["weigh", "feather"]) == 2
    assert capsys.readouterr().err == "dflow: \u241b[2J: gone\nand so\n"


def test_an_interruption_leaves_without_a_traceback(weigh: pytest.MonkeyPatch) -> None:
    weigh.setitem(sys.modules, "made_up_command", _command(KeyboardInterrupt()))
    assert cli.main(["weigh", "feather"]) == 130


@pytest.mark.parametrize(
    "words",
    [
        "rules coverage {rules} --release 12.5 --party X/UDMS --draft {nowhere}",
        "rules report {rules} {nowhere}",
        "rules graph {rules} --out {nowhere}",
    ],
)
def test_what_cannot_be_written_is_status_2_and_one_sentence(
    words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "my.routes"
    rules.write_text("destination b\nroute r: flow D0010 deliver b\n")
    nowhere = tmp_path / "nowhere" / "out"
    assert cli.main(words.format(rules=rules, nowhere=nowhere).split()) == 2
    assert capsys.readouterr().err == f"dflow: {nowhere}: No such file or directory\n"


def test_an_unknown_command_names_the_near_miss(
    weigh: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["wiegh", "feather"]) == 2
    assert capsys.readouterr().err == "dflow: no command 'wiegh'; did you mean weigh?\n"


def test_wrong_options_are_status_2(
    weigh: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weigh.setitem(sys.modules, "made_up_command", _command(0))
    assert cli.main(["weigh"]) == 2
    assert "thing" in capsys.readouterr().err


def test_help_names_every_command_and_imports_none(
    weigh: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    for name, (_, line) in cli.COMMANDS.items():
        assert name in out
        assert line.split()[0] in out
    assert "made_up_command" not in sys.modules


def test_no_words_at_all_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "usage: dflow" in capsys.readouterr().err


def test_every_command_has_a_module_with_its_two_calls() -> None:
    parser = cli.command_parser(*cli.COMMANDS)
    for name in cli.COMMANDS:
        with pytest.raises(SystemExit) as leaving:
            parser.parse_args([name, "--help"])
        assert leaving.value.code == 0


def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dflow", "--version"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(CHECKOUT / "src")},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("dflow")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals_that_want_it() -> None:
    assert paint_for(_Terminal(), {}) is VIVID
    assert paint_for(_Terminal(), {"NO_COLOR": ""}) is VIVID
    assert paint_for(_Terminal(), {"NO_COLOR": "1"}) is PLAIN
    assert paint_for(_Terminal(), {"TERM": "dumb"}) is PLAIN
    assert paint_for(io.StringIO(), {}) is PLAIN


def test_width_is_the_terminals_and_never_absurd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "7")
    assert width_for(_Terminal()) == 40
    monkeypatch.setenv("COLUMNS", "132")
    assert width_for(_Terminal()) == 132
    assert width_for(io.StringIO()) == 100


def test_progress_counts_on_a_terminal_and_is_silent_in_a_pipe() -> None:
    terminal, pipe = _Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        progress = Progress("files", 2, stream)
        progress.at(1)
        progress.at(2)
        progress.clear()
    assert "2 of 2 files" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")
    assert pipe.getvalue() == ""


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    path = tmp_path / "a.usr"
    path.write_bytes(b"x|\n" * 50_000)
    with subprocess.Popen(
        [sys.executable, "-m", "dflow", "show", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": str(CHECKOUT / "src")},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (141, b"")


def test_one_is_told_as_one() -> None:
    assert [several(n, "file") for n in (0, 1, 2, 1234)] == [
        "0 files",
        "1 file",
        "2 files",
        "1,234 files",
    ]
