"""The code blocks of Markdown pages, for the tests that run them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<info>[^`\n]*)$")


@frozen
class Block:
    """A fenced block of a page.

    Attributes:
        line: 1-based line of its first line of code.
        language: the first word of the fence's info string.
        text: the code.
    """

    line: int
    language: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a Markdown page, in order."""
    opened: re.Match[str] | None = None
    start = 0
    body: list[str] = []
    for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1):
        found = _FENCE.match(line)
        if opened is None:
            if found:
                opened, start, body = found, number + 1, []
        elif found and found["fence"].startswith(opened["fence"]) and not found["info"].strip():
            yield Block(start, language(opened["info"]), "\n".join(body) + "\n")
            opened = None
        else:
            body.append(line.removeprefix(opened["indent"]))
    assert opened is None, f"{page}: the fence of line {start - 1} is not closed"


def language(info: str) -> str:
    """The language of a fence: ``python``, also when written ``{code-block} python``."""
    words = info.split()
    if not words:
        return ""
    directive = words[0] in ("{code-block}", "{code}", "{sourcecode}", "{doctest}", "{testcode}")
    return words[1] if directive and len(words) > 1 else words[0]
