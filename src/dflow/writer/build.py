"""Building: values to groups, groups to a whole file whose counts are right.

In: a header, and groups made by `group` or taken from other trees.  Out: a `Flow` whose
trailer is computed, or a refusal with the same findings that a check of the file gives.
This module does not decide what is a fault: `dflow.validate` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from dflow.catalogue import Catalogue
from dflow.catalogue.model import GroupDef
from dflow.envelope import Header, Trailer
from dflow.errors import LookupMiss, near_misses
from dflow.findings import Place, finding
from dflow.flow import Flow, Group
from dflow.parse import read
from dflow.records import Record
from dflow.writer.counts import recounted
from dflow.writer.refusal import RefusedFlow, accepted

__all__ = ["Model", "build", "group", "plain_value"]

#: What no field can hold: the pipe, the line's end, what is not one byte.
_IMPOSSIBLE = re.compile(r"[|\r\n]|[^\x00-\xff]")


def plain_value(value: str, *, jcode: str = "", item: str = "") -> str:
    """The value, if a field can hold it at all.

    Raises:
        TypeError: if it is no text.
        RefusedFlow: if it holds a pipe, a line end, or a character outside Latin-1.
    """
    if not isinstance(value, str):
        raise TypeError(f"the value of {jcode or 'a field'} is a text, not {type(value).__name__}")
    if (found := _IMPOSSIBLE.search(value)) is not None:
        what = {"|": "a pipe", "\r": "a line end", "\n": "a line end"}.get(
            found[0], "a character outside Latin-1"
        )
        raise RefusedFlow(
            (
                finding(
                    "format",
                    Place(jcode=jcode, item=item),
                    f"A value holds {what}, which no field can hold.",
                    expected="characters of Latin-1 other than the pipe and line ends",
                ),
            )
        )
    return value


def group(
    definition: GroupDef,
    values: Mapping[str, str] | Sequence[str],
    groups: Iterable[Group] = (),
    *,
    closed: bool = True,
) -> Group:
    """A group from its values, with the groups below it.

    Args:
        definition: the group as the catalogue has it.
        values: by J-code, what is not named being blank; or in the record's order.
        groups: the groups below, in order.
        closed: whether the record ends with a pipe, as all of a user file's must.

    Raises:
        LookupMiss: if the group has no such item, naming what is near.
        RefusedFlow: if a field cannot hold a value at all.
    """
    if isinstance(values, Mapping):
        known = [place.jcode for place in definition.items]
        for jcode in values:
            if jcode not in known:
                near = near_misses(jcode, known)
                hint = f"; near: {', '.join(near)}" if near else f"; known: {', '.join(known)}"
                raise LookupMiss(f"group {definition.code} has no item {jcode}{hint}")
        fields = [values.get(place.jcode, "") for place in definition.items]
    else:
        fields = list(values)
    named = [*definition.items, *[None] * len(fields)]
    texts = [
        plain_value(text, jcode=place.jcode if place else "", item=place.name if place else "")
        for place, text in zip(named, fields, strict=False)
    ]
    raw = "|".join([definition.code, *texts]) + ("|" if closed else "")
    record = Record(0, raw.encode("latin-1"), b"\n")
    return Group(record=record, definition=definition, groups=tuple(groups))


class Model(Protocol):
    """What can become a group: an object of a typed model (`dflow.flows`)."""

    def to_group(self) -> Group:
        """The group and all below it, as records."""


def build(
    header: Header,
    groups: Iterable[Group | Model],
    *,
    catalogue: Catalogue | None = None,
    completed: str = "",
    instances: int | None = None,
    end: bytes = b"\n",
    check: bool = True,
) -> Flow:
    """A whole file from its header and groups; counts, sums and trailer are computed.

    Args:
        header: the address; its envelope says whether it is a user file or a pool file.
        groups: the level-1 groups with all below them, as groups or as typed models.
        catalogue: the definitions to write by; the bundled ones unless given.
        completed: File Completion Timestamp of a user file, ``ccyymmddhhmmss``, local.
        instances: flow instances, for a flow whose structure is not known; counted for
            any other.
        end: the terminator of every record.
        check: whether a file with findings of severity error is refused.

    Raises:
        RefusedFlow: if the file would have findings of severity error.
        ValueError: if the header cannot be written as a record, or a model's value not as
            a field.
    """
    pool = header.envelope in ("ZHD", "ZHD short")
    trailer = Trailer(file_id=header.file_id, completed=completed, flow_count=instances, pool=pool)
    records = [header.encode()]
    for one in groups:
        root = one if isinstance(one, Group) else one.to_group()
        records += [below.record.raw for below in root.walk()]
    records.append(trailer.encode())
    # Read again, so that every group stands where the catalogue, and not its maker, puts it.
    raw = b"".join([part for record in records for part in (record, end)])
    flow = recounted(read(raw, catalogue=catalogue))
    return accepted(flow, catalogue=catalogue) if check else flow
