"""Where an MPAN is named in an archive: its files in the order of their making.

In: paths, and an MPAN.  Out: a `Timeline` of `Sighting` values, and what could not be
read.  This module judges no file and looks for no answers.

A file is streamed twice at most: once for the MPAN's bytes, and, if they are there, group
by group.  What is kept is what names the MPAN, so memory does not grow with the archive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

from attrs import field, frozen

from dflow.catalogue import Catalogue, FlowDef
from dflow.envelope import Header
from dflow.errors import SourceError
from dflow.flow import Group
from dflow.identifiers import MPAN_ITEMS
from dflow.parse import Scan, open_source, scan
from dflow.records import Record

__all__ = ["Sighting", "Skipped", "Timeline", "timeline"]

#: The item by which a flow that has it is about an MPAN; its other items only mention one.
_MPAN_CORE = "J0003"


@frozen(kw_only=True)
class Sighting:
    """A file that names the MPAN.

    Attributes:
        path: the file.
        header: its address.
        definition: what the catalogue knows of its flow; None if nothing.
        items: the J-codes of the items that hold the MPAN, sorted; empty where only
            fields without a definition do.
        records: the records that name it, and those of the groups below them, in file
            order.
    """

    path: Path
    header: Header
    definition: FlowDef | None = field(default=None, repr=str)
    items: tuple[str, ...] = ()
    records: tuple[Record, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """The flow's published name; empty if it is not known."""
        return self.definition.name if self.definition else ""

    @property
    def at(self) -> datetime | None:
        """When the file was made, as its header says, in local time; None if that is no time."""
        return self.header.created_at

    @property
    def about(self) -> bool:
        """Whether the flow is about the MPAN, and does not just mention it beside another."""
        if not self.items or _MPAN_CORE in self.items or self.definition is None:
            return True
        return all(
            place.item.jcode != _MPAN_CORE
            for group in self.definition.walk()
            for place in group.items
        )


@frozen
class Skipped:
    """A file that could not be looked into, and why."""

    path: Path
    reason: str


@frozen(kw_only=True)
class Timeline:
    """An MPAN's flows.

    Attributes:
        mpan: the MPAN that was asked for.
        files: how many files were looked at, those that were skipped included.
        sightings: the files that name it, oldest first; last those whose header has no time.
        skipped: the files that could not be read or have no header, in the order given.
    """

    mpan: str
    files: int
    sightings: tuple[Sighting, ...]
    skipped: tuple[Skipped, ...]


def timeline(paths: Iterable[Path], mpan: str, *, catalogue: Catalogue | None = None) -> Timeline:
    """Look for an MPAN in files.

    Args:
        paths: the files.
        mpan: thirteen digits.
        catalogue: the definitions to read by; the bundled ones unless given.

    Raises:
        ValueError: if `mpan` is not thirteen digits.
    """
    if not (len(mpan) == 13 and mpan.isascii() and mpan.isdigit()):
        raise ValueError(f"an MPAN is thirteen digits, not {mpan!r}")
    files = 0
    seen: list[Sighting] = []
    skipped: list[Skipped] = []
    for path in paths:
        files += 1
        try:
            found = _look(path, mpan, catalogue)
        except SourceError as error:
            skipped.append(Skipped(path, str(error)))
            continue
        if isinstance(found, Skipped):
            skipped.append(found)
        elif found is not None:
            seen.append(found)
    seen.sort(key=_order)
    return Timeline(mpan=mpan, files=files, sightings=tuple(seen), skipped=tuple(skipped))


def _order(one: Sighting) -> tuple[datetime, str, str]:
    return one.at or datetime.max, one.header.file_id, str(one.path)  # noqa: DTZ901  files tell local time


def _look(path: Path, mpan: str, catalogue: Catalogue | None) -> Sighting | Skipped | None:
    opened = scan(path, catalogue=catalogue)
    with closing(opened):
        if opened.header is None:
            return Skipped(path, f"{path}: has no header")
        if not _holds(path, mpan.encode("ascii")):
            return None
        items, records = _taken(opened, mpan)
    if not records:
        return None  # its digits stand within a longer value, or in the envelope
    return Sighting(
        path=path,
        header=opened.header,
        definition=opened.definition,
        items=tuple(sorted(items)),
        records=tuple(records[line] for line in sorted(records)),
    )


def _holds(path: Path, wanted: bytes) -> bool:
    """Whether the bytes occur in the file, over the edges of its chunks too."""
    kept = b""
    with open_source(path) as source:
        for chunk in source.chunks:
            data = kept + chunk
            if wanted in data:
                return True
            kept = data[-len(wanted) + 1 :]
    return False


def _taken(opened: Scan, mpan: str) -> tuple[set[str], dict[int, Record]]:
    """The items that hold the MPAN, and by line the records that belong to it."""
    items: set[str] = set()
    records: dict[int, Record] = {}
    for root in opened:
        for group in root.walk():
            if mpan not in group.values:
                continue
            named = _items(group, mpan)
            if group.definition is not None and not named:
                continue  # another item of thirteen digits
            items.update(named)
            records.update((one.record.line, one.record) for one in group.walk())
    return items, records


def _items(group: Group, mpan: str) -> set[str]:
    return {jcode for jcode in _held(group) if group.get(jcode) == mpan}


def _held(group: Group) -> Iterator[str]:
    for place in group.definition.items if group.definition else ():
        if place.item.jcode in MPAN_ITEMS:
            yield place.item.jcode
