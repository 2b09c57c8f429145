"""A report as one page of HTML that needs nothing else: no script, no font, no network.

In: a report.  Out: HTML.  This module does not know what is reported.  Every word that
came from outside is escaped, and the page forbids itself to load anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from dflow.report.draw import drawn
from dflow.report.parts import Block, Note, Report, Table, Text
from dflow.report.plots import Bars, Chain, Lines, Spans

__all__ = ["report_page"]

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --ink: light-dark(#1b1f24, #e6e8ea);
  --paper: light-dark(#ffffff, #15181c); --soft: light-dark(#f3f5f8, #20252b);
  --bad: light-dark(#b3261e, #ff8a80); --warning: light-dark(#8a5a00, #ffc46b);
  --good: light-dark(#1b6e3c, #7fd8a0); --c1: light-dark(#20558a, #8ec2f5);
  --c2: light-dark(#a4481c, #f2a97e); --c3: light-dark(#5a4a9c, #c0b2ff);
  --c4: light-dark(#0f766e, #6fd6cc); --c5: light-dark(#8c2f6b, #f09bd0);
  --c6: light-dark(#5c6470, #b4bcc8); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 2rem 1.25rem 4rem; color: var(--ink);
  background: var(--paper); font: 15px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.75rem 0 .75rem; } h3 { font-size: 1rem; margin: 1.5rem 0 .4rem; }
.about { opacity: .75; margin: 0 0 1.25rem; overflow-wrap: anywhere; }
.verdict { border-left: .35rem solid var(--c1); background: var(--soft); border-radius: .4rem;
  padding: .8rem 1.1rem; font-size: 1.1rem; font-weight: 600; margin: 0 0 1.25rem; }
.verdict.good { border-color: var(--good); } .verdict.bad { border-color: var(--bad); }
.verdict.warning { border-color: var(--warning); }
.tiles { display: flex; flex-wrap: wrap; gap: .75rem; }
.tile { background: var(--soft); border-radius: .6rem; padding: .7rem 1rem; min-width: 8rem; }
.tile b { display: block; font-size: 1.45rem; line-height: 1.25;
  font-variant-numeric: tabular-nums; }
.tile.good b, td.good, .said.good { color: var(--good); }
.tile.bad b, td.bad, .said.bad { color: var(--bad); fill: var(--bad); }
.tile.warning b, td.warning, .said.warning { color: var(--warning); fill: var(--warning); }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .6rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .75rem; vertical-align: top; }
th { background: var(--soft); font-weight: 600; white-space: nowrap; }
td.right, th.right { text-align: right; font-variant-numeric: tabular-nums; }
tr + tr td { border-top: 1px solid var(--line); }
.note { border-left: .25rem solid var(--c1); padding: .35rem .9rem; margin: .6rem 0; }
.note.error { border-color: var(--bad); } .note.warning { border-color: var(--warning); }
.note p { margin: .1rem 0; } .note .level { font-weight: 600; }
.note.error .level { color: var(--bad); } .note.warning .level { color: var(--warning); }
.faint, .key { opacity: .75; font-size: .9rem; }
svg { width: 100%; height: auto; display: block; margin: .25rem 0; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg text.faint { opacity: .7; font-size: 12px; } .key span { margin-right: 1.2rem; }
svg text.name { font-weight: 600; }
svg .grid { stroke: var(--line); stroke-width: 1; } svg .band { fill: var(--soft); }
svg .mark { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 4 3; }
svg .box { fill: var(--soft); stroke: var(--line); } svg .box.bad { stroke: var(--bad);
  stroke-width: 2.5; } svg .box.warning { stroke: var(--warning); stroke-width: 2; }
svg .box.good { stroke: var(--good); stroke-width: 1.5; }
svg .wire { fill: none; stroke: var(--c6); stroke-width: 1.75; }
svg .curve { fill: none; stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }
svg .dashed { stroke-dasharray: 6 5; stroke-width: 1.75; }
""" + "".join(
    f"svg .curve.{one} {{ stroke: var(--{one}); }} svg .bar.{one} {{ fill: var(--{one}); }}"
    f" .key .{one}::before {{ content: ''; display: inline-block; width: 1.4rem; margin-right:"
    f" .4rem; vertical-align: middle; border-top: .2rem solid var(--{one}); }}"
    f" .key .{one}.dashed::before {{ border-top-style: dashed; }}\n"
    for one in ("c1", "c2", "c3", "c4", "c5", "c6", "good", "warning", "bad")
)

_SAFE = "default-src 'none'; style-src 'unsafe-inline'"


def report_page(report: Report) -> str:
    """The whole page."""
    return "\n".join(_page(report)) + "\n"


def _page(report: Report) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_SAFE}">'
    yield f"<title>{escape(report.title)}</title><style>{_STYLE}</style></head><body>"
    yield f'<h1>{escape(report.title)}</h1><p class="about">{escape(report.about)}</p>'
    yield f'<p class="verdict {report.tone}">{escape(report.verdict)}</p>'
    if report.facts:
        yield '<div class="tiles">'
        for fact in report.facts:
            yield (
                f'<div class="tile {fact.tone}"><b>{escape(fact.value)}</b>'
                f"{escape(fact.name)}</div>"
            )
        yield "</div>"
    for section in report.sections:
        yield f"<h2>{escape(section.title)}</h2>"
        for block in section.blocks:
            yield from _block(block)
    yield "</body></html>"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Text():
            yield f"<p>{escape(block.words)}</p>"
        case Note():
            yield from _note(block)
        case Table():
            yield from _table(block)
        case Lines() | Bars() | Spans() | Chain():
            yield f"<h3>{escape(block.title)}</h3>"
            yield drawn(block)


def _note(note: Note) -> Iterator[str]:
    where = f"<b>{escape(note.where)}</b>: " if note.where else ""
    yield f'<div class="note {note.severity}"><p><span class="level">{note.severity}</span> '
    yield f"{where}{escape(note.what)}</p>"
    for word, text in (("Because", note.why), ("Remedy", note.remedy)):
        if text:
            yield f'<p class="faint">{word}: {escape(text)}</p>'
    yield "</div>"


def _table(table: Table) -> Iterator[str]:
    if table.title:
        yield f"<h3>{escape(table.title)}</h3>"
    if not table.rows:
        yield '<p class="faint">nothing</p>'
        return

    def kind(column: int, tone: str = "") -> str:
        words = " ".join(word for word in ("right" if column in table.right else "", tone) if word)
        return f' class="{words}"' if words else ""

    heads = "".join(f"<th{kind(n)}>{escape(one)}</th>" for n, one in enumerate(table.heads))
    yield f'<div class="scroll"><table><tr>{heads}</tr>'
    for number, row in enumerate(table.rows[: table.most]):
        tone = table.tone(number)
        shown = "" if tone == "plain" else tone
        cells = "".join(f"<td{kind(n, shown)}>{escape(cell)}</td>" for n, cell in enumerate(row))
        yield f"<tr>{cells}</tr>"
    yield "</table></div>"
    if len(table.rows) > table.most:
        yield f'<p class="faint">… and {len(table.rows) - table.most:,} more</p>'
