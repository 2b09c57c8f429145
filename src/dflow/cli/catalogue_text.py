"""The catalogue as a person reads it: lists, trees, differences, reports of imports.

In: definitions and a `Look`.  Out: lines of text.  On a terminal they are coloured, drawn
as a tree and aligned; in a pipe they are plain, one fact a line, words parted by one space,
so that other programs can take them apart.  This module does not print.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from attrs import frozen

from dflow.catalogue import (
    Answer,
    CatalogueDiff,
    Change,
    FlowDef,
    FlowDiff,
    GroupDef,
    ItemDef,
    ItemPlace,
    Standing,
)
from dflow.catalogue.importer import Imported
from dflow.show.paint import Paint, Role

__all__ = ["Look", "diff_lines", "flow_lines", "imported_lines", "list_lines"]


@frozen(kw_only=True)
class Look:
    """How text is to look.

    Attributes:
        paint: colours, or leaves text as it is.
        width: columns to fill.
        drawn: whether to draw and align, as on a terminal.
    """

    paint: Paint
    width: int
    drawn: bool


_STATES: dict[str, Role] = {
    "live": "good",
    "announced": "info",
    "superseded": "faint",
    "withdrawn": "faint",
}
_ANSWERS: dict[Answer, Role] = {
    Answer.HOLDS: "good",
    Answer.FAILS: "error",
    Answer.CANNOT_TELL: "warning",
}


def list_lines(rows: Sequence[tuple[FlowDef, Standing]], look: Look) -> Iterator[str]:
    """A line for each flow version: number, version, standing, groups, name."""
    for flow, standing in rows:
        state = standing.state + ("" if standing.sure else "?")
        groups = sum(1 for _ in flow.walk())
        told = f"{groups} groups" if flow.structured else "envelope only"
        name = flow.name or "(name not known)"
        if look.drawn:
            paint = look.paint
            yield (
                f"{paint('strong', flow.flow)} v{flow.version}"
                f"  {paint(_STATES[standing.state], f'{state:<11}')}"
                f"  {paint('faint', f'{told:>13}')}  {paint('name', name)}"
            )
        else:
            yield f"{flow.flow} v{flow.version} {state}, {told}: {name}"


def flow_lines(
    flow: FlowDef, standing: Standing, look: Look, *, codes: bool = True
) -> Iterator[str]:
    """A flow version: its head, who sends it to whom, its tree, its code lists."""
    paint = look.paint
    yield f"{paint('strong', str(flow))}  {paint('name', flow.name or '(name not known)')}"
    about = [
        flow.status,
        f"owner {flow.owner}" if flow.owner else "",
        f"{flow.provenance.source}: {flow.provenance.detail}",
    ]
    yield from _wrapped(", ".join(part for part in about if part), look, "faint")
    yield f"today {standing}"
    yield from _route_lines(flow, look)
    for condition in flow.conditions:
        yield from _wrapped(f"condition: {condition} ({condition.source})", look)
    yield ""
    if not flow.structured:
        yield paint("warning", "Its structure is not known: its body is carried as it is.")
        if flow.sketch:
            yield "A weak source sketches it so; nothing is checked against this:"
            yield ""
    yield from _tree(flow.groups or flow.sketch, look)
    if codes:
        yield from _code_lines(flow, look)


def _wrapped(text: str, look: Look, role: Role | None = None, indent: str = "") -> Iterator[str]:
    lines = textwrap.wrap(text, look.width, subsequent_indent=indent) if look.drawn else [text]
    for line in lines:
        yield look.paint(role, line) if role else line


def _route_lines(flow: FlowDef, look: Look) -> Iterator[str]:
    if not flow.routes:
        yield look.paint("faint", "who sends it to whom is not known")
    if not look.drawn:
        yield from (f"route {route}" for route in flow.routes)
        return
    widest = max((len(route.sender) for route in flow.routes), default=0)
    for sender, routes in groupby(flow.routes, key=lambda route: route.sender):
        to = ", ".join(route.recipient for route in routes)
        yield from _wrapped(f"{sender:>{widest}} \u2192 {to}", look, indent=" " * (widest + 3))


def _tree(groups: tuple[GroupDef, ...], look: Look) -> Iterator[str]:
    places = [place for top in groups for group in top.walk() for place in group.items]
    widths = (
        max((len(place.name) for place in places), default=0),
        max((len(_format(place.item)) for place in places), default=0),
    )
    for group in groups:
        yield from _group_lines(group, look, "", "", widths)


def _group_lines(
    group: GroupDef, look: Look, first: str, rest: str, widths: tuple[int, int]
) -> Iterator[str]:
    paint = look.paint
    name = f" {paint('name', group.name)}" if group.name else ""
    yield f"{paint('faint', first)}{paint('strong', group.code)}{name} [{group.range}]"
    for place in group.items:
        rail = rest + ("\u2502  " if look.drawn and group.groups else "   " if look.drawn else "  ")
        yield f"{paint('faint', rail)}{_item_line(place, look, widths)}".rstrip()
    for below in group.groups:
        last = below is group.groups[-1]
        if look.drawn:
            arm, drop = ("\u2514\u2500 ", "   ") if last else ("\u251c\u2500 ", "\u2502  ")
        else:
            arm, drop = "  ", "  "
        yield from _group_lines(below, look, rest + arm, rest + drop, widths)


def _format(item: ItemDef) -> str:
    return str(item.format) if item.format.stated else "not stated"


def _item_line(place: ItemPlace, look: Look, widths: tuple[int, int]) -> str:
    item, paint = place.item, look.paint
    remarks: list[str] = [place.presence] if place.presence != "mandatory" else []
    remarks += [item.units] if item.units else []
    if item.codes:
        remarks.append(_short_codes(item) if look.drawn else f"codes {_short_codes(item)}")
    if item.sensitive:
        remarks.append("personal" if look.drawn else f"sensitive ({item.sensitive})")
    name = place.name or "(name not known)"
    if not look.drawn:
        told = f": {', '.join(remarks)}" if remarks else ""
        return f"{place.position} {place.jcode or '?'} {name} {_format(item)}{told}"
    return (
        f"{paint('faint', f'{place.position:>3}')}  {place.jcode or '?':<5}"
        f"  {paint('value', f'{name:<{min(widths[0], 60)}}')}"
        f"  {f'{_format(item):<{widths[1]}}'}"
        f"  {paint('faint', ', '.join(remarks))}"
    )


def _short_codes(item: ItemDef) -> str:
    codes = list(item.codes.codes) if item.codes else []
    return " ".join(codes) if len(codes) <= 6 else f"{' '.join(codes[:5])} ... {codes[-1]}"


def _code_lines(flow: FlowDef, look: Look) -> Iterator[str]:
    items = {place.jcode: place.item for group in flow.walk() for place in group.items}
    listed = [item for item in items.values() if item.codes]
    if listed:
        yield ""
        yield look.paint("strong", "Code lists")
    for item in listed:
        codes = item.codes
        if codes is None:
            continue
        incomplete = "" if codes.complete else " (incomplete)"
        yield f"{item.jcode} {look.paint('name', item.name)}{incomplete}"
        widest = max(len(code) for code in codes.codes)
        for code, label in codes.codes.items():
            shown = f"{code:<{widest}}" if look.drawn else code
            yield from _wrapped(f"  {shown} {label}", look, indent=" " * (widest + 3))


def diff_lines(found: CatalogueDiff | FlowDiff, look: Look) -> Iterator[str]:
    """What differs: between two flow versions, or between two editions."""
    if isinstance(found, FlowDiff):
        yield from _flow_diff_lines(found, look)
        return
    paint = look.paint
    if not (found or found.replaced):
        yield "Nothing differs."
    for flow, version in found.started:
        yield f"{paint('good', 'starts')} {flow} v{version}"
    for flow, version in found.ended:
        yield f"{paint('error', 'ends')} {flow} v{version}"
    for one in (*found.changed, *found.replaced):
        yield ""
        yield from _flow_diff_lines(one, look)


def _flow_diff_lines(found: FlowDiff, look: Look) -> Iterator[str]:
    paint = look.paint
    verdict = {
        Answer.HOLDS: "a file of the old version still parses under the new one",
        Answer.FAILS: "a file of the old version may not parse under the new one",
        Answer.CANNOT_TELL: "whether a file of the old version still parses cannot be told",
    }[found.parses]
    pair = paint("strong", f"{found.old} -> {found.new}")
    yield f"{pair}: {paint(_ANSWERS[found.parses], verdict)}"
    if not found.changes:
        yield "  nothing differs"
    for change in found.changes:
        yield from _wrapped(f"  {_mark(change)} {change}", look, _ANSWERS[change.parses], "      ")
    if not (found.old.structured and found.new.structured):
        unknown = [str(flow) for flow in (found.old, found.new) if not flow.structured]
        yield f"  the structure of {' and '.join(unknown)} is not known"


def _mark(change: Change) -> str:
    """One sign for what a change does: added, removed, or otherwise."""
    if change.kind.endswith("added"):
        return "+"
    return "-" if change.kind.endswith("removed") else "~"


def imported_lines(imported: Imported, folder: str, look: Look) -> Iterator[str]:
    """What an import gave: what was read, what was written, what could not be read."""
    paint = look.paint
    yield paint("strong", imported.title or "a publication without a title")
    yield (
        f"{imported.flows:,} flows, {imported.versions:,} versions, {imported.groups:,} groups,"
        f" {imported.places:,} item places, {imported.items:,} items,"
        f" {imported.code_lists:,} code lists"
    )
    yield f"{len(imported.written):,} files written to {folder}"
    if imported.untouched:
        kept = ", ".join(f"{flow} v{version}" for flow, version in imported.untouched)
        yield from _wrapped(f"left as they were, not in the publication: {kept}", look)
    if imported.unread:
        yield ""
        yield paint("warning", f"{len(imported.unread):,} remarks, table by table:")
        yield from _indented(str(unread) for unread in imported.unread)


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)
