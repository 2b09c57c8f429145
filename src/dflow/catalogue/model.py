"""The catalogue's own words as values: flows, groups, items, formats, code lists.

In: what a catalogue file says.  Out: frozen definitions, from which the grammar, the
expression, the typed models, the writer and the strategies are all derived.  This
module does not know files: it neither reads TOML nor D-flows.

Definition and instance pair up: a `FlowDef` describes what a `dflow.Flow` holds, a
`GroupDef` a `Group`, an `ItemDef` a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Literal

from attrs import field, frozen

from dflow.catalogue.conditions import Condition
from dflow.catalogue.formats import Format

__all__ = [
    "CodeList",
    "FlowDef",
    "FlowRoute",
    "GroupDef",
    "ItemDef",
    "ItemPlace",
    "Presence",
    "Provenance",
    "Range",
    "parse_range",
]

#: Whether an item's field must hold a value, may hold one, or is always blank.
Presence = Literal["mandatory", "optional", "blank"]


@frozen(kw_only=True)
class Provenance:
    """Where an entry of the catalogue comes from.

    Attributes:
        source: short name, such as ``official``, ``sample``, ``program`` or ``private``.
        detail: the document, release or file, and what is presumed.
    """

    source: str
    detail: str = ""


@frozen
class Range:
    """How often a group may stand under one parent.

    Attributes:
        text: as published, such as ``1-*`` or ``46,48,50``.
        least: the fewest.
        most: the most; None for no limit.
        counts: the only counts allowed, where the range lists them; else empty.
    """

    text: str
    least: int
    most: int | None
    counts: tuple[int, ...] = ()

    def admits(self, count: int) -> bool:
        """Whether `count` occurrences lie in the range."""
        if self.counts:
            return count in self.counts
        return count >= self.least and (self.most is None or count <= self.most)

    def __str__(self) -> str:
        return self.text


def parse_range(text: str) -> Range:
    """The range that a text such as ``0-*``, ``1``, ``0, 1`` or ``46,48,50`` states.

    Raises:
        ValueError: if the text is no range.
    """
    compact = text.replace(" ", "")
    if found := re.fullmatch(r"(\d+)-(\d+|\*)", compact, re.ASCII):
        least = int(found[1])
        most = None if found[2] == "*" else int(found[2])
        if most is None or least <= most:
            return Range(text, least, most)
    elif re.fullmatch(r"\d+(,\d+)*", compact, re.ASCII):
        counts = tuple(sorted({int(part) for part in compact.split(",")}))
        if len(counts) == counts[-1] - counts[0] + 1:  # "1", "0,1": no gaps, so an interval
            return Range(text, counts[0], counts[-1])
        return Range(text, counts[0], counts[-1], counts)
    raise ValueError(f"{text!r} is not a range; expected such as 1, 0-1, 0-*, 1-* or 46,48,50")


@frozen(kw_only=True)
class CodeList:
    """The codes an item may take.

    Attributes:
        codes: code to label, in the published order.
        complete: whether the publication shows the whole list.  A value outside an
            incomplete list is no finding.
    """

    codes: dict[str, str]
    complete: bool = True

    def __contains__(self, code: object) -> bool:
        return code in self.codes

    def __hash__(self) -> int:
        return hash((tuple(self.codes.items()), self.complete))


@frozen(kw_only=True)
class ItemDef:
    """A data item of the catalogue.

    Attributes:
        jcode: its reference, such as ``J0003``.
        name: its name, such as ``MPAN Core``.
        format: its logical format; `UNSTATED` where the publication gives none.
        domain: the published domain, such as ``Code``; empty if not stated.
        units: the published units, such as ``kWh``; empty if none.
        owner: who governs the item, such as ``MRA`` or ``BSC``.
        codes: its code list, or None if it has none that is known.
        sensitive: why its values are personal or otherwise sensitive; empty if not.
        provenance: where the entry comes from.
    """

    jcode: str
    name: str
    format: Format
    domain: str = ""
    units: str = ""
    owner: str = ""
    codes: CodeList | None = None
    sensitive: str = ""
    provenance: Provenance


@frozen(kw_only=True)
class ItemPlace:
    """An item's place in a group: its position in the record and its presence.

    Attributes:
        item: the item.
        position: 1-based field number after the group code.
        presence: whether the field must hold a value, may, or is always blank.
    """

    item: ItemDef
    position: int
    presence: Presence = "mandatory"

    @property
    def jcode(self) -> str:
        """The item's J-code."""
        return self.item.jcode

    @property
    def name(self) -> str:
        """The item's name."""
        return self.item.name


@frozen(kw_only=True)
class GroupDef:
    """A group of a flow: one kind of record, its fields, and the groups below it.

    Attributes:
        seq: 1-based place in the flow's catalogue order; the identity of the group
            within its flow, because a code may stand twice (D0030, D0209, D0401).
        code: the group code, the first field of the record, such as ``026``.
        name: the group's name.
        range: how often it may stand under one parent.
        items: its fields in order.
        groups: the groups that may stand under it, in catalogue order.
    """

    seq: int
    code: str
    name: str
    range: Range
    items: tuple[ItemPlace, ...] = field(default=(), repr=False)
    groups: tuple[GroupDef, ...] = field(default=(), repr=False)

    def walk(self) -> Iterator[GroupDef]:
        """This group and all below it, in catalogue order."""
        yield self
        for group in self.groups:
            yield from group.walk()

    def place(self, jcode: str) -> ItemPlace | None:
        """The first place of an item in this group, or None."""
        return next((place for place in self.items if place.item.jcode == jcode), None)


@frozen(kw_only=True)
class FlowRoute:
    """A pair of roles between which a flow may travel, by the catalogue's labels.

    Attributes:
        sender: role label, such as ``Supplier``.
        recipient: role label, such as ``MOP``.
    """

    sender: str
    recipient: str

    def __str__(self) -> str:
        return f"{self.sender} -> {self.recipient}"


@frozen(kw_only=True, slots=False)
class FlowDef:
    """A flow version: everything the catalogue says about it.

    Attributes:
        flow: its number, such as ``D0010``.
        version: its version, three digits, such as ``002``.
        name: its name, which belongs to the version.
        status: as published, such as ``Operational``; empty if not stated.
        owner: who governs the flow; empty if not stated.
        routes: the pairs of roles between which it may travel; empty if not known.
        groups: the level-1 groups in catalogue order.
        structured: False for an envelope-only entry, whose body is carried as it is.
        sketch: level-1 groups as a weak source gives them, for people to look at: nothing
            may be enforced by them, items may lack a reference.  Only in envelope-only entries.
        conditions: the documented conditions on its groups and items; almost all are
            not known, so what they do not mention is not decided.
        provenance: where the entry comes from.
    """

    flow: str
    version: str
    name: str
    status: str = ""
    owner: str = ""
    routes: tuple[FlowRoute, ...] = field(default=(), repr=False)
    groups: tuple[GroupDef, ...] = field(default=(), repr=False)
    structured: bool = field()
    sketch: tuple[GroupDef, ...] = field(default=(), repr=False)
    conditions: tuple[Condition, ...] = field(default=(), repr=False)
    provenance: Provenance

    @structured.default
    def _has_groups(self) -> bool:
        return bool(self.groups)

    @property
    def key(self) -> tuple[str, str]:
        """Flow and version, as the catalogue is keyed."""
        return (self.flow, self.version)

    def __str__(self) -> str:
        return f"{self.flow} v{self.version}"

    def walk(self) -> Iterator[GroupDef]:
        """All groups in catalogue order."""
        for group in self.groups:
            yield from group.walk()

    @cached_property
    def codes(self) -> frozenset[str]:
        """Every group code of the flow."""
        return frozenset(group.code for group in self.walk())

    @property
    def instance(self) -> GroupDef | None:
        """The group whose occurrences are the flow instances, where there is one.

        Facts, envelope section 3: the first level-1 group.  None without a structure.
        """
        return self.groups[0] if self.groups else None

    @property
    def instance_sure(self) -> bool:
        """Whether `instance` is more than a presumption: a single repeating level-1 group."""
        return len(self.groups) == 1 and self.groups[0].range.most is None
