"""The page of capabilities: a line for each, and nothing named that is not there."""

from __future__ import annotations

import contextlib
import importlib
import io
import re

import pytest

from dflow.cli import COMMANDS, command_parser
from support import CHECKOUT, shared_folder

PAGE = CHECKOUT / "docs" / "reference" / "capabilities.md"
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in PAGE.read_text("utf-8").splitlines()
    if re.match(r"\| \d+ \|", line)
]


def test_every_capability_has_one_line() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, 83))
    assert {len(row) for row in ROWS} == {4}


def test_the_page_has_the_rows_of_the_facts() -> None:
    folder = shared_folder()
    if folder is None:
        pytest.skip("the facts are not beside the project")
    facts = folder / "facts" / "capabilities.md"
    numbers = re.findall(r"^(\d+)\. ", facts.read_text("utf-8"), re.MULTILINE)
    assert [row[0] for row in ROWS] == numbers


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_a_line_names_what_is_there(row: tuple[str, ...]) -> None:
    _, _, state, where = row
    assert re.match(r"whole$|part: .{20}|not yet: .{20}", state), state
    named = re.findall(r"`([^`]+)`", where)
    assert named or state.startswith("not yet")
    for name in named:
        if name.startswith("dflow."):
            module = importlib.import_module(name)
            public = getattr(module, "__all__", ())
            assert public, f"{name} is empty"
        elif name.startswith("dflow "):
            words = name.split()
            assert words[1] in COMMANDS, name
            if len(words) > 2:
                assert re.search(rf"^    {words[2]}\b", _help(words[1]), re.MULTILINE), name
        elif "/" in name:
            assert (CHECKOUT / name).exists(), name


def _help(command: str) -> str:
    text = io.StringIO()
    with contextlib.redirect_stdout(text), pytest.raises(SystemExit):
        command_parser(command).parse_args([command, "--help"])
    return text.getvalue()
