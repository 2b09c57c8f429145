"""The conditions layer: what the catalogue documents of when a group or item must stand.

In: a group that has just been closed, with the values of its record and those above it.
Out: findings in a sink, and whether a missing group is excused.  This module does not
know how conditions are written.

Where a condition cannot be told, nothing is said: unknown stays unknown, and a missing
group stays advice (facts, envelope section 7).
"""

from __future__ import annotations

from attrs import define, field, frozen

from dflow.catalogue import Answer, Condition, Roles, demand_of
from dflow.catalogue.conditions import Always, Demand, PartySide
from dflow.catalogue.model import FlowDef, GroupDef
from dflow.envelope import Header
from dflow.findings import Place
from dflow.grammar import Frame
from dflow.validate.sink import Sink

__all__ = ["Conditions", "conditions_for"]


@frozen
class _Lookups:
    """What a condition may ask, asked of an open group and the header."""

    frame: Frame
    header: Header | None
    roles: Roles

    def value(self, jcode: str) -> str | None:
        frame: Frame | None = self.frame
        while frame is not None and frame.definition is not None:
            at = frame.definition.place(jcode)
            if at is not None and frame.record is not None:
                values = frame.record.values
                return values[at.position - 1] if at.position <= len(values) else None
            frame = frame.parent
        return None

    def present(self, code: str) -> bool | None:
        definition = self.frame.definition
        seqs = (
            [group.seq for group in definition.groups if group.code == code] if definition else []
        )
        return any(self.frame.counts.get(seq) for seq in seqs) if seqs else None

    def party(self, side: PartySide, label: str) -> Answer:
        if self.header is None:
            return Answer.CANNOT_TELL
        party = self.header.sender if side == "sender" else self.header.recipient
        return self.roles.may_be(party.role, label)


@define(eq=False)
class Conditions:
    """The conditions of one flow, asked of one file.

    Attributes:
        flow_def: the flow version; None where it is not known.
        header: the file's header.
        roles: which labels a role code may stand for.
        excused: groups whose absence is never a finding, by place in the catalogue.
        asks: whether any condition must be asked record by record.
    """

    flow_def: FlowDef | None
    header: Header | None
    roles: Roles
    excused: frozenset[int] = field(init=False)
    asks: bool = field(init=False)
    _groups: dict[str, tuple[Condition, ...]] = field(init=False)
    _items: dict[str, tuple[Condition, ...]] = field(init=False)

    @excused.default
    def _always_optional(self) -> frozenset[int]:
        codes = {
            condition.group
            for condition in self._conditions
            if condition.demand == "optional" and _plain(condition)
        }
        return frozenset(
            group.seq
            for group in (self.flow_def.walk() if self.flow_def else ())
            if group.code in codes
        )

    @asks.default
    def _asks(self) -> bool:
        return any(
            condition.jcode or condition.demand != "optional" or not _plain(condition)
            for condition in self._conditions
        )

    @_groups.default
    def _by_group(self) -> dict[str, tuple[Condition, ...]]:
        found: dict[str, tuple[Condition, ...]] = {}
        for condition in self._conditions:
            if not condition.jcode:
                found[condition.group] = (*found.get(condition.group, ()), condition)
        return found

    @_items.default
    def _by_holder(self) -> dict[str, tuple[Condition, ...]]:
        found: dict[str, tuple[Condition, ...]] = {}
        for condition in self._conditions:
            if condition.jcode:
                found[condition.group] = (*found.get(condition.group, ()), condition)
        return found

    @property
    def _conditions(self) -> tuple[Condition, ...]:
        return self.flow_def.conditions if self.flow_def else ()

    def child(self, frame: Frame, child: GroupDef, count: int, sink: Sink) -> bool:
        """Ask of a group that could stand under `frame`; whether its absence is excused."""
        conditions = self._groups.get(child.code)
        if conditions is None:
            return False
        demand = self._demand(conditions, frame, child.code)
        if (demand == "required" and not count) or (demand == "absent" and count):
            title = f"{child.code} {child.name}".rstrip()
            self._report(conditions, _group_place(frame, child), f"Group {title}", demand, sink)
            return True
        return demand in ("optional", "absent")

    def items(self, frame: Frame, sink: Sink) -> None:
        """Ask of the items of a group's record."""
        definition, record = frame.definition, frame.record
        if definition is None or record is None or definition.code not in self._items:
            return
        values = record.values
        for at in definition.items:
            conditions = tuple(c for c in self._items[definition.code] if c.jcode == at.jcode)
            if not conditions or at.position > len(values):
                continue
            lookups = _Lookups(frame, self.header, self.roles)
            demand = demand_of(conditions, lookups, group=definition.code, jcode=at.jcode)
            given = bool(values[at.position - 1])
            if (demand == "required" and not given) or (demand == "absent" and given):
                place = Place(
                    line=record.line,
                    column=record.column(at.position),
                    width=len(values[at.position - 1]),
                    path=frame.path,
                    jcode=at.jcode,
                    item=at.name,
                )
                self._report(conditions, place, at.name, demand, sink)

    def _demand(self, conditions: tuple[Condition, ...], frame: Frame, code: str) -> Demand | None:
        return demand_of(conditions, _Lookups(frame, self.header, self.roles), group=code)

    @staticmethod
    def _report(
        conditions: tuple[Condition, ...], place: Place, what: str, demand: Demand, sink: Sink
    ) -> None:
        rule = next(str(condition) for condition in conditions if condition.demand == demand)
        verb = "must stand here" if demand == "required" else "must not stand here"
        sink.add("condition", place, f"{what} {verb}.", expected=rule)


def _group_place(frame: Frame, child: GroupDef) -> Place:
    """The first record of a child group, or the record under which it does not stand."""
    first = frame.firsts.get(child.seq) if frame.firsts else None
    if first is None:
        return Place(line=frame.line, path=frame.path)
    path = "/".join(filter(None, (frame.path, f"{child.code}[1]")))
    return Place(line=first.line, column=1, width=len(child.code), path=path)


def _plain(condition: Condition) -> bool:
    return isinstance(condition.when, Always) and not condition.jcode


def conditions_for(flow_def: FlowDef | None, header: Header | None, roles: Roles) -> Conditions:
    """The conditions to ask of a file of this flow."""
    return Conditions(flow_def, header, roles)
