"""Findings: the faults of files as values, their kinds, and reports of them."""

from dflow.findings.finding import Finding, Place, Severity, finding_at, value_place
from dflow.findings.report import JsonReport, Report, summary
from dflow.findings.table import KINDS, FindingKind, Layer, finding

__all__ = [
    "KINDS",
    "Finding",
    "FindingKind",
    "JsonReport",
    "Layer",
    "Place",
    "Report",
    "Severity",
    "finding",
    "finding_at",
    "summary",
    "value_place",
]
