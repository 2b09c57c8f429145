"""Reports for machines: JSON, SARIF, and the annotations of GitHub Actions.

In: reports.  Out: JSON values and lines of text.  This module does not read files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePath
from urllib.parse import quote

from dflow.findings import KINDS, Finding, Report, Severity, summary
from dflow.findings.report import JsonReport
from dflow.show.paint import printable

__all__ = ["JsonValue", "github_annotations", "json_chunks", "json_report", "sarif"]

#: What a JSON text can hold.
JsonValue = str | int | float | bool | None | dict[str, "JsonValue"] | list["JsonValue"]

_LEVELS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.ADVICE: "note",
    Severity.INFO: "note",
}


def json_report(reports: Sequence[Report]) -> dict[str, list[JsonReport] | dict[str, int]]:
    """All reports as the JSON form: ``{"files": [...], "summary": {...}}``."""
    return {"files": [report.as_json() for report in reports], "summary": summary(reports)}


def json_chunks(
    entries: Iterable[JsonReport], counts: Callable[[], dict[str, int]]
) -> Iterator[str]:
    """The JSON form in pieces, one file a line, so that thousands need no memory.

    Args:
        entries: the files' entries, as they come.
        counts: gives the summary; called after the last entry.
    """
    yield '{"files": ['
    separator = "\n"
    for entry in entries:
        yield separator + json.dumps(entry, ensure_ascii=False)
        separator = ",\n"
    yield "\n], " + '"summary": ' + json.dumps(counts()) + "}\n"


def github_annotations(report: Report) -> Iterator[str]:
    """The workflow commands that put a report's findings beside the file's lines.

    The message goes after two colons, with the remedy; everything is escaped, so that
    nothing in a file can start a workflow command of its own.
    """
    for found in report.findings:
        level = {"note": "notice"}.get(_LEVELS[found.severity], _LEVELS[found.severity])
        properties = [f"file={_property(report.source)}"] if report.source else []
        if found.line:
            properties.append(f"line={found.line}")
        if found.column:
            properties.append(f"col={found.column}")
            if found.place.width:
                properties.append(f"endColumn={found.column + found.place.width}")
        properties.append(f"title={_property(found.code)}")
        yield f"::{level} {','.join(properties)}::{_data(_sentence(found))}"


def _sentence(found: Finding) -> str:
    item = f"{found.place.jcode} {found.place.item}".strip()
    parts = [f"{item}: {found.message}" if item else found.message]
    if found.expected:
        parts.append(f"Expected {found.expected}.")
    if found.remedy:
        parts.append(found.remedy)
    return " ".join(parts)


def _data(text: str) -> str:
    return printable(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def sarif(reports: Sequence[Report]) -> dict[str, JsonValue]:
    """The reports as a SARIF 2.1.0 log of one run.

    Columns count bytes, which are characters of the file's Latin-1.  No line of a file is
    quoted, so that nothing personal travels with the log.
    """
    codes = sorted({found.code for report in reports for found in report.findings})
    rules: list[JsonValue] = [_rule(code) for code in codes]
    index = {code: place for place, code in enumerate(codes)}
    results: list[JsonValue] = [
        _result(report, found, index[found.code]) for report in reports for found in report.findings
    ]
    driver: dict[str, JsonValue] = {"name": "dflow", "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
        ],
    }


def _rule(code: str) -> JsonValue:
    kind = KINDS.get(code)
    if kind is None:
        return {"id": code}
    return {
        "id": code,
        "shortDescription": {"text": kind.meaning},
        "help": {"text": kind.remedy},
        "defaultConfiguration": {"level": _LEVELS[kind.severity]},
        "properties": {"layer": kind.layer},
    }


def _result(report: Report, found: Finding, rule: int) -> JsonValue:
    physical: dict[str, JsonValue] = {"artifactLocation": {"uri": _uri(report.source)}}
    if found.line:
        region: dict[str, JsonValue] = {"startLine": found.line}
        if found.column:
            region["startColumn"] = found.column
            region["endColumn"] = found.column + found.place.width
        physical["region"] = region
    location: dict[str, JsonValue] = {}
    if report.source:
        location["physicalLocation"] = physical
    if found.place.path:
        location["logicalLocations"] = [{"fullyQualifiedName": found.place.path, "kind": "element"}]
    properties: dict[str, JsonValue] = {"severity": found.severity.value}
    for name in ("jcode", "item"):
        if text := getattr(found.place, name):
            properties[name] = text
    if found.remedy:
        properties["remedy"] = found.remedy
    result: dict[str, JsonValue] = {
        "ruleId": found.code,
        "ruleIndex": rule,
        "level": _LEVELS[found.severity],
        "message": {"text": _sentence(found)},
        "properties": properties,
    }
    if location:
        result["locations"] = [location]
    return result


def _uri(source: str) -> str:
    path = PurePath(source)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
