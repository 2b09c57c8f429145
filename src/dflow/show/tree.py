"""A flow as a person wants to read it: item names beside values, values decoded.

In: a `Flow`, or its groups as they stream.  Out: lines of text, or JSON values.  This
module does not judge; a record that fits nowhere is shown as it stands, with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from dflow.catalogue.model import FlowDef, ItemDef, ItemPlace
from dflow.envelope import Header, Trailer
from dflow.flow import Group
from dflow.show.machine import JsonValue
from dflow.show.masking import Mask, masked_value
from dflow.show.paint import PLAIN, Paint, printable

__all__ = [
    "TreeStyle",
    "group_json",
    "group_text",
    "head_json",
    "head_text",
    "meaning",
    "tail_text",
]

#: Deeper groups are not indented further: only a hostile file nests so deep.
_DEEPEST = 12


@frozen(kw_only=True)
class TreeStyle:
    """How a tree is drawn.

    Attributes:
        paint: colours, or none.
        blanks: whether blank items are drawn too.
    """

    paint: Paint = PLAIN
    blanks: bool = False


_STYLE = TreeStyle()


def meaning(item: ItemDef, value: str) -> str:
    """What a value says beyond its text: a code's label, a date with its dashes, a unit.

    Empty where the text says it all, or where it does not have its item's format.
    """
    if item.codes is not None and value in item.codes:
        return item.codes.codes[value]
    if not value or not item.format.admits(value):
        return ""
    if item.format.kind == "BOOLEAN":
        return "yes" if value == "T" else "no"
    if item.format.kind in ("DATE", "TIME", "DATETIME", "TIMESTAMP"):
        day = "" if item.format.kind == "TIME" else f"{value[:4]}-{value[4:6]}-{value[6:8]}"
        clock = value[len(day) and 8 :]
        return f"{day} {_clock(clock) if clock else ''}".strip()
    return item.units


def _clock(text: str) -> str:
    return f"{text[:2]}:{text[2:4]}:{text[4:]}"


def head_text(
    header: Header | None, definition: FlowDef | None, style: TreeStyle = _STYLE
) -> Iterator[str]:
    """The lines above the groups: which flow it is, from whom to whom, what and when."""
    paint = style.paint
    if header is None:
        yield paint("error", "no header")
        return
    number = header.flow + (f" v{header.version}" if header.version else "")
    name = definition.name if definition else "not in the catalogue"
    yield f"{paint('strong', printable(number))}  {paint('name', name)}"
    created = header.created_at
    when = str(created) if created else header.created
    rows = [
        ("from", str(header.sender)),
        ("to", str(header.recipient)),
        ("file", header.file_id),
        ("created", when),
        ("application", _arrow(header.sending_application, header.receiving_application)),
        ("broadcast", header.broadcast),
        ("test flag", header.test_flag),
        ("form", "" if header.envelope == "ZHV" else header.envelope),
    ]
    for label, text in rows:
        if text:
            yield f"  {paint('faint', f'{label:<12}')}{printable(text)}"


def _arrow(sending: str, receiving: str) -> str:
    if sending or receiving:
        return f"{sending or '(blank)'} to {receiving or '(blank)'}"
    return ""


def tail_text(trailer: Trailer | None, style: TreeStyle = _STYLE) -> Iterator[str]:
    """The line below the groups: what the trailer claims."""
    if trailer is None:
        yield style.paint("error", "no trailer")
        return
    what = "records" if trailer.pool else "groups"
    parts = [f"{trailer.group_count if trailer.group_count is not None else 'no'} {what}"]
    if trailer.flow_count is not None:
        parts.append(f"{trailer.flow_count} instance{'' if trailer.flow_count == 1 else 's'}")
    if trailer.checksum is not None:
        parts.append(f"checksum {trailer.checksum}")
    yield style.paint("faint", "trailer says ") + ", ".join(parts)


def group_text(
    root: Group, mask: Mask, style: TreeStyle = _STYLE, *, depth: int = 0
) -> Iterator[str]:
    """A group and all below it, a line a group and a line an item."""
    for level, group in _levels(root, depth):
        lead = "  " * min(level, _DEEPEST)
        yield _head_line(group, lead, mask, style)
        if group.definition is None or group.stray:
            continue
        rows = list(_rows(group, mask, style))
        width = max((len(place.name) for place, _, _ in rows), default=0)
        for place, value, says in rows:
            text = f"{place.jcode} {place.name:<{width}}"
            line = f"{'':6}  {lead}  {style.paint('faint', text)}  {style.paint('value', value)}"
            yield line + (f"  {style.paint('name', says)}" if says else "")
        for surplus in group.values[len(group.definition.items) :]:
            hidden = surplus if mask.off else masked_value(surplus)
            said = style.paint("error", "surplus field")
            yield f"{'':6}  {lead}  {said}  '{printable(hidden)}'"


def _levels(root: Group, depth: int) -> Iterator[tuple[int, Group]]:
    stack = [(depth, root)]
    while stack:
        level, group = stack.pop()
        yield level, group
        stack.extend((level + 1, below) for below in reversed(group.groups))


def _head_line(group: Group, lead: str, mask: Mask, style: TreeStyle) -> str:
    number = style.paint("faint", f"{group.record.line:>6}")
    if group.stray:
        said = style.paint("error", f"  <- {group.stray}")
        return f"{number}  {lead}{mask.text(group.record)}{said}"
    if group.definition is None:
        return f"{number}  {lead}{mask.text(group.record)}"
    code = style.paint("strong", group.code)
    return f"{number}  {lead}{code} {style.paint('name', group.definition.name)}".rstrip()


def _rows(group: Group, mask: Mask, style: TreeStyle) -> Iterator[tuple[ItemPlace, str, str]]:
    values = group.values
    assert group.definition is not None  # noqa: S101  the caller looked
    for place in group.definition.items:
        value = values[place.position - 1] if place.position <= len(values) else None
        if value is None:
            yield place, "(no field)", ""
        elif value.strip() or style.blanks:
            if mask.hides(group.definition, place.position):
                yield place, masked_value(value), ""
            else:
                yield place, printable(value), meaning(place.item, value)


def head_json(
    header: Header | None, definition: FlowDef | None, source: str = ""
) -> dict[str, JsonValue]:
    """The flow's identity and address as JSON; the groups are for the caller to add."""
    if header is None:
        return {"file": source, "flow": "", "version": "", "name": "", "header": None}
    return {
        "file": source,
        "flow": header.flow,
        "version": header.version,
        "name": definition.name if definition else "",
        "header": {
            "from": str(header.sender),
            "to": str(header.recipient),
            "file_id": header.file_id,
            "created": header.created,
            "sending_application": header.sending_application,
            "receiving_application": header.receiving_application,
            "broadcast": header.broadcast,
            "test_flag": header.test_flag,
            "envelope": header.envelope,
        },
    }


def group_json(root: Group, mask: Mask, *, level: int = 1) -> Iterator[dict[str, JsonValue]]:
    """A group and all below it as JSON values in file order, each with its level.

    A list with levels, not a nest: it streams, and no file nests it too deep to read.
    """
    for depth, group in _levels(root, level):
        entry: dict[str, JsonValue] = {
            "line": group.record.line,
            "level": depth,
            "code": group.code if len(group.code) <= 3 or mask.off else masked_value(group.code),
            "name": group.definition.name if group.definition else "",
        }
        if group.stray:
            entry["stray"] = group.stray
        if group.definition is None or group.stray:
            entry["record"] = mask.text(group.record)
        else:
            entry["items"] = [
                {"jcode": place.jcode, "name": place.name, "value": value, "meaning": says}
                for place, value, says in _rows(group, mask, TreeStyle(blanks=True))
                if value != "(no field)"
            ]
        yield entry
