"""The reference page of finding codes, made from the table and what `check` says.

In: `dflow.findings.KINDS`.  Out: Markdown.  Write it anew, from the top of the project,
with ``PYTHONPATH=src python tests/messages/page.py``; a test holds it fresh.
"""

from __future__ import annotations

from pathlib import Path

import dflow
from dflow.findings import KINDS, Finding, FindingKind

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "findings.md"

_HEAD = """\
# Finding codes

Every kind of finding that `dflow.check` reports, from one table
(`dflow.findings.KINDS`). This page is generated from it, with what a check says of each
kind's smallest broken file; `tests/messages` holds it fresh.

Severities: `error` breaks the format or the catalogue; `warning` is probably wrong, or
cannot be relied on; `advice` is worth knowing; `info` is neither good nor bad. A profile
changes them, for every file or for one partner (`dflow.Profile`). What the table counts
as advice or info is told once a file for each group and item it is about; if a profile
makes it a warning or an error, it is told every time.
"""
_LAYERS = ("bytes", "envelope", "catalogue", "structure", "values", "identifiers", "conditions")


def said(kind: FindingKind) -> tuple[Finding, ...]:
    """The findings of this kind in its example."""
    found = dflow.check(kind.example.encode("latin-1")).findings
    return tuple(one for one in found if one.code == kind.code)


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for layer in _LAYERS:
        parts.append(f"## {layer.capitalize()}\n")
        parts += [section(kind) for kind in KINDS.values() if kind.layer == layer]
    return "\n".join(parts)


def section(kind: FindingKind) -> str:
    """One kind, with its example and what is said of it."""
    one = said(kind)[0]
    place = f"line {one.line}" if one.line else "the file as a whole"
    place += f", column {one.column}" if one.column else ""
    rows = [f"`{kind.severity.value}` · {kind.meaning}", "", f"*Remedy:* {kind.remedy}", ""]
    rows += [f"Said of the file below, {place}: *{escaped(one.message)}*"]
    for name, text in (
        ("Path", one.place.path),
        ("Item", f"{one.place.jcode} {one.place.item}".strip()),
        ("Value", one.value),
        ("Expected", one.expected),
    ):
        rows += [f"- {name}: `{text}`"] if text else []
    return "\n".join([f"### {kind.code}\n", *rows, "", "```text", *shown(kind.example), "```", ""])


def escaped(text: str) -> str:
    return text.replace("*", r"\*").replace("|", r"\|").replace("<", r"\<")


def shown(example: str) -> list[str]:
    """An example as it can be printed: what cannot be seen is written as an escape."""
    lines = example.split("\n")
    if lines[-1] == "":
        lines.pop()
    out = []
    for line in lines:
        text = line.encode("unicode_escape").decode("ascii").replace("\\\\", "\\")
        out.append(text if len(text) <= 100 else f"{text[:60]}… ({len(line)} bytes)")
    return out or ["(no bytes)"]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
