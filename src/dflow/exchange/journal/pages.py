"""The pages of a SQLite file, looked at without SQLite: which rows nobody need ask for.

In: a file, and the page at which a table begins.  Out: spans of row numbers that lie on pages
which are none, such as zeros where a file was cut.  This module reads no rows.

A table is a tree.  A page inside it names pages below it and the highest number on each; the
rows are on its leaves (the file format of SQLite, section 1.6).  SQLite refuses every row
whose way from the root leads over a page of another kind, so nothing is lost by not asking;
and nobody can ask for a page at a time but by its numbers, which are in the page above it.
What cannot be believed of a page above, such as numbers out of order, is not used: then SQLite
is asked, number by number.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from attrs import frozen

__all__ = ["Pages"]

_INNER, _LEAF = 0x05, 0x0D
#: Bytes before the cells' places of an inner page.
_HEAD = 12
#: Trees are not deeper; a page that names one above it would be gone round for ever.
_DEEPEST = 20


@frozen
class Pages:
    """The pages of a file that nobody writes to.

    Attributes:
        handle: of the file, open to be read.
        size: bytes of a page.
    """

    handle: int
    size: int

    def gone(self, root: int, most: int) -> Iterator[tuple[int, int]]:
        """Spans of a table's numbers up to `most`, in order, of which none can be read."""
        first, last = 0, -1
        for low, high in self._gone(root, 0, most, _DEEPEST):
            if first and low == last + 1:
                last = high
            else:
                if first:
                    yield first, last
                first, last = low, high
        if first:
            yield first, last

    def _gone(self, page: int, above: int, to: int, deepest: int) -> Iterator[tuple[int, int]]:
        """Spans on and below a page whose numbers are above one number, and at most another."""
        if above >= to or page < 2 or not deepest:
            return
        kind = os.pread(self.handle, 1, (page - 1) * self.size)
        if kind not in {bytes([_INNER]), bytes([_LEAF])}:
            yield above + 1, to
        elif kind == bytes([_INNER]):
            for below, number in self._below(page, above, to):
                yield from self._gone(below, above, min(number, to), deepest - 1)
                above = number

    def _below(self, page: int, above: int, to: int) -> list[tuple[int, int]]:
        """The pages below one, and the highest number on each; none if it cannot be believed."""
        body = os.pread(self.handle, self.size, (page - 1) * self.size)
        places = [
            int.from_bytes(body[at : at + 2], "big")
            for at in range(_HEAD, _HEAD + 2 * int.from_bytes(body[3:5], "big"), 2)
        ]
        found: list[tuple[int, int]] = []
        highest = above
        for place in places:
            number = _number(body[place + 4 : place + 13])
            if number is None or number <= highest:
                return []
            found.append((int.from_bytes(body[place : place + 4], "big"), number))
            highest = number
        return [*found, (int.from_bytes(body[8:_HEAD], "big"), max(to, highest + 1))]


def _number(raw: bytes) -> int | None:
    """A number as SQLite writes it, seven bits to a byte; None if there is none."""
    number = 0
    for at, byte in enumerate(raw):
        if at == 8:
            number = number << 8 | byte
            return number - (1 << 64) if number >= 1 << 63 else number
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number
    return None
