"""A file's records as rows, one root group at a time.

In: a scan and the flow's tables.  Out: `Row`s in file order, and a `Rest` for whatever
has no place in a table.  This module does not know what form the rows will take.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import frozen

from dflow.convert.tables import Column, Misfit, Table, Value
from dflow.flow import Group

__all__ = ["Rest", "Row", "rows_of"]


@frozen
class Row:
    """A record as a row.

    Attributes:
        table: whose row it is.
        line: its line number.
        parent_line: the line number of the record above it; None at level 1.
        keys: the values of the parents' keys.
        values: the record's own values.
    """

    table: Table
    line: int
    parent_line: int | None
    keys: tuple[Value | Misfit, ...]
    values: tuple[Value | Misfit, ...]


@frozen
class Rest:
    """What has no place in a table: a stray record, a surplus field, a value not in its format.

    Attributes:
        line: its line number.
        why: ``format``, ``too-many-fields``, or why the record is a stray.
        column: the name of the column, for a value not in its format.
        text: the record, the field or the value, as it stands.
    """

    line: int
    why: str
    column: str
    text: str


def rows_of(
    root: Group, tables: Mapping[int, Table], *, mask: bool = False
) -> Iterator[Row | Rest]:
    """A root group and all below it as rows, parents first.

    Args:
        root: the group.
        tables: the flow's tables, by sequence number.
        mask: whether texts that may hold sensitive values are left out of the rest.
    """
    stack: list[tuple[Group, int | None, tuple[Value | Misfit, ...]]] = [(root, None, ())]
    while stack:
        group, parent, keys = stack.pop()
        table = tables.get(group.definition.seq) if group.definition is not None else None
        record = group.record
        if table is None or group.stray:
            if record.raw:
                why = group.stray or "envelope-only"
                text = "" if mask else record.raw.decode("latin-1")
                yield Rest(record.line, why, "", text)
            stack.extend((below, parent, keys) for below in reversed(group.groups))
            continue
        fields = group.values
        values = tuple(_value(column, fields) for column in table.columns)
        yield Row(table, record.line, parent, keys, values)
        yield from _rest(table, fields, values, record.line, mask=mask)
        below_keys = keys
        if table.columns:
            below_keys = (*keys, values[0])
        stack.extend((below, record.line, below_keys) for below in reversed(group.groups))


def _value(column: Column, fields: tuple[str, ...]) -> Value | Misfit:
    position = column.place.position
    return column.value(fields[position - 1]) if position <= len(fields) else None


def _rest(
    table: Table,
    fields: tuple[str, ...],
    values: tuple[Value | Misfit, ...],
    line: int,
    *,
    mask: bool,
) -> Iterator[Rest]:
    for column, value in zip(table.columns, values, strict=True):
        if isinstance(value, Misfit):
            yield Rest(line, "format", column.name, value.text)
    width = len(table.definition.items)
    for position, place in enumerate(table.definition.items, 1):
        if place.presence == "blank" and position <= len(fields) and fields[position - 1]:
            yield Rest(line, "blank-expected", "", "" if mask else fields[position - 1])
    for field in fields[width:]:
        if field:
            yield Rest(line, "too-many-fields", "", "" if mask else field)
