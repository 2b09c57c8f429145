"""Value formats of data items: what the catalogue says a field may hold.

In: the text of a logical format, such as ``NUM(9,1)``.  Out: a `Format` that knows its
regular expression, its longest text, and how to write itself.  This module does not
know items; one format serves many.

Rules (facts, envelope section 6): DATE is ccyymmdd from 1950 to 2199; TIME hhmmss;
DATETIME both; TIMESTAMP adds six decimals of a second; all local, without a zone.
BOOLEAN is T or F.  INT(n) is up to n digits.  NUM(n,m) has a decimal point, no
thousands separator, and is positive unless signed.  CHAR(n) is up to n characters.  A
format that the publication leaves out is UNSTATED and accepts any text: unknown stays
unknown.

Whether the n of NUM(n,m) counts the decimals is not stated.  The physical lengths of
the item catalogue are n + m (one more if signed) for NUM(5,3), NUM(7,2), NUM(14,13) and
every other, so n is read as the digits before the point: the wider reading, which
refuses nothing that the narrower one allows.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal, get_args

from attrs import frozen

__all__ = ["UNSTATED", "Format", "FormatKind", "parse_format"]

#: The types of the item catalogue, and UNSTATED for an item whose type it leaves out.
FormatKind = Literal[
    "CHAR", "NUM", "INT", "DATE", "TIME", "DATETIME", "TIMESTAMP", "BOOLEAN", "UNSTATED"
]

#: Every byte that a value may hold: no pipe, no control character.
_TEXT = r"[^|\x00-\x1f\x7f]"

_YEAR = r"(?:19[5-9][0-9]|2[01][0-9][0-9])"
_MONTH_DAY = (
    r"(?:(?:0[13578]|1[02])(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)(?:0[1-9]|[12][0-9]|30)"
    r"|02(?:0[1-9]|1[0-9]|2[0-8]))"
)
# 29 February: years divisible by 4; of the centuries within 1950 to 2199 only 2000 is leap.
_LEAP_DAY = (
    r"(?:(?:19(?:[68][048]|[579][26])"
    r"|20(?:[02468][048]|[13579][26])"
    r"|21(?:0[48]|[2468][048]|[13579][26]))0229)"
)
_DATE = rf"(?:{_YEAR}{_MONTH_DAY}|{_LEAP_DAY})"
_TIME = r"(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]"


@frozen(cache_hash=True)
class Format:
    """The format of a value.

    Attributes:
        kind: the type.
        length: most characters of CHAR, most digits of INT and NUM before the decimal
            point; None for the other kinds.
        decimals: most digits after the decimal point of NUM; 0 otherwise.
        signed: whether the value may carry a sign; the catalogue writes ``+/-``.
    """

    kind: FormatKind
    length: int | None = None
    decimals: int = 0
    signed: bool = False

    def __str__(self) -> str:
        sign = "+/-" if self.signed else ""
        if self.length is None:
            return f"{sign}{self.kind}"
        if self.decimals:
            return f"{sign}{self.kind}({self.length},{self.decimals})"
        return f"{sign}{self.kind}({self.length})"

    @property
    def stated(self) -> bool:
        """Whether the publication states the format at all."""
        return self.kind != "UNSTATED"

    @property
    def pattern(self) -> str:
        """A regular expression, without groups, that matches exactly the values allowed.

        It never matches the empty string: blankness is the item's affair, not the format's.
        It is written so that it can stand inside a larger expression, over text or
        (encoded as ASCII) over bytes, and can be made possessive by its user.
        """
        return _pattern(self)

    def admits(self, value: str) -> bool:
        """Whether `value`, which is not blank, has this format."""
        return _compiled(self).fullmatch(value) is not None

    @property
    def longest(self) -> int | None:
        """The most characters a value can have, or None if nothing is stated."""
        if self.kind in _LENGTHS:
            return _LENGTHS[self.kind]
        if self.length is None:
            return None
        return self.length + (self.decimals + 1 if self.decimals else 0) + self.signed


_LENGTHS: dict[FormatKind, int] = {
    "DATE": 8,
    "TIME": 6,
    "DATETIME": 14,
    "TIMESTAMP": 21,
    "BOOLEAN": 1,
}

#: The format of an item whose publication states none.
UNSTATED = Format("UNSTATED")


def _number(fmt: Format) -> str:
    """Leading zeros are accepted: identifiers are NUM(13), and padded readings are common."""
    sign = "[+-]?" if fmt.signed else ""
    whole = rf"[0-9]{{1,{fmt.length or 1}}}"
    if not fmt.decimals:
        return sign + whole
    decimals = rf"\.[0-9]{{1,{fmt.decimals}}}"
    return rf"{sign}(?:{whole}(?:{decimals})?|{decimals})"


_FIXED: dict[FormatKind, str] = {
    "UNSTATED": rf"{_TEXT}+",
    "DATE": _DATE,
    "TIME": _TIME,
    "DATETIME": _DATE + _TIME,
    "TIMESTAMP": _DATE + _TIME + r"\.[0-9]{6}",
    "BOOLEAN": "[TF]",
}


@cache
def _pattern(fmt: Format) -> str:
    if fmt.kind in _FIXED:
        return _FIXED[fmt.kind]
    if fmt.kind == "CHAR":
        sign = "[+-]?" if fmt.signed else ""
        return rf"{sign}{_TEXT}{{1,{fmt.length}}}" if fmt.length else rf"{_TEXT}+"
    return _number(fmt)


@cache
def _compiled(fmt: Format) -> re.Pattern[str]:
    return re.compile(fmt.pattern, re.ASCII)


_FORMAT = re.compile(
    r"(?P<sign>\+/-|±)?\s*(?P<kind>[A-Za-z]+)\s*"
    r"(?:\(\s*(?P<length>\d+)\s*(?:,\s*(?P<decimals>\d+)\s*)?\))?",
    re.ASCII,
)


@cache
def parse_format(text: str) -> Format:
    """The format that a text such as ``+/-NUM(7 ,1)`` states; blank text is `UNSTATED`.

    Raises:
        ValueError: if the text is not a format of the catalogue.
    """
    if not text.strip():
        return UNSTATED
    found = _FORMAT.fullmatch(text.strip())
    kind = found["kind"].upper() if found else ""
    for known in get_args(FormatKind):
        if found and kind == known:
            sized = known in {"CHAR", "NUM", "INT"}  # DATE(8) and BOOLEAN(1) say nothing more
            length = int(found["length"]) if sized and found["length"] else None
            decimals = int(found["decimals"] or 0) if known == "NUM" else 0
            if length == 0 or (length is None and known in {"NUM", "INT"}):
                break  # no value could have it, or no value's length is known
            return Format(known, length, decimals, bool(found["sign"]))
    raise ValueError(
        f"{text!r} is not a format; expected CHAR(n), INT(n), NUM(n), NUM(n,m), DATE, TIME,"
        " DATETIME, TIMESTAMP, BOOLEAN or UNSTATED, with +/- before a signed one"
    )
