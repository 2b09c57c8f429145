"""Out to where the data is used: JSON Lines, CSV, Arrow and Parquet, streamed and typed."""

from dflow.convert.files import Form, Written, arrow_tables, write_tables
from dflow.convert.jsonlines import json_lines, json_value
from dflow.convert.tables import Column, Misfit, Table, Value, tables_of

__all__ = [
    "Column",
    "Form",
    "Misfit",
    "Table",
    "Value",
    "Written",
    "arrow_tables",
    "json_lines",
    "json_value",
    "tables_of",
    "write_tables",
]
