"""The trailer of a file: its counts and its end.

In: the bytes of the last record.  Out: a `Trailer`, and findings about it.  This
module does not count anything itself; it knows only what the trailer claims.

Fields of ZPT in a user file, in order (facts, envelope section 3): record type; File
Identifier J1064 CHAR(10); Total Group Count J1067 NUM(10), every body record, header
and trailer excluded; Checksum J1078 NUM(10), optional; Flow Count J1066 NUM(8), the
number of flow instances; File Completion Timestamp J1065, optional.  In a pool file:
record type; record count, header and trailer included; checksum.
"""

from __future__ import annotations

import re

from attrs import frozen

from dflow.envelope.encoding import counted, encode_record
from dflow.envelope.header import parse_timestamp
from dflow.findings import Finding, Place, finding

__all__ = ["Trailer", "TrailerReading", "read_trailer"]


@frozen(kw_only=True)
class Trailer:
    """What a trailer claims; None for a claim that is blank or cannot be read.

    Attributes:
        file_id: file identifier; empty in a pool file.
        group_count: body records of a user file (low ten digits on overflow); all
            records, header and trailer included, of a pool file.
        checksum: unsigned 32-bit sum; blank in genuine user files.
        flow_count: flow instances; a pool file has none.
        completed: File Completion Timestamp as written, local; empty if blank.
        pool: whether it closes a pool file.
    """

    file_id: str = ""
    group_count: int | None = None
    checksum: int | None = None
    flow_count: int | None = None
    completed: str = ""
    pool: bool = False

    def encode(self) -> bytes:
        """The trailer as a record, without a line terminator.

        Raises:
            ValueError: if a text holds a pipe, a control character or a character
                outside Latin-1, or a number is negative.
        """
        count, checksum = _text(self.group_count), _text(self.checksum)
        if self.pool:
            return encode_record(["ZPT", count, checksum], closed=False)
        fields = ["ZPT", self.file_id, count, checksum, _text(self.flow_count), self.completed]
        return encode_record(fields, closed=True)


def _text(number: int | None) -> str:
    if number is not None and number < 0:
        raise ValueError(f"{number} cannot stand in a trailer: a count is not negative")
    return "" if number is None else str(number)


@frozen(kw_only=True)
class TrailerReading:
    """What a last record gave: a trailer, if it is one, and findings."""

    trailer: Trailer | None
    findings: tuple[Finding, ...] = ()


def read_trailer(raw: bytes, *, line: int, pool: bool = False) -> TrailerReading:
    """Read a trailer record; never raises.  `pool` says which of the two forms to expect."""
    fields = raw.decode("latin-1").split("|")
    if fields[0] != "ZPT":
        return TrailerReading(trailer=None)
    reader = _Fields(fields, line)
    if pool:
        return reader.pool()
    return reader.user()


class _Fields:
    """The fields of one trailer, taken apart with their columns."""

    def __init__(self, fields: list[str], line: int) -> None:
        self.line = line
        self.findings: list[Finding] = []
        self.length = len("|".join(fields))
        self.closed = len(fields) > 1 and fields[-1] == ""
        self.body = fields[1:-1] if self.closed else fields[1:]

    def _column(self, position: int) -> int:
        return 4 + sum(len(field) + 1 for field in self.body[: position - 1]) + 1

    def _count(self, number: int) -> None:
        if len(self.body) != number:
            self.findings.append(
                finding(
                    "trailer-fields",
                    Place(line=self.line),
                    f"The trailer has {counted(len(self.body))} after its record type,"
                    f" not {number}.",
                    value=str(len(self.body)),
                    expected=str(number),
                )
            )
        self.body += [""] * (number - len(self.body))

    def _fault(self, position: int, jcode: str, item: str, expected: str) -> None:
        value = self.body[position - 1]
        self.findings.append(
            finding(
                "header-value",
                Place(
                    line=self.line,
                    column=self._column(position),
                    width=len(value),
                    jcode=jcode,
                    item=item,
                ),
                f"The trailer's {item} is {'not in its format' if value else 'blank'}.",
                value=value[:24],
                expected=expected,
            )
        )

    def _number(
        self, position: int, jcode: str, item: str, digits: int, *, optional: bool = False
    ) -> int | None:
        value = self.body[position - 1]
        if re.fullmatch(rf"[0-9]{{1,{digits}}}", value, re.ASCII):
            return int(value)
        if value or not optional:
            self._fault(position, jcode, item, f"a number of up to {digits} digits")
        return None

    def pool(self) -> TrailerReading:
        if len(self.body) == 1 and self.closed:
            self.body.append("")  # the pipe at the end closes nothing: the checksum is blank
        self._count(2)
        trailer = Trailer(
            group_count=self._number(1, "", "record count", 10),
            checksum=self._number(2, "", "checksum", 10, optional=True),
            pool=True,
        )
        return TrailerReading(trailer=trailer, findings=tuple(self.findings))

    def user(self) -> TrailerReading:
        if not self.closed:
            self.findings.append(
                finding(
                    "unclosed-record",
                    Place(line=self.line, column=self.length + 1),
                    "The trailer does not end with a pipe.",
                )
            )
        self._count(5)
        trailer = Trailer(
            file_id=self.body[0],
            group_count=self._number(2, "J1067", "Total Group Count", 10),
            checksum=self._number(3, "J1078", "Checksum", 10, optional=True),
            flow_count=self._number(4, "J1066", "Flow Count", 8),
            completed=self.body[4],
        )
        if trailer.completed and parse_timestamp(trailer.completed) is None:
            self._fault(5, "J1065", "File Completion Timestamp", "ccyymmddhhmmss")
        return TrailerReading(trailer=trailer, findings=tuple(self.findings))
