"""Showing: reports and flows as text for people, and as JSON, SARIF and annotations."""

from dflow.show.excerpt import Excerpt, excerpt, lines_of, unmasked
from dflow.show.machine import JsonValue, github_annotations, json_chunks, json_report, sarif
from dflow.show.masking import Mask, masked_value
from dflow.show.paint import PLAIN, VIVID, Paint, printable
from dflow.show.report import ReportStyle, drawn, report_text, summary_text, tally
from dflow.show.tree import (
    TreeStyle,
    group_json,
    group_text,
    head_json,
    head_text,
    meaning,
    tail_text,
)

__all__ = [
    "PLAIN",
    "VIVID",
    "Excerpt",
    "JsonValue",
    "Mask",
    "Paint",
    "ReportStyle",
    "TreeStyle",
    "drawn",
    "excerpt",
    "github_annotations",
    "group_json",
    "group_text",
    "head_json",
    "head_text",
    "json_chunks",
    "json_report",
    "lines_of",
    "masked_value",
    "meaning",
    "printable",
    "report_text",
    "sarif",
    "summary_text",
    "tail_text",
    "tally",
    "unmasked",
]
