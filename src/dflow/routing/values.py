"""The values of lists: from the rules text, or from a file, held in few bytes.

In: a file of one value a line, or of comma-separated columns.  Out: `ValueSet`, and faults
with the file's line.  This module does not know rules.

A million MPANs as a Python set take over 100 MB.  Values that are all digits and of one
length are kept as a sorted array of 64-bit numbers instead, 8 bytes each, and looked up by
bisection; other values are a frozen set.
"""

from __future__ import annotations

import csv
import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path

from attrs import field, frozen

from dflow.errors import TextFault, near_misses
from dflow.identifiers import is_mpan
from dflow.routing.rule import FileValues

__all__ = ["ValueSet", "ValuesReading", "read_values"]

#: Of one file, this many malformed values are told; the rest are counted.
_MOST_FAULTS = 20
_WIDEST_NUMBER = 19  # digits that surely fit in 64 bits


@frozen(eq=False)
class ValueSet:
    """The values of a list, for asking whether one is among them.

    Attributes:
        digest: SHA-256 of the sorted values, one a line.
    """

    _words: frozenset[str]
    _numbers: array[int]
    _width: int
    digest: str

    @classmethod
    def of(cls, values: Iterable[str]) -> ValueSet:
        """A set of these values; repeats count once."""
        words = values if isinstance(values, frozenset) else frozenset(values)
        ordered = sorted(words)
        digest = hashlib.sha256("\n".join(ordered).encode("utf-8", "surrogatepass")).hexdigest()
        width = len(ordered[0]) if ordered else 0
        if 0 < width <= _WIDEST_NUMBER and all(
            len(word) == width and word.isascii() and word.isdecimal() for word in ordered
        ):
            return cls(frozenset(), array("Q", map(int, ordered)), width, digest)
        return cls(words, array("Q"), 0, digest)

    def __contains__(self, value: object) -> bool:
        if not self._width:
            return value in self._words
        if not isinstance(value, str) or len(value) != self._width:
            return False
        if not (value.isascii() and value.isdecimal()):
            return False
        number = int(value)
        place = bisect_left(self._numbers, number)
        return place < len(self._numbers) and self._numbers[place] == number

    def __len__(self) -> int:
        return len(self._numbers) if self._width else len(self._words)

    def __iter__(self) -> Iterator[str]:
        if self._width:
            return (f"{number:0{self._width}d}" for number in self._numbers)
        return iter(sorted(self._words))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ValueSet) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


@frozen
class ValuesReading:
    """What a list file gave."""

    values: ValueSet | None
    faults: tuple[TextFault, ...] = ()


@frozen
class _File:
    """A list file being read: its name for messages, and the faults so far."""

    source: str
    faults: list[TextFault] = field(factory=list)

    def fault(self, line: int, message: str, near: tuple[str, ...] = ()) -> None:
        self.faults.append(
            TextFault(source=self.source, line=line, column=0, message=message, near=near)
        )


def read_values(path: Path, wanted: FileValues, *, mpans: bool) -> ValuesReading:
    """Read a list's file; `mpans` asks every value to be a well-formed MPAN.

    Blank lines do not count; spaces around a value are left out.  Never raises about the
    file: what is wrong with it comes back as faults.
    """
    file = _File(str(path))
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.reader(stream, strict=True)
            found = _column(rows, wanted.column, file) if wanted.column else _lines(rows, file)
            values = _checked(found, file, mpans=mpans)
    except OSError as error:
        file.fault(0, f"the list's file cannot be read: {error.strerror or error}")
        values = frozenset()
    except UnicodeDecodeError:
        file.fault(0, "the list's file is not UTF-8")
        values = frozenset()
    except csv.Error as error:
        file.fault(0, f"the list's file is not comma-separated text: {error}")
        values = frozenset()
    if not values and not file.faults:
        file.fault(0, "the list's file holds no value")
    if file.faults:
        return ValuesReading(None, tuple(file.faults))
    return ValuesReading(ValueSet.of(values))


def _lines(rows: Iterator[list[str]], file: _File) -> Iterator[tuple[int, str]]:
    for number, row in enumerate(rows, start=1):
        if len(row) > 1:
            file.fault(number, 'the line holds several columns; name one with column "..."')
            return
        yield number, row[0].strip() if row else ""


def _column(rows: Iterator[list[str]], column: str, file: _File) -> Iterator[tuple[int, str]]:
    heads = [head.strip() for head in next(rows, [])]
    if column not in heads:
        file.fault(1, f"the file has no column {column}", near_misses(column, heads))
        return
    place = heads.index(column)
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if place >= len(row):
            file.fault(number, f"the line has no column {column}")
            return
        yield number, row[place].strip()


def _checked(found: Iterator[tuple[int, str]], file: _File, *, mpans: bool) -> frozenset[str]:
    values: set[str] = set()
    more = 0
    for number, value in found:
        if not value:
            continue
        if mpans and not is_mpan(value):
            if len(file.faults) < _MOST_FAULTS:
                file.fault(number, f"{_shape(value)} is no well-formed MPAN")
            else:
                more += 1
            continue
        values.add(value)
    if more:
        file.fault(0, f"{more} more values are no well-formed MPANs")
    return frozenset(values)


def _shape(value: str) -> str:
    """What a value looks like, without giving away a meter point."""
    if value.isascii() and value.isdecimal():
        if len(value) == 13:
            return f"{value[:2]}…{value[-2:]}, whose check digit does not fit,"
        return f"a number of {len(value)} digits"
    return f"{value[:12]!r}"
