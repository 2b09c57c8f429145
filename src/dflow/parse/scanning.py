"""A file as a stream of root groups, in memory that does not grow with the file.

In: a source.  Out: a `Scan`: the header at once, then one root group after another.
This module does not judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from attrs import define, field

from dflow.catalogue import Catalogue
from dflow.catalogue.model import FlowDef
from dflow.envelope import Header, Trailer, read_trailer
from dflow.flow import Group
from dflow.parse.opening import Opening, is_trailer, open_file
from dflow.parse.reading import after_reason
from dflow.parse.source import Source, open_source
from dflow.parse.tree import TreeBuilder
from dflow.records import Record, split_records

__all__ = ["Scan", "scan"]


@define(eq=False)
class Scan:
    """A file that is being read, root group by root group; iterate it once.

    Attributes:
        header: the address, or None if the first record is no header.
        definition: the catalogue's entry, or None if the catalogue has none.
        header_record: the record of the header; None if there is none.
        trailer: the counts, once the whole file has been iterated.
        trailer_record: the record of the trailer, once the whole file has been iterated.
        after: records behind the trailer, once the whole file has been iterated.
        mark: the byte-order mark before the first record; empty as a rule.
    """

    header: Header | None = None
    definition: FlowDef | None = None
    header_record: Record | None = None
    trailer: Trailer | None = None
    trailer_record: Record | None = None
    after: list[Group] = field(factory=list)
    mark: bytes = b""
    _groups: Iterator[Group] = field(factory=lambda: iter(()), repr=False)

    def __iter__(self) -> Iterator[Group]:
        return self._groups

    def __next__(self) -> Group:
        return next(self._groups)

    def close(self) -> None:
        """Stop early: close the file, if it was opened here."""
        close = getattr(self._groups, "close", None)
        if close is not None:
            close()


def scan(source: Source, *, catalogue: Catalogue | None = None) -> Scan:
    """Stream a file's root groups; its header is read at once.

    A root group is a level-1 group with all below it, or a record that fits nowhere and
    stands before the first of them.

    Args:
        source: a path, bytes, a binary file or an iterable of chunks.
        catalogue: the definitions to read by; the bundled ones unless given.

    Raises:
        SourceError: if the bytes cannot be had.
    """
    opened = Scan()
    groups = _stream(opened, source, catalogue)
    next(groups, None)  # as far as the header
    opened._groups = groups  # noqa: SLF001  its own factory
    return opened


def _stream(scanned: Scan, source: Source, catalogue: Catalogue | None) -> Iterator[Group]:
    with open_source(source) as chunks:
        records = split_records(chunks.chunks)
        first = next(records, None)
        if first is None:
            return
        opening = open_file(first, catalogue)
        scanned.header, scanned.definition = opening.header, opening.definition
        scanned.mark = opening.mark
        if opening.header is not None:
            scanned.header_record = opening.record
        yield Group(record=opening.record)  # taken by scan(), which has the header now
        yield from _body(scanned, opening, records)


def _body(scanned: Scan, opening: Opening, records: Iterator[Record]) -> Iterator[Group]:
    builder = TreeBuilder(opening.grammar)
    if is_trailer(opening.record):
        records = chain((opening.record,), records)
    elif opening.header is None:
        yield Group(record=opening.record, stray="header-missing")
    for record in records:
        if is_trailer(record):
            scanned.trailer_record = record
            reading = read_trailer(record.raw, line=record.line, pool=opening.pool)
            scanned.trailer = reading.trailer
            break
        yield from builder.add(record)
    yield from builder.close()
    for record in records:
        scanned.after.append(Group(record=record, stray=after_reason(record)))
