"""Volumes by day: how many migrations each supplier begins on each network.

In: rows of a CSV, or numbers.  Out: arrays by day, summed fast: two years of fifty
suppliers on fourteen networks are half a million numbers.  This module knows no limits.
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator, Mapping
from datetime import date
from operator import add
from pathlib import Path

from attrs import define, field

from dflow.errors import RefusedText, SourceError, TextFault

__all__ = ["Volumes", "read_volumes", "rows_of"]


@define(eq=False)
class Volumes:
    """Numbers by supplier, network and day.

    Attributes:
        start: the day of the first number.
        days: how many days there are.
        cells: for each supplier and network, an array with a number for each day.
    """

    start: date
    days: int
    cells: dict[tuple[str, str], array[int]] = field(factory=dict)

    def add(self, day: date, supplier: str, network: str, number: int) -> None:
        """Add to a day, which lies within.

        Raises:
            IndexError: the day lies outside.
        """
        index = (day - self.start).days
        if not 0 <= index < self.days:
            raise IndexError(day.isoformat())
        self.row(supplier, network)[index] += number

    def row(self, supplier: str, network: str) -> array[int]:
        """The numbers of a supplier on a network, by day."""
        found = self.cells.get((supplier, network))
        if found is None:
            found = self.cells[supplier, network] = array("q", bytes(8 * self.days))
        return found

    def by_day(self, *, supplier: str = "", network: str = "") -> list[int]:
        """Sums by day, of one supplier, one network, or all."""
        total = [0] * self.days
        for (who, where), row in self.cells.items():
            if (supplier and who != supplier) or (network and where != network):
                continue
            total = list(map(add, total, row))
        return total

    @property
    def suppliers(self) -> tuple[str, ...]:
        """Who has any, in order."""
        return tuple(sorted({who for who, _ in self.cells}))

    @property
    def networks(self) -> tuple[str, ...]:
        """Where there are any, in order."""
        return tuple(sorted({where for _, where in self.cells}))

    @property
    def total(self) -> int:
        """All of them."""
        return sum(map(sum, self.cells.values()))


def rows_of(path: Path, heads: Mapping[str, bool]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV with their line numbers; `heads` says which columns must be there.

    Raises:
        SourceError: the file cannot be read.
        RefusedText: a column is missing or unknown.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    reader = csv.DictReader(text.splitlines())
    found = reader.fieldnames or ()
    lost = [name for name, needed in heads.items() if needed and name not in found]
    odd = [name for name in found if name not in heads]
    if lost or odd:
        words = f"column {lost[0]!r} is missing" if lost else f"no column is called {odd[0]!r}"
        raise RefusedText(
            [TextFault(source=str(path), line=1, column=0, message=words, expected=tuple(heads))]
        )
    for row in reader:
        yield reader.line_num, {key: (value or "").strip() for key, value in row.items() if key}


_HEADS = {"day": True, "supplier": True, "network": True, "volume": True}


def read_volumes(path: Path, *, start: date, days: int) -> Volumes:
    """Read ``day,supplier,network,volume``; every mistake is told, and then all are refused.

    Raises:
        SourceError: the file cannot be read.
        RefusedText: with every mistake and its line.
    """
    volumes = Volumes(start, days)
    faults: list[TextFault] = []
    for line, row in rows_of(path, _HEADS):
        try:
            day, number = date.fromisoformat(row["day"]), int(row["volume"])
            if number < 0:
                raise ValueError(f"a volume of {number}")  # noqa: TRY301  told with the others
            volumes.add(day, row["supplier"], row["network"], number)
        except ValueError as error:
            faults.append(_fault(path, line, str(error)))
        except IndexError as error:
            faults.append(_fault(path, line, f"day {error} lies outside the plan"))
    if faults:
        raise RefusedText(faults)
    return volumes


def _fault(path: Path, line: int, message: str) -> TextFault:
    return TextFault(source=str(path), line=line, column=0, message=message)
