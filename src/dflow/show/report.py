"""A report for a person at a terminal: the record, a caret under the field, the remedy.

In: a `Report` and the lines it speaks of.  Out: text.  This module does not read files
and hides nothing itself: it is given lines that may be shown.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from dflow.findings import Finding, Report, Severity, summary
from dflow.show.excerpt import excerpt
from dflow.show.paint import PLAIN, Paint, Role, printable

__all__ = ["ReportStyle", "drawn", "report_text", "summary_text", "tally"]

_PLURALS = {"error": "errors", "warning": "warnings", "advice": "pieces of advice", "info": "notes"}
_SINGULARS = {"error": "error", "warning": "warning", "advice": "piece of advice", "info": "note"}
_ROLES: dict[Severity, Role] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.ADVICE: "advice",
    Severity.INFO: "info",
}


@frozen(kw_only=True)
class ReportStyle:
    """How a report is drawn.

    Attributes:
        paint: colours, or none.
        width: columns there are.
        most: findings of one code to draw for one file; 0 for all of them.
        least: the mildest severity to draw; milder ones are only counted.
    """

    paint: Paint = PLAIN
    width: int = 100
    most: int = 20
    least: Severity = Severity.INFO


_STYLE = ReportStyle()


def report_text(
    report: Report, lines: Mapping[int, str] | None = None, style: ReportStyle = _STYLE
) -> str:
    """One file's findings, each with its record, a caret under the field, and the remedy.

    Args:
        report: what was found.
        lines: the lines the findings speak of, by number; see `lines_of`.
        style: colours, width, and how many findings of one code are drawn.
    """
    paint = style.paint
    flow = f"{report.flow} v{report.version}" if report.version else report.flow
    source = printable(report.source) or "the bytes given"
    verdict = tally([report], paint) if report.findings else paint("good", "clean")
    head = "  ".join(filter(None, [paint("strong", source), printable(flow), verdict]))
    parts = [head]
    few = drawn(report, style)
    gutter = len(str(max((found.line for found in few), default=0)))
    parts += ["\n".join(_finding(found, source, lines or {}, gutter, style)) for found in few]
    left = Counter(found.code for found in report.at_least(style.least))
    left.subtract(found.code for found in few)
    parts += [f"... and {count:,} more of {code}" for code, count in left.items() if count]
    return "\n\n".join(parts) + "\n"


def drawn(report: Report, style: ReportStyle = _STYLE) -> tuple[Finding, ...]:
    """The findings that are drawn: severe enough, and not too many of one code."""
    seen: Counter[str] = Counter()
    few: list[Finding] = []
    for found in report.at_least(style.least):
        seen[found.code] += 1
        if not style.most or seen[found.code] <= style.most:
            few.append(found)
    return tuple(few)


def _finding(
    found: Finding, source: str, lines: Mapping[int, str], gutter: int, style: ReportStyle
) -> Iterator[str]:
    paint, role, place = style.paint, _ROLES[found.severity], found.place
    bar = " " * gutter + " " + paint("faint", "|")
    yield (
        paint(role, f"{found.severity.value}[{found.code}]")
        + ": "
        + paint("strong", printable(found.message))
    )
    where = source
    if place.line:
        where += f":{place.line}" + (f":{place.column}" if place.column else "")
    item = f"{place.jcode} {place.item}".strip()
    yield "  ".join(
        filter(
            None,
            [
                " " * gutter + paint("faint", "-->") + " " + where,
                paint("faint", printable(place.path)),
                paint("name", printable(item)),
            ],
        )
    )
    line = lines.get(place.line) if place.line else None
    expected = f"expected {printable(found.expected)}" if found.expected else ""
    if line is not None:
        part = excerpt(line, place.column, place.width, style.width - gutter - 3)
        yield bar
        yield paint("faint", f"{place.line:>{gutter}} |") + " " + part.text
        if place.column:
            carets = " " * part.start + paint(role, "^" * part.width)
            room = style.width - gutter - 4 - part.start - part.width
            beside = bool(expected) and len(expected) <= room
            yield f"{bar} {carets}" + (" " + paint(role, expected) if beside else "")
            expected = "" if beside else expected
    for name, text in (("expected", found.expected if expected else ""), ("remedy", found.remedy)):
        if text:
            yield from _note(name, printable(text), gutter, style)


def _note(name: str, text: str, gutter: int, style: ReportStyle) -> Iterator[str]:
    lead = " " * gutter + " = " + name + ": "
    wrapped = textwrap.wrap(text, max(style.width - len(lead), 30)) or [""]
    yield (
        " " * gutter + style.paint("faint", " = ") + style.paint("strong", name) + ": " + wrapped[0]
    )
    for more in wrapped[1:]:
        yield " " * len(lead) + more


def tally(reports: Sequence[Report], paint: Paint = PLAIN) -> str:
    """How many findings of each severity, worst first, such as ``2 errors, 1 note``."""
    counts = summary(reports)
    words = [
        paint(_ROLES[severity], f"{number:,} {_words(severity.value, number)}")
        for severity in reversed(Severity)
        if (number := counts[severity.value])
    ]
    return ", ".join(words) or "nothing found"


def _words(severity: str, number: int) -> str:
    return (_SINGULARS if number == 1 else _PLURALS)[severity]


def summary_text(counts: Mapping[str, int], paint: Paint = PLAIN) -> str:
    """The last line of a run: files, clean files, findings of each severity.

    Args:
        counts: as `dflow.findings.summary` gives them.
        paint: colours, or none.
    """
    files, clean = counts["files"], counts["clean"]
    head = f"{files:,} {'file' if files == 1 else 'files'}: "
    parts = [paint("good", f"{clean:,} clean")] if clean else []
    if files - clean:
        parts.append(paint("strong", f"{files - clean:,} not clean"))
    found = [
        paint(_ROLES[severity], f"{number:,} {_words(severity.value, number)}")
        for severity in reversed(Severity)
        if (number := counts[severity.value])
    ]
    return head + ", ".join(parts) + ("; " + ", ".join(found) if found else "")
