"""Files to tables: one table a group, for each flow version among them.

In: sources.  Out: CSV or Parquet files in a folder, or Arrow tables.  Files stream: what
is kept in memory is one root group, and the rows of an unwritten batch.

Beside the groups' tables there are two: ``files``, one row a file with its address, and
``rest``, whatever has no place in a table: stray records, surplus fields, values that do
not have their item's format.  Nothing is lost silently.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from dflow.catalogue import Catalogue
from dflow.catalogue.model import FlowDef
from dflow.convert.arrow import ArrowSheet, ParquetSheet
from dflow.convert.rows import Rest, Row, rows_of
from dflow.convert.sheets import Cell, CsvSheet, Field, Sheets, fields_of
from dflow.convert.tables import Table, tables_of
from dflow.flow import Group
from dflow.parse import Scan, Source, scan

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Form", "Written", "arrow_tables", "write_tables"]

#: The forms of tables in files.
Form = Literal["csv", "parquet"]

_FILES = tuple(
    Field(name)
    for name in (
        "file",
        "flow",
        "version",
        "from_role",
        "from_mpid",
        "to_role",
        "to_mpid",
        "file_id",
        "created",
        "sending_application",
        "receiving_application",
        "test_flag",
    )
)
_REST = (Field("file"), Field("line", "int"), Field("why"), Field("column"), Field("text"))

_Add = Callable[[str, Callable[[], tuple[Field, ...]], Sequence[Cell]], None]


@frozen
class Written:
    """What a conversion wrote.

    Attributes:
        paths: the files.
        rows: rows of each table, by name.
    """

    paths: tuple[Path, ...]
    rows: dict[str, int]

    @property
    def rest(self) -> int:
        """How much had no place in a table."""
        return sum(count for name, count in self.rows.items() if name.endswith("_rest"))


def write_tables(
    sources: Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    form: Form = "csv",
    *,
    catalogue: Catalogue | None = None,
    mask: bool = False,
    replace: bool = False,
) -> Written:
    """Convert files to tables in a folder; files of one flow version share their tables.

    Args:
        sources: paths of files.
        folder: where the tables go; made if it is not there.
        form: ``csv`` or ``parquet``.
        catalogue: the definitions to read by; the bundled ones unless given.
        mask: whether the values of sensitive items are left out.
        replace: whether tables that are there may be replaced.

    Raises:
        SourceError: if a source cannot be read or a table not written; then no table is.
        DflowError: if the form needs pyarrow and it is not there.
    """
    opener = CsvSheet if form == "csv" else ParquetSheet
    sheets = Sheets(Path(folder), f".{form}", opener, replace)
    try:
        for paths in _by_flow(sources, catalogue):
            before = set(sheets.rows)
            for path in paths:
                scanned = scan(path, catalogue=catalogue)
                _feed(scanned, os.fspath(path), sheets.add, mask=mask)
            sheets.finish(set(sheets.rows) - before)
        written = sheets.publish()
    finally:
        sheets.abandon()
    return Written(tuple(written), dict(sheets.rows))


def arrow_tables(
    source: Source, *, catalogue: Catalogue | None = None, name: str = "", mask: bool = False
) -> dict[str, pa.Table]:
    """A file's tables in memory, by name: each group's code, ``files`` and ``rest``.

    Args:
        source: a path, bytes, a binary file or an iterable of chunks.
        catalogue: the definitions to read by; the bundled ones unless given.
        name: what the tables call the file.
        mask: whether the values of sensitive items are left out.

    Raises:
        SourceError: if the bytes cannot be had.
        DflowError: if pyarrow is not there.
    """
    sheets: dict[str, ArrowSheet] = {}

    def add(table: str, fields: Callable[[], tuple[Field, ...]], row: Sequence[Cell]) -> None:
        if table not in sheets:
            sheets[table] = ArrowSheet(fields())
        sheets[table].add(row)

    scanned = scan(source, catalogue=catalogue)
    prefix = _prefix(scanned.definition)
    _feed(scanned, name, add, mask=mask)
    for sheet in sheets.values():
        sheet.close()
    return {table.removeprefix(prefix): sheet.table() for table, sheet in sheets.items()}


def _by_flow(
    sources: Sequence[str | os.PathLike[str]], catalogue: Catalogue | None
) -> list[list[str | os.PathLike[str]]]:
    """The files of each flow version together, so that few tables are open at a time."""
    together: dict[str, list[str | os.PathLike[str]]] = {}
    for path in sources:
        scanned = scan(path, catalogue=catalogue)
        together.setdefault(_prefix(scanned.definition), []).append(path)
        scanned.close()
    return list(together.values())


def _prefix(definition: FlowDef | None) -> str:
    """From the catalogue, never from the header: it becomes part of a file's name."""
    return f"{definition.flow}_{definition.version}_" if definition else "unknown_"


def _feed(scanned: Scan, name: str, add: _Add, *, mask: bool) -> None:
    definition = scanned.definition
    tables = tables_of(definition, mask=mask) if definition else {}
    prefix = _prefix(definition)
    add(prefix + "files", lambda: _FILES, _address(scanned, name))
    for root in _roots(scanned):
        for row in rows_of(root, tables, mask=mask):
            if isinstance(row, Rest):
                add(prefix + "rest", lambda: _REST, (name, row.line, row.why, row.column, row.text))
            else:
                _add_row(row, prefix, name, add)


def _roots(scanned: Scan) -> Iterator[Group]:
    yield from scanned
    yield from scanned.after


def _add_row(row: Row, prefix: str, name: str, add: _Add) -> None:
    def fields(table: Table = row.table) -> tuple[Field, ...]:
        return fields_of(table)

    cells = (name, row.line, row.parent_line, *row.keys, *row.values)
    add(prefix + row.table.name, fields, cells)


def _address(scanned: Scan, name: str) -> tuple[Cell, ...]:
    header = scanned.header
    if header is None:
        return (name, *[None] * (len(_FILES) - 1))
    return (
        name,
        header.flow,
        header.version,
        header.sender.role,
        header.sender.mpid,
        header.recipient.role,
        header.recipient.mpid,
        header.file_id,
        header.created,
        header.sending_application,
        header.receiving_application,
        header.test_flag,
    )
