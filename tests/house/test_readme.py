"""The README's commands: two, each doing all its own set-up, and the one of `.ci/run`."""

from __future__ import annotations

import re
import tomllib

from house.pages import blocks
from support import CHECKOUT

_COMMANDS = [
    block.text.strip() for block in blocks(CHECKOUT / "README.md") if block.language == "console"
]


def test_there_are_two_commands_and_each_makes_its_own_environment() -> None:
    assert len(_COMMANDS) == 2
    for command in _COMMANDS:
        assert "\n" not in command
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install -q -e ")


def test_the_first_runs_an_example_that_is_there() -> None:
    found = re.search(r"&& \.venv/bin/python (\S+)$", _COMMANDS[0])
    assert found
    assert (CHECKOUT / found[1]).is_file()


def test_the_second_runs_all_tests_and_is_what_ci_runs() -> None:
    assert re.search(r"-e '\.\[test\]' && \.venv/bin/pytest -n 3", _COMMANDS[1])
    assert "--cov" in _COMMANDS[1]
    script = (CHECKOUT / ".ci" / "run").read_text("utf-8")
    pattern = re.search(r"sed -n 's/(.*?)/\\1/p' README\.md", script)
    assert pattern
    basic = pattern[1].replace("\\(", "(").replace("\\)", ")")
    readme = (CHECKOUT / "README.md").read_text("utf-8")
    assert re.findall(basic, readme, re.MULTILINE) == [_COMMANDS[1]]


def test_the_core_needs_attrs_and_lark_only() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    names = {re.split(r"[^A-Za-z0-9_-]", need)[0] for need in project["dependencies"]}
    assert names == {"attrs", "lark"}
    assert project["requires-python"] == ">=3.11"


def test_links_lead_somewhere() -> None:
    readme = (CHECKOUT / "README.md").read_text("utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", readme)
    assert links
    for link in links:
        assert (CHECKOUT / link).exists(), link
