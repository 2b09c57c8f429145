"""Two sides of the same records compared and merged: what one lacks, and what differs.

In: two CSV files with a key.  Out: differences, by line and column, or one table of both.
Which side stands where they differ is for the caller to say.  This module does not know what
the columns mean, and its words show no key and no value: the list of differences has them,
for whom the tables are anyway.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Literal

from attrs import field, frozen

from dflow.cutover.files import rows_of
from dflow.errors import DflowError

__all__ = ["Comparison", "Difference", "Side", "compare", "merge"]

#: A side of a comparison.
Side = Literal["left", "right"]

#: What differs: a record is on one side only, or a value of it differs.
_Kind = Literal["only left", "only right", "differs"]


@frozen(kw_only=True)
class Difference:
    """One difference.

    Attributes:
        kind: what differs.
        key: the record's key; it may be a meter point.
        column: the column; empty for a record that is on one side only.
        left: the left value.
        right: the right value.
        left_line: the left record's line; 0 if there is none.
        right_line: the right record's line; 0 if there is none.
    """

    kind: _Kind
    key: str = field(repr=False)
    column: str = ""
    left: str = field(default="", repr=False)
    right: str = field(default="", repr=False)
    left_line: int = 0
    right_line: int = 0


@frozen(kw_only=True)
class Comparison:
    """What two sides have in common, and where they differ (capability 42).

    Attributes:
        left: records on the left.
        right: records on the right.
        same: records that agree in every column that both have.
        columns: the columns that were compared.
        alone: columns that one side only has.
        differences: each of them.
    """

    left: int
    right: int
    same: int
    columns: tuple[str, ...]
    alone: tuple[str, ...]
    differences: tuple[Difference, ...] = field(repr=False)

    @property
    def kinds(self) -> Counter[str]:
        """How many of each kind, and of each column that differs."""
        return Counter(
            one.kind + (f": {one.column}" if one.column else "") for one in self.differences
        )

    def listing(self) -> bytes:
        """The differences as a CSV file, with keys and values."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        heads = ("kind", "key", "column", "left", "right", "left_line", "right_line")
        writer.writerow(heads)
        for one in self.differences:
            writer.writerow([getattr(one, head) for head in heads])
        return text.getvalue().encode()


def compare(left: Path, right: Path, *, key: str, ignore: tuple[str, ...] = ()) -> Comparison:
    """Compare two tables record by record; blanks around a value do not count.

    Raises:
        SourceError: one of them cannot be read.
        DflowError: it is no table with that key, or has a key twice.
    """
    left_heads, olds = _by_key(left, key)
    right_heads, news = _by_key(right, key)
    columns = tuple(
        one for one in left_heads if one in right_heads and one != key and one not in ignore
    )
    found: list[Difference] = []
    same = 0
    for name in dict.fromkeys((*olds, *news)):
        if name not in news:
            line = olds[name][0]
            found.append(Difference(kind="only left", key=name, left_line=line))
        elif name not in olds:
            line = news[name][0]
            found.append(Difference(kind="only right", key=name, right_line=line))
        else:
            (old_line, old), (new_line, new) = olds[name], news[name]
            differ = [one for one in columns if old[one].strip() != new[one].strip()]
            same += not differ
            found += [
                Difference(
                    kind="differs",
                    key=name,
                    column=one,
                    left=old[one],
                    right=new[one],
                    left_line=old_line,
                    right_line=new_line,
                )
                for one in differ
            ]
    alone = {*left_heads} ^ {*right_heads}
    return Comparison(
        left=len(olds),
        right=len(news),
        same=same,
        columns=columns,
        alone=tuple(one for one in (*left_heads, *right_heads) if one in alone),
        differences=tuple(found),
    )


def merge(left: Path, right: Path, *, key: str, prefer: Side) -> bytes:
    """One CSV file of the records of both sides, in the order of the left, then of the right.

    A record that one side has stays as it is, blank in the columns of the other.  Of a record
    that both have, `prefer` says whose value stands in a column of both, a blank too; where
    the other value is another one, `compare` lists it.

    Raises:
        SourceError: one of them cannot be read.
        DflowError: it is no table with that key, or has a key twice.
    """
    left_heads, olds = _by_key(left, key)
    right_heads, news = _by_key(right, key)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys((*left_heads, *right_heads))), restval="")
    writer.writeheader()
    for name in dict.fromkeys((*olds, *news)):
        old, new = (side[name][1] if name in side else {} for side in (olds, news))
        writer.writerow(old | new if prefer == "right" else new | old)
    return text.getvalue().replace("\r\n", "\n").encode()


def _by_key(path: Path, key: str) -> tuple[list[str], dict[str, tuple[int, dict[str, str]]]]:
    heads, rows = rows_of(path, key)
    found: dict[str, tuple[int, dict[str, str]]] = {}
    for number, row in enumerate(rows, start=2):
        name = row[key].strip()
        if name in found:
            raise DflowError(
                f"{path}:{number}: the {key} of line {found[name][0]} again; a key stands once"
            )
        found[name] = (number, row)
    return heads, found
