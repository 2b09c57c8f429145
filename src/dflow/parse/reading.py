"""A whole file as a tree.

In: a source.  Out: a `Flow` from which every byte can be had again.  This module does
not judge: what does not fit is kept, with its reason, and nothing is raised about what
the bytes are.
"""

from __future__ import annotations

from collections.abc import Iterator

from dflow.catalogue import Catalogue
from dflow.envelope import Trailer, read_trailer
from dflow.flow import Flow, Group
from dflow.parse.opening import Opening, is_trailer, open_file
from dflow.parse.source import Source, open_source
from dflow.parse.tree import TreeBuilder
from dflow.records import Record, split_records

__all__ = ["after_reason", "read"]


def read(source: Source, *, catalogue: Catalogue | None = None) -> Flow:
    """Read a whole file into a tree.

    Every byte is kept: ``bytes(read(source))`` is the file again, whatever it holds.

    Args:
        source: a path, bytes, a binary file or an iterable of chunks.
        catalogue: the definitions to read by; the bundled ones unless given.

    Raises:
        SourceError: if the bytes cannot be had.
    """
    with open_source(source) as opened:
        records = split_records(opened.chunks)
        first = next(records, None)
        if first is None:
            return Flow(header=None)
        opening = open_file(first, catalogue)
        return _body(opening, records)


def _body(opening: Opening, records: Iterator[Record]) -> Flow:
    builder = TreeBuilder(opening.grammar)
    groups: list[Group] = []
    after: list[Group] = []
    trailer: Trailer | None = None
    trailer_record: Record | None = None
    headed = opening.header is not None
    if not headed and not is_trailer(opening.record):
        groups.append(Group(record=opening.record, stray="header-missing"))
    elif not headed:
        trailer_record = opening.record
        trailer = read_trailer(trailer_record.raw, line=1).trailer
    for record in records:
        if trailer_record is not None:
            after.append(Group(record=record, stray=after_reason(record)))
        elif is_trailer(record):
            trailer_record = record
            trailer = read_trailer(record.raw, line=record.line, pool=opening.pool).trailer
        else:
            groups += builder.add(record)
    groups += builder.close()
    return Flow(
        header=opening.header,
        definition=opening.definition,
        groups=tuple(groups),
        trailer=trailer,
        header_record=opening.record if headed else None,
        trailer_record=trailer_record,
        after=tuple(after),
        mark=opening.mark,
    )


def after_reason(record: Record) -> str:
    """Why a record behind the trailer is a stray."""
    return "after-trailer" if record.raw else "blank-line-at-end"
