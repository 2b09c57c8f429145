"""Item values: from a small whole number to a realistic text, for every data item.

In: an `ItemDef`, a whole number and a day.  Out: a value that the item's format and code
list allow.  This module does not know Hypothesis, random numbers or files: strategies
and generators both draw numbers and ask here what they mean.

Every maker is a pure function whose simplest value stands at zero, so that a shrinker
that makes the number small makes the value simple.  Numbers near the top of a maker's
range give the extremes: the longest text, the largest number, every sign.

Dates make sense together because all are told from one day, the day of the file:
whatever starts has started by then, whatever was read or done lies just before it, and
whatever ends or is required ends on it or later.

Names, postcodes, telephone numbers and participants are plainly invented; distributors'
numbers and check digits are right (facts, envelope section 8).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from operator import mul

from attrs import frozen

from dflow.catalogue import CodeList, Format, ItemDef
from dflow.errors import StructureError
from dflow.generator import calendar, words
from dflow.identifiers import MPAN_WEIGHTS, REGIONAL_DISTRIBUTORS

__all__ = ["Make", "ValueMaker", "mpan", "value_maker"]

#: From a number below the maker's span, and the day of the file (a proleptic ordinal,
#: see `datetime.date.toordinal`), to a value.
Make = Callable[[int, int], str]


@frozen
class ValueMaker:
    """How the values of one item are made.

    Attributes:
        width: how many bytes of choice a value takes; numbers lie below ``256 ** width``.
        make: from number and day to value.
    """

    width: int
    make: Make

    @property
    def span(self) -> int:
        """One more than the largest number that `make` takes."""
        return int(256**self.width)


def mpan(number: int) -> str:
    """An MPAN core with its right check digit, of a distributor of a regional network.

    >>> mpan(0)
    '1000000000003'
    """
    body, at = divmod(number, len(REGIONAL_DISTRIBUTORS))
    twelve = f"{REGIONAL_DISTRIBUTORS[at]}{body % 10**10:010d}"
    first, second, third, fourth = _weighed()
    total = first[twelve[:3]] + second[twelve[3:6]] + third[twelve[6:9]] + fourth[twelve[9:]]
    return f"{twelve}{total % 11 % 10}"


@cache
def _weighed() -> tuple[dict[str, int], ...]:
    """The part of each three digits in the sum of an MPAN's check digit.

    Small files are half meter points, and this is thrice as fast as twelve digits one by one.
    """
    return tuple(
        {
            f"{number:03d}": sum(map(mul, MPAN_WEIGHTS[at : at + 3], map(int, f"{number:03d}")))
            for number in range(1000)
        }
        for at in range(0, 12, 3)
    )


def value_maker(item: ItemDef) -> ValueMaker:
    """The maker of an item's values, by its code list, its name and its format.

    Raises:
        StructureError: if no value is possible: no code of the item's complete code list
            has the item's format.
    """
    return _maker(item.jcode, item.name, item.format, item.codes)


@cache
def _maker(jcode: str, name: str, fmt: Format, codes: CodeList | None) -> ValueMaker:
    if codes is not None and codes.codes:
        return _coded(jcode, name, fmt, codes)
    for pattern, width, family in _FAMILIES:
        if pattern.search(name):
            made = family(fmt, name)
            if made is not None:
                return ValueMaker(width, made)
    return ValueMaker(*_by_format(fmt))


def _coded(jcode: str, name: str, fmt: Format, codes: CodeList) -> ValueMaker:
    usable = tuple(code for code in codes.codes if code and fmt.admits(code))
    if not usable and codes.complete:
        raise StructureError(
            f"no value is possible for {jcode} {name}: none of its codes"
            f" ({', '.join(codes.codes)}) has its format {fmt}"
        )
    if not usable:
        return ValueMaker(*_by_format(fmt))
    return ValueMaker(1, lambda n, _day: usable[n % len(usable)])


# -- by format ---------------------------------------------------------------------------


def _by_format(fmt: Format) -> tuple[int, Make]:
    if fmt.kind in ("DATE", "TIME", "DATETIME", "TIMESTAMP"):
        return 2, _past(fmt, "") or _text(fmt)
    if fmt.kind == "BOOLEAN":
        return 1, lambda n, _day: "FT"[n & 1]
    if fmt.kind in ("INT", "NUM"):
        return 2, _number(fmt)
    return 1, _text(fmt)


def _number(fmt: Format) -> Make:
    """Plain numbers, and at the top of the range the extremes of the format."""
    whole = 10 ** (fmt.length or 1)
    scale = 10**fmt.decimals
    extremes = _extremes(fmt)
    top = 65536 - 1024

    def make(n: int, _day: int) -> str:
        if n >= top:
            return extremes[n % len(extremes)]
        sign = ""
        if fmt.signed:
            n, minus = divmod(n, 2)
            sign = "-" if minus and n else ""
        if scale == 1:
            return f"{sign}{n % whole}"
        # The last digit of the number becomes the last decimal, so small numbers stay small.
        units, rest = divmod(n * 7 if n > 64 else n, min(scale, 100))
        return f"{sign}{units % whole}.{rest:0{min(fmt.decimals, 2)}d}"

    return make


def _extremes(fmt: Format) -> tuple[str, ...]:
    nines = "9" * (fmt.length or 1)
    found = [nines, "0"]
    if fmt.decimals:
        found += [f"{nines}.{'9' * fmt.decimals}", f"0.{'0' * (fmt.decimals - 1)}1"]
    if fmt.signed:
        found += [f"-{value}" for value in found] + [f"+{value}" for value in found[:2]]
    return tuple(found)


def _text(fmt: Format, table: Sequence[str] = words.TEXTS) -> Make:
    """Short texts that fit, and at the top of the range the longest the format allows."""
    longest = fmt.longest
    usable = tuple(text for text in table if fmt.admits(text))
    if not usable:
        letters = tuple("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"[: 34 if longest else 0])
        usable = tuple(text for text in (*letters, "1") if fmt.admits(text))
    extremes = (
        tuple(edge[:longest] for edge in (words.LONG_A, words.LONG_SPACED, words.PUNCTUATION))
        if longest
        else (words.LONG_SPACED[:80], words.PUNCTUATION)
    )
    # A value of spaces at an end is legal, and readers that strip are wrong; keep one edge.
    edges = tuple(edge for edge in extremes if edge.strip() and fmt.admits(edge)) or usable
    common = 248

    def make(n: int, _day: int) -> str:
        return usable[n % len(usable)] if n < common else edges[n % len(edges)]

    return make


# -- by name -----------------------------------------------------------------------------


def _past(fmt: Format, _name: str) -> Make | None:
    """Done within the two years before the file; the simplest, on its day."""
    return _dated(fmt, lambda n, day: day - n % 700)


def _start(fmt: Format, _name: str) -> Make | None:
    """In force by the day of the file, for up to fifteen years."""
    return _dated(fmt, lambda n, day: day - n % 5500)


def _end(fmt: Format, _name: str) -> Make | None:
    """On the day of the file or up to four years later."""
    return _dated(fmt, lambda n, day: day + n % 1500)


def _dated(fmt: Format, when: Callable[[int, int], int]) -> Make | None:
    day_of, time_of = calendar.day_text, calendar.time_text
    if fmt.kind in ("DATE", "UNSTATED"):
        return lambda n, day: day_of(when(n, day))
    if fmt.kind == "DATETIME":
        return lambda n, day: day_of(when(n, day)) + time_of(n >> 6)
    if fmt.kind == "TIMESTAMP":
        return lambda n, day: f"{day_of(when(n, day))}{time_of(n >> 6)}.{n * 15:06d}"
    if fmt.kind == "TIME":
        return lambda n, _day: time_of(n)
    return None


def _fits(fmt: Format, make: Make) -> Make | None:
    """The maker, if the format admits what it makes (its values all have one shape)."""
    samples = chain(range(4), (255, 256, 4095, 65535, 2**24 - 1))
    return make if all(fmt.admits(make(n, 737000)) for n in samples) else None


def _shaped(make: Make) -> Callable[[Format, str], Make | None]:
    return lambda fmt, _name: _fits(fmt, make)


def _listed(*table: str) -> Callable[[Format, str], Make | None]:
    def family(fmt: Format, _name: str) -> Make | None:
        usable = tuple(text for text in table if fmt.admits(text))
        return (lambda n, _day: usable[n % len(usable)]) if usable else None

    return family


def _worded(*table: str) -> Callable[[Format, str], Make | None]:
    def family(fmt: Format, _name: str) -> Make | None:
        return _text(fmt, table) if fmt.kind in ("CHAR", "UNSTATED") else None

    return family


def _numbered(least: int, most: int, form: str = "d") -> Callable[[Format, str], Make | None]:
    return _shaped(lambda n, _day: format(least + n % (most - least + 1), form))


def _serial(n: int, _day: int) -> str:
    """Meter serials in the shapes seen: a maker's letter, a year, a letter, digits.

    One in eight has a space, because serials that differ only by spaces are a known trap.
    """
    number, shape = divmod(n, 8)
    letter = "EFKLPSZ"[number % 7]
    year = number % 26
    if shape == 7:
        return f"{letter}{year:02d}A {number % 100000:05d}"
    if shape >= 4:
        return f"{year:02d}{letter}{number % 10**7:07d}"
    return f"{letter}{year:02d}Z{number % 10**6:06d}"


def _postcode(n: int, _day: int) -> str:
    """Postcodes of an area, ZZ, that does not exist."""
    return f"ZZ{1 + n % 99} {n // 99 % 10}{'ABDEFGHJ'[n % 8]}Z"


def _account(n: int, _day: int) -> str:
    return f"A{n % 10**6:06d}"


_PARTIES = (
    "participant|operator|supplier|collector|aggregator|distributor|provider"
    "|licensee|agent|processor|party"
)

#: Name to family, tried in this order; a family that does not suit the format is passed
#: over.  Each row: what the item's name says, bytes of choice, family.
_FAMILIES: tuple[tuple[re.Pattern[str], int, Callable[[Format, str], Make | None]], ...] = tuple(
    (re.compile(pattern), width, family)
    for pattern, width, family in (
        (r"\bMPANs?\b(?! Indicator)|Metering System Id$", 3, _shaped(lambda n, _d: mpan(n))),
        (r"\bMeter (Id|Serial)|Serial Number", 3, _shaped(_serial)),
        (r"(?i)\bpost ?code\b", 2, _shaped(_postcode)),
        (r"(?i)telephone|phone number|fax", 2, _shaped(lambda n, _d: f"01632960{n % 1000:03d}")),
        (r"(?i)e-?mail address", 1, _worded("a@example.org", "meters@example.com")),
        (r"(?i)address line", 1, _worded(*words.ADDRESS_LINES)),
        (r"Line Loss Factor Class Id", 2, _shaped(lambda n, _d: _base34(n % 34**3))),
        (r"GSP Group(?: Id)?$", 1, _listed(*words.GSP_GROUPS)),
        (r"(?i)role code|^Market Role$", 1, _listed("X", "M", "D", "C", "R", "P")),
        (
            rf"(?i)({_PARTIES}) (id|mpid)$|\bMPID$",
            1,
            _listed(*words.PARTICIPANTS),
        ),
        (r"(?i)\b(customer|contact|occupier)\b.*\bname\b", 1, _worded(*words.PEOPLE)),
        (r"(?i)\bname$", 1, _worded(*words.NAMES)),
        (r"Time Pattern Regime", 2, _shaped(lambda n, _d: f"{n % 1000:05d}")),
        (r"Standard Settlement Configuration \(SSC\) Id", 2, _numbered(1, 999, "04d")),
        (r"Settlement Period Id", 1, _numbered(1, 46)),
        (r"Meter Register Id", 1, _listed("01", "02", "1", "2", "TO", "DA", "NI", "S")),
        (r"\bMonth$", 1, _numbered(1, 12)),
        (r"^(Start|End) Day$", 1, _numbered(1, 28)),
        (r"^Day of the Week Id$", 1, _numbered(1, 7)),
        (r"^Year$", 1, _numbered(1998, 2040)),
        (r"(?i)account number|reference|\bUPRN\b", 2, _shaped(_account)),
        (r"(?i)effective from|start date|from date|installation|installed", 2, _start),
        (r"(?i)effective to|end date|to date|required by|deadline|appointment|expiry", 2, _end),
        (r"(?i)\bdate\b", 2, _past),
        (r"(?i)\btime$", 2, _past),
        (r"(?i)count$|number of|sequence number|\bquantity\b", 2, _numbered(0, 9)),
        (r"(?i)description$|comments?$|information$|details?$", 1, _worded(*words.REMARKS)),
    )
)


def _base34(number: int) -> str:
    """Three characters of 0-9 and A-Z without I and O, as a line loss factor class."""
    digits = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    return digits[number // 1156] + digits[number // 34 % 34] + digits[number % 34]
