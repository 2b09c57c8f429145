"""The counts and sums that a trailer claims, computed: the one place that does.

In: a tree.  Out: what its trailer must say, and the tree with a trailer that says it.
This module does not judge; a claim that is right keeps its bytes.

Rules (facts, envelope sections 3 and 4): a user file counts every body record, header
and trailer excluded, in its low ten digits, and its flow instances; a pool file counts
all records, header and trailer included, and sums the records before the trailer.  A
blank line is no record.  Whether a user file's checksum is the pool files' sum is not
known: it is renewed where it was that sum, and blanked where it was another.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve, frozen

from dflow.envelope import pool_checksum, read_trailer
from dflow.flow import Flow, Group
from dflow.records import Record

__all__ = ["Counts", "count", "recounted", "renumbered", "resummed"]

#: Where a user file's trailer holds its claims; position 0 is the record type.
_GROUPS, _CHECKSUM, _FLOWS, _FIELDS = 2, 3, 4, 5


@frozen(kw_only=True)
class Counts:
    """What a trailer must say.

    Attributes:
        records: body records of a user file; all records of a pool file.
        instances: flow instances; None where the flow's structure is not known.
        checksum: the pool files' sum over header and body.
    """

    records: int
    instances: int | None
    checksum: int


def count(flow: Flow) -> Counts:
    """Count a tree's records and instances, and sum its records."""
    before = [record.raw for record in _before_trailer(flow) if record.raw]
    body = len(before) - (flow.header_record is not None)
    pool = _is_pool(flow)
    return Counts(
        records=(body + 2 if pool else body) % 10**10,
        instances=_instances(flow),
        checksum=pool_checksum(before),
    )


def _before_trailer(flow: Flow) -> Iterable[Record]:
    if flow.header_record is not None:
        yield flow.header_record
    for group in flow.walk():
        yield group.record


def _is_pool(flow: Flow) -> bool:
    return flow.header is not None and flow.header.envelope in ("ZHD", "ZHD short")


def _instances(flow: Flow) -> int | None:
    instance = flow.definition.instance if flow.definition else None
    if instance is None:
        return None
    return sum(
        group.definition is not None and group.definition.seq == instance.seq and not group.stray
        for group in flow.groups
    )


def recounted(flow: Flow, *, before: Flow | None = None) -> Flow:
    """The flow with a trailer that says what its records are; the rest of it untouched.

    A flow without a trailer stays without.  A claim that is right already keeps its bytes,
    leading zeros included.

    Args:
        flow: whose counts may have changed.
        before: the flow before it was changed, by which a user file's checksum is
            understood; without it the checksum of a user file stays as it is.
    """
    return _claiming(flow, before, counts=True)


def resummed(flow: Flow, before: Flow) -> Flow:
    """The flow with its checksum renewed, if it has one, and its counts as they are.

    Args:
        flow: whose records changed, but not in number.
        before: the flow before.
    """
    if flow.trailer is None or flow.trailer.checksum is None:
        return flow
    return _claiming(flow, before, counts=False)


def _claiming(flow: Flow, before: Flow | None, *, counts: bool) -> Flow:
    record = flow.trailer_record
    if record is None:
        return flow
    now = count(flow)
    pool = _is_pool(flow)
    fields = record.raw.split(b"|")
    if not pool and len(fields) < _FIELDS + 2:
        fields = [*fields[: _FIELDS + 1], *[b""] * (_FIELDS + 2 - len(fields))]
    if counts:
        _claim(fields, 1 if pool else _GROUPS, now.records)
        if not pool and now.instances is not None:
            _claim(fields, _FLOWS, now.instances)
    if pool:
        _claim(fields, 2, now.checksum)
    elif before is not None and fields[_CHECKSUM].strip():
        _user_checksum(fields, count(before).checksum, now.checksum)
    raw = b"|".join(fields)
    if raw == record.raw:
        return flow
    trailer = read_trailer(raw, line=record.line, pool=pool).trailer
    return evolve(flow, trailer=trailer, trailer_record=evolve(record, raw=raw))


def _user_checksum(fields: list[bytes], old: int, new: int) -> None:
    """Renew a checksum that was the pool files' sum; blank one of an unknown rule."""
    if fields[_CHECKSUM].strip() == str(old).encode():
        _claim(fields, _CHECKSUM, new)
    elif old != new:
        fields[_CHECKSUM] = b""


def _claim(fields: list[bytes], position: int, number: int) -> None:
    """Put a number where another stands; a claim that was padded stays so wide."""
    while len(fields) <= position:
        fields.append(b"")
    old = fields[position]
    # Compared as text: a hostile claim may have more digits than a number may be read from.
    if old.isdigit() and (old.lstrip(b"0") or b"0") == str(number).encode():
        return
    width = len(old) if old.startswith(b"0") and old.isdigit() and len(old) > 1 else 0
    fields[position] = str(number).zfill(width).encode()


def renumbered(flow: Flow) -> Flow:
    """The flow with line numbers that run from 1; no byte changes."""
    line = 0

    def next_line(record: Record) -> Record:
        nonlocal line
        line += 1
        return record if record.line == line else evolve(record, line=line)

    def group_lines(group: Group) -> Group:
        # As deep as the catalogue's groups nest, not as the file is long.
        record = next_line(group.record)
        groups = tuple(group_lines(below) for below in group.groups)
        same = record is group.record and all(
            new is old for new, old in zip(groups, group.groups, strict=True)
        )
        return group if same else evolve(group, record=record, groups=groups)

    header = next_line(flow.header_record) if flow.header_record else None
    groups = tuple(group_lines(group) for group in flow.groups)
    trailer = next_line(flow.trailer_record) if flow.trailer_record else None
    after = tuple(group_lines(group) for group in flow.after)
    return evolve(flow, header_record=header, groups=groups, trailer_record=trailer, after=after)
