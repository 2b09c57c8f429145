"""The reference page of the command line, made from its parsers.

In: nothing.  Out: Markdown.  This module knows no command: it asks each for its parser.
``python -m dflow.cli.reference docs/reference/cli.md`` writes the page anew.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from dflow.cli import COMMANDS, command_parser

__all__ = ["reference"]

#: Argparse has no public names for these, nor a public way to a parser's actions.
_Subparsers = argparse._SubParsersAction  # noqa: SLF001  see above
_Help = argparse._HelpAction  # noqa: SLF001  see above

_HEAD = """\
% Made by `python -m dflow.cli.reference`; do not edit.

# The command line

`dflow COMMAND ...`, or `python -m dflow COMMAND ...`. `dflow COMMAND --help` says the same as
this page.

| status | meaning |
|---|---|
| 0 | clean: nothing of severity error was found, or what was asked was done |
| 1 | the answer is bad: an error was found, something is missing or waits for a person |
| 2 | wrong use, or something that cannot be read or written |
| 130 | interrupted |
| 141 | the reader of the output went away |

Colour is used on a terminal only, and not where `NO_COLOR` is set. `-` as a file means
standard input.
"""


def reference() -> str:
    """The page."""
    parser = command_parser(*COMMANDS)
    parts = [_HEAD]
    for name, command in _commands(parser):
        parts.append("\n".join(_section(name, command, 2)))
    return "\n".join(parts)


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in _actions(parser):
        if isinstance(action, _Subparsers):
            yield from action.choices.items()


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return parser._actions  # noqa: SLF001  see above


def _section(name: str, parser: argparse.ArgumentParser, level: int) -> Iterator[str]:
    yield f"{'#' * level} {parser.prog}"
    yield ""
    if parser.description:
        yield _escaped(" ".join(parser.description.split()))
        yield ""
    rows = [
        (_shape(action), _escaped(" ".join((action.help or "").split())))
        for action in _actions(parser)
        if not isinstance(action, (_Subparsers, _Help))
    ]
    if rows:
        yield "| | |"
        yield "|---|---|"
        for shape, text in rows:
            yield f"| `{shape}` | {text} |"
        yield ""
    if parser.epilog:
        yield _escaped(" ".join(parser.epilog.split()))
        yield ""
    for below, command in _commands(parser):
        yield from _section(f"{name} {below}", command, level + 1)


def _shape(action: argparse.Action) -> str:
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    if not action.option_strings:
        word = metavar or action.dest.upper()
        return f"{word} ..." if action.nargs in ("+", "*") else word
    names = ", ".join(action.option_strings)
    if action.nargs == 0:
        return names
    if action.choices is not None:
        return f"{names} {'/'.join(map(str, action.choices))}"
    return f"{names} {metavar or action.dest.upper()}"


#: What a person types: an option, a pattern in quotes, a command in backticks.
_TYPED = re.compile(r"(--[a-z][a-z-]*|(?<!\w)'[^']+'(?!\w)|`[^`]+`)")


def _escaped(text: str) -> str:
    """Help text as Markdown: what is typed stands as code, the rest is shown, never obeyed."""
    parts = []
    for part in _TYPED.split(text.replace("%%", "%")):
        if _TYPED.fullmatch(part):
            code = part.strip("`").replace("|", "\\|")
            parts.append(f"`{code}`")
            continue
        for character in "\\|*_<>[]`":
            part = part.replace(character, "\\" + character)  # noqa: PLW2901  bit by bit
        parts.append(part)
    return "".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), "utf-8")
