"""A published catalogue, read from its Word files table by table.

In: the blocks of Word files.  Out: a `Publication`: flows and items as published, and an
`Unread` for everything that could not be read (`dflow.catalogue.published`).  This module
does not know how the catalogue is stored, and carries no descriptions and no notes.

The layout (facts, DTC 15.4): no styles, only paragraphs and tables in order, each table
recognised by its first cell.  ``Flow Ref`` opens the index of flows; then for each flow
come tables that open with ``Flow Reference:``, ``Flow Name:``, ``From`` (its routes),
``Reference`` (its items), ``Group`` (its structure) and ``Notes:``.  ``Item Name:`` opens an
item.  Nothing is taken from the publication's title or from counts, and columns are found
by their headings, so that another catalogue in the same layout can be read too.

A flow whose structure has a row that cannot be read keeps its name and routes but no
structure: a structure with a field left out would shift every field after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from attrs import define, evolve, field

from dflow.catalogue.published import Publication, PublishedFlow, PublishedItem, Unread
from dflow.catalogue.published_items import read_item
from dflow.catalogue.published_structure import (
    RowFault,
    column_of,
    labelled,
    read_structure,
)
from dflow.catalogue.tables import FLOW_REFERENCE, ITEM_REFERENCE, VERSION, is_code
from dflow.catalogue.wordfile import Block, Paragraph, Table, read_word
from dflow.errors import SourceError

__all__ = ["Publication", "PublishedFlow", "PublishedItem", "Unread", "read_publication"]

#: The most remarks that are kept: a file that is no catalogue may give one a table.
_MOST_UNREAD = 10_000


def read_publication(folder: Path) -> Publication:
    """Read every Word file of a folder.

    Raises:
        SourceError: if there is none, or one cannot be read or is refused as hostile.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder}: no such folder")
    paths = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() == ".docx" and not path.name.startswith("~$")
    )
    if not paths:
        raise SourceError(f"{folder}: the folder holds no Word file (.docx)")
    publication = Publication()
    for path in paths:
        _Reader(publication, path.name).read(read_word(path))
    _settle_items(publication)
    return publication


@define
class _Reader:
    """Reads one file's blocks into a publication."""

    publication: Publication
    file: str
    flow: PublishedFlow | None = field(default=None, init=False)
    listed: set[str] = field(factory=set, init=False)
    indexed: dict[str, int] = field(factory=dict, init=False)
    index_table: int = field(default=0, init=False)
    above: str = field(default="", init=False)

    def read(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            if isinstance(block, Paragraph):
                self._title(block.text)
            elif any(any(row) for row in block.rows):
                handler = self._handler(block)
                if handler is None:
                    start = block.first[:40]
                    self._report(block, f"not recognised: it starts with {start!r}; left out")
                else:
                    handler(block)
        self._check_index()

    def _handler(self, table: Table) -> Callable[[Table], None] | None:
        first = table.first.casefold().strip()
        second = table.rows[0][1].casefold() if table.rows and len(table.rows[0]) > 1 else ""
        opening: dict[str, Callable[[Table], None]] = {
            "flow ref": self._index,
            "flow reference:": self._open_flow,
            "flow name:": self._flow_name,
            "from": self._routes,
            "reference": self._item_list,
            "group": self._structure,
            "item name:": self._item,
            "item name": _nothing,
            "ref": _nothing,
            "notes:": _nothing,
            "domain name": _nothing,
            "domain name:": _nothing,
        }
        if first == "reference" and "name" not in second:
            return None
        return opening.get(first)

    def _report(self, table: Table, message: str, *, row: int = 0, about: str = "") -> None:
        unread = self.publication.unread
        if len(unread) < _MOST_UNREAD:
            unread.append(
                Unread(file=self.file, table=table.number, row=row, about=about, message=message)
            )

    def _title(self, text: str) -> None:
        """The line ``Version 15.4 Dated: 28 April 2026``, and the title's end in the line above."""
        publication, above = self.publication, self.above
        self.above = text
        found = re.fullmatch(r"Version\s+(\S+)(?:\s+Dated:?\s+(.+))?", text, re.IGNORECASE)
        if not found:
            return
        version, date = found[1], (found[2] or "").strip()
        if not publication.version:
            publication.version, publication.date = version, date
            publication.name = above.rpartition(":")[2].strip()[:40] if ":" in above else ""
        elif (version, date) != (publication.version, publication.date):
            told = f"it says version {version} {date}, another file {publication.title}".strip()
            self._report(Table((), 0), told)

    # -- flows ---------------------------------------------------------------------------

    def _index(self, table: Table) -> None:
        self.index_table = self.index_table or table.number
        for number, row in enumerate(table.rows[1:], start=2):
            if row and row[0]:
                self.indexed.setdefault(row[0], number)

    def _check_index(self) -> None:
        described = {reference for reference, _ in self.publication.flows}
        for reference, row in self.indexed.items():
            if reference not in described:
                table = Table((), self.index_table)
                self._report(table, "in the index, but not described", row=row, about=reference)

    def _open_flow(self, table: Table) -> None:
        self.flow = None
        cells = labelled(table)
        reference, version = cells.get("flow reference", ""), cells.get("flow version", "")
        if not is_code(FLOW_REFERENCE, reference):
            self._report(table, f"{reference!r} is no flow reference; the flow is left out")
        elif not is_code(VERSION, version):
            self._report(table, f"{version!r} is no version; left out", about=reference)
        elif (reference, version) in self.publication.flows:
            self._report(
                table, "described before; this one is left out", about=f"{reference} v{version}"
            )
        else:
            self.listed = set()
            self._keep(
                PublishedFlow(reference=reference, version=version, status=cells.get("status", ""))
            )

    def _keep(self, flow: PublishedFlow) -> None:
        self.flow = flow
        self.publication.flows[flow.reference, flow.version] = flow

    def _current(self, table: Table) -> PublishedFlow | None:
        if self.flow is None:
            self._report(table, f"{table.first!r} stands outside a flow that is read; left out")
        return self.flow

    def _flow_name(self, table: Table) -> None:
        if flow := self._current(table):
            cells = labelled(table)
            name, owner = cells.get("flow name", ""), cells.get("flow ownership", "")
            if not name:
                self._report(table, "the flow has no name", row=1, about=str(flow))
            self._keep(evolve(flow, name=name, owner=owner))

    def _routes(self, table: Table) -> None:
        flow = self._current(table)
        if flow is None:
            return
        sender, recipient = column_of(table, "From"), column_of(table, "To")
        if sender is None or recipient is None:
            self._report(table, "routes without the columns From and To", about=str(flow))
            return
        routes: dict[tuple[str, str], None] = {}
        for number, row in enumerate(table.rows[1:], start=2):
            pair = (_cell(row, sender), _cell(row, recipient))
            if all(pair):
                routes[pair] = None
            elif any(row):
                self._report(table, "a route lacks a role; left out", row=number, about=str(flow))
        self._keep(evolve(flow, routes=tuple(routes)))

    def _item_list(self, table: Table) -> None:
        if self._current(table):
            self.listed = {row[0] for row in table.rows[1:] if row and row[0]}

    def _structure(self, table: Table) -> None:
        flow = self._current(table)
        if flow is None:
            return
        try:
            structure = read_structure(table)
        except RowFault as fault:
            self._report(
                table,
                f"{fault}; the flow is kept without a structure",
                row=fault.row,
                about=str(flow),
            )
            return
        for row, message in structure.remarks:
            self._report(table, message, row=row, about=str(flow))
        self._keep(evolve(flow, groups=structure.groups, items=structure.items))
        if self.listed and (differing := self.listed ^ set(structure.items)):
            names = ", ".join(sorted(differing)[:6])
            self._report(
                table, f"the list of items and the structure differ: {names}", about=str(flow)
            )

    # -- items ---------------------------------------------------------------------------

    def _item(self, table: Table) -> None:
        item, remarks = read_item(table)
        reference = item.reference
        if not is_code(ITEM_REFERENCE, reference):
            self._report(table, f"{reference!r} is no item reference; the item is left out")
        elif reference in self.publication.items:
            self._report(table, "described before; this one is left out", about=reference)
        else:
            for row, message in remarks:
                self._report(table, message, row=row, about=reference)
            self.publication.items[reference] = evolve(item, name=item.name or reference)


def _nothing(_table: Table) -> None:
    """For tables that are known and hold nothing to carry over: notes, domains, indexes."""


def _cell(row: tuple[str, ...], column: int) -> str:
    return row[column] if column < len(row) else ""


def _settle_items(publication: Publication) -> None:
    """Give every item that a structure names a definition, and compare the two places.

    The item catalogue's name and format stand: the structure's format has no decimals.
    """
    told: set[tuple[str, str]] = set()
    for flow in publication.flows.values():
        report = partial(Unread, file="structure tables", table=0, about=str(flow))
        for reference, (name, fmt) in flow.items.items():
            item = publication.items.get(reference)
            if item is None:
                publication.items[reference] = PublishedItem(
                    reference=reference, name=name or reference, format=_without_decimals(fmt)
                )
                message = f"{reference} is not in the item catalogue; defined from the structure"
                publication.unread.append(report(message=message))
                continue
            for what, here, there in (
                ("calls", name, item.name),
                ("gives the format of", fmt, _first_length(item.format)),
            ):
                if here and there and here != there and (reference, what) not in told:
                    told.add((reference, what))
                    message = (
                        f"the structure {what} {reference} {here!r}, the item catalogue {there!r};"
                        " the item catalogue stands"
                    )
                    publication.unread.append(report(message=message))


def _first_length(fmt: str) -> str:
    """A format as structure tables have it: no sign, no decimals; empty if unstated."""
    bare = fmt.removeprefix("+/-").split(",")[0]
    if bare == "UNSTATED":
        return ""
    return bare + ")" if "(" in bare and not bare.endswith(")") else bare


def _without_decimals(fmt: str) -> str:
    """The format of an item known from a structure only: of NUM the decimals are missing."""
    return "UNSTATED" if fmt.startswith("NUM") or not fmt else fmt
