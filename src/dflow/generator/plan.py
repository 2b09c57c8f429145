"""Plans: a flow's definition, ready for making files of it.

In: a `FlowDef` and the roles of its catalogue.  Out: a `FlowPlan`: for every group how
to make its record from some bytes, how often it must and may come, and which documented
conditions speak of it.  This module does not put records together.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from attrs import frozen

from dflow.catalogue import FlowDef, GroupDef, ItemPlace
from dflow.catalogue.conditions import (
    AllOf,
    Always,
    AnyOf,
    Condition,
    Expression,
    ItemCompared,
    Negated,
)
from dflow.catalogue.roles import Roles
from dflow.errors import StructureError
from dflow.generator.values import Make, value_maker

__all__ = [
    "FieldPlan",
    "FlowPlan",
    "GroupPlan",
    "RolePairs",
    "plan_flow",
    "role_pairs",
    "simplest_record",
]

#: Pairs of role codes, sender's and recipient's.
RolePairs = tuple[tuple[str, str], ...]

#: At most so many bytes of choice a record: wide groups share bytes between values.
_MOST_WIDTH = 48

#: A group owed at least so often comes whole from one choice.
_BULK = 8


@frozen
class FieldPlan:
    """Where a value's choice stands, and what it means."""

    start: int
    stop: int
    blank_below: int
    make: Make | None


@frozen(eq=False)
class GroupPlan:
    """A group, ready for making: its fields compiled, its counts resolved.

    Attributes:
        definition: the catalogue's entry.
        bounds: how often it must come under one parent, and how often it may.
        bulk: whether its occurrences all come from one choice.
        groups: the groups below.
        fields: its values, in order.
        conditions: the documented conditions on its presence.
        item_conditions: those on its items.
    """

    definition: GroupDef
    bounds: tuple[int, int]
    bulk: bool
    groups: tuple[GroupPlan, ...]
    fields: tuple[FieldPlan, ...]
    conditions: tuple[Condition, ...] = ()
    item_conditions: tuple[Condition, ...] = ()

    def record(self, choice: bytes, day: int) -> str:
        """The record, closing pipe included, that a choice means on a day."""
        values = [self.definition.code]
        for one in self.fields:
            if one.make is None:
                values.append("")
                continue
            number = int.from_bytes(choice[one.start : one.stop], "big")
            if number < one.blank_below:
                values.append("")
            else:
                values.append(one.make(number - one.blank_below, day))
        values.append("")
        return "|".join(values)


@frozen(eq=False)
class FlowPlan:
    """A flow version, ready for making files.

    Attributes:
        definition: the catalogue's entry.
        groups: its level-1 groups.
        size: how many groups it has, on all levels.
        width: how many bytes of choice each record takes.
        roles: the pairs of role codes its header may have.
        known_roles: what role codes mean, for conditions on sender and recipient.
    """

    definition: FlowDef
    groups: tuple[GroupPlan, ...]
    size: int
    width: int
    roles: RolePairs
    known_roles: Roles


@lru_cache(maxsize=512)
def plan_flow(flow: FlowDef, roles: Roles) -> FlowPlan:
    """The plan of a flow version.

    Raises:
        StructureError: if the flow's structure is not known, or an item of it can have
            no value.
    """
    if not flow.structured:
        raise StructureError(
            f"{flow} has no known structure, so no file of it can be made up;"
            " its envelope alone can: see headers()"
        )
    needs = (1 + sum(_width(place) for place in group.items) for group in flow.walk())
    width = min(max(needs), _MOST_WIDTH)
    return FlowPlan(
        definition=flow,
        groups=tuple(_plan_group(flow, group, width) for group in flow.groups),
        size=sum(1 for _ in flow.walk()),
        width=width,
        roles=role_pairs(flow, roles),
        known_roles=roles,
    )


def simplest_record(flow: FlowDef, group: GroupDef, day: int) -> str:
    """The record of a group that has the simplest values, closing pipe included."""
    return _plan_group(flow, group, _MOST_WIDTH).record(bytes(_MOST_WIDTH), day)


def role_pairs(flow: FlowDef, roles: Roles) -> RolePairs:
    """The pairs of role codes that the flow's routes allow, or at least do not exclude.

    For a label whose codes are not known, the codes stand in that no label is known for.
    """
    mapped = {code for label in roles.known.values() for code in label.codes}
    unmapped = tuple(code for code in roles.codes if code not in mapped)

    def codes(label: str) -> tuple[str, ...]:
        entry = roles.known.get(label)
        return entry.codes if entry else ()

    known = {
        (sender, recipient): None
        for route in flow.routes
        for sender in codes(route.sender)
        for recipient in codes(route.recipient)
    }
    if known:
        return tuple(known)
    near = {
        (sender, recipient): None
        for route in flow.routes
        for sender in codes(route.sender) or unmapped
        for recipient in codes(route.recipient) or unmapped
    }
    return tuple(near) or (("X", "M"), ("M", "X"))


def _width(place: ItemPlace) -> int:
    return 0 if place.presence == "blank" else value_maker(place.item).width


def _plan_group(flow: FlowDef, group: GroupDef, width: int) -> GroupPlan:
    owed, most = group.range.least, group.range.most
    if group.range.counts:  # 46, 48 or 50 half hours: the day without a change of clocks
        owed = most = group.range.counts[len(group.range.counts) // 2]
    own = tuple(condition for condition in flow.conditions if condition.group == group.code)
    about_group = tuple(condition for condition in own if not condition.jcode)
    if about_group and all(
        condition.demand == "optional" and isinstance(condition.when, Always)
        for condition in about_group
    ):  # told once and for all: nothing is left to ask at each record
        about_group, owed = (), 0
    return GroupPlan(
        definition=group,
        bounds=(owed, 1_000_000 if most is None else most),
        bulk=owed >= _BULK,
        groups=tuple(_plan_group(flow, below, width) for below in group.groups),
        fields=_fields(group, width, _asked(flow)),
        conditions=about_group,
        item_conditions=tuple(condition for condition in own if condition.jcode),
    )


def _asked(flow: FlowDef) -> dict[str, tuple[str, ...]]:
    """The values that the flow's conditions ask for, by item: files need both sides."""
    found: dict[str, dict[str, None]] = {}

    def collect(when: Expression) -> None:
        match when:
            case ItemCompared():
                if not when.number:
                    found.setdefault(when.jcode, {}).update(dict.fromkeys(when.values))
            case Negated():
                collect(when.of)
            case AllOf() | AnyOf():
                for part in when.parts:
                    collect(part)

    for condition in flow.conditions:
        collect(condition.when)
    return {jcode: tuple(values) for jcode, values in found.items()}


def _either(make: Make, values: tuple[str, ...]) -> Make:
    """Every other choice is one of the values, the rest are as they were."""

    def mixed(n: int, day: int) -> str:
        half, asked = divmod(n, 2)
        return values[half % len(values)] if asked else make(half, day)

    return mixed


def _fields(
    group: GroupDef, width: int, asked: Mapping[str, tuple[str, ...]]
) -> tuple[FieldPlan, ...]:
    fields: list[FieldPlan] = []
    at = 1
    for place in group.items:
        if place.presence == "blank":
            fields.append(FieldPlan(0, 0, 0, None))
            continue
        maker = value_maker(place.item)
        if at + maker.width > width:  # no room left: share bytes, from the first on
            at = 1
        # An optional value is blank for three eighths of the choices, the simplest ones.
        blank = 96 * 256 ** (maker.width - 1) if place.presence == "optional" else 0
        item = place.item
        values = tuple(one for one in asked.get(item.jcode, ()) if item.format.admits(one))
        make = _either(maker.make, values) if values and item.codes is None else maker.make
        fields.append(FieldPlan(at, at + maker.width, blank, make))
        at += maker.width
    return tuple(fields)
