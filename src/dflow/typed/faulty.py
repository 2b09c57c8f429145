"""Groups that cannot be seen through a model, and why.

In: a group of a tree and the shape of its model.  Out: findings, a value for each fault.
This module does not know the file around the group: counts, checksums, conditions and
everything that a model can do without is the business of `dflow.check`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from dflow.catalogue import parse_format
from dflow.errors import StructureError
from dflow.findings import Finding, Place, finding
from dflow.flow import Group
from dflow.records import Record
from dflow.typed.shape import GroupShape, Item

__all__ = ["Faulty", "Undecodable", "faults", "stray_faults"]


@frozen(kw_only=True)
class Faulty:
    """A level-1 group that no model can hold, whole and as it was read.

    Attributes:
        group: the tree, every record of it; where a record fits nowhere, it is in the
            tree as a stray.
        findings: what is wrong, every fault, with the kinds and severities that
            `dflow.check` gives.  Values are not repeated: they may be personal, and the
            records hold them.
    """

    group: Group
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        first = self.findings[0]
        more = len(self.findings) - 1
        rest = f" (and {more} more)" if more else ""
        return f"line {first.line}, column {first.column}: {first.message}{rest}"


class Undecodable(StructureError):
    """A group was asked for as a model and cannot be one; `faulty` says why."""

    def __init__(self, faulty: Faulty) -> None:
        self.faulty = faulty
        super().__init__(str(faulty))

    def __reduce__(self) -> tuple[type[Undecodable], tuple[Faulty]]:
        return (Undecodable, (self.faulty,))


def faults(group: Group, shape: GroupShape[Any], *, pool: bool = False) -> tuple[Finding, ...]:
    """Every reason why a group, or one below it, cannot be seen through its model.

    Args:
        group: the group, with what is below it.
        shape: the shape of its model.
        pool: whether it stands in a pool file, whose records need no closing pipe.
    """
    found: list[Finding] = []
    stack = [(group, shape, f"{group.code}[1]")]
    while stack:
        here, known, path = stack.pop()
        found += _record_faults(here.record, known, path, pool=pool)
        seen: dict[str, int] = {}
        below = []
        for child in here.groups:
            seen[child.code] = seen.get(child.code, 0) + 1
            if not child.record.raw:
                continue  # a blank line holds nothing; `dflow.check` tells of it
            where = f"{path}/{child.code}[{seen[child.code]}]"
            kind = known.kind(child)
            if kind is None:
                found += stray_faults(child, where)
            else:
                below.append((child, known.children[kind].shape, where))
        stack.extend(reversed(below))
    return tuple(sorted(found, key=lambda one: (one.line, one.column)))


def stray_faults(group: Group, path: str = "") -> tuple[Finding, ...]:
    """A finding for a record that fits nowhere, and for each below it."""
    return tuple(
        finding(
            stray.stray or "misplaced-group",
            Place(line=stray.record.line, column=1, width=len(stray.code), path=path),
            f"The record {stray.code[:10]} does not fit here.",
        )
        for stray in group.walk()
    )


def _record_faults(
    record: Record, shape: GroupShape[Any], path: str, *, pool: bool
) -> Iterator[Finding]:
    text = record.raw.decode("latin-1")
    expression = shape.pool_expression if pool else shape.expression
    if expression.fullmatch(text):
        return
    values = record.values
    if not record.closed and not pool:
        yield finding(
            "unclosed-record",
            Place(line=record.line, column=len(text) + 1, path=path),
            "The record does not end with a pipe.",
        )
    wanted = len(shape.items)
    if len(values) != wanted:
        yield finding(
            "too-few-fields" if len(values) < wanted else "too-many-fields",
            Place(line=record.line, column=record.column(min(len(values), wanted) + 1), path=path),
            f"The record {record.code} has {len(values)} fields, not {wanted}.",
            expected=str(wanted),
        )
    for position, (item, value) in enumerate(zip(shape.items, values, strict=False), start=1):
        code, message, expected = _value_fault(item, value)
        if code:
            place = Place(
                line=record.line,
                column=record.column(position),
                width=len(value),
                path=path,
                jcode=item.jcode,
                item=item.name,
            )
            yield finding(code, place, f"{item.name} ({item.jcode}) {message}", expected=expected)


def _value_fault(item: Item, value: str) -> tuple[str, str, str]:
    """Code, message and what is expected, all empty for a value that is right."""
    form = parse_format(item.format)
    fault = ("", "", "")
    if item.presence == "blank":
        if value:
            fault = ("blank-expected", "holds a value.", "nothing")
    elif not value:
        if item.presence == "mandatory":
            fault = ("missing-value", "is blank.", str(form))
    elif item.kind == "code":
        if value not in item.codes:
            fault = ("not-in-code-list", "is not in its code list.", f"of {len(item.codes)} codes")
    elif not form.admits(value):
        longest = form.longest
        code = "too-long" if longest is not None and len(value) > longest else "format"
        fault = (code, "does not have its format.", str(form))
    return fault
