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
import re
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path

from attrs import field, frozen

from dflow.errors import TextFault, near_misses
from dflow.identifiers import MPAN_WEIGHTS, is_mpan
from dflow.routing.rule import FileValues

__all__ = ["ValueSet", "ValuesReading", "read_values"]

#: Of one file, this many malformed values are told; the rest are counted.
_MOST_FAULTS = 20
_WIDEST_NUMBER = 19  # digits that surely fit in 64 bits


@frozen(eq=False)
class ValueSet:
    """The values of a list, for asking whether one is among them.

    Attributes:
        digest: SHA-256 of the values, whatever order they came in.
    """

    _words: frozenset[str] = field(repr=False)
    _numbers: array[int] = field(repr=False)
    _width: int = field(repr=False)
    digest: str

    @classmethod
    def of(cls, values: Iterable[str]) -> ValueSet:
        """A set of these values; repeats count once."""
        words = values if isinstance(values, frozenset) else frozenset(values)
        width = len(next(iter(words), ""))
        if 0 < width <= _WIDEST_NUMBER and all(
            len(word) == width and word.isascii() and word.isdecimal() for word in words
        ):
            return cls.of_numbers(array("Q", map(int, words)), width)
        text = "\n".join(sorted(words)).encode("utf-8", "surrogatepass")
        return cls(words, array("Q"), 0, hashlib.sha256(b"words\n" + text).hexdigest())

    @classmethod
    def of_numbers(cls, numbers: array[int], width: int) -> ValueSet:
        """A set of numbers that are written with so many digits; repeats count once."""
        ordered = array("Q", sorted(set(numbers)))
        content = array("Q", ordered)
        if sys.byteorder == "big":
            content.byteswap()
        digest = hashlib.sha256(b"numbers %d\n" % width + content.tobytes()).hexdigest()
        return cls(frozenset(), ordered, width, digest)

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
    if mpans and not wanted.column and (fast := _plain_mpans(path)) is not None:
        return ValuesReading(fast)
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


#: For each of the twelve digits, a table from its character to its share of the sum.
_SHARES = tuple(
    bytes(weight * (char - 48) % 11 if 48 <= char < 58 else 0 for char in range(256))
    for weight in MPAN_WEIGHTS
)
#: From the sum of the shares, at most 120, to the character of the check digit.
_CHECKS = bytes(48 + total % 11 % 10 for total in range(256))


def _plain_mpans(path: Path) -> ValueSet | None:
    """A file of thirteen-digit lines whose check digits all fit, or None for any other file.

    The fast path of `read_values`, at the speed of C: column by column over all lines at
    once, the shares added up as lanes of one big integer; no lane can overflow.  Whatever
    it declines, the slow path reads, and names the lines.
    """
    try:
        data = path.read_bytes().replace(b"\r\n", b"\n")
    except OSError:
        return None
    data = data if data.endswith(b"\n") else data + b"\n"
    if not re.fullmatch(rb"(?:[0-9]{13}\n)++", data):
        return None
    total = 0
    for place, shares in enumerate(_SHARES):
        total += int.from_bytes(data[place::14].translate(shares), "little")
    lines = len(data) // 14
    if total.to_bytes(lines, "little").translate(_CHECKS) != data[12::14]:
        return None
    return ValueSet.of_numbers(array("Q", map(int, data.split())), 13)


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
