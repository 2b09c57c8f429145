"""File sequence numbers of one source and target: which were seen, and which are missing.

In: the numbers as they come.  Out: what each is to those before it, and what is missing.
This module does not know databases, nor what a number stands for.

Kept are the lowest and the highest number that are watched, and the ranges between them that
did not come: a gap of a million is one range.  Of a source that leaves more than `MOST` gaps
the lowest gap is given up, and the watch begins above it, so that nothing is said of numbers
of which nothing is known.  Nobody has published when numbers begin anew, so no number is
taken for a new beginning: a lower one is missing, or was seen, or is below the watch.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from itertools import pairwise

from attrs import evolve, frozen

__all__ = [
    "MOST",
    "SequenceRow",
    "Span",
    "Standing",
    "Taken",
    "spans_from",
    "spans_kept",
    "spans_text",
]

#: Gaps that are kept for a source and target.
MOST = 100

#: Gaps that a sentence names.
_NAMED = 5


@frozen(order=True)
class Span:
    """All numbers from the first to the last."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"

    @property
    def count(self) -> int:
        """How many numbers they are."""
        return self.last - self.first + 1

    def without(self, number: int) -> tuple[Span, ...]:
        """What is left of it without one number of it."""
        parts = (Span(self.first, number - 1), Span(number + 1, self.last))
        return tuple(part for part in parts if part.first <= part.last)


@enum.unique
class Standing(enum.Enum):
    """What a number is to those before it."""

    FIRST = "first"
    NEXT = "next"
    GAP = "gap"
    FILLED = "filled"
    REPEAT = "repeat"
    BELOW = "below"


@frozen(kw_only=True)
class SequenceRow:
    """What is known of the numbers of a source and target.

    Attributes:
        source: who numbers, as the exchange names it; so `target`.
        lowest: where the watch begins; of lower numbers nothing is known.
        highest: the highest that was seen.
        missing: the ranges between them that were not seen, in order.
    """

    source: str
    target: str
    lowest: int
    highest: int
    missing: tuple[Span, ...] = ()

    def take(self, number: int, *, most: int = MOST) -> Taken:
        """What a number that came is, and what is known with it.

        Args:
            number: that came.
            most: how many gaps are kept.
        """
        row, standing = self, Standing.REPEAT
        if number < self.lowest:
            standing = Standing.BELOW
        elif number == self.highest + 1:
            row, standing = evolve(self, highest=number), Standing.NEXT
        elif number > self.highest:
            gap = Span(self.highest + 1, number - 1)
            row = evolve(self, highest=number, missing=(*self.missing, gap))
            standing = Standing.GAP
        else:
            for at, span in enumerate(self.missing):
                if span.first <= number <= span.last:
                    left = (*self.missing[:at], *span.without(number), *self.missing[at + 1 :])
                    row, standing = evolve(self, missing=left), Standing.FILLED
        given_up = row.missing[: max(0, len(row.missing) - most)]
        if given_up:
            left = row.missing[len(given_up) :]
            row = evolve(row, lowest=given_up[-1].last + 1, missing=left)
        return Taken(standing=standing, before=self, after=row, given_up=given_up)


@frozen(kw_only=True)
class Taken:
    """What a number is to those that came before it.

    Attributes:
        standing: in a word.
        before: what was known before it; None if it is the first of its source and target.
        after: what is known with it.
        given_up: gaps that are watched no longer, since there were too many.
    """

    standing: Standing
    before: SequenceRow | None
    after: SequenceRow
    given_up: tuple[Span, ...] = ()

    @classmethod
    def first(cls, source: str, target: str, number: int) -> Taken:
        """The first number of a source and target."""
        row = SequenceRow(source=source, target=target, lowest=number, highest=number)
        return cls(standing=Standing.FIRST, before=None, after=row)


def spans_text(spans: Iterable[Span]) -> str:
    """Numbers for a person, the lowest first.

    >>> spans_text([Span(7, 7), Span(9, 12)])
    '7, 9 to 12'
    """
    several = list(spans)
    words = ", ".join(map(str, several[:_NAMED]))
    more = len(several) - _NAMED
    gaps = "gap" if more == 1 else "gaps"
    return f"{words} and {more} {gaps} more" if more > 0 else words


def spans_kept(spans: Iterable[Span]) -> str:
    """Ranges as a journal keeps them, such as ``7-7,9-12``; empty for none."""
    return ",".join(f"{span.first}-{span.last}" for span in spans)


def spans_from(text: str) -> tuple[Span, ...]:
    """Ranges that a journal kept.

    Raises:
        ValueError: if these are no ranges, one after the other.
    """
    if text and not re.fullmatch(r"[0-9]{1,19}-[0-9]{1,19}(,[0-9]{1,19}-[0-9]{1,19})*", text):
        raise ValueError("the numbers that are missing are kept as no ranges")
    ends = [int(end) for end in re.findall("[0-9]+", text)]
    spans = tuple(Span(*pair) for pair in zip(ends[::2], ends[1::2], strict=True))
    # Between two ranges is a number that was seen.
    if ends != sorted(ends) or any(a.last + 1 >= b.first for a, b in pairwise(spans)):
        raise ValueError("the ranges of missing numbers are out of order")
    return spans
