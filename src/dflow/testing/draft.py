"""A valid file, taken apart so that one thing in it can be spoiled.

In: a `Flow`.  Out: a `Draft`: its lines, each with its group and its place in the tree,
and the file again with one change and with counts that are right for it.  This module
does not know which changes are faults.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve, frozen

from dflow.catalogue import Catalogue, FlowDef, GroupDef, ItemPlace
from dflow.envelope import Header, Trailer
from dflow.errors import StructureError
from dflow.flow import Flow, Group

__all__ = ["Draft", "Line", "Site", "draft_of"]


@frozen(eq=False)
class Line:
    """One body record and where it stands.

    Attributes:
        at: its index among the file's lines; the header is 0.
        group: the record and its definition.
        definition: what the catalogue says of it.
        parents: the lines of the groups above it, outermost first.
        stop: the index of the first line behind it and all below it.
    """

    at: int
    group: Group
    definition: GroupDef
    parents: tuple[Line, ...]
    stop: int

    @property
    def raw(self) -> bytes:
        """The record's bytes, without its terminator."""
        return self.group.record.raw


@frozen(eq=False)
class Site:
    """One value of a draft.

    Attributes:
        line: the record that holds it.
        place: the item and its position.
        value: the value; empty if blank.
    """

    line: Line
    place: ItemPlace
    value: str

    def spoiled(self, value: str) -> bytes:
        """The record with another value in this place."""
        fields = self.line.raw.split(b"|")
        fields[self.place.position] = value.encode("latin-1")
        return b"|".join(fields)

    @property
    def column(self) -> int:
        """The column at which the value starts."""
        return self.line.group.record.column(self.place.position)


@frozen(eq=False)
class Draft:
    """A valid file, taken apart.

    Attributes:
        flow: the file as a tree.
        definition: its definition.
        catalogue: the catalogue that holds it.
        header: its header.
        trailer: its trailer.
        raw: every line, without terminators; the header first, the trailer last.
        end: the terminator of its first line, and so of all.
        lines: the body records in file order.
    """

    flow: Flow
    definition: FlowDef
    catalogue: Catalogue
    header: Header
    trailer: Trailer
    raw: tuple[bytes, ...]
    end: bytes
    lines: tuple[Line, ...]

    def sites(self) -> Iterator[Site]:
        """Every value of the body, blank ones too."""
        for line in self.lines:
            for place, value in zip(line.definition.items, line.group.values, strict=False):
                yield Site(line, place, value)

    def joined(self, lines: list[bytes]) -> bytes:
        """The bytes of a file of these lines."""
        return b"".join([line + self.end for line in lines])

    def replaced(self, at: int, raw: bytes) -> bytes:
        """The file with another record in the place of line `at`."""
        lines = list(self.raw)
        lines[at] = raw
        return self.joined(lines)

    def recounted(self, body: list[bytes], *, instances: int = 0) -> bytes:
        """The file with another body and the counts that belong to it.

        Args:
            body: the body's records.
            instances: how many flow instances it has more than before.
        """
        flows = self.trailer.flow_count
        trailer = evolve(
            self.trailer,
            group_count=len(body),
            flow_count=None if flows is None else flows + instances,
        )
        return self.joined([self.raw[0], *body, trailer.encode()])

    @property
    def body(self) -> list[bytes]:
        """The body's records, to be changed."""
        return list(self.raw[1:-1])


def draft_of(flow: Flow, catalogue: Catalogue) -> Draft:
    """Take a valid file apart.

    Raises:
        StructureError: if the file is not whole: no header, no trailer, strays, a flow that
            the catalogue does not hold, or a flow
            whose structure is not known; or if it is a pool file.
    """
    header, trailer, definition = flow.header, flow.trailer, flow.definition
    if header is not None and (header.flow, header.version) not in catalogue:
        raise StructureError(
            f"the catalogue does not hold {header.flow} v{header.version}; for a flow of your own,"
            " give the one that does: faulty(…, catalogue=…)"
        )
    if header is None or trailer is None or definition is None or not definition.structured:
        raise StructureError(
            "a fault can be put only into a whole file of a flow whose structure is known"
        )
    if trailer.pool:
        raise StructureError("a fault can be put only into a user file (ZHV), not a pool file")
    if flow.strays:
        raise StructureError(f"the file has {len(flow.strays)} faults of structure already")
    records = list(flow.records())
    return Draft(
        flow=flow,
        definition=definition,
        catalogue=catalogue,
        header=header,
        trailer=trailer,
        raw=tuple(record.raw for record in records),
        end=records[0].end,
        lines=tuple(_lines(flow.groups, ())),
    )


def _lines(groups: tuple[Group, ...], parents: tuple[Line, ...]) -> Iterator[Line]:
    for group in groups:
        if group.definition is None:
            continue
        at = group.record.line - 1
        stop = at + sum(1 for _ in group.walk())
        line = Line(at, group, group.definition, parents, stop)
        yield line
        yield from _lines(group.groups, (*parents, line))
