"""A flow's groups as tables: one a group, typed columns, the keys of the parents.

In: a flow's definition.  Out: `Table`s and their `Column`s.  This module reads no file.

A row of a table is a record.  Its first columns say where it stands: ``file``, ``line``
and ``parent_line``, which join tables exactly.  Then come the parents' keys, outermost
first, so that most questions need no join: of each group above, the first item that is
not always blank (`026_mpan_core`, `028_meter_id`), which is what identifies it in nearly
every flow.  Then the group's own items.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal

from attrs import frozen

from dflow.catalogue.formats import Format
from dflow.catalogue.model import FlowDef, GroupDef, ItemPlace
from dflow.typed.names import item_names
from dflow.typed.values import Kind, kind_of, to_date, to_datetime, to_time

__all__ = ["PLACE", "Column", "Misfit", "Table", "Value", "tables_of"]

#: What a field becomes; None for a blank one.
Value = str | int | Decimal | bool | dt.date | dt.time | dt.datetime | None

#: The columns that every table starts with.
PLACE = ("file", "line", "parent_line")


@frozen
class Misfit:
    """What a value becomes that does not have its item's format: the text it is."""

    text: str


@frozen(kw_only=True)
class Column:
    """An item's column.

    Attributes:
        name: unique in its table, from the item's name.
        place: the item and its position in its record.
        kind: what its values are.
        hidden: whether its values are left out.
    """

    name: str
    place: ItemPlace
    kind: Kind
    hidden: bool = False

    @property
    def format(self) -> Format:
        """The item's format."""
        return self.place.item.format

    def value(self, text: str) -> Value | Misfit:
        """A field's value; None if it is blank or hidden, `Misfit` if not in its format."""
        if not text or self.hidden:
            return None
        if self.kind in ("str", "code"):
            return text
        if not self.format.admits(text):
            return Misfit(text)
        return _DECODERS[self.kind](text)


#: From the text of a value, which has been seen to have its format, to the value.
_DECODERS: dict[Kind, Callable[[str], Value]] = {
    "int": int,
    "Decimal": Decimal,
    "bool": lambda text: text == "T",
    "date": to_date,
    "time": to_time,
    "datetime": to_datetime,
}


@frozen(kw_only=True)
class Table:
    """A group's table.

    Attributes:
        name: the group's code, numbered where the flow has it twice.
        definition: the group.
        keys: a column for each group above, outermost first.
        columns: a column for each of the group's items that is not always blank.
    """

    name: str
    definition: GroupDef
    keys: tuple[Column, ...]
    columns: tuple[Column, ...]

    @property
    def header(self) -> tuple[str, ...]:
        """The names of all columns, in order."""
        return (*PLACE, *(column.name for column in (*self.keys, *self.columns)))


def tables_of(definition: FlowDef, *, mask: bool = False) -> dict[int, Table]:
    """The tables of a flow, by the sequence number of their groups, in catalogue order.

    Args:
        definition: the flow.
        mask: whether the values of sensitive items are left out.
    """
    codes = Counter(group.code for group in definition.walk())
    seen: Counter[str] = Counter()
    tables: dict[int, Table] = {}
    for group, above in _with_parents(definition.groups, ()):
        seen[group.code] += 1
        number = f"_{seen[group.code]}" if codes[group.code] > 1 else ""
        tables[group.seq] = Table(
            name=group.code + number,
            definition=group,
            keys=tuple(_key(parent, mask) for parent in above if _first(parent) is not None),
            columns=tuple(_columns(group, mask)),
        )
    return tables


def _with_parents(
    groups: tuple[GroupDef, ...], above: tuple[GroupDef, ...]
) -> Iterator[tuple[GroupDef, tuple[GroupDef, ...]]]:
    for group in groups:
        yield group, above
        yield from _with_parents(group.groups, (*above, group))


def _first(group: GroupDef) -> ItemPlace | None:
    return next((place for place in group.items if place.presence != "blank"), None)


def _key(group: GroupDef, mask: bool) -> Column:  # noqa: FBT001  passed on as it came
    column = next(iter(_columns(group, mask)))
    return Column(
        name=f"{group.code}_{column.name}",
        place=column.place,
        kind=column.kind,
        hidden=column.hidden,
    )


def _columns(group: GroupDef, mask: bool) -> Iterator[Column]:  # noqa: FBT001  passed on
    for place, name in zip(group.items, item_names(group), strict=True):
        if name:
            hidden = mask and bool(place.item.sensitive)
            taken = name if name not in PLACE else f"{name}_"
            yield Column(name=taken, place=place, kind=kind_of(place.item), hidden=hidden)
