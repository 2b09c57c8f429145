"""The tables of a cut-over plan, each value with its mistake noted where it is wrong.

In: tables of a TOML file.  Out: texts, instants and paths.  This module does not know
what a plan is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

from dflow.errors import DflowError
from dflow.exchange.settings import TableReader
from dflow.operation import instant_from

__all__ = ["EPOCH", "Table", "Words"]

#: Stands in for an instant that could not be read; the plan is refused then.
EPOCH = datetime.fromisoformat("1970-01-01T00:00+00:00")

#: Where a value stands in the file.
_Path = tuple[str | int, ...]


class Table:
    """One table: its values are asked for by name, and what is wrong is noted."""

    def __init__(self, words: Words, path: _Path, values: Mapping[str, object]) -> None:
        self.words = words
        self.path = path
        self.values = values

    def only(self, *known: str) -> None:
        """Note every key that nobody knows."""
        self.words.reader.only(self.path, known)

    def fault(self, key: str, message: str, *, known: Iterable[str] = (), near: str = "") -> None:
        """Note a mistake at a key, or at the table if the key is not there."""
        names = tuple(known)
        path = (*self.path, key) if key in self.values else self.path
        self.words.reader.fault(path, message, expected=names, near_to=near, known=names)

    def text(self, key: str, *, needed: bool = True) -> str:
        """A text; empty if it is left out."""
        value = self.values.get(key)
        if value is None and not needed:
            return ""
        if not isinstance(value, str) or (needed and not value.strip()):
            self.fault(key, f"{key} must be a text")
            return ""
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, or one text; empty if it is left out."""
        value = self.values.get(key, [])
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.fault(key, f"{key} must be a list of texts")
            return ()
        return tuple(cast("list[str]", value))

    def flag(self, key: str) -> bool:
        """True or false; false if it is left out."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            self.fault(key, f"{key} must be true or false")
        return value is True

    def number(self, key: str) -> float:
        """A number above nothing."""
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            self.fault(key, f"{key} must be a number above 0")
            return 1.0
        return float(value)

    def whole(self, key: str, *, default: int) -> int:
        """A whole number above nothing."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            self.fault(key, f"{key} must be a whole number above 0")
            return default
        return value

    def instant(self, key: str) -> datetime:
        """An instant: with an offset, or local to the plan; a date is its midnight."""
        value = self.values.get(key)
        if not isinstance(value, str | date):
            self.fault(key, f"{key} must be a time", known=("2019-06-27T18:00:00",))
            return EPOCH
        try:
            found = instant_from(value, self.words.zone.key)
        except DflowError as error:
            self.fault(key, f"{key}: {error}")
            return EPOCH
        local = found.astimezone(UTC).astimezone(self.words.zone)
        written = isinstance(value, datetime) and value.tzinfo is not None
        if not written and local.replace(tzinfo=None) != found.replace(tzinfo=None):
            self.fault(key, f"{key}: the clocks skip that time; write it with its offset")
        return found

    def window(self) -> tuple[datetime, datetime]:
        """`from` and `to`, the second after the first."""
        start, end = self.instant("from"), self.instant("to")
        if end <= start and EPOCH not in (start, end):
            self.fault("to", "to is not after from")
        return start, end

    def file(self, key: str, *, there: bool = False) -> Path | None:
        """A path, from the plan's folder on; None if it is left out."""
        text = self.text(key, needed=False)
        if not text:
            return None
        if "\0" in text:
            self.fault(key, f"{key} is no path")
            return None
        path = self.words.reader.folder / text
        if there and not path.exists():
            self.fault(key, f"{text} is not there")
        return path


class Words:
    """Reads the tables of a plan through a table reader, which keeps the mistakes."""

    def __init__(self, reader: TableReader, zone: ZoneInfo) -> None:
        self.reader = reader
        self.zone = zone

    def table(self, name: str) -> Table | None:
        """A table; None if it is left out."""
        if name not in self.reader.toml.data:
            return None
        return Table(self, (name,), self.reader.table(name))

    def tables(self, name: str) -> list[Table]:
        """The tables of a list of tables."""
        return [Table(self, path, values) for path, values in self.reader.tables(name)]
