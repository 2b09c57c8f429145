"""The envelope layer: what header and trailer claim, compared with what was counted.

In: an opening, a trailer and the body's counts.  Out: findings in a sink.  This module
does not read records of the body.

Sources: facts, envelope sections 2 to 4.
"""

from __future__ import annotations

from attrs import frozen

from dflow.catalogue import Answer, Catalogue
from dflow.catalogue.model import FlowDef
from dflow.envelope import Header, Trailer, read_trailer
from dflow.findings import Place
from dflow.parse.opening import Opening
from dflow.records import Record
from dflow.validate.sink import Sink

__all__ = ["Counts", "check_opening", "check_trailer"]


@frozen(kw_only=True)
class Counts:
    """What was counted in a file.

    Attributes:
        records: body records.
        instances: flow instances; None where the flow's structure is not known.
        sure: whether what counts as an instance of this flow is known, not presumed.
        instance: the code of the group that makes an instance; empty if not known.
        checksum: the sum over header and body; None if it was not computed.
    """

    records: int
    instances: int | None = None
    sure: bool = False
    instance: str = ""
    checksum: int | None = None


def check_opening(opening: Opening, catalogue: Catalogue, sink: Sink) -> None:
    """The mark, the header, and whether the catalogue knows the flow."""
    line = opening.record.line
    if opening.mark:
        message = "The file starts with a byte-order mark."
        sink.add("byte-order-mark", Place(line=line, column=1, width=3), message)
    for found in opening.reading.findings:
        sink.take(found)
    header = opening.header
    if header is None:
        return
    definition = opening.definition
    place = Place(
        line=line,
        column=opening.record.column(1 if header.envelope == "ZHD short" else 2),
        width=len(header.flow + header.version),
        jcode="J0937",
        item="Data Flow and Version Number",
    )
    if definition is None:
        _unknown(header, catalogue, place, sink)
    elif (
        catalogue.roles.allows(definition, header.sender.role, header.recipient.role)
        is Answer.FAILS
    ):
        _role_pair(header, definition, opening.record, sink)
    if definition is not None and not definition.groups:
        message = f"The structure of {definition} is not known; only its envelope was checked."
        sink.add("envelope-only", place, message, value=header.flow + header.version)


def _role_pair(header: Header, definition: FlowDef, record: Record, sink: Sink) -> None:
    pair = f"{header.sender.role} -> {header.recipient.role}"
    routes = [str(route) for route in definition.routes]
    sink.add(
        "role-pair",
        _place(record, 2 if header.envelope == "ZHD short" else 3, "J0934", "From Role Code"),
        f"The catalogue lists no route for {definition} from role {header.sender.role}"
        f" to role {header.recipient.role}.",
        value=pair,
        expected="; ".join(routes[:6]) + ("; …" if len(routes) > 6 else ""),
    )


def _unknown(header: Header, catalogue: Catalogue, place: Place, sink: Sink) -> None:
    number = header.flow + header.version
    versions = catalogue.versions(header.flow)
    if versions:
        known = ", ".join(f"v{version}" for version in versions)
        message = f"The catalogue holds no {header.flow} v{header.version}."
        sink.add("unknown-version", place, message, value=number, expected=known)
    elif header.flow.startswith("D"):
        sink.add("unknown-flow", place, f"The catalogue holds no flow {header.flow}.", value=number)
    else:
        message = f"The flow {header.flow} belongs to another catalogue than the DTC."
        sink.add("other-catalogue", place, message, value=number)


def check_trailer(
    record: Record | None, header: Header | None, counts: Counts, sink: Sink, *, lines: int
) -> Trailer | None:
    """The trailer's form, its file identifier, its counts and its checksum."""
    if record is None:
        message = f"The file ends at line {lines} without a trailer."
        sink.add("trailer-missing", Place(line=lines), message, expected="ZPT")
        return None
    pool = header is not None and header.envelope != "ZHV"
    reading = read_trailer(record.raw, line=record.line, pool=pool)
    for found in reading.findings:
        sink.take(found)
    trailer = reading.trailer
    if trailer is None:
        return None
    if pool:
        _compare_pool(trailer, record, counts, sink)
    else:
        _compare(trailer, record, header, counts, sink)
    return trailer


def _place(record: Record, position: int, jcode: str = "", item: str = "") -> Place:
    fields = record.raw.split(b"|", position + 1)
    width = len(fields[position]) if position < len(fields) else 0
    column = record.column(position)
    return Place(line=record.line, column=column, width=width, jcode=jcode, item=item)


def _compare(
    trailer: Trailer, record: Record, header: Header | None, counts: Counts, sink: Sink
) -> None:
    if header is not None and trailer.file_id != header.file_id:
        sink.add(
            "file-id-differs",
            _place(record, 1, "J1064", "File Identifier"),
            "The trailer's file identifier is not the header's.",
            value=trailer.file_id,
            expected=header.file_id,
        )
    low = counts.records % 10**10  # the low ten digits on overflow
    if trailer.group_count is not None and trailer.group_count != low:
        sink.add(
            "group-count",
            _place(record, 2, "J1067", "Total Group Count"),
            f"The trailer counts {trailer.group_count} groups; the body has {low}.",
            value=str(trailer.group_count),
            expected=str(low),
        )
    _compare_checksum(trailer, record, 3, counts, sink)
    claimed, number = trailer.flow_count, counts.instances
    if claimed is None or number is None or claimed == number:
        return
    what = f"occurrences of group {counts.instance}"
    sink.add(
        "flow-count" if counts.sure else "flow-count-unsure",
        _place(record, 4, "J1066", "Flow Count"),
        f"The trailer counts {claimed} flow instances; the body has {number} {what}.",
        value=str(claimed),
        expected=str(number),
    )


def _compare_pool(trailer: Trailer, record: Record, counts: Counts, sink: Sink) -> None:
    number = counts.records + 2  # a pool file counts its header and trailer too
    if trailer.group_count is not None and trailer.group_count != number:
        sink.add(
            "group-count",
            _place(record, 1),
            f"The trailer counts {trailer.group_count} records; the file has {number}.",
            value=str(trailer.group_count),
            expected=str(number),
        )
    _compare_checksum(trailer, record, 2, counts, sink)


def _compare_checksum(
    trailer: Trailer, record: Record, position: int, counts: Counts, sink: Sink
) -> None:
    claimed, total = trailer.checksum, counts.checksum
    if claimed is not None and total is not None and claimed != total:
        sink.add(
            "checksum",
            _place(record, position, "" if trailer.pool else "J1078", "Checksum"),
            f"The trailer's checksum is {claimed}; the records sum to {total}.",
            value=str(claimed),
            expected=str(total),
        )
