"""The cells of one dimension: texts, versions, or time, cut wherever a row mentions something.

In: the sets that rows have in a dimension.  Out: cells, each a bit, and the bits of a set.
This module does not know rows or boxes; `space` puts the dimensions together.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import pairwise

from attrs import frozen

from dflow.routing.selectors import version_key
from dflow.routing.sets import TextSet, VersionSet
from dflow.routing.window import Span

__all__ = ["TextCells", "TimeCells", "VersionCells", "numbers_of"]

_THREE_DIGITS = re.compile(r"[0-9]{3}", re.ASCII)


@frozen
class TextCells:
    """The cells of a dimension of texts: prefixes and points in the order of the alphabet.

    A prefix stands just before the texts that start with it, so that everything behind a
    prefix is one stretch of cells.
    """

    keys: tuple[tuple[str, int], ...]
    places: dict[tuple[str, int], int]

    @classmethod
    def of(cls, sets: Iterable[TextSet]) -> TextCells:
        """Cut where these sets mention something."""
        keys: set[tuple[str, int]] = {("", 0)}
        for one in sets:
            keys.update((prefix, 0) for prefix in one.prefixes)
            keys.update((point, 1) for point in one.points)
        ordered = tuple(sorted(keys))
        return cls(ordered, {key: place for place, key in enumerate(ordered)})

    def bits(self, one: TextSet) -> int:
        """The bits of a set whose mentions are all known."""
        found = 0
        for prefix in sorted(one.prefixes, key=len):
            start = self.places[prefix, 0]
            end = bisect_left(self.keys, (_after(prefix), 0)) if prefix else len(self.keys)
            stretch = ((1 << (end - start)) - 1) << start
            found = found | stretch if one.prefixes[prefix] else found & ~stretch
        for point, is_in in one.points.items():
            bit = 1 << self.places[point, 1]
            found = found | bit if is_in else found & ~bit
        return found

    def all_bits(self) -> int:
        """The bits of all cells."""
        return (1 << len(self.keys)) - 1

    def cell(self, text: str) -> int:
        """The bit of the cell that holds a text."""
        place = self.places.get((text, 1))
        length = len(text)
        while place is None:
            place = self.places.get((text[:length], 0))
            length -= 1
        return 1 << place

    def told(self, place: int) -> str:
        """A cell in words."""
        text, point = self.keys[place]
        if point:
            return text or "none"
        return f"{text}*" if text else "any other"


def _after(prefix: str) -> str:
    """The first text after all those that start with the prefix."""
    last = ord(prefix[-1])
    return prefix[:-1] + chr(last + 1) if last < 0x10FFFF else prefix + "\U0010ffff"


@frozen
class VersionCells:
    """The cells of the versions: gap, version, gap, version, ..., gap."""

    cuts: tuple[str, ...]
    void: int

    @classmethod
    def of(cls, sets: Iterable[VersionSet]) -> VersionCells:
        """Cut where these sets mention something."""
        cuts = tuple(sorted({cut for one in sets for cut in one.cuts}, key=version_key))
        void = 0
        if all(_THREE_DIGITS.fullmatch(cut) for cut in cuts):
            for place, (low, high) in enumerate(pairwise(cuts)):
                if int(high) == int(low) + 1:
                    void |= 1 << (2 * place + 2)
            if cuts and cuts[-1] == "999":
                void |= 1 << (2 * len(cuts))
        return cls(cuts, void)

    def bits(self, one: VersionSet) -> int:
        """The bits of a set whose mentions are all known."""
        found = 0
        for place, cut in enumerate(self.cuts):
            found |= int(cut in one) << (2 * place + 1)
        for place in range(len(self.cuts) + 1):
            found |= int(self._gap(one, place)) << (2 * place)
        return found & ~self.void

    def _gap(self, one: VersionSet, place: int) -> bool:
        """Whether the versions of a gap are in: no cut of the set lies within it."""
        if place == 0:
            return one.gaps[0]
        return one.above(self.cuts[place - 1])

    def cell(self, version: str) -> int:
        """The bit of the cell that holds a version; 0 in a gap that holds none."""
        keys = [version_key(cut) for cut in self.cuts]
        key = version_key(version)
        place = bisect_left(keys, key)
        exact = place < len(keys) and keys[place] == key
        return (1 << (2 * place + exact)) & ~self.void

    def all_bits(self) -> int:
        """The bits of all cells."""
        return ((1 << (2 * len(self.cuts) + 1)) - 1) & ~self.void

    def told(self, place: int) -> str:
        """A cell in words."""
        if place % 2:
            return f"v{self.cuts[place // 2]}"
        if not self.cuts:
            return "any version"
        low = f"v>{self.cuts[place // 2 - 1]}" if place else ""
        high = f"v<{self.cuts[place // 2]}" if place // 2 < len(self.cuts) else ""
        return f"{low} {high}".strip()


@frozen
class TimeCells:
    """The cells of time: stretches between the bounds of windows."""

    bounds: tuple[datetime, ...]

    @classmethod
    def of(cls, spans: Iterable[Span]) -> TimeCells:
        """Cut at the bounds of these windows."""
        found = {bound for span in spans for bound in (span.start, span.end) if bound}
        return cls(tuple(sorted(found)))

    def bits(self, span: Span) -> int:
        """The bits of a set whose mentions are all known."""
        start = bisect_left(self.bounds, span.start) + 1 if span.start else 0
        end = bisect_left(self.bounds, span.end) + 1 if span.end else len(self.bounds) + 1
        return ((1 << (end - start)) - 1) << start if end > start else 0

    def all_bits(self) -> int:
        """The bits of all cells."""
        return (1 << (len(self.bounds) + 1)) - 1

    def cell(self, at: datetime) -> int:
        """The bit of the stretch that holds an instant."""
        return 1 << bisect_right(self.bounds, at)

    def stretches(self, bits: int) -> Iterator[str]:
        """The cells as windows, neighbours put together."""
        numbers = list(numbers_of(bits))
        while numbers:
            first = last = numbers.pop(0)
            while numbers and numbers[0] == last + 1:
                last = numbers.pop(0)
            start = f"{self.bounds[first - 1].isoformat()} " if first else ""
            end = f" {self.bounds[last].isoformat()}" if last < len(self.bounds) else ""
            yield f"{start}..{end}"

    def told(self, place: int) -> str:
        """A cell in words."""
        start = self.bounds[place - 1].isoformat() if place else ""
        end = self.bounds[place].isoformat() if place < len(self.bounds) else ""
        return f"{start} .. {end}".strip() if start or end else "any time"


def numbers_of(bits: int) -> Iterator[int]:
    """The places of the bits that are set, lowest first."""
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low
