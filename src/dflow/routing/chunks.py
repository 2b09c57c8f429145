"""A rules text cut into statements by its layout, before any grammar sees it.

In: a text.  Out: chunks (the lines of one statement with its number) and the comments
above each.  This module knows two things only: a statement begins at column 0 and
indented lines continue it, and ``#`` outside quotation marks starts a comment.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import define, field, frozen

__all__ = ["Chunk", "Cut", "comments_of", "cut", "without_comments"]

_TEXT_OR_COMMENT = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|(#[^\n]*)")


@frozen
class Chunk:
    """The lines of one statement.

    Attributes:
        start: the 1-based number of its first line.
        text: its lines, comments and all.
        comments: those above it, an empty one for a blank line, then those inside it.
    """

    start: int
    text: str
    comments: tuple[str, ...]


@frozen
class Cut:
    """A whole text.

    Attributes:
        lines: its lines without their ends.
        chunks: its statements.
        closing: the comments after the last of them.
        strays: numbers of indented lines that continue nothing.
    """

    lines: tuple[str, ...]
    chunks: tuple[Chunk, ...]
    closing: tuple[str, ...]
    strays: tuple[int, ...]


@define
class _Cutter:
    above: list[str] = field(factory=list)
    body: list[str] = field(factory=list)
    start: int = 0
    chunks: list[Chunk] = field(factory=list)

    def close(self) -> None:
        """End the statement; what trails it at column 0 lies above the next one."""
        tail: list[str] = []
        while self.body and not _is_content(self.body[-1]):
            tail.insert(0, self.body.pop())
        if self.start:
            inside = comments_of(self.body)
            text = "\n".join(self.body)
            self.chunks.append(Chunk(self.start, text, (*_trimmed(self.above), *inside)))
        self.above = [_comment_text(line) for line in tail]
        self.body = []


def cut(text: str) -> Cut:
    """Cut a text into its statements."""
    lines = tuple(line.removesuffix("\r") for line in text.split("\n"))
    cutter = _Cutter()
    strays: list[int] = []
    for number, line in enumerate(lines, start=1):
        if _is_content(line) and line[0] not in " \t":
            cutter.close()
            cutter.start = number
        elif _is_content(line) and not line.strip().startswith("#") and not cutter.start:
            strays.append(number)
        cutter.body.append(line)
    cutter.close()
    closing = _trimmed(cutter.above)
    if closing and not closing[-1]:
        closing = closing[:-1]
    return Cut(lines, tuple(cutter.chunks), closing, tuple(strays))


def _is_content(line: str) -> bool:
    """Whether the line belongs to a statement: not blank, no comment at column 0."""
    return bool(line.strip()) and not line.startswith("#")


def _comment_text(line: str) -> str:
    return line.strip().removeprefix("#").removeprefix(" ").rstrip()


def _trimmed(comments: Sequence[str]) -> tuple[str, ...]:
    """Without blank lines before the first comment, and without doubled ones.

    A blank line after the last comment stays: it parts a remark about the file, or about
    what follows, from the statement.
    """
    kept: list[str] = []
    for line in comments:
        if line or (kept and kept[-1]):
            kept.append(line)
    return tuple(kept)


def comments_of(lines: Sequence[str]) -> list[str]:
    """The comments that stand in a statement's lines."""
    found = _TEXT_OR_COMMENT.finditer("\n".join(lines))
    texts = (_comment_text(match[1]) for match in found if match[1])
    return [text for text in texts if text]


def without_comments(text: str) -> str:
    """The text with spaces in place of its comments, so that places stay true."""
    return _TEXT_OR_COMMENT.sub(lambda m: " " * len(m[0]) if m[1] else m[0], text)
