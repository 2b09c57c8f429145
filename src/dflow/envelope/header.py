"""The header of a file: its address and identity.

In: the bytes of the first record.  Out: a `Header`, and findings about it.  This
module does not know the body, nor which flows exist.

A `Header` is all that routing needs, and it need not come from a D-flow: readers of
other formats build the same value.

Fields of ZHV, in order (facts, envelope section 2): record type; File Identifier
J1064 CHAR(10); Data Flow and Version Number J0937 CHAR(8); From Role Code J0934
CHAR(1); From Market Participant Id J0938 CHAR(4); To Role Code J0935 CHAR(1); To
Market Participant Id J0939 CHAR(4); File Creation Timestamp J0280 ccyymmddhhmmss;
Sending Application Id J1060 CHAR(5), optional; Receiving Application Id J1061 CHAR(5),
optional; Broadcast J1062 CHAR(1), optional; Test Data Flag J1063 CHAR(4), optional.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from attrs import frozen

from dflow.envelope.encoding import counted, encode_record
from dflow.findings import Finding, Place, finding

__all__ = ["Envelope", "Header", "HeaderReading", "Party", "parse_timestamp", "read_header"]

#: ZHV, the variable-length user file; ZHD, the pool file with the long header; "ZHD
#: short", the pool file with seven fields; "other" for a header of another format.
Envelope = Literal["ZHV", "ZHD", "ZHD short", "other"]


@frozen
class Party:
    """A market participant in one role, written ``X/UDMS``.

    Attributes:
        role: role code, one character in D-flow headers, such as ``X`` for a supplier.
        mpid: market participant id, four characters.
    """

    role: str
    mpid: str

    def __str__(self) -> str:
        return f"{self.role}/{self.mpid}"


@frozen(kw_only=True)
class Header:
    """The address and identity of a file.

    Attributes:
        flow: flow number, such as ``D0010``; not always a D.
        version: flow version, such as ``002``; empty if the format has none.
        sender: who sent it.
        recipient: whom it is for.
        file_id: file identifier, unique within the sender; empty in some pool files.
        created: File Creation Timestamp as written, ``ccyymmddhhmmss``, local time.
        sending_application: empty if blank.
        receiving_application: empty if blank; in-house routers route on it.
        broadcast: empty if blank.
        test_flag: ``OPER`` or empty for live data, such as ``TR01`` for tests.
        envelope: which form of file the header opens.
    """

    flow: str
    version: str = ""
    sender: Party
    recipient: Party
    file_id: str = ""
    created: str = ""
    sending_application: str = ""
    receiving_application: str = ""
    broadcast: str = ""
    test_flag: str = ""
    envelope: Envelope = "ZHV"

    @property
    def created_at(self) -> datetime | None:
        """`created` as a local time without a zone, or None if it is no time."""
        return parse_timestamp(self.created)

    @property
    def live(self) -> bool:
        """Whether the file is live data: its test flag is ``OPER`` or blank."""
        return self.test_flag in ("", "OPER")

    def encode(self) -> bytes:
        """The header as a record, without a line terminator.

        Raises:
            ValueError: if the header is of another format, or a field holds a pipe, a
                control character or a character outside Latin-1.
        """
        address = [self.sender.role, self.sender.mpid, self.recipient.role, self.recipient.mpid]
        number = self.flow + self.version
        if self.envelope == "ZHD short":
            return encode_record(["ZHD", number, *address, self.created], closed=False)
        if self.envelope == "other":
            raise ValueError("a header of another format cannot be written as a D-flow header")
        optional = [
            self.sending_application,
            self.receiving_application,
            self.broadcast,
            self.test_flag,
        ]
        fields = [self.envelope, self.file_id, number, *address, self.created, *optional]
        return encode_record(fields, closed=self.envelope == "ZHV")


@frozen(kw_only=True)
class HeaderReading:
    """What a first record gave: a header, if it could be read at all, and findings."""

    header: Header | None
    findings: tuple[Finding, ...] = ()


#: Position, J-code, item name, pattern, what is expected; positions are ZHV's.
_FIELDS: tuple[tuple[int, str, str, str, str], ...] = (
    (1, "J1064", "File Identifier", r"[\x20-\x7e]{1,10}", "1 to 10 characters"),
    (
        2,
        "J0937",
        "Data Flow and Version Number",
        r"[A-Z][0-9A-Z]{4}[0-9]{3}",
        "flow and version, such as D0010002",
    ),
    (3, "J0934", "From Role Code", r"[0-9A-Z]", "1 letter or digit"),
    (4, "J0938", "From Market Participant Id", r"[0-9A-Z]{4}", "4 letters or digits"),
    (5, "J0935", "To Role Code", r"[0-9A-Z]", "1 letter or digit"),
    (6, "J0939", "To Market Participant Id", r"[0-9A-Z]{4}", "4 letters or digits"),
    (7, "J0280", "File Creation Timestamp", r"[0-9]{14}", "ccyymmddhhmmss"),
    (8, "J1060", "Sending Application Id", r"[\x20-\x7e]{0,5}", "up to 5 characters"),
    (9, "J1061", "Receiving Application Id", r"[\x20-\x7e]{0,5}", "up to 5 characters"),
    (10, "J1062", "Broadcast", r"[\x20-\x7e]?", "up to 1 character"),
    (11, "J1063", "Test Data Flag", r"[\x20-\x7e]{0,4}", "up to 4 characters"),
)

_PATTERNS = {position: re.compile(pattern) for position, _, _, pattern, _ in _FIELDS}


def parse_timestamp(text: str) -> datetime | None:
    """A local time without a zone from ``ccyymmddhhmmss``, or None if it is none."""
    if not re.fullmatch(r"[0-9]{14}", text, re.ASCII):
        return None
    try:
        return datetime(  # noqa: DTZ001  the files' times are local and carry no zone
            int(text[0:4]),
            int(text[4:6]),
            int(text[6:8]),
            int(text[8:10]),
            int(text[10:12]),
            int(text[12:14]),
        )
    except ValueError:
        return None


def read_header(raw: bytes, *, line: int = 1) -> HeaderReading:
    """Read a header record, ZHV or ZHD; never raises.

    The header is None only where the record has no address that could be acted on: it
    is no header, or too short to hold one.
    """
    text = raw.decode("latin-1")
    record_type = text[:3]
    if record_type == "ZHF" and text[3:4] != "|":
        found = finding("fixed-length", Place(line=line, column=1, width=3), "The header is ZHF.")
        return HeaderReading(header=None, findings=(found,))
    fields = text.split("|")
    if fields[0] not in ("ZHV", "ZHD"):
        if fields[0] == "ZHF":
            found = finding(
                "fixed-length", Place(line=line, column=1, width=3), "The header is ZHF."
            )
        else:
            found = finding(
                "header-missing",
                Place(line=line, column=1, width=len(fields[0])),
                "The first record is not a header.",
                value=_shown(fields[0]),
                expected="ZHV or ZHD",
            )
        return HeaderReading(header=None, findings=(found,))
    if fields[0] == "ZHD" and _is_short(fields):
        return _read_short(fields, line)
    return _read_long(fields, line)


def _is_short(fields: list[str]) -> bool:
    """Whether flow and version stand first, and not after a file identifier that looks so."""
    looks = [_PATTERNS[2].fullmatch(text) is not None for text in (*fields, "", "")[1:3]]
    return looks[0] and not looks[1]


def _shown(value: str, most: int = 24) -> str:
    """A hostile field shortened for a message."""
    return value if len(value) <= most else value[: most - 1] + "…"


def _read_long(fields: list[str], line: int) -> HeaderReading:
    findings: list[Finding] = []
    is_uff = fields[0] == "ZHV"
    body = fields[1:]
    closed = len(body) > 1 and body[-1] == "" and (is_uff or len(body) > 11)
    if closed:
        body = body[:-1]
    elif is_uff:
        findings.append(
            finding(
                "unclosed-record",
                Place(line=line, column=len("|".join(fields)) + 1),
                "The header does not end with a pipe.",
            )
        )
    if len(body) != 11 and (is_uff or len(body) > 11 or len(body) < 7):
        findings.append(
            finding(
                "header-fields",
                Place(line=line),
                f"The header has {counted(len(body))} after its record type, not 11.",
                value=str(len(body)),
                expected="11",
            )
        )
    if len(body) < 6:
        return HeaderReading(header=None, findings=tuple(findings))
    body += [""] * (11 - len(body))
    findings += _check_fields(body, line, blank_id=not is_uff)
    return HeaderReading(header=_build(body, "ZHV" if is_uff else "ZHD"), findings=tuple(findings))


def _read_short(fields: list[str], line: int) -> HeaderReading:
    body = fields[1:-1] if len(fields) == 8 and fields[-1] == "" else fields[1:]
    if len(body) != 6:
        found = finding(
            "header-fields",
            Place(line=line),
            f"The short pool header has {counted(len(body))} after its record type, not 6.",
            value=str(len(body)),
            expected="6",
        )
        if len(body) < 5:
            return HeaderReading(header=None, findings=(found,))
        padded = ["", *body[:6], *[""] * (6 - len(body[:6])), "", "", "", ""]
        return HeaderReading(header=_build(padded, "ZHD short"), findings=(found,))
    padded = ["", *body, "", "", "", ""]
    findings = _check_fields(padded, line, blank_id=True, shift=-1)
    return HeaderReading(header=_build(padded, "ZHD short"), findings=tuple(findings))


def _check_fields(body: list[str], line: int, *, blank_id: bool, shift: int = 0) -> list[Finding]:
    findings: list[Finding] = []
    column = 5 if not shift else 4
    for position, jcode, name, _, expected in _FIELDS:
        value = body[position - 1]
        right = _PATTERNS[position].fullmatch(value) is not None
        if position == 7:
            right = parse_timestamp(value) is not None
        if position == 1 and blank_id and not value:
            right = True
        if not right:
            findings.append(
                finding(
                    "header-value",
                    Place(line=line, column=column, width=len(value), jcode=jcode, item=name),
                    f"The header's {name} is {'blank' if not value else 'not in its format'}.",
                    value=_shown(value),
                    expected=expected,
                )
            )
        column += len(value) + 1
    return findings


def _build(body: list[str], envelope: Envelope) -> Header:
    # A number that is not eight characters long cannot be divided: it stays whole.
    number = body[1]
    divided = len(number) == 8
    return Header(
        flow=number[:5] if divided else number,
        version=number[5:] if divided else "",
        sender=Party(body[2], body[3]),
        recipient=Party(body[4], body[5]),
        file_id=body[0],
        created=body[6],
        sending_application=body[7],
        receiving_application=body[8],
        broadcast=body[9],
        test_flag=body[10],
        envelope=envelope,
    )
