"""The table of findings: every kind that dflow can report, once.

In: nothing.  Out: `KINDS`, from a stable code to its severity, layer, meaning, remedy
and the smallest broken example.  The reference page and the tests are made from this
table, so a kind that nothing reports, or a report without a kind, fails a test.

Each example is a whole file, made up (`dflow.findings.examples`).
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from dflow.findings.examples import EXAMPLES
from dflow.findings.finding import Finding, Place, Severity

__all__ = ["KINDS", "FindingKind", "Layer", "finding"]

#: The layers of a check, in the order in which they look at a file.
Layer = Literal[
    "bytes", "envelope", "catalogue", "structure", "values", "identifiers", "conditions"
]


@frozen(kw_only=True)
class FindingKind:
    """One kind of finding.

    Attributes:
        code: stable name, kebab case.
        layer: which layer of the check reports it.
        severity: unless a profile says otherwise.
        meaning: what the finding says about a file.
        remedy: what to do, said generally; a finding may be more precise.
        example: the smallest broken file, made up, in which it is found.
    """

    code: str
    layer: Layer
    severity: Severity
    meaning: str
    remedy: str
    example: str


_E, _W, _A, _I = Severity.ERROR, Severity.WARNING, Severity.ADVICE, Severity.INFO

#: code, layer, severity, meaning, remedy.  Sources: facts, envelope; design, section 2.
_ROWS: tuple[tuple[str, Layer, Severity, str, str], ...] = (
    ("empty-file", "bytes", _E, "The file holds no bytes.", "Ask the sender to send it again."),
    (
        "byte-order-mark",
        "bytes",
        _W,
        "The file starts with a byte-order mark, which no record may hold.",
        "Save the file without a byte-order mark.",
    ),
    (
        "control-character",
        "bytes",
        _E,
        "A record holds a control character.",
        "Remove it; the network rejects files with invalid characters.",
    ),
    (
        "non-ascii",
        "bytes",
        _A,
        "A record holds a byte above 126; the network's character set is not published.",
        "Agree the character with the recipient, or replace it.",
    ),
    (
        "blank-line",
        "bytes",
        _W,
        "A line between records holds nothing.",
        "Remove the line.",
    ),
    (
        "blank-line-at-end",
        "bytes",
        _I,
        "A line after the last record holds nothing.",
        "Nothing needs doing; the line is kept.",
    ),
    (
        "no-last-terminator",
        "bytes",
        _I,
        "The last record ends without a line terminator.",
        "Nothing needs doing; most readers accept it.",
    ),
    (
        "mixed-terminators",
        "bytes",
        _A,
        "Some records end with LF and some with CRLF.",
        "Write every record with the same terminator.",
    ),
    (
        "overlong-record",
        "bytes",
        _E,
        "A record is longer than any record can be; only its beginning was checked.",
        "Check that the file is a D-flow, and that its records end with line terminators.",
    ),
    (
        "header-missing",
        "envelope",
        _E,
        "The first record is not a header (ZHV or ZHD).",
        "A D-flow file starts with its ZHV header; check that the file is whole and is one.",
    ),
    (
        "fixed-length",
        "envelope",
        _E,
        "The file is in the fixed-length form (ZHF), which dflow does not read.",
        "Ask for the variable-length form (ZHV).",
    ),
    (
        "header-fields",
        "envelope",
        _E,
        "The header has too few or too many fields.",
        "A ZHV header has its record type and eleven fields, each closed by a pipe.",
    ),
    (
        "header-value",
        "envelope",
        _E,
        "A field of the header or trailer does not have its format.",
        "Correct the field.",
    ),
    (
        "header-repeated",
        "envelope",
        _E,
        "A second header stands inside the file.",
        "Split the file: one flow, one sender and one recipient a file.",
    ),
    (
        "trailer-missing",
        "envelope",
        _E,
        "The file has no trailer (ZPT).",
        "The file may be cut short: ask the sender for the whole of it.",
    ),
    (
        "trailer-fields",
        "envelope",
        _E,
        "The trailer has too few or too many fields.",
        "A ZPT trailer has its record type and five fields, each closed by a pipe.",
    ),
    (
        "after-trailer",
        "envelope",
        _E,
        "A record stands after the trailer.",
        "The trailer ends the file: remove what follows it, or split the file.",
    ),
    (
        "file-id-differs",
        "envelope",
        _E,
        "The trailer's file identifier is not the header's.",
        "Make the trailer repeat the header's file identifier.",
    ),
    (
        "group-count",
        "envelope",
        _E,
        "The trailer's total group count is not the number of body records.",
        "Correct the count, or find the records that are missing.",
    ),
    (
        "flow-count",
        "envelope",
        _E,
        "The trailer's flow count is not the number of flow instances.",
        "Correct the count, or find the instances that are missing.",
    ),
    (
        "flow-count-unsure",
        "envelope",
        _W,
        "The trailer's flow count is not the presumed number of instances of such a flow.",
        "What counts as an instance of this flow is presumed; check it with the sender.",
    ),
    (
        "checksum",
        "envelope",
        _W,
        "The trailer's checksum is not the sum of the records.",
        "Check that the file was not changed on its way.",
    ),
    (
        "role-pair",
        "envelope",
        _A,
        "The catalogue lists no route for this flow between these two roles.",
        "Check the roles in the header against the catalogue's routes for the flow.",
    ),
    (
        "unknown-flow",
        "catalogue",
        _W,
        "The catalogue does not hold this flow; its body is carried as it is.",
        "Check the flow number, or add the flow to a catalogue of your own.",
    ),
    (
        "unknown-version",
        "catalogue",
        _W,
        "The catalogue does not hold this version of the flow; its body is carried as it is.",
        "Check the version, or add it to a catalogue of your own.",
    ),
    (
        "other-catalogue",
        "catalogue",
        _I,
        "The flow number is not one of the Data Transfer Catalogue; only the envelope is checked.",
        "Nothing needs doing; the body is carried as it is.",
    ),
    (
        "envelope-only",
        "catalogue",
        _I,
        "The structure of this flow version is not known; only its envelope is checked.",
        "Nothing needs doing; the body is carried as it is.",
    ),
    (
        "unknown-group",
        "structure",
        _E,
        "The flow has no group of this code.",
        "Check the group code and the flow version.",
    ),
    (
        "misplaced-group",
        "structure",
        _E,
        "A group of this code cannot stand here.",
        "Move the record under its parent, or supply the parent that is missing.",
    ),
    (
        "group-order",
        "structure",
        _W,
        "A group stands before one that the catalogue puts first.",
        "Write the groups in the catalogue's order.",
    ),
    (
        "too-many-groups",
        "structure",
        _E,
        "A group occurs more often than the catalogue allows.",
        "Remove the surplus groups, or start a new parent group.",
    ),
    (
        "missing-group",
        "structure",
        _A,
        "The catalogue asks for a group that is not there; its condition is not known.",
        "Check whether the group is required in this case.",
    ),
    (
        "unclosed-record",
        "structure",
        _E,
        "The record does not end with a pipe.",
        "End the record with a pipe; it may have been cut.",
    ),
    (
        "too-few-fields",
        "structure",
        _E,
        "The record has fewer fields than its group.",
        "Write every field, blank ones too.",
    ),
    (
        "too-many-fields",
        "structure",
        _E,
        "The record has more fields than its group.",
        "Remove the surplus fields; a value may hold a pipe.",
    ),
    (
        "missing-value",
        "values",
        _E,
        "A mandatory item is blank.",
        "Supply the value.",
    ),
    (
        "blank-expected",
        "values",
        _E,
        "An item that is always blank holds a value.",
        "Leave the field blank.",
    ),
    (
        "format",
        "values",
        _E,
        "A value does not have its item's format.",
        "Write the value in the item's format.",
    ),
    (
        "too-long",
        "values",
        _E,
        "A value is longer than its item allows.",
        "Shorten the value.",
    ),
    (
        "not-in-code-list",
        "values",
        _E,
        "A value is not in its item's code list.",
        "Use a code from the list.",
    ),
    (
        "leading-zero",
        "values",
        _A,
        "A number is written with a leading zero.",
        "Write the number without leading zeros, unless the recipient is known to want them.",
    ),
    (
        "mpan-check-digit",
        "identifiers",
        _E,
        "An MPAN core's thirteenth digit is not its check digit.",
        "Check the MPAN: a digit may be wrong or two exchanged.",
    ),
    (
        "unknown-distributor",
        "identifiers",
        _A,
        "An MPAN core starts with a distributor that is not known.",
        "Check the first two digits; a new network may have been licensed.",
    ),
    (
        "condition",
        "conditions",
        _E,
        "A condition of the catalogue does not hold.",
        "Supply or remove the group or item that the condition names.",
    ),
)

#: Every kind of finding by its code.
KINDS: dict[str, FindingKind] = {
    code: FindingKind(
        code=code,
        layer=layer,
        severity=severity,
        meaning=meaning,
        remedy=remedy,
        example=EXAMPLES[code],
    )
    for code, layer, severity, meaning, remedy in _ROWS
}


def finding(
    code: str,
    place: Place,
    message: str,
    *,
    value: str = "",
    expected: str = "",
    remedy: str = "",
) -> Finding:
    """A finding of a kind from the table, with its severity, and its remedy unless given.

    Raises:
        KeyError: if the table has no such code, which is a mistake in dflow.
    """
    kind = KINDS[code]
    return Finding(
        code=code,
        severity=kind.severity,
        place=place,
        message=message,
        value=value,
        expected=expected,
        remedy=remedy or kind.remedy,
    )
