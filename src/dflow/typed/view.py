"""Groups of a tree to models, and models to groups.

In: a `dflow.Group`, raw and true.  Out: the generated model that shows its values; and
from a model the group that a writer can write.  This module does not read files.

A view keeps the values, not how they were written, and keeps children by kind: the order
in which groups of different kinds stood under one parent is the raw tree's to tell, and
`to_group` writes them in catalogue order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from dflow.errors import StructureError
from dflow.findings import Finding
from dflow.flow import Group
from dflow.records import Record
from dflow.typed.faulty import Faulty, Undecodable, faults
from dflow.typed.shape import GroupShape, Model
from dflow.typed.values import text_of

__all__ = ["decode", "from_group", "to_group"]

M = TypeVar("M")


def from_group(shape: GroupShape[M], group: Group, *, pool: bool = False) -> M:
    """The typed view of a group and all below it.

    Args:
        shape: the model's ``__dflow_shape__``.
        group: a group of the model's kind, as `dflow.read` gives it.
        pool: whether it stands in a pool file, whose records need no closing pipe.

    Raises:
        Undecodable: if a record does not have its fields, a value not its format, or a
            group fits nowhere; `Undecodable.faulty` holds every reason.
        StructureError: if the group is of another kind.
    """
    seen = decode(shape, group, pool=pool)
    if isinstance(seen, Faulty):
        raise Undecodable(seen)
    return seen


def decode(shape: GroupShape[M], group: Group, *, pool: bool = False) -> M | Faulty:
    """The typed view of a group, or the value that says why it has none.

    Raises:
        StructureError: if the group is of another kind.
    """
    if group.code != shape.code:
        raise StructureError(
            f"a group {group.code} is no {shape.model.__name__}, which is a group {shape.code}"
        )
    seen = _decode(shape, group, pool=pool)
    if seen is None:
        found: tuple[Finding, ...] = faults(group, shape, pool=pool)
        return Faulty(group=group, findings=found)
    return seen


def _decode(shape: GroupShape[M], group: Group, *, pool: bool) -> M | None:
    """The model, or None if anything at all is wrong.  As deep as the catalogue, not the file."""
    expression = shape.pool_expression if pool else shape.expression
    text = group.record.raw.decode("latin-1")
    if expression.fullmatch(text) is None:
        return None
    held: list[list[Any]] = [[] for _ in shape.children]
    for below in group.groups:
        if not below.record.raw:
            continue  # a blank line holds nothing
        kind = shape.kind(below)
        if kind is None:
            return None
        seen = _decode(shape.children[kind].shape, below, pool=pool)
        if seen is None:
            return None
        held[kind].append(seen)
    return shape.decode(text.split("|"), held)


def to_group(model: Model, *, end: bytes = b"\n") -> Group:
    r"""The group that a model shows, and all below it in catalogue order.

    The records carry no line numbers (0), because they stand in no file yet.  Values are
    written as they are: whether a text is too long, or a code in its list, is told by the
    writer, every fault at once.

    Args:
        model: an object of a generated class.
        end: the line terminator of the records.

    Raises:
        ValueError: if a text cannot stand in a record at all (a pipe, a control
            character, a character outside Latin-1), or a value would lose something (a
            time zone, a fraction of a second).
        TypeError: if a value is not of its field's type.
    """
    shape = model.__dflow_shape__
    groups: list[Group] = []
    for child in shape.children:
        objects: Sequence[Model] = getattr(model, child.attribute)
        groups += [to_group(one, end=end) for one in objects]
    raw = "|".join([shape.code, *_texts(model, shape), ""]).encode("latin-1")
    return Group(record=Record(0, raw, end), definition=shape.definition, groups=tuple(groups))


def _texts(model: Model, shape: GroupShape[Any]) -> list[str]:
    texts: list[str] = []
    for item in shape.items:
        value = getattr(model, item.attribute) if item.attribute else None
        try:
            texts.append(
                "" if value is None else text_of(value, item.kind, item.format.partition("(")[0])
            )
        except (TypeError, ValueError) as error:
            where = f"{shape.model.__name__}.{item.attribute} ({item.jcode})"
            raise type(error)(f"{where}: {error}") from None
    return texts
