"""Texts of fields to Python values and back, one format at a time.

In: a field's text, which has been seen to have its format.  Out: the value; and the
text again.  This module does not know where a field stands, nor whether it may be blank.

What a value becomes is decided once, by `kind_of`, from what the catalogue says:

=========================================  ==================================
the item                                   its value
=========================================  ==================================
has a complete code list (not BOOLEAN)     ``Literal`` of the codes, as written
BOOLEAN                                    ``bool``
DATE, TIME, DATETIME, TIMESTAMP            ``date``, ``time``, ``datetime``, local, without a zone
INT or NUM with decimals                   ``Decimal``
INT or NUM of a domain that names things   ``str``: an MPAN core is not a quantity, and its
(Identifier, Code, Indicator)              leading zeros must survive
any other INT or NUM                       ``int``
CHAR, and UNSTATED                         ``str``
=========================================  ==================================

A view does not keep how a value was written: ``007`` as an `int` is 7 and is written
``7``.  The record it was read from keeps it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Literal, TypeVar

from dflow.catalogue import ItemDef

__all__ = [
    "DATES",
    "DATETIMES",
    "TIMES",
    "Kind",
    "kind_of",
    "text_of",
    "to_date",
    "to_datetime",
    "to_time",
]

T = TypeVar("T")

#: What a value is in Python; ``code`` is a text out of a complete code list.
Kind = Literal["str", "code", "int", "Decimal", "bool", "date", "time", "datetime"]

#: Domains whose numbers are names, not quantities.
_NAMES = frozenset({"Identifier", "Code", "Indicator"})

_TIMES: dict[str, Kind] = {
    "BOOLEAN": "bool",
    "DATE": "date",
    "TIME": "time",
    "DATETIME": "datetime",
    "TIMESTAMP": "datetime",
}


def kind_of(item: ItemDef) -> Kind:
    """What the values of an item are in Python."""
    fmt = item.format
    if fmt.kind in _TIMES:
        return _TIMES[fmt.kind]
    if item.codes is not None and item.codes.complete and item.codes.codes:
        return "code"
    if fmt.kind in ("INT", "NUM"):
        if fmt.decimals:
            return "Decimal"
        return "str" if item.domain in _NAMES else "int"
    return "str"


#: Texts kept by each of the caches below.
_KEPT = 1 << 14


class _Kept(dict[str, T]):
    """Values of texts that come again and again: a file has many records and few days.

    Asked by subscription, which costs a fraction of a call.  Emptied when it is full, so
    that no file can fill the memory.
    """

    def __init__(self, make: Callable[[str], T]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, text: str) -> T:
        if len(self) >= _KEPT:
            self.clear()
        value = self[text] = self.make(text)
        return value


def _to_datetime(text: str) -> dt.datetime:
    # A point and six digits may follow; fromisoformat takes them as they are.
    return dt.datetime.fromisoformat(f"{text[:8]}T{text[8:]}")


#: The day of ``ccyymmdd``.
DATES: _Kept[dt.date] = _Kept(dt.date.fromisoformat)

#: The time of day of ``hhmmss``.
TIMES: _Kept[dt.time] = _Kept(dt.time.fromisoformat)

#: The local time of ``ccyymmddhhmmss``, with or without ``.ssssss``.
DATETIMES: _Kept[dt.datetime] = _Kept(_to_datetime)


def to_date(text: str) -> dt.date:
    """The day of ``ccyymmdd``."""
    return DATES[text]


def to_time(text: str) -> dt.time:
    """The time of day of ``hhmmss``."""
    return TIMES[text]


def to_datetime(text: str) -> dt.datetime:
    """The local time of ``ccyymmddhhmmss``, with or without ``.ssssss``."""
    return DATETIMES[text]


def text_of(value: object, kind: Kind, format_kind: str) -> str:
    """The field's text for a value of an item.

    A text is taken as it is, so that the writer can tell what is wrong with it; only
    what would break the record, or lose something, is refused here.

    Raises:
        ValueError: if the text cannot stand in a record, or the value holds what its
            format cannot: a zone, a fraction of a second.
        TypeError: if the value is not of the item's kind.
    """
    text = _WRITERS[kind](value, format_kind)
    if _UNFIT.search(text):
        raise ValueError(
            f"{text!r} cannot stand in a field: a pipe, control or non-Latin-1 character"
        )
    return text


_UNFIT = re.compile(r"[|\x00-\x1f\x7f]|[^\x00-\xff]")


def _wrong(value: object, wanted: str) -> TypeError:
    return TypeError(f"{value!r} is not {wanted}")


def _str(value: object, _: str) -> str:
    if not isinstance(value, str):
        raise _wrong(value, "a text")
    return value


def _int(value: object, _: str) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(value, "a whole number")
    return str(value)


def _decimal(value: object, _: str) -> str:
    if not isinstance(value, Decimal):
        raise _wrong(value, "a Decimal")
    if not value.is_finite():
        raise ValueError(f"{value} is no number that a field can hold")
    return format(value, "f")  # never with an exponent


def _bool(value: object, _: str) -> str:
    if not isinstance(value, bool):
        raise _wrong(value, "True or False")
    return "T" if value else "F"


def _date(value: object, _: str) -> str:
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        raise _wrong(value, "a date")
    return value.isoformat().replace("-", "")


def _local(value: dt.time | dt.datetime, format_kind: str) -> str:
    if value.tzinfo is not None:
        raise ValueError(f"{value} carries a zone; the times of flows are local, without one")
    if format_kind == "TIMESTAMP":
        return f".{value.microsecond:06d}"
    if value.microsecond:
        raise ValueError(f"{value} has a fraction of a second, which {format_kind} cannot hold")
    return ""


def _time(value: object, format_kind: str) -> str:
    if not isinstance(value, dt.time):
        raise _wrong(value, "a time of day")
    return f"{value:%H%M%S}" + _local(value, format_kind)


def _datetime(value: object, format_kind: str) -> str:
    if not isinstance(value, dt.datetime):
        raise _wrong(value, "a datetime")
    return _date(value.date(), "") + f"{value:%H%M%S}" + _local(value, format_kind)


_WRITERS: dict[Kind, Callable[[object, str], str]] = {
    "str": _str,
    "code": _str,
    "int": _int,
    "Decimal": _decimal,
    "bool": _bool,
    "date": _date,
    "time": _time,
    "datetime": _datetime,
}
