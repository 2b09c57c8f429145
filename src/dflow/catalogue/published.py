"""What a published catalogue holds, as values: flows, items, and what could not be read.

In: what a reader found.  Out: a `Publication`.  This module does not know Word files, nor
how the catalogue is stored.
"""

from __future__ import annotations

from attrs import define, field, frozen

from dflow.catalogue.model import CodeList
from dflow.catalogue.published_structure import PublishedGroup

__all__ = ["Publication", "PublishedFlow", "PublishedItem", "Unread"]


@frozen(kw_only=True)
class Unread:
    """Something that could not be read, or does not agree with another place.

    Attributes:
        file: the Word file's name.
        table: the table's place among the file's tables, 1-based; 0 for the file.
        row: 1-based row in the table; 0 for the table.
        about: the flow version or item it concerns; empty if none.
        message: what, and what was done instead.
    """

    file: str
    table: int
    row: int = 0
    about: str = ""
    message: str

    def __str__(self) -> str:
        place = f"{self.file}, table {self.table}" if self.table else self.file
        place += f", row {self.row}" if self.row else ""
        return f"{place}: {self.about + ': ' if self.about else ''}{self.message}"


@frozen(kw_only=True)
class PublishedItem:
    """An item as published.

    Attributes:
        reference: such as ``J0003``.
        name: as the item catalogue has it.
        format: its logical format as text, ``UNSTATED`` if there is none.
        domain: empty if none.
        units: empty if none.
        owner: empty if none.
        codes: its code list, or None if it has none that survived.
    """

    reference: str
    name: str
    format: str = "UNSTATED"
    domain: str = ""
    units: str = ""
    owner: str = ""
    codes: CodeList | None = None


@frozen(kw_only=True)
class PublishedFlow:
    """A flow version as published.

    Attributes:
        reference: such as ``D0010``.
        version: such as ``002``.
        name: its name.
        status: such as ``Operational``.
        owner: who governs it.
        routes: pairs of role labels, in the published order, once each.
        groups: its groups in order, each with its level; None if they could not be read.
        items: name and format of each item as the structure has them, by reference.
    """

    reference: str
    version: str
    name: str = ""
    status: str = ""
    owner: str = ""
    routes: tuple[tuple[str, str], ...] = ()
    groups: tuple[PublishedGroup, ...] | None = None
    items: dict[str, tuple[str, str]] = field(factory=dict)

    def __str__(self) -> str:
        return f"{self.reference} v{self.version}"


@define(kw_only=True)
class Publication:
    """What the Word files of a folder hold.

    Attributes:
        name: from the title lines, such as ``DTC``; empty if they do not say.
        version: from the title lines, such as ``15.4``; empty if they do not say.
        date: as printed, such as ``28 April 2026``; empty if they do not say.
        flows: by reference and version, in the published order.
        items: by reference, in the published order.
        unread: what could not be read, in order.
    """

    name: str = ""
    version: str = ""
    date: str = ""
    flows: dict[tuple[str, str], PublishedFlow] = field(factory=dict)
    items: dict[str, PublishedItem] = field(factory=dict)
    unread: list[Unread] = field(factory=list)

    @property
    def title(self) -> str:
        """Name, version and date in one text, as far as they are known."""
        edition = " ".join(part for part in (self.name, self.version) if part)
        return ", ".join(part for part in (edition, self.date) if part)
