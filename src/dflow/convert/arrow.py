"""Tables as Arrow and Parquet, through the extra ``arrow`` (pyarrow).

In: fields and rows, or a source.  Out: Parquet files, or Arrow tables.  This module does
not know where files go.

Types follow the catalogue: texts and codes ``string``, whole numbers ``int64`` (a decimal
of no places beyond 18 digits), NUM(n,m) ``decimal`` of n + m digits and m places, dates
``date32``, times ``time32[s]``, instants ``timestamp[s]`` without a zone because the
files' times have none (``[us]`` for TIMESTAMP), booleans ``bool``.  A value that does not
have its item's format is null here, and stands in the table of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow.convert.sheets import Cell, Field
from dflow.convert.tables import Misfit
from dflow.errors import DflowError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ArrowSheet", "ParquetSheet", "arrow_schema", "arrow_type"]

#: Rows kept before they are written: large enough to compress well, small in memory.
_BATCH = 16_384


def _pyarrow() -> Any:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise DflowError("Arrow and Parquet need pyarrow: pip install 'dflow[arrow]'") from error
    return pa


def arrow_type(one: Field) -> pa.DataType:
    """The Arrow type of a column."""
    pa = _pyarrow()
    length, decimals = (one.format.length or 0, one.format.decimals) if one.format else (0, 0)
    if one.kind == "int":
        return pa.int64() if length <= 18 else pa.decimal256(length, 0)
    if one.kind == "Decimal":
        digits = length + decimals
        return pa.decimal128(digits, decimals) if digits <= 38 else pa.decimal256(76, decimals)
    if one.kind == "datetime":
        fine = one.format is not None and one.format.kind == "TIMESTAMP"
        return pa.timestamp("us" if fine else "s")
    plain = {"bool": pa.bool_(), "date": pa.date32(), "time": pa.time32("s")}
    return plain.get(one.kind, pa.string())


def arrow_schema(fields: Sequence[Field]) -> pa.Schema:
    """The Arrow schema of a table."""
    pa = _pyarrow()
    return pa.schema([(one.name, arrow_type(one)) for one in fields])


class _Batches:
    """Rows collected column by column, and turned into batches."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.schema = arrow_schema(fields)
        self.columns: list[list[object]] = [[] for _ in fields]

    def add(self, row: Sequence[Cell]) -> bool:
        """Take a row; say whether there are enough for a batch."""
        for column, value in zip(self.columns, row, strict=True):
            column.append(None if isinstance(value, Misfit) else value)
        return len(self.columns[0]) >= _BATCH

    def batch(self) -> Any:
        """The rows so far as one batch."""
        pa = _pyarrow()
        arrays = [
            pa.array(column, type=one.type)
            for column, one in zip(self.columns, self.schema, strict=True)
        ]
        for column in self.columns:
            column.clear()
        return pa.record_batch(arrays, schema=self.schema)


class ParquetSheet:
    """A table as a Parquet file, written batch by batch."""

    def __init__(self, path: Path, fields: tuple[Field, ...]) -> None:
        _pyarrow()
        from pyarrow import parquet

        self._batches = _Batches(fields)
        self._writer = parquet.ParquetWriter(str(path), self._batches.schema, compression="zstd")

    def add(self, row: Sequence[Cell]) -> None:
        """Add a row."""
        if self._batches.add(row):
            self._writer.write_batch(self._batches.batch())

    def close(self) -> None:
        """Write what is left and close the file."""
        if self._batches.columns[0]:
            self._writer.write_batch(self._batches.batch())
        self._writer.close()


class ArrowSheet:
    """A table in memory."""

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self._batches = _Batches(fields)
        self._done: list[Any] = []

    def add(self, row: Sequence[Cell]) -> None:
        """Add a row."""
        if self._batches.add(row):
            self._done.append(self._batches.batch())

    def close(self) -> None:
        """Take what is left."""
        if self._batches.columns[0]:
            self._done.append(self._batches.batch())

    def table(self) -> pa.Table:
        """The table, once closed."""
        return _pyarrow().Table.from_batches(self._done, schema=self._batches.schema)
