"""A report that a person opens from a file: the picture, the remarks, the coverage.

In: a rule set, remarks, coverages.  Out: one page of HTML that needs nothing else: no
script, no font, no network.  This module does not analyse anything.

Everything that people wrote is escaped, and the page forbids itself to load anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from dflow.routing.coverage import Coverage
from dflow.routing.picture import Arrow, arrows
from dflow.routing.remark import Remark
from dflow.routing.routes import Routes

__all__ = ["html_page", "svg_picture"]

_STYLE = """
:root { color-scheme: light dark; --line: #8888; --ink: light-dark(#1b1f24, #e6e8ea);
  --paper: light-dark(#ffffff, #15181c); --soft: light-dark(#f2f4f7, #20252b);
  --bad: light-dark(#b3261e, #ff8a80); --warn: light-dark(#8a5a00, #ffc46b);
  --good: light-dark(#1b6e3c, #7fd8a0); --blue: light-dark(#20558a, #8ec2f5); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.25rem 4rem; color: var(--ink);
  background: var(--paper); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; }
.sub { opacity: .75; margin: 0 0 1.5rem; overflow-wrap: anywhere; }
.tiles { display: flex; flex-wrap: wrap; gap: .75rem; }
.tile { background: var(--soft); border-radius: .6rem; padding: .7rem 1rem; min-width: 8rem; }
.tile b { display: block; font-size: 1.5rem; line-height: 1.2; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .6rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .45rem .75rem; vertical-align: top; }
th { background: var(--soft); font-weight: 600; white-space: nowrap; }
tr + tr td { border-top: 1px solid var(--line); }
td.nw { white-space: nowrap; }
.error, .missing { color: var(--bad); font-weight: 600; }
.warning, .part, .held, .refused, .discarded { color: var(--warn); font-weight: 600; }
.routed { color: var(--good); font-weight: 600; }
.advice, .info { color: var(--blue); }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .box { fill: var(--soft); stroke: var(--line); }
svg .wire { fill: none; stroke: var(--blue); stroke-width: 1.5; }
svg .copy { stroke-dasharray: 6 4; stroke: var(--good); }
svg .fallback { stroke-dasharray: 2 3; stroke: var(--warn); }
.key { font-size: .85rem; opacity: .8; }
"""


def html_page(
    routes: Routes, *, remarks: Sequence[Remark] = (), coverages: Sequence[Coverage] = ()
) -> str:
    """The whole page."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        (
            '<meta http-equiv="Content-Security-Policy"'
            " content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        ),
        f"<title>Routes: {escape(routes.source)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Routes of {escape(routes.source)}</h1>",
        f'<p class="sub">Rule set {routes.rules_hash}</p>',
        *_tiles(routes, remarks, coverages),
        "<h2>Who sends what to whom</h2>",
        f'<div class="scroll">{svg_picture(routes)}</div>',
        (
            '<p class="key">Solid: the original. Dashed: a copy. Dotted: a fallback.'
            " Point at a line for its rule.</p>"
        ),
        "<h2>Remarks</h2>",
        *_remarks(remarks),
        *(part for one in coverages for part in _coverage(one)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _tiles(
    routes: Routes, remarks: Sequence[Remark], coverages: Sequence[Coverage]
) -> Iterator[str]:
    facts = [
        ("rules", len(routes.rules)),
        ("destinations", len(routes.destinations)),
        ("errors", sum(one.severity.value == "error" for one in remarks)),
        ("warnings", sum(one.severity.value == "warning" for one in remarks)),
    ]
    facts += [(f"missing in {one.release}", len(one.missing)) for one in coverages]
    yield '<div class="tiles">'
    yield from (f'<div class="tile"><b>{number}</b>{escape(name)}</div>' for name, number in facts)
    yield "</div>"


def _remarks(remarks: Sequence[Remark]) -> Iterator[str]:
    if not remarks:
        yield "<p>Nothing to remark.</p>"
        return
    yield '<div class="scroll"><table><tr><th>Line</th><th>Severity</th><th>Remark</th></tr>'
    for one in remarks:
        level = one.severity.value
        yield (
            f'<tr><td class="nw">{one.line or ""}</td>'
            f'<td class="nw {level}">{level}</td><td>{escape(one.message)}</td></tr>'
        )
    yield "</table></div>"


def _coverage(one: Coverage) -> Iterator[str]:
    yield f"<h2>Coverage of release {escape(one.release)} on {one.day.isoformat()}</h2>"
    yield (
        '<div class="scroll"><table><tr><th>Flow</th><th>Participant</th><th>Direction</th>'
        "<th>Status</th><th>By</th><th>Before</th></tr>"
    )
    for line in one.lines:
        mark = "" if line.sure else " (presumed)"
        before = f"v{line.older}: {', '.join(line.older_rules)}" if line.older_rules else ""
        yield (
            f'<tr><td class="nw">{escape(line.flow)} v{escape(line.version)}</td>'
            f'<td class="nw">{escape(str(line.party))}</td><td>{line.direction}s{mark}</td>'
            f'<td class="nw {line.status.split()[-1]}">{line.status}</td>'
            f"<td>{escape(', '.join(line.rules))}</td><td>{escape(before)}</td></tr>"
        )
    yield "</table></div>"
    if one.leftovers:
        yield "<h2>Left over</h2><ul>"
        yield from (f"<li>{escape(str(left))}</li>" for left in one.leftovers)
        yield "</ul>"


_WIDTH, _BOX, _HIGH, _STEP, _TOP = 1100, 330, 34, 46, 20


def svg_picture(routes: Routes) -> str:
    """A plain picture of the rules: sources on the left, destinations on the right."""
    found = list(arrows(routes))
    sources = {name: n for n, name in enumerate(dict.fromkeys(one.source for one in found))}
    names = [one.name for one in routes.destinations] + [one.target for one in found]
    targets = {name: n for n, name in enumerate(dict.fromkeys(names))}
    high = max(len(sources), len(targets), 1) * _STEP + 2 * _TOP
    titles = {one.name: one.title + (" (test)" if one.test else "") for one in routes.destinations}
    parts = [
        (
            f'<svg viewBox="0 0 {_WIDTH} {high}" width="{_WIDTH}" height="{high}" role="img"'
            ' xmlns="http://www.w3.org/2000/svg"><title>The routes</title>'
        )
    ]
    parts += (_wire(one, sources[one.source], targets[one.target]) for one in found)
    parts += (_box(_TOP, n, name, name) for name, n in sources.items())
    right = _WIDTH - _BOX - _TOP
    for name, n in targets.items():
        title = titles.get(name, "")
        parts.append(_box(right, n, f"{name}: {title}" if title else name, title or name))
    return "".join([*parts, "</svg>"])


def _box(left: int, number: int, text: str, title: str) -> str:
    top = _TOP + number * _STEP
    shown = text if len(text) <= 46 else text[:45] + "…"
    return (
        f"<g><title>{escape(title)}</title>"
        f'<rect class="box" x="{left}" y="{top}" width="{_BOX}" height="{_HIGH}" rx="6"/>'
        f'<text x="{left + 12}" y="{top + 22}">{escape(shown)}</text></g>'
    )


def _wire(arrow: Arrow, source: int, target: int) -> str:
    kind = " copy" if arrow.copy else " fallback" if arrow.fallback else ""
    x1, x2 = _TOP + _BOX, _WIDTH - _BOX - _TOP
    y1 = _TOP + source * _STEP + _HIGH // 2
    y2 = _TOP + target * _STEP + _HIGH // 2
    middle = (x1 + x2) // 2
    return (
        f"<g><title>{escape(arrow.label)}</title>"
        f'<path class="wire{kind}" d="M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}"/></g>'
    )
