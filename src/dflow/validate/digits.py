"""Check digits by columns: a hundred thousand MPANs at once, as lanes of big integers.

In: whole records whose MPAN fields are known to hold thirteen digits or nothing.  Out: the
offsets of those that the slow way should look at.  This module reports nothing.

Each digit column is one big integer with a byte a value; its digits are first replaced
by weight times digit modulo 11, at most 10, so that twelve of them add up to at most 120
and no lane carries into the next.
"""

from __future__ import annotations

import re
from functools import cache
from operator import getitem, itemgetter
from typing import Protocol

from dflow.identifiers import known_distributor, mpan_check_digit
from dflow.validate.sink import Sink

__all__ = ["Column", "plain", "suspects"]


class Column(Protocol):
    """Where an item stands: its J-code, its group's code and its field, from 1."""

    @property
    def jcode(self) -> str:
        """The item's J-code."""

    @property
    def code(self) -> bytes:
        """The code of the group that holds the item."""

    @property
    def position(self) -> int:
        """1-based field number after the group code."""


def _table(values: dict[int, int]) -> bytes:
    return bytes(values.get(byte, 0) for byte in range(256))


def _weight(place: int) -> int:
    """The weight of a digit modulo 11, taken from the rule itself."""
    one = "0" * place + "1" + "0" * (11 - place)
    return next(
        weight
        for weight in range(11)
        if str(weight % 10) == mpan_check_digit(one)
        and str(2 * weight % 11 % 10) == mpan_check_digit(one.replace("1", "2"))
    )


@cache
def _weighted(place: int) -> bytes:
    weight = _weight(place)
    return _table({48 + digit: weight * digit % 11 for digit in range(10)})


_TENS = _table({48 + digit: 10 * digit for digit in range(10)})
_ONES = _table({48 + digit: digit for digit in range(10)})
_CHECK = bytes(48 + total % 11 % 10 for total in range(256))
_KNOWN = bytes(number for number in range(100) if known_distributor(f"{number:02d}"))
_FIRST_THIRTEEN = itemgetter(slice(13))
_NOT_ZERO = re.compile(rb"[^\0]")


@cache
def _finder(code: bytes, position: int) -> re.Pattern[bytes]:
    """Finds the field in every record of the group; blank ones are passed over."""
    before = rb"(?:[^|\n]*+\|){%d}" % (position - 1)
    return re.compile(rb"(?<![^\n])" + re.escape(code) + rb"\|" + before + rb"([0-9]{13})\|")


_WEIGHTED = tuple(_weighted(place) for place in range(12))
_KNOWN_PREFIXES = frozenset(b"%02d" % number for number in _KNOWN)


def plain(mpan: bytes) -> bool:
    """Whether nothing is to be said of thirteen digits: check digit and distributor fit."""
    prefix = mpan[:2]
    if prefix not in _KNOWN_PREFIXES:
        return False
    return prefix == b"78" or _CHECK[sum(map(getitem, _WEIGHTED, mpan))] == mpan[12]


def suspects(data: bytes, column: Column, sink: Sink) -> list[int]:
    """Offsets of the MPANs in whole records that the slow way has something to say of."""
    digits = _digits(data, column)
    if not digits:
        return []
    tens, ones = digits[0::13].translate(_TENS), digits[1::13].translate(_ONES)
    prefixes = _lanes(tens, ones)
    total = _lanes(*(digits[place::13].translate(_WEIGHTED[place]) for place in range(12)))
    wrong = _differences(total.translate(_CHECK), digits[12::13])
    # The rule of 78 is not known: such an identifier has no check digit to be wrong.
    lanes = [lane for lane in wrong if prefixes[lane] != 78]
    if prefixes.translate(None, _KNOWN):
        lanes += _unknown(prefixes, column.jcode, sink)
    if not lanes:
        return []
    finder = _finder(column.code, column.position)
    offsets = [found.start(1) for found in finder.finditer(data)]
    return sorted({offsets[lane] for lane in lanes})


def _digits(data: bytes, column: Column) -> bytes:
    """The MPANs of a column, one behind the other."""
    if column.position == 1:
        # Cutting at the code is twice as fast as searching for it.
        head = column.code + b"|"
        pieces = data.split(b"\n" + head)
        first = pieces[0]
        if first.startswith(head):
            pieces[0] = first[len(head) :]
        else:
            del pieces[0]
        digits = b"".join(map(_FIRST_THIRTEEN, pieces))
        if len(digits) == 13 * len(pieces) and digits.isdigit():
            return digits
    return b"".join(_finder(column.code, column.position).findall(data))


def _lanes(*columns: bytes) -> bytes:
    """The sum of columns, byte by byte; no sum may pass 255."""
    total = sum(int.from_bytes(column, "little") for column in columns)
    return total.to_bytes(len(columns[0]), "little")


def _differences(left: bytes, right: bytes) -> list[int]:
    if left == right:
        return []
    apart = int.from_bytes(left, "little") ^ int.from_bytes(right, "little")
    return [found.start() for found in _NOT_ZERO.finditer(apart.to_bytes(len(left), "little"))]


def _unknown(prefixes: bytes, jcode: str, sink: Sink) -> list[int]:
    """Lanes of distributors not known: the first of each that is still to be told, or all."""
    told_once = sink.told_once("unknown-distributor")
    lanes: list[int] = []
    for prefix in set(prefixes) - set(_KNOWN):
        if not sink.watches("unknown-distributor", (jcode, f"{prefix:02d}")):
            continue
        at = prefixes.find(prefix)
        while at >= 0:
            lanes.append(at)
            at = -1 if told_once else prefixes.find(prefix, at + 1)
    return lanes
