"""Catalogue files to definitions: one flow version, one shelf of items, at a time.

In: the TOML texts of `catalogue/` (see the reference page on their form).  Out:
definitions, or `RefusedText` with file, line and near miss.  This module does not know
which flows exist, nor where the files are.

A flow's file gives its groups as a list of tables in catalogue order, each with its
level, so that the file reads from top to bottom as the publication does; the tree is
built from the levels.  An item's line is its J-code, then `optional` or `blank` if it
is not mandatory.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast

from attrs import define, field

from dflow.catalogue.formats import UNSTATED, Format, parse_format
from dflow.catalogue.model import (
    CodeList,
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
from dflow.errors import LookupMiss, RefusedText, TextFault
from dflow.tomltext import TomlText, TomlValue

__all__ = ["flow_from", "items_from"]

_FLOW_KEYS = ("flow", "version", "name", "status", "owner", "routes", "group", "provenance")
_GROUP_KEYS = ("code", "level", "range", "name", "items")
_ITEM_KEYS = ("name", "format", "domain", "units", "owner", "provenance")
_PRESENCES: tuple[Presence, ...] = ("mandatory", "optional", "blank")


@define
class _Reader:
    """Takes typed values out of a TOML document and keeps every fault."""

    toml: TomlText
    faults: list[TextFault] = field(factory=list, init=False)

    def fault(
        self,
        path: tuple[str | int, ...],
        message: str,
        *,
        expected: tuple[str, ...] = (),
        near_to: str = "",
        known: tuple[str, ...] = (),
    ) -> None:
        self.faults.append(
            self.toml.fault(path, message, expected=expected, near_to=near_to, known=known)
        )

    def keys(
        self, table: dict[str, TomlValue], path: tuple[str | int, ...], known: tuple[str, ...]
    ) -> None:
        for key in table:
            if key not in known:
                self.fault((*path, key), f"unknown key {key!r}", near_to=key, known=known)

    def text(
        self,
        table: dict[str, TomlValue],
        path: tuple[str | int, ...],
        key: str,
        default: str | None = None,
    ) -> str:
        value = table.get(key, default)
        if isinstance(value, str):
            return value
        if value is None:
            self.fault((*path, key), f"the key {key!r} is missing")
        else:
            self.fault((*path, key), f"{key!r} holds no text", expected=("a text",))
        return ""

    def texts(
        self, table: dict[str, TomlValue], path: tuple[str | int, ...], key: str
    ) -> list[str]:
        value = table.get(key, [])
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            return cast("list[str]", value)
        self.fault((*path, key), f"{key!r} is not a list of texts", expected=("a list of texts",))
        return []

    def tables(self, key: str) -> list[dict[str, TomlValue]]:
        value = self.toml.data.get(key, [])
        if isinstance(value, list) and all(isinstance(part, dict) for part in value):
            return cast("list[dict[str, TomlValue]]", value)
        self.fault((key,), f"{key!r} is not a list of tables", expected=(f"[[{key}]]",))
        return []

    def provenance(self, table: dict[str, TomlValue], path: tuple[str | int, ...]) -> Provenance:
        value = table.get("provenance")
        if isinstance(value, str):
            source, _, detail = value.partition(": ")
            return Provenance(source=source, detail=detail)
        self.fault(
            (*path, "provenance"),
            "the key 'provenance' is missing or holds no text",
            expected=('such as "official: DTC 15.4"',),
        )
        return Provenance(source="unknown")

    def done(self) -> None:
        if self.faults:
            raise RefusedText(self.faults)


@define
class _Branch:
    """A group on its way to becoming a `GroupDef`: its children come after it."""

    seq: int
    code: str
    name: str
    range: Range
    items: tuple[ItemPlace, ...]
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


def flow_from(toml: TomlText, item: Callable[[str], ItemDef]) -> FlowDef:
    """The flow version that a catalogue file describes.

    Args:
        toml: the file.
        item: gives the definition of a J-code, or raises `LookupMiss`.

    Raises:
        RefusedText: with every mistake of the file.
    """
    reader = _Reader(toml)
    data = toml.data
    reader.keys(data, (), _FLOW_KEYS)
    flow = reader.text(data, (), "flow")
    version = reader.text(data, (), "version")
    if flow and not re.fullmatch(r"[A-Z][0-9A-Z]{4}", flow):
        reader.fault(("flow",), f"{flow!r} is no flow number", expected=("such as D0010",))
    if version and not re.fullmatch(r"[0-9]{3}", version):
        reader.fault(("version",), f"{version!r} is no version", expected=("such as 002",))
    routes = _routes(reader)
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
        branch = _branch(reader, table, path, index + 1, item)
        del stack[level - 1 :]
        (stack[-1].below if stack else roots).append(branch)
        stack.append(branch)
    provenance = reader.provenance(data, ())
    name = reader.text(data, (), "name")
    status = reader.text(data, (), "status", "")
    owner = reader.text(data, (), "owner", "")
    reader.done()
    return FlowDef(
        flow=flow,
        version=version,
        name=name,
        status=status,
        owner=owner,
        routes=routes,
        groups=tuple(branch.build() for branch in roots),
        provenance=provenance,
    )


def _routes(reader: _Reader) -> tuple[FlowRoute, ...]:
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
    reader: _Reader,
    table: dict[str, TomlValue],
    path: tuple[str | int, ...],
    seq: int,
    item: Callable[[str], ItemDef],
) -> _Branch:
    code = reader.text(table, path, "code")
    if code and not re.fullmatch(r"[0-9A-Z]{2,3}", code):
        reader.fault((*path, "code"), f"{code!r} is no group code", expected=("such as 026",))
    text = reader.text(table, path, "range")
    try:
        group_range = parse_range(text)
    except ValueError as error:
        group_range = Range(text, 0, None)
        if text:
            reader.fault((*path, "range"), str(error))
    places: list[ItemPlace] = []
    for index, line in enumerate(reader.texts(table, path, "items")):
        jcode, _, word = line.partition(" ")
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
            places.append(ItemPlace(item=item(jcode), position=index + 1, presence=presence))
        except LookupMiss as miss:
            reader.fault((*path, "items", index), str(miss))
    name = reader.text(table, path, "name", "")
    return _Branch(seq=seq, code=code, name=name, range=group_range, items=tuple(places))


def items_from(
    toml: TomlText, codes: dict[str, CodeList], sensitive: dict[str, str]
) -> dict[str, ItemDef]:
    """The items that a shelf file describes, by J-code.

    Args:
        toml: the file: one table an item.
        codes: the known code lists, by J-code.
        sensitive: why an item is sensitive, by J-code.

    Raises:
        RefusedText: with every mistake of the file.
    """
    reader = _Reader(toml)
    items: dict[str, ItemDef] = {}
    for jcode, table in toml.data.items():
        if not isinstance(table, dict) or not re.fullmatch(r"J[0-9]{4}", jcode):
            reader.fault((jcode,), f"{jcode!r} is no item", expected=("a table such as [J0003]",))
            continue
        reader.keys(table, (jcode,), _ITEM_KEYS)
        items[jcode] = ItemDef(
            jcode=jcode,
            name=reader.text(table, (jcode,), "name"),
            format=_format(reader, table, jcode),
            domain=reader.text(table, (jcode,), "domain", ""),
            units=reader.text(table, (jcode,), "units", ""),
            owner=reader.text(table, (jcode,), "owner", ""),
            codes=codes.get(jcode),
            sensitive=sensitive.get(jcode, ""),
            provenance=reader.provenance(table, (jcode,)),
        )
    reader.done()
    return items


def _format(reader: _Reader, table: dict[str, TomlValue], jcode: str) -> Format:
    try:
        return parse_format(reader.text(table, (jcode,), "format", "UNSTATED"))
    except ValueError as error:
        reader.fault((jcode, "format"), str(error))
        return UNSTATED
