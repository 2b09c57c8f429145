"""The values layer: fields counted, and each compared with its item.

In: a record and its group's definition.  Out: findings in a sink.  This module does not
know where the record stands in the tree; its caller says the path.
"""

from __future__ import annotations

import re

from dflow.catalogue.model import GroupDef, ItemPlace
from dflow.findings import Place, value_place
from dflow.identifiers import MPAN_ITEMS, has_check_digit, known_distributor, mpan_check_digit
from dflow.records import Record
from dflow.validate.sink import Sink

__all__ = ["Fault", "check_record", "check_value", "subject"]

#: Finding code, message, what was expected.
Fault = tuple[str, str, str]

_MPAN = re.compile(r"[0-9]{13}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]", re.ASCII)


def check_record(
    record: Record,
    definition: GroupDef,
    path: str,
    sink: Sink,
    *,
    pool: bool = False,
    screen: re.Pattern[bytes] | None = None,
) -> None:
    """Count a record's fields and check every value.

    Args:
        record: the record.
        definition: what the catalogue says of its group.
        path: where it stands in the tree.
        sink: where the findings go.
        pool: whether the record needs no closing pipe.
        screen: the expression that holds the fields that deserve a look, to spare the
            others (`dflow.recognise.screen_pattern`); only where a closing pipe is needed.
    """
    raw = record.raw
    screened = screen.match(raw) if screen is not None and raw.endswith(b"|") else None
    if screened is None:
        _whole(record, definition, path, sink, pool=pool)
        return
    if screened.end() < len(raw):
        surplus = screened.end() + 1
        _count(raw.count(b"|") - 1, record, definition, path, sink, surplus=surplus)
    if screened.lastindex is not None:
        for index, value in enumerate(screened.groups()):
            if value is not None:
                at, column = definition.items[index], screened.start(index + 1) + 1
                _field(at, value, sink, line=record.line, column=column, path=path)


def _whole(record: Record, definition: GroupDef, path: str, sink: Sink, *, pool: bool) -> None:
    """Every field of a record, one after the other."""
    raw, line, width = record.raw, record.line, len(definition.items)
    fields = raw.split(b"|")
    closed = len(fields) > 1 and not fields[-1]
    if closed and not (pool and len(fields) == width + 1):
        fields.pop()
    elif not closed and not pool:
        sink.add(
            "unclosed-record",
            Place(line=line, column=len(raw) + 1, path=path),
            f"The record of group {definition.code} does not end with a pipe.",
            expected="|",
        )
    if len(fields) - 1 != width:
        _count(len(fields) - 1, record, definition, path, sink)
    column = len(fields[0]) + 2
    for at, value in zip(definition.items, fields[1:], strict=False):
        _field(at, value, sink, line=line, column=column, path=path)
        column += len(value) + 1


def _field(at: ItemPlace, raw: bytes, sink: Sink, *, line: int, column: int, path: str) -> None:
    """One value, which starts at `column`."""
    value = raw.decode("latin-1")
    fault = check_value(at, value)
    if fault is not None:
        code, message, expected = fault
        item = at.item
        place = value_place(
            line=line, column=column, width=len(raw), path=path, jcode=item.jcode, item=item.name
        )
        key = subject(code, item.jcode, value)
        sink.add_value(code, place, at, message, value=value, expected=expected, key=key)


def _count(
    number: int, record: Record, definition: GroupDef, path: str, sink: Sink, *, surplus: int = 0
) -> None:
    """Too many fields or too few; `surplus` is the column of the first too many, if known."""
    width = len(definition.items)
    fields = f"{number} field{'' if number == 1 else 's'}"
    missing = ""
    if number > width:
        code, column = "too-many-fields", surplus or record.column(width + 1)
    else:
        code, column = "too-few-fields", len(record.raw) + 1
        missing = "; missing: " + ", ".join(at.name for at in definition.items[number:][:3])
        missing += ", …" if width - number > 3 else ""
    sink.add(
        code,
        value_place(line=record.line, column=column, path=path),
        f"Group {definition.code} has {width}, the record {fields}{missing}.",
        value=str(number),
        expected=str(width),
    )


def subject(code: str, jcode: str, value: str) -> object:
    """What a finding that is told once is about: the item, and a distributor if it names one."""
    return (jcode, value[:2]) if code == "unknown-distributor" else jcode


def check_value(at: ItemPlace, value: str) -> Fault | None:
    """What is wrong with a value: finding code, message, what was expected; or None.

    A value with a control character is the bytes layer's affair.
    """
    if not value:
        if at.presence == "mandatory":
            return ("missing-value", f"{at.name} is mandatory and blank.", _expected(at))
        return None
    if at.presence == "blank":
        return ("blank-expected", f"{at.name} is always blank in this group.", "nothing")
    return None if _CONTROL.search(value) else _content(at, value)


def _content(at: ItemPlace, value: str) -> Fault | None:
    codes = at.item.codes
    if codes is not None and codes.complete:
        if value in codes:
            return None
        message = f"{at.name} holds a code that is not in its list."
        return ("not-in-code-list", message, _expected(at))
    if at.jcode in MPAN_ITEMS:
        return _mpan(at, value)
    return _form(at, value)


def _form(at: ItemPlace, value: str) -> Fault | None:
    form = at.item.format
    if form.admits(value):
        if form.kind in ("NUM", "INT") and _LEADING_ZERO.match(value):
            return ("leading-zero", f"{at.name} is written with a leading zero.", str(form))
        return None
    longest = form.longest
    if longest is not None and len(value) > longest:
        message = f"{at.name} holds {len(value)} characters, {longest} at most."
        return ("too-long", message, str(form))
    return ("format", f"{at.name} is not in its format.", str(form))


def _mpan(at: ItemPlace, value: str) -> Fault | None:
    if not _MPAN.fullmatch(value):
        code = "too-long" if len(value) > 13 else "format"
        return (code, f"{at.name} is not an MPAN core of 13 digits.", "13 digits")
    if has_check_digit(value) and mpan_check_digit(value[:12]) != value[12]:
        message = f"{at.name} ends with a digit that is not its check digit."
        return ("mpan-check-digit", message, "the check digit of the first twelve digits")
    if not known_distributor(value):
        return (
            "unknown-distributor",
            f"{at.name} starts with {value[:2]}, which is no distributor known so far.",
            "10 to 38, or 77 or 78",
        )
    return None


def _expected(at: ItemPlace) -> str:
    codes = at.item.codes
    if codes is not None and codes.complete:
        known = list(codes.codes)
        return "one of " + ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return str(at.item.format)
