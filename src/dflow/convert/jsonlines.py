"""Files to JSON Lines: one line a root group, with all below it, typed.

In: a source.  Out: lines of JSON.  Dates and times are ISO 8601 texts, quantities are
numbers with the digits they were written with, booleans are booleans, blanks are null.
A value that does not have its item's format stays the text it is.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal

from dflow.catalogue import Catalogue
from dflow.convert.tables import Column, Misfit, Table, Value, tables_of
from dflow.envelope import Header
from dflow.flow import Group
from dflow.parse import Source, scan

__all__ = ["json_lines", "json_value"]


def json_value(value: Value) -> str:
    """A value as JSON text."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Decimal():
            return format(value, "f")
        case dt.date() | dt.time():
            return f'"{value.isoformat()}"'
        case _:
            return json.dumps(value, ensure_ascii=False)


def json_lines(
    source: Source, *, catalogue: Catalogue | None = None, name: str = "", mask: bool = False
) -> Iterator[str]:
    """A file's root groups as lines of JSON, without their line ends.

    Args:
        source: a path, bytes, a binary file or an iterable of chunks.
        catalogue: the definitions to read by; the bundled ones unless given.
        name: what the lines call the file.
        mask: whether the values of sensitive items are left out.

    Raises:
        SourceError: if the bytes cannot be had.
    """
    scanned = scan(source, catalogue=catalogue)
    tables = tables_of(scanned.definition, mask=mask) if scanned.definition else {}
    head = _head(scanned.header, name)
    for root in scanned:
        if root.record.raw:
            yield "{" + head + _group(root, tables, mask=mask) + "}"


def _head(header: Header | None, name: str) -> str:
    pairs = {"file": name}
    if header is not None:
        pairs |= {
            "flow": header.flow,
            "version": header.version,
            "from": str(header.sender),
            "to": str(header.recipient),
            "file_id": header.file_id,
            "created": header.created,
            "test_flag": header.test_flag,
        }
    return "".join(f"{json.dumps(key)}: {json_value(value)}, " for key, value in pairs.items())


def _group(group: Group, tables: dict[int, Table], *, mask: bool) -> str:
    """As deep as the catalogue nests: strays have nothing below them."""
    table = tables.get(group.definition.seq) if group.definition is not None else None
    line = f'"line": {group.record.line}, '
    if table is None or group.stray:
        text = "" if mask else group.record.raw.decode("latin-1")
        why = group.stray or "envelope-only"
        return f'{line}"rest": {json_value(why)}, "record": {json_value(text)}'
    fields = group.values
    pairs = [f"{json.dumps(column.name)}: {_field(column, fields)}" for column in table.columns]
    parts = f'{line}"group": {json_value(table.name)}, "values": {{{", ".join(pairs)}}}'
    surplus = [field for field in fields[len(table.definition.items) :] if field]
    if surplus:
        texts = ", ".join(json_value("" if mask else field) for field in surplus)
        parts += f', "surplus": [{texts}]'
    below = [
        "{" + _group(child, tables, mask=mask) + "}" for child in group.groups if child.record.raw
    ]
    return parts + f', "groups": [{", ".join(below)}]'


def _field(column: Column, fields: tuple[str, ...]) -> str:
    position = column.place.position
    text = fields[position - 1] if position <= len(fields) else ""
    value = column.value(text)
    return json_value(value.text if isinstance(value, Misfit) else value)
