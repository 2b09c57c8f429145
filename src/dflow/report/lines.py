"""A report as lines of text, for a terminal or a pipe.

In: a report.  Out: lines.  This module does not know streams: colour and width are given.
"""

from __future__ import annotations

from collections.abc import Iterator

from dflow.report.parts import Block, Note, Report, Severity, Table, Text
from dflow.report.plots import Bars, Chain, Lines, Spans, Tone
from dflow.show.paint import PLAIN, Paint, Role, printable

__all__ = ["report_lines"]

_ROLES: dict[Tone, Role | None] = {
    "plain": None,
    "good": "good",
    "warning": "warning",
    "bad": "error",
}
_SEVERITIES: dict[Severity, Role] = {
    "error": "error",
    "warning": "warning",
    "advice": "advice",
    "info": "info",
}
#: Characters that a column keeps when it is cut.
_NARROWEST = 12
#: Heights of a sparkline, lowest first.
_BLOCKS = "▁▂▃▄▅▆▇█"


def report_lines(report: Report, *, paint: Paint = PLAIN, width: int = 100) -> Iterator[str]:
    """The lines of a report, none wider than asked where it can be helped."""
    yield paint("strong", printable(report.title))
    if report.about:
        yield paint("faint", printable(report.about))
    yield ""
    yield _toned(paint, report.tone, printable(report.verdict))
    if report.facts:
        yield ""
        wide = max(len(one.name) for one in report.facts)
        for fact in report.facts:
            yield f"  {printable(fact.name):<{wide}}  " + _toned(
                paint, fact.tone, printable(fact.value)
            )
    for section in report.sections:
        yield ""
        yield paint("strong", printable(section.title))
        for block in section.blocks:
            yield from _block(block, paint, width)


def _toned(paint: Paint, tone: Tone, text: str) -> str:
    role = _ROLES[tone]
    return text if role is None else paint(role, text)


def _block(block: Block, paint: Paint, width: int) -> Iterator[str]:
    match block:
        case Text():
            yield from _wrapped(printable(block.words), width, "  ")
        case Note():
            yield from _note(block, paint, width)
        case Table():
            yield from _table(block, paint, width)
        case Lines():
            yield from _curves(block, paint, width)
        case Bars():
            yield from _bars(block, paint, width)
        case Spans():
            yield from _spans(block, paint)
        case Chain():
            yield from _chain(block, paint)


def _wrapped(text: str, width: int, indent: str) -> Iterator[str]:
    line = indent
    for word in text.split():
        if len(line) + len(word) > width and line.strip():
            yield line.rstrip()
            line = indent
        line += word + " "
    if line.strip():
        yield line.rstrip()


def _note(note: Note, paint: Paint, width: int) -> Iterator[str]:
    where = f" {printable(note.where)}:" if note.where else ""
    lead = f"  {paint(_SEVERITIES[note.severity], note.severity)}{where}"
    yield f"{lead} {printable(note.what)}"
    for word, text in (("because", note.why), ("remedy", note.remedy)):
        if text:
            yield from _wrapped(f"{word}: {printable(text)}", width, "      ")


def _table(table: Table, paint: Paint, width: int) -> Iterator[str]:
    if table.title:
        yield f"  {paint('strong', printable(table.title))}"
    if not table.rows:
        yield "  " + paint("faint", "nothing")
        return
    shown = [tuple(map(printable, row)) for row in table.rows[: table.most]]
    heads = tuple(map(printable, table.heads))
    wide = [max(len(row[n]) for row in (heads, *shown)) for n in range(len(heads))]
    over = sum(wide) + 2 * len(wide) - width
    widest = wide.index(max(wide))
    if 0 < over <= wide[widest] - _NARROWEST:  # it gives way, if that makes the table fit
        wide[widest] -= over

    def line(cells: tuple[str, ...]) -> str:
        parts = []
        for n, cell in enumerate(cells):
            text = cell if len(cell) <= wide[n] else cell[: wide[n] - 1] + "…"
            parts.append(text.rjust(wide[n]) if n in table.right else text.ljust(wide[n]))
        return "  " + "  ".join(parts).rstrip()

    yield paint("faint", line(heads))
    for number, row in enumerate(shown):
        yield _toned(paint, table.tone(number), line(row))
    if len(table.rows) > table.most:
        yield paint("faint", f"  … and {len(table.rows) - table.most:,} more")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _curves(plot: Lines, paint: Paint, width: int) -> Iterator[str]:
    unit = f" ({printable(plot.unit)})" if plot.unit else ""
    yield f"  {paint('strong', printable(plot.title))}{unit}"
    if not plot.labels:
        yield "  " + paint("faint", "nothing")
        return
    wide = max((len(one.name) for one in plot.curves), default=0)
    room = max(20, min(60, width - wide - 30))
    top = max((v for one in plot.curves for v in one.values if v is not None), default=0) or 1
    for one in plot.curves:
        known = [value for value in one.values if value is not None]
        spark = "".join(_spark(value, top) for value in _thinned(one.values, room))
        ends = f"  most {_number(max(known))}, last {_number(known[-1])}" if known else "  none"
        yield f"  {printable(one.name):<{wide}}  {_toned(paint, one.tone, spark)}{ends}"
    yield paint(
        "faint", f"  {'':<{wide}}  {printable(plot.labels[0])} to {printable(plot.labels[-1])}"
    )


def _spark(value: float | None, top: float) -> str:
    if value is None:
        return " "
    return _BLOCKS[min(len(_BLOCKS) - 1, int(value / top * (len(_BLOCKS) - 0.01)))]


def _thinned(values: tuple[float | None, ...], room: int) -> list[float | None]:
    """At most `room` values, each the greatest of those it stands for."""
    if len(values) <= room:
        return list(values)
    thin: list[float | None] = []
    for number in range(room):
        start, end = number * len(values) // room, (number + 1) * len(values) // room
        known = [value for value in values[start:end] if value is not None]
        thin.append(max(known) if known else None)
    return thin


def _bars(plot: Bars, paint: Paint, width: int) -> Iterator[str]:
    unit = f" ({printable(plot.unit)})" if plot.unit else ""
    yield f"  {paint('strong', printable(plot.title))}{unit}"
    wide = max((len(one) for one in plot.labels), default=0)
    room = max(10, min(40, width - wide - 16))
    top = max(plot.values, default=0) or 1
    for number, (label, value) in enumerate(zip(plot.labels, plot.values, strict=True)):
        bar = "█" * max(1 if value else 0, round(value / top * room))
        toned = _toned(paint, plot.tone(number), bar)
        yield f"  {printable(label):<{wide}}  {toned} {_number(value)}"


def _spans(plot: Spans, paint: Paint) -> Iterator[str]:
    yield f"  {paint('strong', printable(plot.title))}"
    rows = [(one.at, "mark", one.label, "plain", "") for one in plot.marks]
    wide = max((len(one.label) for one in plot.spans), default=0)
    for span in plot.spans:
        if span.end is None:
            until = "open"
        elif span.end == span.start:
            until = ""
        else:
            until = f"to {span.end:%Y-%m-%d %H:%M:%S}"
        rows.append((span.start, until, span.label, span.tone, span.note))
    for at, until, label, tone, note in sorted(rows, key=lambda row: row[0]):
        line = f"  {at:%Y-%m-%d %H:%M:%S} {until:<22}  {printable(label):<{wide}}"
        extra = f"  {printable(note)}" if note else ""
        yield (_toned(paint, _tone(tone), line) + extra).rstrip()


def _tone(word: str) -> Tone:
    return next((tone for tone in _ROLES if tone == word), "plain")


def _chain(plot: Chain, paint: Paint) -> Iterator[str]:
    yield f"  {paint('strong', printable(plot.title))}"
    wide = max((len(one.name) for one in plot.links), default=0)
    under = max((len(one.under) for one in plot.links), default=0)
    for number, link in enumerate(plot.links, start=1):
        sign = {"bad": "✗", "warning": "!", "good": "✓"}.get(link.tone, "·")
        line = (
            f"  {number:>2} {sign} {printable(link.name):<{wide}}  {printable(link.under):<{under}}"
        )
        extra = f"  {printable(link.note)}" if link.note else ""
        yield (_toned(paint, link.tone, line) + extra).rstrip()
