"""Faults of bytes, envelope and catalogue: everything outside the groups.

In: a `Draft`.  Out: ways to spoil it.  This module does not look into body records,
except to put a character into a value.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from attrs import evolve

from dflow.catalogue.conditions import Answer
from dflow.envelope import Header, Party, Trailer, pool_checksum
from dflow.identifiers import MPAN_ITEMS
from dflow.testing.draft import Draft, Site
from dflow.testing.faulty import FaultMaker, Way
from dflow.validate.intake import LONGEST

__all__ = ["MAKERS", "OVERLONG"]

#: Longer than any record may be.
OVERLONG = LONGEST + 1


def _empty_file(_draft: Draft) -> Iterator[Way]:
    yield Way(bytes, 0)


def _byte_order_mark(draft: Draft) -> Iterator[Way]:
    yield Way(partial(_whole, draft, before=b"\xef\xbb\xbf"), 1, 1)


def _whole(draft: Draft, *, before: bytes = b"") -> bytes:
    return before + draft.joined(list(draft.raw))


def _with_character(site: Site, draft: Draft, character: str) -> Way:
    raw = site.spoiled(site.value[:-1] + character)
    at = site.line.at
    return Way(partial(draft.replaced, at, raw), at + 1, site.column + len(site.value) - 1)


def _control_character(draft: Draft) -> Iterator[Way]:
    for site in draft.sites():
        if site.value:
            for character in "\t\x07\x1b":
                yield _with_character(site, draft, character)


def _non_ascii(draft: Draft) -> Iterator[Way]:
    for site in draft.sites():
        item = site.place.item
        free = item.format.kind in ("CHAR", "UNSTATED") and item.codes is None
        free = free and site.place.jcode not in MPAN_ITEMS
        if site.value and free and item.format.admits(site.value[:-1] + "é"):
            yield _with_character(site, draft, "é")


def _blank_line(draft: Draft) -> Iterator[Way]:
    for at in range(1, len(draft.raw)):
        yield Way(partial(_inserted, draft, at, b""), at + 1)


def _inserted(draft: Draft, at: int, raw: bytes) -> bytes:
    lines = list(draft.raw)
    lines.insert(at, raw)
    return draft.joined(lines)


def _blank_line_at_end(draft: Draft) -> Iterator[Way]:
    yield Way(partial(_inserted, draft, len(draft.raw), b""), len(draft.raw) + 1)


def _no_last_terminator(draft: Draft) -> Iterator[Way]:
    yield Way(partial(_ended, draft, len(draft.raw) - 1, b""), len(draft.raw))


def _mixed_terminators(draft: Draft) -> Iterator[Way]:
    other = b"\r\n" if draft.end == b"\n" else b"\n"
    for at in range(1, len(draft.raw)):
        yield Way(partial(_ended, draft, at, other), at + 1)


def _ended(draft: Draft, at: int, end: bytes) -> bytes:
    """The file with another terminator at one line."""
    ends = [end if index == at else draft.end for index in range(len(draft.raw))]
    return b"".join([raw + end for raw, end in zip(draft.raw, ends, strict=True)])


def _overlong_record(draft: Draft) -> Iterator[Way]:
    for line in draft.lines:
        yield Way(partial(_padded, draft, line.at), line.at + 1)


def _padded(draft: Draft, at: int) -> bytes:
    return draft.replaced(at, draft.raw[at] + b"A" * OVERLONG)


def _header_missing(draft: Draft) -> Iterator[Way]:
    if draft.lines:
        yield Way(partial(draft.joined, list(draft.raw[1:])), 1, 1)


def _fixed_length(draft: Draft) -> Iterator[Way]:
    yield Way(partial(draft.replaced, 0, b"ZHF" + draft.raw[0][3:]), 1, 1)


def _header_fields(draft: Draft) -> Iterator[Way]:
    for raw in (draft.raw[0] + b"|", b"|".join(draft.raw[0].split(b"|")[:11]) + b"|"):
        yield Way(partial(draft.replaced, 0, raw), 1)


#: Wrong values in every header field that no other finding depends on, by position.
_SPOILT = {
    4: b"ab!d",
    6: b"",
    7: b"20201332000000",
    8: b"TOOLONG",
    9: b"TOOLONG",
    10: b"XX",
    11: b"TOOLONG",
}


def _header_value(draft: Draft) -> Iterator[Way]:
    for position, value in _SPOILT.items():
        fields = draft.raw[0].split(b"|")
        fields[position] = value
        raw = b"|".join(fields)
        yield Way(partial(draft.replaced, 0, raw), 1, _column(raw, position))


def _column(raw: bytes, position: int) -> int:
    return len(b"|".join(raw.split(b"|")[:position])) + 2


def _header_repeated(draft: Draft) -> Iterator[Way]:
    for at in range(len(draft.raw) - 1):
        body = draft.body
        body.insert(at, draft.raw[0])
        yield Way(partial(draft.recounted, body), at + 2, 1)


def _trailer_missing(draft: Draft) -> Iterator[Way]:
    yield Way(partial(draft.joined, list(draft.raw[:-1])), len(draft.raw) - 1)


def _trailer_fields(draft: Draft) -> Iterator[Way]:
    last = draft.raw[-1]
    for raw in (last + b"|", b"|".join(last.split(b"|")[:5]) + b"|"):
        yield Way(partial(draft.replaced, len(draft.raw) - 1, raw), len(draft.raw))


def _after_trailer(draft: Draft) -> Iterator[Way]:
    for raw in dict.fromkeys((*draft.body, draft.raw[-1])):
        yield Way(partial(_inserted, draft, len(draft.raw), raw), len(draft.raw) + 1, 1)


def _file_id_differs(draft: Draft) -> Iterator[Way]:
    other = ("1" if draft.header.file_id[:1] != "1" else "2") + draft.header.file_id[1:]
    yield _claimed(draft, evolve(draft.trailer, file_id=other), 1)


def _claimed(draft: Draft, trailer: Trailer, position: int) -> Way:
    """The file with another trailer, whose field at `position` is wrong."""
    raw = trailer.encode()
    make = partial(draft.replaced, len(draft.raw) - 1, raw)
    return Way(make, len(draft.raw), _column(raw, position))


def _group_count(draft: Draft) -> Iterator[Way]:
    for claim in _wrong(len(draft.lines), 10**10 - 1):
        yield _claimed(draft, evolve(draft.trailer, group_count=claim), 2)


def _wrong(right: int, largest: int) -> list[int]:
    return [claim for claim in (right + 1, right - 1, largest) if claim >= 0]


def _flow_count(draft: Draft) -> Iterator[Way]:
    if draft.definition.instance_sure:
        yield from _flow_counts(draft)


def _flow_count_unsure(draft: Draft) -> Iterator[Way]:
    if not draft.definition.instance_sure:
        yield from _flow_counts(draft)


def _flow_counts(draft: Draft) -> Iterator[Way]:
    for claim in _wrong(draft.trailer.flow_count or 0, 10**8 - 1):
        yield _claimed(draft, evolve(draft.trailer, flow_count=claim), 4)


def _checksum(draft: Draft) -> Iterator[Way]:
    wrong = pool_checksum(draft.raw[:-1]) ^ 1
    yield _claimed(draft, evolve(draft.trailer, checksum=wrong), 3)


def _role_pair(draft: Draft) -> Iterator[Way]:
    roles = draft.catalogue.roles
    sender, recipient = draft.header.sender, draft.header.recipient
    for one in roles.codes:
        for other in roles.codes:
            if roles.allows(draft.definition, one, other) is Answer.FAILS:
                to = Party(other, recipient.mpid)
                header = evolve(draft.header, sender=Party(one, sender.mpid), recipient=to)
                yield _readdressed(draft, header, 3)


def _readdressed(draft: Draft, header: Header, position: int) -> Way:
    raw = header.encode()
    return Way(partial(draft.replaced, 0, raw), 1, _column(raw, position))


def _unknown_flow(draft: Draft) -> Iterator[Way]:
    yield from _renamed(draft, "D9998")


def _other_catalogue(draft: Draft) -> Iterator[Way]:
    yield from _renamed(draft, "Q9998")


def _renamed(draft: Draft, flow: str) -> Iterator[Way]:
    if not draft.catalogue.versions(flow):
        yield _readdressed(draft, evolve(draft.header, flow=flow), 2)


def _unknown_version(draft: Draft) -> Iterator[Way]:
    known = draft.catalogue.versions(draft.header.flow)
    for version in ("999", "998", "000"):
        if version not in known:
            yield _readdressed(draft, evolve(draft.header, version=version), 2)


def _envelope_only(draft: Draft) -> Iterator[Way]:
    """The same body under the name of a flow version whose structure is not known."""
    for flow in draft.catalogue:
        if not flow.structured:
            header = evolve(draft.header, flow=flow.flow, version=flow.version)
            yield _readdressed(draft, header, 2)


#: The makers of these faults, by code.
MAKERS: dict[str, FaultMaker] = {
    "empty-file": _empty_file,
    "byte-order-mark": _byte_order_mark,
    "control-character": _control_character,
    "non-ascii": _non_ascii,
    "blank-line": _blank_line,
    "blank-line-at-end": _blank_line_at_end,
    "no-last-terminator": _no_last_terminator,
    "mixed-terminators": _mixed_terminators,
    "overlong-record": _overlong_record,
    "header-missing": _header_missing,
    "fixed-length": _fixed_length,
    "header-fields": _header_fields,
    "header-value": _header_value,
    "header-repeated": _header_repeated,
    "trailer-missing": _trailer_missing,
    "trailer-fields": _trailer_fields,
    "after-trailer": _after_trailer,
    "file-id-differs": _file_id_differs,
    "group-count": _group_count,
    "flow-count": _flow_count,
    "flow-count-unsure": _flow_count_unsure,
    "checksum": _checksum,
    "role-pair": _role_pair,
    "unknown-flow": _unknown_flow,
    "unknown-version": _unknown_version,
    "other-catalogue": _other_catalogue,
    "envelope-only": _envelope_only,
}
