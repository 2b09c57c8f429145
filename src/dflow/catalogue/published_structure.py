"""The structure table of a published flow: rows to groups and items.

In: a table with the headings ``Group``, ``Group Description``, ``Range``, ``L1`` to ``Ln``,
``Item Reference``, ``Item Name`` and ``Format``, in any order.  Out: the groups in order, or
`RowFault` with the row that cannot be read.  This module does not know files.

A row fills exactly one of L1 to Ln.  ``G`` in Ln is a group at level n; ``1``, ``O`` or ``N``
in Ln is an item of the latest level n-1 group: mandatory, optional, or always blank.  A
format cell is a type and its first length, ``(0)`` where there is no type.
"""

from __future__ import annotations

import re

from attrs import define, field, frozen

from dflow.catalogue.formats import parse_format
from dflow.catalogue.model import Presence, parse_range
from dflow.catalogue.tables import GROUP_CODE, ITEM_REFERENCE, is_code
from dflow.catalogue.wordfile import Table, one_line

__all__ = ["PublishedGroup", "RowFault", "Structure", "column_of", "labelled", "read_structure"]

_PRESENCES: dict[str, Presence] = {"1": "mandatory", "O": "optional", "N": "blank"}

#: What replaces a range that cannot be read: it refuses nothing.
_ANY_RANGE = "0-*"


class RowFault(Exception):
    """A row of a structure cannot be read; `row` is its 1-based place in the table."""

    def __init__(self, row: int, message: str) -> None:
        self.row = row
        super().__init__(message)


@frozen(kw_only=True)
class PublishedGroup:
    """A group as published.

    Attributes:
        code: such as ``026``.
        name: empty if not given.
        level: 1 for the outermost.
        range: as published, such as ``1-*``.
        condition: as published; empty throughout DTC 15.4.
        items: reference and presence, in order.
    """

    code: str
    name: str
    level: int
    range: str
    condition: str = ""
    items: tuple[tuple[str, Presence], ...] = ()


@frozen(kw_only=True)
class Structure:
    """A structure table, read.

    Attributes:
        groups: in order.
        items: name and format of each item, by reference.
        remarks: row and message for what was read with a doubt.
    """

    groups: tuple[PublishedGroup, ...]
    items: dict[str, tuple[str, str]]
    remarks: tuple[tuple[int, str], ...] = ()


def column_of(table: Table, heading: str) -> int | None:
    """The place of a heading in the first row, 0-based, or None; letter case does not count."""
    for place, cell in enumerate(table.rows[0] if table.rows else ()):
        if cell.casefold().rstrip(":") == heading.casefold():
            return place
    return None


def labelled(table: Table) -> dict[str, str]:
    """The values of cells that follow a cell such as ``Flow Version:``, by the label.

    A label and its value may share one cell, as in ``Status: Operational``.  Labels are in
    small letters and without the colon; the first of a kind counts.
    """
    found: dict[str, str] = {}
    for row in table.rows:
        label = ""
        for cell in row:
            if label:
                found.setdefault(label, one_line(cell))
                label = ""
            elif cell.endswith(":"):
                label = cell[:-1].casefold()
            elif together := re.fullmatch(r"([A-Za-z ]{1,30}):\s*(.+)", cell):
                found.setdefault(together[1].casefold(), together[2].strip())
    return found


@define
class _Open:
    """A group whose items are still coming."""

    group: PublishedGroup
    items: list[tuple[str, Presence]] = field(factory=list)

    def closed(self) -> PublishedGroup:
        done = self.group
        return PublishedGroup(
            code=done.code,
            name=done.name,
            level=done.level,
            range=done.range,
            condition=done.condition,
            items=tuple(self.items),
        )


@define
class _Columns:
    group: int
    name: int | None
    range: int
    condition: int | None
    levels: dict[int, int]  # column to level
    reference: int
    item_name: int | None
    format: int | None


def _columns(table: Table) -> _Columns:
    levels = {
        place: int(found[1])
        for place, cell in enumerate(table.rows[0])
        if (found := re.fullmatch(r"L([1-9][0-9]?)", cell, re.ASCII))
    }
    group, text_range = column_of(table, "Group"), column_of(table, "Range")
    reference = column_of(table, "Item Reference")
    if group is None or text_range is None or reference is None or not levels:
        raise RowFault(1, "the headings Group, Range, L1 or Item Reference are missing")
    return _Columns(
        group=group,
        name=column_of(table, "Group Description"),
        range=text_range,
        condition=column_of(table, "Condition"),
        levels=levels,
        reference=reference,
        item_name=column_of(table, "Item Name"),
        format=column_of(table, "Format"),
    )


def read_structure(table: Table) -> Structure:
    """The groups and items of a structure table.

    Raises:
        RowFault: at the first row that cannot be read.
    """
    columns = _columns(table)
    opened: list[_Open] = []
    latest: dict[int, _Open] = {}  # level to its latest group
    items: dict[str, tuple[str, str]] = {}
    remarks: list[tuple[int, str]] = []
    for number, row in enumerate(table.rows[1:], start=2):
        if not any(row):
            continue
        level, mark = _mark(row, columns, number)
        if mark == "G":
            group = _group(row, columns, number, level, remarks)
            if level > 1 and level - 1 not in latest:
                raise RowFault(number, f"group {group.code} at level {level} has no parent")
            latest = {known: one for known, one in latest.items() if known < level}
            latest[level] = _Open(group)
            opened.append(latest[level])
            continue
        reference, presence = _item(row, columns, number, mark)
        parent = latest.get(level - 1)
        if parent is None:
            raise RowFault(number, f"item {reference} at level {level} belongs to no open group")
        if level in latest:
            remarks.append((number, f"item {reference} stands after a group below its own"))
        parent.items.append((reference, presence))
        name = one_line(_at(row, columns.item_name))
        items.setdefault(reference, (name, _format(_at(row, columns.format), number, remarks)))
    if not opened:
        raise RowFault(1, "the structure holds no group")
    return Structure(
        groups=tuple(one.closed() for one in opened), items=items, remarks=tuple(remarks)
    )


def _at(row: tuple[str, ...], column: int | None) -> str:
    return row[column] if column is not None and column < len(row) else ""


def _mark(row: tuple[str, ...], columns: _Columns, number: int) -> tuple[int, str]:
    """The level at which the row has its mark, and the mark."""
    marks = [(level, _at(row, column)) for column, level in columns.levels.items()]
    filled = [(level, mark) for level, mark in marks if mark]
    if len(filled) != 1:
        raise RowFault(number, f"{len(filled)} of the level columns are filled, not one")
    return filled[0][0], filled[0][1].upper()


def _group(
    row: tuple[str, ...],
    columns: _Columns,
    number: int,
    level: int,
    remarks: list[tuple[int, str]],
) -> PublishedGroup:
    code = _at(row, columns.group)
    if not is_code(GROUP_CODE, code):
        raise RowFault(number, f"{code!r} is no group code")
    text = one_line(_at(row, columns.range))
    try:
        parse_range(text)
    except ValueError as error:
        remarks.append((number, f"group {code}: {error}; read as {_ANY_RANGE}"))
        text = _ANY_RANGE
    if condition := _at(row, columns.condition):
        remarks.append((number, f"group {code}: its condition is prose, and is left out"))
    return PublishedGroup(
        code=code,
        name=one_line(_at(row, columns.name)),
        level=level,
        range=text,
        condition=condition,
    )


def _item(row: tuple[str, ...], columns: _Columns, number: int, mark: str) -> tuple[str, Presence]:
    presence = _PRESENCES.get(mark)
    if presence is None:
        raise RowFault(number, f"{mark!r} is neither a group nor an item (G, 1, O or N)")
    reference = _at(row, columns.reference)
    if not is_code(ITEM_REFERENCE, reference):
        raise RowFault(number, f"{reference!r} is no item reference")
    return reference, presence


def _format(text: str, number: int, remarks: list[tuple[int, str]]) -> str:
    """The format of a structure's cell: ``DATE(0)`` is DATE, ``(0)`` none at all."""
    kind = re.sub(r"\(0\)$", "", text.replace(" ", ""))
    if not kind:
        return ""
    try:
        return str(parse_format(kind))
    except ValueError as error:
        remarks.append((number, f"{error}; not compared with the item catalogue"))
        return ""
