"""Tables on their way to files: rows in, CSV or Parquet out, whole or not at all.

In: fields and rows.  Out: files in one folder, under their own names only when all of
them are finished.  This module does not know flows.

File names are made of the catalogue's words (`D0010_002_030.csv`), never of what stands
in a file's header.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from attrs import define, field, frozen

from dflow.catalogue.formats import Format
from dflow.convert.tables import Misfit, Table, Value
from dflow.errors import SourceError
from dflow.typed.values import Kind

__all__ = ["Cell", "CsvSheet", "Field", "Sheet", "SheetOpener", "Sheets", "fields_of"]

#: What stands in a table: a value, or the text of one that is not in its format.
Cell = Value | Misfit


@frozen
class Field:
    """A column of any table.

    Attributes:
        name: its name.
        kind: what its values are.
        format: the item's format; None for a column that is no item's.
    """

    name: str
    kind: Kind = "str"
    format: Format | None = None


def fields_of(table: Table) -> tuple[Field, ...]:
    """The columns of a group's table: place, parents' keys, items."""
    items = (Field(one.name, one.kind, one.format) for one in (*table.keys, *table.columns))
    return (Field("file"), Field("line", "int"), Field("parent_line", "int"), *items)


class Sheet(Protocol):
    """A table's file while rows are added."""

    def add(self, row: Sequence[Cell]) -> None:
        """Add a row, a cell for each field."""

    def close(self) -> None:
        """Write what is left; no rows after this."""


#: Opens a sheet: its path and its fields.
SheetOpener = Callable[[Path, tuple[Field, ...]], Sheet]


def _cell(value: Cell) -> str | int:
    match value:
        case None:
            return ""
        case Misfit():
            return value.text
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case dt.date() | dt.time():
            return value.isoformat()
        case _:
            return value


class CsvSheet:
    """A table as CSV: UTF-8, a header line, commas, LF."""

    def __init__(self, path: Path, fields: tuple[Field, ...]) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow([one.name for one in fields])

    def add(self, row: Sequence[Cell]) -> None:
        """Add a row."""
        self._writer.writerow([_cell(value) for value in row])

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@define(eq=False)
class Sheets:
    """The tables of one run: opened when their first row comes, published together.

    Attributes:
        folder: where they go; made if it is not there.
        suffix: of the file names, such as ``.csv``.
        opener: opens a sheet.
        replace: whether files that are there may be replaced.
    """

    folder: Path
    suffix: str
    opener: SheetOpener
    replace: bool = False
    rows: dict[str, int] = field(factory=dict, init=False)
    _open: dict[str, Sheet] = field(factory=dict, init=False)
    _parts: list[tuple[Path, Path]] = field(factory=list, init=False)

    def add(self, name: str, fields: Callable[[], tuple[Field, ...]], row: Sequence[Cell]) -> None:
        """Add a row to a table.

        Args:
            name: the table's name, which becomes the file's.
            fields: gives its columns; called for the first row.
            row: a cell for each column.

        Raises:
            SourceError: if the file is there already, or cannot be written.
        """
        sheet = self._open.get(name)
        try:
            if sheet is None:
                sheet = self._open[name] = self._start(name, fields())
                self.rows[name] = 0
            sheet.add(row)
        except OSError as error:
            raise SourceError(
                f"{self.folder / name}: cannot be written: {error.strerror or error}"
            ) from error
        self.rows[name] += 1

    def _start(self, name: str, fields: tuple[Field, ...]) -> Sheet:
        final = self.folder / f"{name}{self.suffix}"
        if final.exists() and not self.replace:
            raise SourceError(f"{final}: is there already")
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f".{name}{self.suffix}.part"
        self._parts.append((part, final))
        return self.opener(part, fields)

    def finish(self, names: Iterable[str] | None = None) -> None:
        """Close sheets, so that no more rows can come; all of them, unless some are named."""
        for name in list(self._open if names is None else names):
            self._open.pop(name).close()

    def publish(self) -> list[Path]:
        """Give every file its own name.

        Raises:
            SourceError: if one cannot be written.
        """
        try:
            self.finish()
            for part, final in self._parts:
                part.replace(final)
        except OSError as error:
            raise SourceError(
                f"{self.folder}: cannot be written: {error.strerror or error}"
            ) from error
        return [final for _, final in self._parts]

    def abandon(self) -> None:
        """Take away whatever has no name of its own yet."""
        for sheet in self._open.values():
            with suppress(Exception):  # it is going away, and the first error is being told
                sheet.close()
        self._open.clear()
        for part, _ in self._parts:
            part.unlink(missing_ok=True)
