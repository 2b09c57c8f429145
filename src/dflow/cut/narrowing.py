"""What of a file belongs to a portfolio.

In: a flow, and the MPANs wanted.  Out: the flow with only their records, or why they
cannot be told apart; the MPANs that a flow is about, and those it only names.  This
module opens no file.

A record is *about* the MPAN Core (J0003) it holds, or, if it has no such item, about any
other MPAN in it.  Everything below it is about the same, whatever other MPANs stand there:
a related MPAN goes along with the record that names it.
"""

from __future__ import annotations

from collections.abc import Iterator

from dflow.catalogue.model import FlowDef, GroupDef
from dflow.edit import drop_where, keep_instances
from dflow.errors import StructureError
from dflow.flow import Flow, Group
from dflow.identifiers import MPAN_ITEMS, is_mpan

__all__ = ["about", "mpans_of", "narrowed", "units"]


def units(flow: Flow) -> Iterator[tuple[frozenset[str], Group]]:
    """The topmost groups that hold MPANs themselves, with what each is about."""
    stack = list(reversed(flow.groups))
    while stack:
        group = stack.pop()
        if found := about(group):
            yield found, group
        else:
            stack.extend(reversed(group.groups))


def about(group: Group) -> frozenset[str]:
    """The MPANs that a record is about, by its own fields; empty if it holds none."""
    held = _held(group)
    return frozenset(value for value in ([held["J0003"]] if "J0003" in held else held.values()))


def mpans_of(flow: Flow) -> tuple[frozenset[str], frozenset[str]]:
    """The MPANs a flow is about, and those it only names; right check digits only."""
    subjects: set[str] = set()
    named: set[str] = set()
    for found, group in units(flow):
        subjects |= found
        for below in group.walk():
            named |= set(_held(below).values())
    right = frozenset(filter(is_mpan, subjects))
    return right, frozenset(filter(is_mpan, named)) - right


def narrowed(flow: Flow, wanted: frozenset[str]) -> Flow | None:
    """The flow with only what is about the wanted MPANs; None if nothing is.

    A flow that is about wanted MPANs only is given back as it is, to the byte.

    Raises:
        StructureError: if the file's records cannot be told apart, so that those of other
            MPANs might be handed out.
    """
    if flow.definition is None or not flow.definition.groups:
        raise StructureError("its structure is not known, so neither is what belongs to an MPAN")
    found = [subjects for subjects, _ in units(flow)]
    if not any(subjects & wanted for subjects in found):
        return None
    if flow.strays:
        raise StructureError("records fit nowhere, so what belongs to an MPAN cannot be told")
    if all(subjects & wanted for subjects in found):
        return flow
    prunable, fixed = _kinds(flow.definition)
    for subjects, group in units(flow):
        if group.definition and group.definition.seq in fixed and not subjects & wanted:
            raise StructureError("a record that must be there is about another MPAN")

    def ours(group: Group) -> bool:
        own = about(group)
        return bool(own & wanted) if own else any(ours(below) for below in group.groups)

    def foreign(group: Group) -> bool:
        return group.definition is not None and group.definition.seq in prunable and not ours(group)

    instance = flow.definition.instance
    if instance is not None and instance.range.most != 1 and instance.seq in prunable:
        flow = keep_instances(flow, ours)
    return drop_where(flow, foreign)


def _held(group: Group) -> dict[str, str]:
    """The MPAN items of one record that are not blank."""
    if group.definition is None:
        return {}
    fields = zip(group.definition.items, group.values, strict=False)
    return {
        place.item.jcode: value.strip()
        for place, value in fields
        if place.item.jcode in MPAN_ITEMS and value.strip()
    }


def _kinds(definition: FlowDef) -> tuple[frozenset[int], frozenset[int]]:
    """The groups that may be left out with their MPAN, and those that stand once.

    Raises:
        StructureError: if a level-1 group repeats and holds no MPAN beside others that do.
    """
    prunable: set[int] = set()
    fixed: set[int] = set()
    stack = list(definition.groups)
    for group in definition.groups:
        if group.range.most != 1 and not _holds(group):
            raise StructureError(f"group {group.code} repeats and names no MPAN it belongs to")
    while stack:
        group = stack.pop()
        if not _holds(group):
            continue
        (fixed if group.range.most == 1 else prunable).add(group.seq)
        if not _holds_itself(group):
            stack.extend(group.groups)
    return frozenset(prunable), frozenset(fixed)


def _holds(group: GroupDef) -> bool:
    return any(_holds_itself(below) for below in group.walk())


def _holds_itself(group: GroupDef) -> bool:
    return any(place.item.jcode in MPAN_ITEMS for place in group.items)
