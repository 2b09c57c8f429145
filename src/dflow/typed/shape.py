"""What a generated model knows of itself: its group, its fields, how to decode a record.

In: what the generator wrote into a module.  Out: `GroupShape` and `FlowShape`, from
which the reader, the view and the writer work, without the catalogue: a module made for
a private flow needs nothing else at run time.  This module does not know files.

A record is decoded in two steps.  One expression, made from the formats of all its
fields, says whether the whole record is right, at the speed of C; then a function
turns its fields into the object, one plain line a field.  What the expression refuses is
explained elsewhere (`dflow.typed.faulty`).  The function is compiled when it is first
needed, as attrs compiles an ``__init__``; it fills the slots directly, which halves the
cost of an object, and a test holds that it makes what the constructor makes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Generic, Protocol, TypeVar, cast

from attrs import field, frozen

from dflow.catalogue import (
    CodeList,
    FlowDef,
    GroupDef,
    ItemDef,
    ItemPlace,
    Presence,
    Provenance,
    parse_format,
    parse_range,
)
from dflow.flow import Group
from dflow.typed.compile import decoder
from dflow.typed.values import Kind

__all__ = [
    "Child",
    "Children",
    "FlowShape",
    "GroupShape",
    "Item",
    "Model",
    "Values",
    "flow_shape",
    "tell_of_shapes",
]

M_co = TypeVar("M_co", covariant=True)

#: The fields of a record as a decoder takes them: texts by position, the code at 0.
Values = Sequence[str]

#: Child objects by kind of child, in the order of `GroupShape.children`; None for none.
Children = Sequence[Sequence[Any]] | None

_MADE = Provenance(source="model", detail="a generated module")


class Model(Protocol):
    """A generated class: a frozen view of one kind of group."""

    __dflow_shape__: ClassVar[GroupShape[Any]]


@frozen
class Item:
    """A field of a model, or a field of its record that is always blank.

    Attributes:
        attribute: the model's attribute; empty for a field that is always blank.
        kind: what its value is.
        jcode: the item.
        name: the item's published name.
        format: its format, as the catalogue writes it.
        presence: whether it must hold a value.
        codes: code to label, where the list is complete.
        sensitive: why its values are not shown; empty if they may be.
    """

    attribute: str
    kind: Kind
    jcode: str
    name: str
    format: str
    presence: Presence = "mandatory"
    codes: dict[Any, str] = field(factory=dict, kw_only=True, eq=False)
    sensitive: str = field(default="", kw_only=True)

    @property
    def pattern(self) -> str:
        """An expression for the field, blank where it may be; it captures nothing."""
        if self.presence == "blank":
            return ""
        if self.kind == "code":
            value = "|".join(re.escape(code) for code in self.codes)
        else:
            value = parse_format(self.format).pattern
        return f"(?:{value})?" if self.presence == "optional" else f"(?:{value})"


@frozen
class Child:
    """A kind of child group: the attribute that holds them, and their shape."""

    attribute: str
    shape: GroupShape[Any]


@frozen(kw_only=True, eq=False, slots=False)
class GroupShape(Generic[M_co]):
    """What is known of one kind of group.

    Attributes:
        model: the generated class.
        seq: the group's place in the flow's catalogue order.
        code: the group code.
        name: the group's published name; may be blank.
        range: how often it may stand under one parent, as published.
        items: the fields of its record, in order, those always blank included.
        children: the kinds of groups below it, in catalogue order.
    """

    model: type[M_co]
    seq: int
    code: str
    name: str
    range: str
    items: tuple[Item, ...] = ()
    children: tuple[Child, ...] = ()

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """A whole record of a user file, its line end excepted."""
        return re.compile(self.pattern + r"\|", re.ASCII)

    @cached_property
    def pool_expression(self) -> re.Pattern[str]:
        """A whole record of a pool file, which need not end with a pipe."""
        return re.compile(self.pattern + r"\|?", re.ASCII)

    @property
    def pattern(self) -> str:
        """The text of the expression, without the record's end."""
        return r"\|".join([re.escape(self.code), *(item.pattern for item in self.items)])

    @cached_property
    def decode(self) -> Callable[[Values, Children], M_co]:
        """Makes an object from a record's fields, which the expression has seen to be right."""
        return cast("Callable[[Values, Children], M_co]", decoder(self))

    def kind(self, group: Group) -> int | None:
        """Which of `children` a group below one of this shape is; None if it is none."""
        if group.stray:
            return None
        places = self._by_code.get(group.code, ())
        if len(places) > 1 and group.definition is not None:
            seq = group.definition.seq  # a code that stands twice: the tree knows which
            return next((at for at in places if self.children[at].shape.seq == seq), None)
        return places[0] if places else None

    @cached_property
    def _by_code(self) -> dict[str, tuple[int, ...]]:
        places: dict[str, tuple[int, ...]] = {}
        for place, child in enumerate(self.children):
            code = child.shape.code
            places[code] = (*places.get(code, ()), place)
        return places

    @cached_property
    def definition(self) -> GroupDef:
        """The group as the catalogue defines it."""
        return GroupDef(
            seq=self.seq,
            code=self.code,
            name=self.name,
            range=parse_range(self.range),
            items=tuple(
                ItemPlace(item=_item_def(item), position=place, presence=item.presence)
                for place, item in enumerate(self.items, start=1)
            ),
            groups=tuple(child.shape.definition for child in self.children),
        )


def _item_def(item: Item) -> ItemDef:
    return ItemDef(
        jcode=item.jcode,
        name=item.name,
        format=parse_format(item.format),
        codes=CodeList(codes=dict(item.codes)) if item.codes else None,
        sensitive=item.sensitive,
        provenance=_MADE,
    )


@frozen(kw_only=True, eq=False, slots=False)
class FlowShape(Generic[M_co]):
    """What is known of a flow version: the root of a generated module.

    The type parameter is the type of its level-1 objects: one class, or a union.

    Attributes:
        flow: its number, such as ``D0010``.
        version: its version, such as ``002``.
        name: its published name.
        roots: the level-1 groups, in catalogue order.
    """

    flow: str
    version: str
    name: str
    roots: tuple[GroupShape[M_co], ...]

    @cached_property
    def definition(self) -> FlowDef:
        """The flow as the catalogue defines it, its routes excepted."""
        return FlowDef(
            flow=self.flow,
            version=self.version,
            name=self.name,
            groups=tuple(shape.definition for shape in self.roots),
            provenance=_MADE,
        )

    @cached_property
    def shapes(self) -> dict[int, GroupShape[Any]]:
        """Every group's shape by its place in catalogue order (`GroupDef.seq`)."""
        found: dict[int, GroupShape[Any]] = {}
        stack: list[GroupShape[Any]] = list(self.roots)
        while stack:
            shape = stack.pop()
            found[shape.seq] = shape
            stack.extend(child.shape for child in shape.children)
        return found

    def __str__(self) -> str:
        return f"{self.flow} v{self.version}"


def flow_shape(  # noqa: PLR0917  called by generated modules only, where order is no burden
    flow: str,
    version: str,
    name: str,
    models: Sequence[type[Any]],
    table: str,
    labels: Mapping[str, dict[Any, str]] | None = None,
    sensitive: Mapping[str, str] | None = None,
) -> FlowShape[Any]:
    """The shape of a flow, and of each of its models, from what a generated module holds.

    Args:
        flow: its number.
        version: its version.
        name: its published name.
        models: every model, in catalogue order.
        table: a line a group (code, range, attribute, name), indented four columns a
            level; below it a line an item, two columns further (J-code, presence, format,
            kind, attribute or ``-``, name).
        labels: code lists by J-code, for the items of the kind ``code``.
        sensitive: why an item's values are not shown, by J-code.
    """
    lines = iter(table.strip("\n").split("\n"))
    rows = _rows(lines, labels or {}, sensitive or {})
    # Children stand after their parents, so shapes are made from the last to the first.
    below: dict[int, list[Child]] = {}
    for seq in range(len(rows), 0, -1):
        row, model = rows[seq - 1], models[seq - 1]
        shape: GroupShape[Any] = GroupShape(
            model=model,
            seq=seq,
            code=row.code,
            name=row.name,
            range=row.range,
            items=tuple(row.items),
            children=tuple(reversed(below.pop(row.level + 1, []))),
        )
        model.__dflow_shape__ = shape
        below.setdefault(row.level, []).append(Child(row.attribute, shape))
    roots = tuple(child.shape for child in reversed(below.get(0, [])))
    made = FlowShape(flow=flow, version=version, name=name, roots=roots)
    _made.append(made)
    for listener in _listeners:
        listener(made)
    return made


#: Every shape so far, and who is told of the next: test tools learn of models that way.
_made: list[FlowShape[Any]] = []
_listeners: list[Callable[[FlowShape[Any]], None]] = []


def tell_of_shapes(listener: Callable[[FlowShape[Any]], None]) -> None:
    """Tell of every flow's shape: of those that are made already, and of each that will be."""
    _listeners.append(listener)
    for shape in tuple(_made):
        listener(shape)


@frozen
class _Row:
    """A group's line of a table, and those of its items."""

    level: int
    code: str
    range: str
    attribute: str
    name: str
    items: list[Item] = field(factory=list)


def _rows(
    lines: Iterator[str], labels: Mapping[str, dict[Any, str]], sensitive: Mapping[str, str]
) -> list[_Row]:
    rows: list[_Row] = []
    for line in lines:
        text = line.lstrip(" ")
        indent = len(line) - len(text)
        if indent % 4 == 0:
            code, bounds, attribute, *name = text.split(" ", 3)
            rows.append(_Row(indent // 4, code, bounds, attribute, "".join(name)))
            continue
        jcode, presence, fmt, kind, attribute, item_name = text.split(" ", 5)
        rows[-1].items.append(
            Item(
                "" if attribute == "-" else attribute,
                cast("Kind", kind),
                jcode,
                item_name,
                fmt,
                cast("Presence", presence),
                codes=labels[jcode] if kind == "code" else {},
                sensitive=sensitive.get(jcode, ""),
            )
        )
    return rows
