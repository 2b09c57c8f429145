"""Words of a rules text to the small values they stand for.

In: marks.  Out: versions, flags, texts; the words before and after ``except``; repeats.
This module does not know statements or names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from dflow.routing.selectors import VersionRange, WordPattern
from dflow.routing.syntax import Mark

__all__ = ["parted", "repeats", "unquoted", "version_range", "words"]


def version_range(text: str) -> VersionRange:
    """The versions that a word such as ``v>=002`` names."""
    for operator in (">=", "<=", ">", "<"):
        if text.startswith(operator, 1):
            return VersionRange(operator, text[1 + len(operator) :])
    return VersionRange("=", text[1:])


def parted(marks: list[Mark]) -> tuple[list[Mark], list[Mark]]:
    """The words before and after ``except``."""
    for number, one in enumerate(marks):
        if one.kind == "EXCEPT":
            return marks[:number], marks[number + 1 :]
    return marks, []


def words(marks: Iterable[Mark]) -> Iterator[WordPattern]:
    """The test flags or application ids that the words name."""
    for one in marks:
        if one.kind == "NONE":
            yield WordPattern("", "none")
        elif one.kind == "STRING":
            yield WordPattern(unquoted(one))
        elif one.text.endswith("*"):
            yield WordPattern(one.text[:-1], "prefix")
        else:
            yield WordPattern(one.text)


def unquoted(mark: Mark) -> str:
    """The word's text, without quotation marks and backslashes."""
    if mark.kind != "STRING":
        return mark.text
    return re.sub(r"\\([\"\\])", r"\1", mark.text[1:-1])


def repeats(marks: Iterable[Mark]) -> Iterator[tuple[Mark, Mark]]:
    """Pairs of the first word and a later one that says the same."""
    first: dict[str, Mark] = {}
    for mark in marks:
        known = first.setdefault(mark.text, mark)
        if known is not mark and mark.kind in {"NAME", "VALUE", "STRING"}:
            yield known, mark
