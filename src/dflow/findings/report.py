"""A report: the findings about one file, in order of place.

In: findings.  Out: one frozen value that answers whether the file is clean, and how
it looks as JSON.  This module does not draw for terminals and does not read files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from attrs import field, frozen

from dflow.findings.finding import Finding, Severity

__all__ = ["JsonReport", "Report", "summary"]

#: One file of the JSON form: its name, flow, version and findings.
JsonReport = dict[str, str | list[dict[str, str | int]]]


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda found: (found.place.line, found.place.column)))


@frozen(kw_only=True)
class Report:
    """All the findings about one file.

    Attributes:
        source: the file's name as the caller gave it; empty for plain bytes.
        flow: flow number from the header, such as ``D0010``; empty if unreadable.
        version: flow version from the header, such as ``002``; empty if unreadable.
        findings: in order of line, then column; the file as a whole first.
    """

    source: str = ""
    flow: str = ""
    version: str = ""
    findings: tuple[Finding, ...] = field(default=(), converter=_in_order)

    @property
    def worst(self) -> Severity | None:
        """The highest severity found, or None when nothing was found."""
        return max((found.severity for found in self.findings), default=None)

    @property
    def clean(self) -> bool:
        """Whether nothing of severity warning or worse was found."""
        return not self.at_least(Severity.WARNING)

    @property
    def codes(self) -> tuple[str, ...]:
        """The findings' codes, in order of place, with repeats."""
        return tuple(found.code for found in self.findings)

    def at_least(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of this severity or worse."""
        return tuple(found for found in self.findings if found.severity >= severity)

    def as_json(self) -> JsonReport:
        """The report as one entry of ``files`` in the JSON form."""
        return {
            "file": self.source,
            "flow": self.flow,
            "version": self.version,
            "findings": [found.as_json() for found in self.findings],
        }


def summary(reports: Sequence[Report]) -> dict[str, int]:
    """Files, clean files, and the number of findings of each severity."""
    counts = Counter(found.severity.value for report in reports for found in report.findings)
    return {
        "files": len(reports),
        "clean": sum(report.clean for report in reports),
        **{severity.value: counts[severity.value] for severity in reversed(Severity)},
    }
