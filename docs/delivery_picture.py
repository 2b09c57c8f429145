"""Draws the delivery machine from its table, as an SVG that stands in the documentation.

    python docs/delivery_picture.py

Graphviz (`dot`) lays it out.  The picture names the text it was drawn from by its hash, so
that a test sees whether it is fresh where there is no Graphviz.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

from dflow.delivery import FINAL, STEPS, TABLE, State

PICTURE = Path(__file__).with_name("explanation") / "delivery.svg"

_HEAD = """\
digraph delivery {
  graph [rankdir=TB, nodesep=0.35, ranksep=0.55, fontname="Helvetica", bgcolor="white", pad=0.2]
  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=19, height=0.5,
        width=1.2, color="#8aa4c8", fillcolor="#eef2f9", fontcolor="#1f2328"]
  edge [fontname="Helvetica", fontsize=17, arrowsize=0.8, color="#57606a", fontcolor="#1f2328"]
  begin [shape=circle, label="", width=0.18, height=0.18, fillcolor="#1f2328", color="#1f2328"]
  begin -> due
  begin -> held
"""

_FILLS = {
    State.DELIVERED: ("#e6f4ea", "#5aa36a"),
    State.CANCELLED: ("#f3f3f3", "#9a9a9a"),
    State.UNKNOWN: ("#fdf1dc", "#d39a3a"),
    State.DEAD: ("#fbe6e4", "#c9655c"),
}
#: A step from more states than these is drawn once.
_MANY = 3
_NOTE = 'style="filled", fillcolor="#f2f7fc", color="#3a6ea5", fontcolor="#3a6ea5", fontsize=16'
_PERSON = 'style=dashed, color="#3a6ea5", fontcolor="#3a6ea5"'


def dot() -> str:
    """The machine in Graphviz's language, every row of the table in it once."""
    lines = [_HEAD]
    for state in State:
        fill, edge = _FILLS.get(state, ("#eef2f9", "#8aa4c8"))
        border = ", peripheries=2" if state in FINAL else ""
        lines.append(f'  {state.value} [fillcolor="{fill}", color="{edge}"{border}]')
    lines.append("  { rank=same; due; held }")
    lines.append("  { rank=same; unknown; retrying; dead }")
    lines.append("  { rank=same; delivered; cancelled }")
    joined: dict[tuple[str, str, bool], list[str]] = {}
    for step, (who, _) in STEPS.items():
        rows = [row for row in TABLE if row.step is step]
        person = who == "person"
        if len(rows) > _MANY:
            # One line from a word that names them all, in place of many across the picture.
            word, to = f"any_{step.value}", rows[0].to.value
            names = _wrapped([row.state.value for row in rows])
            lines.append(f'  {word} [shape=note, label="{step.value}\\nfrom {names}", {_NOTE}]')
            lines.append(f"  {word} -> {to} [{_PERSON if person else ''}]")
            continue
        for row in rows:
            joined.setdefault((row.state.value, row.to.value, person), []).append(step.value)
    for (state, to, person), steps in joined.items():
        label = "\\n".join(steps)
        lines.append(f'  {state} -> {to} [label="{label}"{", " + _PERSON if person else ""}]')
    return "\n".join([*lines, "}", ""])


def _wrapped(names: list[str]) -> str:
    half = len(names) // 2
    return ", ".join(names[:half]) + ",\\n" + ", ".join(names[half:])


def mark() -> str:
    """What a fresh picture says of the text it was drawn from."""
    return f"<!-- drawn from {hashlib.sha256(dot().encode()).hexdigest()} -->"


def _draw() -> str:
    made = subprocess.run(
        ["dot", "-Tsvg"],  # noqa: S607  whichever Graphviz is installed
        input=dot(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    body = made[made.index("<svg") :]
    # It scales with the page, and carries no name of a version.
    body = re.sub(r'<svg width="[^"]*" height="[^"]*"', '<svg role="img"', body, count=1)
    body = re.sub(r"<!--.*?-->\n?", "", body, flags=re.DOTALL)
    return f"{mark()}\n{body}"


if __name__ == "__main__":
    try:
        PICTURE.write_text(_draw(), "utf-8")
    except FileNotFoundError:
        sys.exit("Graphviz is needed to draw: no program dot")
