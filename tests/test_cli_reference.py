"""The reference page of the command line is what the parsers say."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest

from dflow.cli import COMMANDS, command_parser
from dflow.cli.reference import reference
from support import CHECKOUT


def test_the_page_is_fresh() -> None:
    page = CHECKOUT / "docs" / "reference" / "cli.md"
    assert page.read_text("utf-8") == reference(), (
        "stale; run: python -m dflow.cli.reference docs/reference/cli.md"
    )


def test_the_page_names_every_command_and_option() -> None:
    page = reference()
    for name in COMMANDS:
        assert f"\n## dflow {name}\n" in page
    assert "`--unmask`" in page
    assert "`--format text/json/sarif/github`" in page


def _leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The commands that do something: those without commands below them."""
    below = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    if not below:
        yield parser
    for action in below:
        for one in action.choices.values():
            yield from _leaves(one)


@pytest.mark.parametrize(
    "parser", [*_leaves(command_parser(*COMMANDS))], ids=lambda parser: str(parser.prog)
)
def test_a_command_tells_what_it_does_and_how_it_ends(parser: argparse.ArgumentParser) -> None:
    assert parser.description
    assert parser.description[0].isupper(), parser.description
    assert parser.description.rstrip().endswith("."), parser.description
    assert "Status: 0" in (parser.epilog or ""), "its statuses"
    without = [action.dest for action in parser._actions if not action.help]
    assert without == []
