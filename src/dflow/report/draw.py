"""Plots as SVG, coloured by the page they stand in.

In: plots.  Out: SVG elements as text.  This module does not know pages; its classes are
styled by `dflow.report.page`.  Every word that came from outside is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from html import escape

from dflow.report.plots import Bars, Chain, Lines, Span, Spans

__all__ = ["drawn"]

_WIDE = 1000
_LEFT, _RIGHT, _TOP, _FOOT = 64, 16, 16, 30
_HIGH = 280
_ROW = 26
#: Colours of curves that have no tone, in order.
_HUES = ("c1", "c2", "c3", "c4", "c5", "c6")


def drawn(plot: Lines | Bars | Spans | Chain) -> str:
    """A plot as one SVG element."""
    match plot:
        case Lines():
            return "".join(_lines(plot))
        case Bars():
            return "".join(_bars(plot))
        case Spans():
            return "".join(_spans(plot))
        case Chain():
            return "".join(_chain(plot))


def _svg(title: str, high: float, parts: Iterable[str]) -> Iterator[str]:
    yield (
        f'<svg viewBox="0 0 {_WIDE} {high:.0f}" role="img" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{escape(title)}</title>"
    )
    yield from parts
    yield "</svg>"


def _text(x: float, y: float, text: str, *, anchor: str = "start", kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{named}>{escape(text)}</text>'


def _short(number: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:g}{letter}"
    return f"{number:g}"


def _steps(top: float) -> list[float]:
    """Round numbers from 0 to at least `top`."""
    if top <= 0:
        return [0.0, 1.0]
    raw = top / 4
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * one for one in (1, 2, 2.5, 5, 10) if size * one >= raw * 0.999)
    return [step * number for number in range(math.ceil(top / step - 1e-9) + 1)]


def _lines(plot: Lines) -> Iterator[str]:
    known = [v for one in plot.curves for v in one.values if v is not None]
    ticks = _steps(max(known, default=0.0))
    top, count = ticks[-1], max(1, len(plot.labels) - 1)

    def x(number: int) -> float:
        return _LEFT + number / count * (_WIDE - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (1 - value / top) * (_HIGH - _TOP - _FOOT)

    parts = [
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDE - _RIGHT}" y1="{y(t):.1f}" y2="{y(t):.1f}"/>'
        + _text(_LEFT - 8, y(t) + 4, _short(t), anchor="end", kind="faint")
        for t in ticks
    ]
    for number in _spread(len(plot.labels), 7):
        anchor = "start" if number == 0 else "end" if number == count else "middle"
        parts.append(_text(x(number), _HIGH - 8, plot.labels[number], anchor=anchor, kind="faint"))
    for hue, one in enumerate(plot.curves):
        colour = one.tone if one.tone != "plain" else _HUES[hue % len(_HUES)]
        kind = f"curve {colour}{' dashed' if one.dashed else ''}"
        path = _path([(x(n), None if v is None else y(v)) for n, v in enumerate(one.values)])
        parts.append(f'<path class="{kind}" d="{path}"><title>{escape(one.name)}</title></path>')
    yield from _svg(plot.title, _HIGH, parts)
    yield '<p class="key">'
    for hue, one in enumerate(plot.curves):
        colour = one.tone if one.tone != "plain" else _HUES[hue % len(_HUES)]
        dashed = " dashed" if one.dashed else ""
        yield f'<span class="{colour}{dashed}">{escape(one.name)}</span> '
    yield f"{escape(plot.unit)}</p>"


def _path(points: list[tuple[float, float | None]]) -> str:
    """A path that is broken where a value is missing."""
    words, pen = [], "M"
    for x, y in points:
        if y is None:
            pen = "M"
            continue
        words.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
    if len(words) == 1:  # a single point is drawn as a dot by its round ends
        words.append("h0.1")
    return "".join(words)


def _spread(count: int, most: int) -> list[int]:
    """At most `most` of the numbers below `count`, evenly, both ends among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(n * (count - 1) / (most - 1)) for n in range(most)})


def _bars(plot: Bars) -> Iterator[str]:
    top = max(plot.values, default=0.0) or 1.0
    written = [f"{value:,.10g}" for value in plot.values]
    # The longest number, at 8 units a character, still stands beside the longest bar.
    left, room = 260, _WIDE - 260 - 24 - 8 * max(map(len, written), default=0)
    parts = []
    for number, (label, value) in enumerate(zip(plot.labels, plot.values, strict=True)):
        y = _TOP + number * _ROW
        tone = plot.tone(number)
        colour = tone if tone != "plain" else "c1"
        wide = value / top * room
        parts.append(_text(left - 10, y + 14, _cut(label, 38), anchor="end"))
        parts.append(
            f'<rect class="bar {colour}" x="{left}" y="{y + 2}" width="{max(wide, 1):.1f}"'
            f' height="{_ROW - 8}" rx="3"><title>{escape(label)}: {value:,g}</title></rect>'
        )
        parts.append(_text(left + wide + 8, y + 14, written[number], kind="faint"))
    yield from _svg(plot.title, _TOP * 2 + _ROW * len(plot.labels), parts)
    if plot.unit:
        yield f'<p class="key">{escape(plot.unit)}</p>'


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _spans(plot: Spans) -> Iterator[str]:
    rows = list(dict.fromkeys(one.label for one in plot.spans))
    instants = [one.start for one in plot.spans] + [one.at for one in plot.marks]
    instants += [one.end for one in plot.spans if one.end is not None]
    if not instants:
        yield '<p class="faint">nothing</p>'
        return
    first, last = min(instants), max(instants)
    if any(one.end is None for one in plot.spans):
        last += (last - first) / 20  # what lasts is drawn to the edge
    whole = max((last - first).total_seconds(), 1.0)
    left = 240
    foot = _TOP + 14 * (len(plot.marks) > 0) + _ROW * len(rows)

    def x(at: datetime) -> float:
        return left + (at - first).total_seconds() / whole * (_WIDE - left - _RIGHT)

    parts = []
    for number, label in enumerate(rows):
        y = foot - _ROW * (len(rows) - number)
        if number % 2 == 0:
            parts.append(f'<rect class="band" x="0" y="{y:.0f}" width="{_WIDE}" height="{_ROW}"/>')
        parts.append(_text(8, y + 17, _cut(label, 34)))
        parts += (
            _span(one, x(one.start), x(one.end or last), y)
            for one in plot.spans
            if one.label == label
        )
    for mark in plot.marks:
        place = x(mark.at)
        parts.append(
            f'<line class="mark" x1="{place:.1f}" x2="{place:.1f}" y1="{_TOP}" y2="{foot}"/>'
        )
        anchor = "end" if place > _WIDE / 2 else "start"
        room = int((place if anchor == "end" else _WIDE - place) / 8)
        beside = place + (-4 if anchor == "end" else 4)
        parts.append(_text(beside, 12, _cut(mark.label, max(room, 4)), anchor=anchor))
    for number in range(5):
        at = first + timedelta(seconds=whole * number / 4)
        anchor = "start" if number == 0 else "end" if number == 4 else "middle"
        words = f"{at:%d %b %H:%M}" if whole < 20 * 86400 else f"{at:%d %b %Y}"
        parts.append(_text(x(at), foot + 20, words, anchor=anchor, kind="faint"))
    yield from _svg(plot.title, foot + _FOOT, parts)


def _span(span: Span, start: float, end: float, y: float) -> str:
    colour = span.tone if span.tone != "plain" else "c1"
    until = "" if span.end == span.start else f" to {span.end:%d %b %H:%M}" if span.end else " on"
    said = f"{span.label}: {span.start:%d %b %H:%M}{until} {span.note}"
    wide = max(end - start, 4)
    return (
        f'<rect class="bar {colour}" x="{start:.1f}" y="{y + 5:.0f}" width="{wide:.1f}"'
        f' height="{_ROW - 10}" rx="3"><title>{escape(said)}</title></rect>'
    )


def _chain(plot: Chain) -> Iterator[str]:
    a_row, wide, high, gap = 4, 220, 86, 36
    parts = []
    for number, link in enumerate(plot.links):
        row, column = divmod(number, a_row)
        if row % 2:  # the chain turns back at the end of a row, so that no arrow crosses
            column = a_row - 1 - column
        x, y = 8 + column * (wide + gap), 8 + row * (high + gap)
        parts.append(
            f"<g><title>{escape(f'{link.name}: {link.under} {link.note}')}</title>"
            f'<rect class="box {link.tone}" x="{x}" y="{y}" width="{wide}" height="{high}" rx="8"/>'
            + _text(x + 12, y + 22, _cut(f"{number + 1}  {link.name}", 30), kind="name")
            + _text(x + 12, y + 44, _cut(link.under, 32), kind="faint")
            + _text(x + 12, y + 66, _cut(link.note, 32), kind=f"said {link.tone}")
            + "</g>"
        )
        if number + 1 < len(plot.links):
            parts.append(_arrow(x, y, wide, high, gap, turn=(number + 1) % a_row == 0, row=row))
    rows = -(-len(plot.links) // a_row)
    yield from _svg(plot.title, 16 + rows * (high + gap) - gap, parts)


def _arrow(x: int, y: int, wide: int, high: int, gap: int, *, turn: bool, row: int) -> str:
    if turn:
        middle = x + wide // 2
        end = y + high + gap - 3
        line = f"M{middle} {y + high + 3}V{end}"
        head = f"M{middle - 5} {end - 7}L{middle} {end}L{middle + 5} {end - 7}"
    elif row % 2 == 0:
        end = x + wide + gap - 3
        line = f"M{x + wide + 3} {y + high // 2}H{end}"
        head = f"M{end - 7} {y + high // 2 - 5}L{end} {y + high // 2}L{end - 7} {y + high // 2 + 5}"
    else:
        end = x - gap + 3
        line = f"M{x - 3} {y + high // 2}H{end}"
        head = f"M{end + 7} {y + high // 2 - 5}L{end} {y + high // 2}L{end + 7} {y + high // 2 + 5}"
    return f'<path class="wire" d="{line}{head}"/>'
