"""Changing a value: one field of one record, and nothing else.

In: a flow, a group's name, a J-code, a value.  Out: a flow in which only that field's
bytes differ.  This module does not count.
"""

from __future__ import annotations

from attrs import evolve

from dflow.catalogue.model import ItemPlace
from dflow.edit.places import At, group_at, locate, path_of, replaced
from dflow.errors import LookupMiss, StructureError, near_misses
from dflow.findings import Place, Severity, finding
from dflow.flow import Flow
from dflow.records import Record
from dflow.validate.sink import masked
from dflow.validate.values import check_value
from dflow.writer import RefusedFlow, plain_value, resummed

__all__ = ["set_value", "with_field"]


def with_field(record: Record, position: int, value: str) -> Record:
    """The record with another value in one field; a field that is lacking is added.

    Args:
        record: the record.
        position: 1-based field number after the code.
        value: text that a field can hold.
    """
    fields = record.raw.split(b"|")
    closed = len(fields) > 1 and fields[-1] == b""
    if closed:
        fields.pop()
    fields += [b""] * (position + 1 - len(fields))
    fields[position] = value.encode("latin-1")
    return evolve(record, raw=b"|".join(fields) + (b"|" if closed else b""))


def set_value(flow: Flow, at: At, jcode: str, value: str, *, check: bool = True) -> Flow:
    """The flow with one value changed: no other byte differs, but for a sum over them.

    Args:
        flow: the flow.
        at: the group: a path such as ``026[3]/028[1]``, a line number, or the group.
        jcode: the item, by J-code.
        value: the new value; empty for blank.
        check: whether a value that the catalogue does not allow is refused.

    Raises:
        LookupMiss: if there is no such group, or the group has no such item.
        StructureError: if the group's structure is not known.
        RefusedFlow: if the value is not allowed, or no field can hold it.
    """
    indexes = locate(flow, at)
    group = group_at(flow, at)
    if group.definition is None:
        raise StructureError(f"the structure of group {group.code} is not known, so nor {jcode}")
    place = group.definition.place(jcode)
    if place is None:
        known = [known.jcode for known in group.definition.items]
        near = near_misses(jcode, known)
        hint = f"; near: {', '.join(near)}" if near else f"; known: {', '.join(known)}"
        raise LookupMiss(f"group {group.code} has no item {jcode}{hint}")
    plain_value(value, jcode=jcode, item=place.name)
    record = with_field(group.record, place.position, value)
    if record == group.record:
        return flow
    if check:
        _refuse(place, value, path_of(flow, indexes), record)
    new = evolve(group, record=record)
    changed = replaced(flow, indexes, lambda all_, at_: (*all_[:at_], new, *all_[at_ + 1 :]))
    return resummed(changed, flow)


def _refuse(item: ItemPlace, value: str, path: str, record: Record) -> None:
    fault = check_value(item, value)
    if fault is None:
        return
    code, message, expected = fault
    place = Place(
        line=record.line,
        column=record.column(item.position),
        width=len(value),
        path=path,
        jcode=item.jcode,
        item=item.name,
    )
    shown = masked(value) if item.item.sensitive else value
    found = finding(code, place, message, value=shown, expected=expected)
    if found.severity >= Severity.ERROR:
        raise RefusedFlow((found,))
