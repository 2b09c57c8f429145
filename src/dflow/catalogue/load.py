"""Catalogue files to definitions: one flow version at a time.

In: the TOML texts of `catalogue/` (see the reference page on their form).  Out:
definitions, or `RefusedText` with file, line and near miss.  This module does not know
which flows exist, nor where the files are.

A flow's file gives its groups as a list of tables in catalogue order, each with its
level, so that the file reads from top to bottom as the publication does; the tree is
built from the levels.  An item's line is its reference, then `optional` or `blank` if it
is not mandatory.  `structure` says what the groups are worth: `known` (so if it is not
given), `unknown` (an envelope-only entry, without groups), or `sketch`: a layout from a
weak source, for people to look at and for nothing to enforce, in which an item without
a known reference is written as a question mark and its name.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from dflow.catalogue.formats import UNSTATED
from dflow.catalogue.model import (
    FlowDef,
    FlowRoute,
    GroupDef,
    ItemDef,
    ItemPlace,
    Presence,
    Provenance,
    Range,
    parse_range,
)
from dflow.catalogue.tables import (
    FLOW_REFERENCE,
    GROUP_CODE,
    VERSION,
    TableReader,
    is_code,
)
from dflow.errors import LookupMiss
from dflow.tomltext import TomlText, TomlValue

__all__ = ["flow_from"]

_FLOW_KEYS = (
    "flow",
    "version",
    "name",
    "status",
    "owner",
    "routes",
    "structure",
    "group",
    "provenance",
    "corrects",
)
_STRUCTURES = ("known", "unknown", "sketch")
_GROUP_KEYS = ("code", "level", "range", "name", "items")
_PRESENCES: tuple[Presence, ...] = ("mandatory", "optional", "blank")


@define
class _Branch:
    """A group on its way to becoming a `GroupDef`: its children come after it."""

    seq: int
    code: str
    name: str
    range: Range
    items: tuple[ItemPlace, ...] = ()
    below: list[_Branch] = field(factory=list)

    def build(self) -> GroupDef:
        return GroupDef(
            seq=self.seq,
            code=self.code,
            name=self.name,
            range=self.range,
            items=self.items,
            groups=tuple(branch.build() for branch in self.below),
        )


def flow_from(toml: TomlText, item: Callable[[str], ItemDef], *, partial: bool = False) -> FlowDef:
    """The flow version that a catalogue file describes.

    Args:
        toml: the file.
        item: gives the definition of an item reference, or raises `LookupMiss`.
        partial: whether it only adds to an entry of another layer, and may leave out
            what that one says.

    Raises:
        RefusedText: with every mistake of the file.
    """
    reader = TableReader(toml)
    data = toml.data
    reader.keys(data, (), _FLOW_KEYS)
    flow = reader.text(data, (), "flow")
    version = reader.text(data, (), "version")
    if flow and not is_code(FLOW_REFERENCE, flow):
        reader.fault(("flow",), f"{flow!r} is no flow number", expected=("such as D0010",))
    if version and not is_code(VERSION, version):
        reader.fault(("version",), f"{version!r} is no version", expected=("such as 002",))
    structure = _structure(reader, partial=partial)
    groups = _groups(reader, item, sketch=structure == "sketch")
    found = FlowDef(
        flow=flow,
        version=version,
        name=reader.text(data, (), "name", None if structure == "known" and not partial else ""),
        status=reader.text(data, (), "status", ""),
        owner=reader.text(data, (), "owner", ""),
        routes=_routes(reader),
        groups=groups if structure == "known" else (),
        sketch=groups if structure == "sketch" else (),
        provenance=reader.provenance(data, ()),
    )
    reader.done()
    return found


def _structure(reader: TableReader, *, partial: bool) -> str:
    """What the file says its groups are worth, and whether it has groups accordingly."""
    word = reader.text(reader.toml.data, (), "structure", "known")
    if word not in _STRUCTURES:
        reader.fault(
            ("structure",),
            f"{word!r} says nothing about the structure",
            expected=_STRUCTURES,
            near_to=word,
            known=_STRUCTURES,
        )
    elif partial and "structure" not in reader.toml.data:
        pass  # the entry below says it
    elif (word == "unknown") == bool(reader.toml.data.get("group")):
        reader.fault(
            ("structure",),
            'a flow without groups says structure = "unknown", and one with groups does not',
        )
    return word


def _groups(
    reader: TableReader, item: Callable[[str], ItemDef], *, sketch: bool
) -> tuple[GroupDef, ...]:
    roots: list[_Branch] = []
    stack: list[_Branch] = []
    for index, table in enumerate(reader.tables("group")):
        path = ("group", index)
        reader.keys(table, path, _GROUP_KEYS)
        level = table.get("level")
        if not isinstance(level, int) or not 1 <= level <= len(stack) + 1:
            reader.fault(
                (*path, "level"),
                f"level {level!r} cannot follow level {len(stack)}",
                expected=tuple(str(n) for n in range(1, len(stack) + 2)),
            )
            continue
        branch = _branch(reader, table, path, index + 1)
        branch.items = _places(reader, table, path, item, sketch=sketch)
        del stack[level - 1 :]
        (stack[-1].below if stack else roots).append(branch)
        stack.append(branch)
    return tuple(branch.build() for branch in roots)


def _routes(reader: TableReader) -> tuple[FlowRoute, ...]:
    routes: list[FlowRoute] = []
    for index, text in enumerate(reader.texts(reader.toml.data, (), "routes")):
        sender, arrow, recipient = text.partition(" -> ")
        if not (arrow and sender.strip() and recipient.strip()):
            reader.fault(
                ("routes", index), f"{text!r} is no route", expected=('"Supplier -> MOP"',)
            )
            continue
        routes.append(FlowRoute(sender=sender.strip(), recipient=recipient.strip()))
    return tuple(routes)


def _branch(
    reader: TableReader, table: dict[str, TomlValue], path: tuple[str | int, ...], seq: int
) -> _Branch:
    code = reader.text(table, path, "code")
    if code and not is_code(GROUP_CODE, code):
        reader.fault((*path, "code"), f"{code!r} is no group code", expected=("such as 026",))
    text = reader.text(table, path, "range")
    try:
        group_range = parse_range(text)
    except ValueError as error:
        group_range = Range(text, 0, None)
        if text:
            reader.fault((*path, "range"), str(error))
    name = reader.text(table, path, "name", "")
    return _Branch(seq=seq, code=code, name=name, range=group_range)


def _places(
    reader: TableReader,
    table: dict[str, TomlValue],
    path: tuple[str | int, ...],
    item: Callable[[str], ItemDef],
    *,
    sketch: bool,
) -> tuple[ItemPlace, ...]:
    places: list[ItemPlace] = []
    for index, line in enumerate(reader.texts(table, path, "items")):
        if sketch and line.startswith("?"):
            nameless = ItemDef(
                jcode="",
                name=line[1:].strip(),
                format=UNSTATED,
                provenance=Provenance(source="sketch"),
            )
            places.append(ItemPlace(item=nameless, position=index + 1, presence="optional"))
            continue
        reference, _, word = line.partition(" ")
        presence = next((known for known in _PRESENCES if known == (word or "mandatory")), None)
        if presence is None:
            reader.fault(
                (*path, "items", index),
                f"{word!r} says nothing about the item's presence",
                expected=("optional", "blank", "nothing"),
                near_to=word,
                known=_PRESENCES,
            )
            continue
        try:
            places.append(ItemPlace(item=item(reference), position=index + 1, presence=presence))
        except LookupMiss as miss:
            reader.fault((*path, "items", index), str(miss))
    return tuple(places)
