"""Whole files: a new address, one file into two, several into one.

In: flows.  Out: flows whose untouched records keep their bytes and whose counts follow.
This module does not decide where a file goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import evolve

from dflow.edit.groups import settled
from dflow.edit.records import with_field
from dflow.envelope import Header, Party, parse_timestamp, read_header, read_trailer
from dflow.errors import StructureError
from dflow.flow import Flow, Group
from dflow.parse import read
from dflow.writer import plain_value, resummed

__all__ = ["keep_instances", "merge", "readdress", "readdress_bytes", "split"]

#: Where ZHV and the long ZHD hold what can be changed.
_LONG = {
    "file_id": 1,
    "from_role": 3,
    "from_mpid": 4,
    "to_role": 5,
    "to_mpid": 6,
    "created": 7,
    "sending_application": 8,
    "receiving_application": 9,
    "broadcast": 10,
    "test_flag": 11,
}
#: Where the short ZHD holds them.
_SHORT = {"from_role": 2, "from_mpid": 3, "to_role": 4, "to_mpid": 5, "created": 6}


def readdress(
    flow: Flow,
    *,
    sender: Party | None = None,
    recipient: Party | None = None,
    file_id: str | None = None,
    created: str | None = None,
    sending_application: str | None = None,
    receiving_application: str | None = None,
    test_flag: str | None = None,
) -> Flow:
    """The flow with another address: only the fields named change, and what repeats them.

    Args:
        flow: the flow.
        sender: the new sender.
        recipient: the new recipient.
        file_id: the new file identifier; the trailer repeats it, if it did before.
        created: the new File Creation Timestamp, ``ccyymmddhhmmss``, local.
        sending_application: empty for blank.
        receiving_application: empty for blank.
        test_flag: empty for blank.

    Raises:
        StructureError: if the flow has no header, or its header no such field.
        RefusedFlow: if a field cannot hold a value at all.
        ValueError: if `created` is no time.
    """
    record = flow.header_record
    if record is None or flow.header is None:
        raise StructureError("a file without a header has no address to change")
    if created is not None and parse_timestamp(created) is None:
        raise ValueError(f"{created!r} is not a time such as 20260401093000")
    wanted = {
        "file_id": file_id,
        "from_role": sender.role if sender else None,
        "from_mpid": sender.mpid if sender else None,
        "to_role": recipient.role if recipient else None,
        "to_mpid": recipient.mpid if recipient else None,
        "created": created,
        "sending_application": sending_application,
        "receiving_application": receiving_application,
        "test_flag": test_flag,
    }
    places = _SHORT if flow.header.envelope == "ZHD short" else _LONG
    for name, value in wanted.items():
        if value is None:
            continue
        if name not in places:
            raise StructureError(f"a short pool header has no field for {name.replace('_', ' ')}")
        record = with_field(record, places[name], plain_value(value))
    header = read_header(record.raw, line=record.line).header
    changed = evolve(flow, header=header, header_record=record)
    if file_id is not None:
        changed = _repeat(changed, flow.header, file_id)
    return resummed(changed, flow)


def _repeat(flow: Flow, old: Header, file_id: str) -> Flow:
    """Let the trailer repeat a new file identifier, if it repeated the old one."""
    record, trailer = flow.trailer_record, flow.trailer
    if record is None or trailer is None or trailer.pool or trailer.file_id != old.file_id:
        return flow
    record = with_field(record, 1, file_id)
    trailer = read_trailer(record.raw, line=record.line).trailer
    return evolve(flow, trailer=trailer, trailer_record=record)


def keep_instances(flow: Flow, predicate: Callable[[Group], bool]) -> Flow:
    """The flow with only those instances that the predicate picks; counts follow.

    What stands between instances and fits nowhere goes with the instance before it; what
    stands before the first one stays.

    Raises:
        StructureError: if the catalogue does not say what an instance of this flow is.
    """
    return split(flow, predicate)[0]


def split(flow: Flow, predicate: Callable[[Group], bool]) -> tuple[Flow, Flow]:
    """Two flows: the instances that the predicate picks, and the rest.

    Both keep the header, the file identifier included: `readdress` one of them before
    both are sent to the same recipient.

    Args:
        flow: the flow.
        predicate: given an instance's level-1 group, with all below it.

    Raises:
        StructureError: if the catalogue does not say what an instance of this flow is.
    """
    definition = flow.definition
    instance = definition.instance if definition else None
    if definition is None or instance is None:
        raise StructureError("the flow's structure is not known, so neither are its instances")
    if instance.range.most == 1:
        raise StructureError(f"{definition} holds one instance a file, so there is nothing to pick")
    yes: list[Group] = []
    no: list[Group] = []
    side: list[Group] | None = None
    for group in flow.groups:
        if group.definition is not None and group.definition.seq == instance.seq:
            side = yes if predicate(group) else no
        if side is None:  # before the first instance: both sides need it
            yes.append(group)
            no.append(group)
        else:
            side.append(group)
    if len(yes) == len(flow.groups):
        return flow, settled(evolve(flow, groups=tuple(no)), flow)
    picked = settled(evolve(flow, groups=tuple(yes)), flow)
    if len(no) == len(flow.groups):
        return picked, flow
    return picked, settled(evolve(flow, groups=tuple(no)), flow)


def merge(flows: Sequence[Flow], *, file_id: str | None = None) -> Flow:
    """One flow from several of one flow version and address: their groups, one after another.

    The first one's header and trailer are kept; counts follow.

    Args:
        flows: at least one.
        file_id: the new file identifier; the first one's unless given.

    Raises:
        StructureError: if they differ in flow, version or address, a file holds one
            instance only, or one has records behind its trailer; the message says which.
    """
    if not flows:
        raise StructureError("nothing to merge")
    first = flows[0]
    instance = first.definition.instance if first.definition else None
    if len(flows) > 1 and instance is not None and instance.range.most == 1:
        raise StructureError(f"{first.definition} holds one instance a file, so none can be merged")
    for number, flow in enumerate(flows, 1):
        _mergeable(first, flow, number)
    if len(flows) == 1:
        merged = first
    else:
        groups = tuple(group for flow in flows for group in flow.groups)
        merged = settled(evolve(first, groups=groups), first)
    return merged if file_id is None else readdress(merged, file_id=file_id)


def _mergeable(first: Flow, flow: Flow, number: int) -> None:
    one, other = first.header, flow.header
    if one is None or other is None:
        raise StructureError(f"file {number} has no header")
    for what, mine, its in (
        ("flow", one.flow, other.flow),
        ("version", one.version, other.version),
        ("sender", one.sender, other.sender),
        ("recipient", one.recipient, other.recipient),
        ("test flag", one.test_flag, other.test_flag),
        ("sending application", one.sending_application, other.sending_application),
        ("receiving application", one.receiving_application, other.receiving_application),
        ("envelope", one.envelope, other.envelope),
    ):
        if mine != its:
            raise StructureError(f"file {number} differs in {what}: {its}, not {mine}")
    if any(group.record.raw for group in flow.after):
        raise StructureError(f"file {number} has records behind its trailer")


def readdress_bytes(data: bytes, *, recipient: Party) -> bytes:
    """As `readdress` over the bytes of a file, with no more of it read than it takes.

    The body of a user file is only read if its trailer carries a checksum; a pool file's
    always is, because its checksum is over the header too.

    Args:
        data: the file.
        recipient: the new recipient.

    Raises:
        StructureError: if the file has no header.
        RefusedFlow: if a field cannot hold a value at all.
    """
    first, end, rest = data.partition(b"\n")
    head = read(first + end)
    at = data.find(b"\nZPT|")
    claims = data[at + 1 :].split(b"\n", 1)[0].split(b"|") if at >= 0 else []
    summed = len(claims) > 3 and bool(claims[3].strip())
    if summed or head.header is None or head.header.envelope != "ZHV":
        return bytes(readdress(read(data), recipient=recipient))
    return bytes(readdress(head, recipient=recipient)) + rest
