"""Two flows compared for a person: what differs, record by record and item by item.

In: two trees.  Out: lines of text.  This module does not know who asks; the pytest
plug-in shows the lines when a test asserts that two flows are equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from attrs import fields

from dflow.envelope import Header, Trailer
from dflow.flow import Flow, Group

__all__ = ["differences"]

#: So many differences are shown; files that have nothing in common have thousands.
_MOST = 30


def differences(left: Flow, right: Flow) -> list[str]:
    """What differs between two flows, in file order; empty if nothing does.

    Records are matched by their bytes, so that one record too many is one line.  Lines
    begin with ``-`` for what only the left has and ``+`` for the right; a record that
    differs in some items is shown by them.
    """
    found = [*_envelope("header", left.header, right.header)]
    found += _bodies([*left.walk()], [*right.walk()])
    found += _envelope("trailer", left.trailer, right.trailer)
    if not found and bytes(left) != bytes(right):
        found.append("the records are the same; terminators, a mark or what follows differ")
    if len(found) > _MOST:
        found = [*found[:_MOST], f"... and {len(found) - _MOST} more"]
    return found


def _envelope(
    name: str, left: Header | Trailer | None, right: Header | Trailer | None
) -> Iterator[str]:
    if left is None or right is None:
        if left is not right:
            yield f"{'+' if left is None else '-'} {name}"
        return
    for one in fields(type(left)):
        before, after = getattr(left, one.name), getattr(right, one.name)
        if before != after:
            shown = tuple(
                str(each) if hasattr(each, "mpid") else repr(each) for each in (before, after)
            )
            yield f"{name} {one.name}: {shown[0]} != {shown[1]}"


def _bodies(left: list[Group], right: list[Group]) -> Iterator[str]:
    matcher = SequenceMatcher(
        None, [one.record.raw for one in left], [one.record.raw for one in right], autojunk=False
    )
    for kind, start, stop, at, to in matcher.get_opcodes():
        if kind == "equal":
            continue
        before, after = left[start:stop], right[at:to]
        if len(before) == len(after) and all(
            one.code == other.code for one, other in zip(before, after, strict=True)
        ):
            for one, other in zip(before, after, strict=True):
                yield from _items(one, other)
            continue
        yield from (f"- {_where(one)}: {_shown(one)}" for one in before)
        yield from (f"+ {_where(one)}: {_shown(one)}" for one in after)


def _items(left: Group, right: Group) -> Iterator[str]:
    """What differs in two records of one group, item by item."""
    names = (
        [f"{place.jcode} {place.name}" for place in left.definition.items]
        if (left.definition)
        else []
    )
    before, after = left.values, right.values
    for at in range(max(len(before), len(after))):
        one = before[at] if at < len(before) else None
        other = after[at] if at < len(after) else None
        if one != other:
            name = names[at] if at < len(names) else f"field {at + 1}"
            yield f"{_where(left)} {name}: {one!r} != {other!r}"


def _where(group: Group) -> str:
    return f"line {group.record.line} {group.code}"


def _shown(group: Group) -> str:
    return group.record.raw.decode("latin-1")
