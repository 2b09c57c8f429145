"""Dropping and adding groups: records go and come, the others keep their bytes.

In: a flow and a group's name, or a new group.  Out: a flow without or with it, whose
counts follow.  This module does not check values: a group to add was made by
`dflow.writer.group`, or stood in another tree.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from dflow.catalogue.model import GroupDef
from dflow.edit.places import At, group_at, locate, replaced
from dflow.errors import StructureError
from dflow.flow import Flow, Group
from dflow.records import Record
from dflow.writer import recounted, renumbered

__all__ = ["add_group", "drop_group", "drop_where", "settled"]


def drop_group(flow: Flow, at: At) -> Flow:
    """The flow without a group and all below it; counts follow.

    Raises:
        LookupMiss: if there is no such group.
    """
    indexes = locate(flow, at)
    changed = replaced(flow, indexes, lambda all_, index: (*all_[:index], *all_[index + 1 :]))
    return settled(changed, flow)


def drop_where(flow: Flow, predicate: Callable[[Group], bool]) -> Flow:
    """The flow without every group that the predicate picks, and all below those."""

    def kept(groups: tuple[Group, ...]) -> tuple[Group, ...]:
        left = []
        for group in groups:
            if predicate(group):
                continue
            below = kept(group.groups)  # as deep as the catalogue nests
            same = len(below) == len(group.groups) and all(
                new is old for new, old in zip(below, group.groups, strict=True)
            )
            left.append(group if same else evolve(group, groups=below))
        return tuple(left)

    groups = kept(flow.groups)
    if len(groups) == len(flow.groups) and all(
        new is old for new, old in zip(groups, flow.groups, strict=True)
    ):
        return flow
    return settled(evolve(flow, groups=groups), flow)


def add_group(flow: Flow, group: Group, *, under: At | None = None) -> Flow:
    """The flow with one more group, behind its like, in the catalogue's order; counts follow.

    Args:
        flow: the flow.
        group: the group with all below it.
        under: the group to stand under; None for level 1.

    Raises:
        LookupMiss: if there is no group `under`.
        StructureError: if the catalogue does not let the group stand there.
    """
    end = flow.header_record.end if flow.header_record and flow.header_record.end else b"\n"
    new = _ended(group, end)
    if under is None:
        roots = flow.definition.groups if flow.definition else ()
        place = _allowed(new, roots, "at level 1")
        return settled(evolve(flow, groups=_inserted(flow.groups, place, roots)), flow)
    parent = group_at(flow, under)
    below = parent.definition.groups if parent.definition else ()
    place = _allowed(new, below, f"under {parent.code}")
    grown = evolve(parent, groups=_inserted(parent.groups, place, below))
    indexes = locate(flow, under)
    changed = replaced(flow, indexes, lambda all_, at: (*all_[:at], grown, *all_[at + 1 :]))
    return settled(changed, flow)


def _allowed(group: Group, choices: tuple[GroupDef, ...], where: str) -> Group:
    for choice in choices:
        if choice.code == group.code:
            return evolve(group, definition=choice)
    known = ", ".join(choice.code for choice in choices) or "no group"
    raise StructureError(f"group {group.code} cannot stand {where}; there may stand: {known}")


def _inserted(
    siblings: tuple[Group, ...], group: Group, order: tuple[GroupDef, ...]
) -> tuple[Group, ...]:
    """Behind the last sibling that the catalogue puts before it, or that is its like."""
    rank = {definition.seq: index for index, definition in enumerate(order)}
    own = rank[group.definition.seq] if group.definition else len(rank)
    at = 0
    for index, sibling in enumerate(siblings, 1):
        if sibling.definition is None or rank.get(sibling.definition.seq, 0) <= own:
            at = index
    return (*siblings[:at], group, *siblings[at:])


def _ended(group: Group, end: bytes) -> Group:
    record = group.record if group.record.end else evolve(group.record, end=end)
    if group.record.line == 0:
        record = evolve(record, end=end)  # newly made: it takes the file's terminator
    return evolve(group, record=record, groups=tuple(_ended(below, end) for below in group.groups))


def settled(flow: Flow, before: Flow) -> Flow:
    """The flow with its lines numbered and its counts right."""
    return renumbered(recounted(_terminated(flow), before=before))


def _terminated(flow: Flow) -> Flow:
    """Give a terminator to a record that was the last and is no longer."""
    records = list(flow.records())
    if all(record.end for record in records[:-1]):
        return flow
    end = next((record.end for record in records if record.end), b"\n")
    left = len(records)

    def whole(record: Record) -> Record:
        nonlocal left
        left -= 1  # by place: the same record may stand twice
        return record if record.end or not left else evolve(record, end=end)

    def fix(group: Group) -> Group:
        record = whole(group.record)
        return evolve(group, record=record, groups=tuple(fix(below) for below in group.groups))

    header = whole(flow.header_record) if flow.header_record else None
    groups = tuple(fix(group) for group in flow.groups)
    trailer = whole(flow.trailer_record) if flow.trailer_record else None
    after = tuple(fix(group) for group in flow.after)
    return evolve(flow, header_record=header, groups=groups, trailer_record=trailer, after=after)
