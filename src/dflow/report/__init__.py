"""Reports: one shape for people and machines, as text, JSON and a page that stands alone."""

from dflow.report.lines import report_lines
from dflow.report.machine import report_json
from dflow.report.page import report_page
from dflow.report.parts import Block, Fact, Note, Report, Section, Severity, Table, Text, Tone
from dflow.report.plots import Bars, Chain, Curve, Lines, Link, Mark, Span, Spans

__all__ = [
    "Bars",
    "Block",
    "Chain",
    "Curve",
    "Fact",
    "Lines",
    "Link",
    "Mark",
    "Note",
    "Report",
    "Section",
    "Severity",
    "Span",
    "Spans",
    "Table",
    "Text",
    "Tone",
    "report_json",
    "report_lines",
    "report_page",
]
