"""The head of a file: its mark, its header, and what the catalogue says of it.

In: a file's first record.  Out: an `Opening`.  This module reads no body.
"""

from __future__ import annotations

from attrs import evolve, frozen

from dflow.catalogue import Catalogue, bundled
from dflow.catalogue.model import FlowDef
from dflow.envelope import Header, HeaderReading, read_header
from dflow.grammar import RecordGrammar, compile_grammar
from dflow.records import Record

__all__ = ["BOM", "Opening", "is_header", "is_trailer", "open_file"]

#: The byte-order mark of UTF-8, which some editors put before the first record.
BOM = b"\xef\xbb\xbf"


@frozen(kw_only=True)
class Opening:
    """How a file opens.

    Attributes:
        mark: the byte-order mark, or nothing.
        record: the first record, without the mark.
        reading: the header and the findings about it.
        definition: the catalogue's entry, or None.
        grammar: the flow's grammar, or None where its structure is not known.
    """

    mark: bytes
    record: Record
    reading: HeaderReading
    definition: FlowDef | None
    grammar: RecordGrammar | None

    @property
    def header(self) -> Header | None:
        """The address, or None if the first record is no header."""
        return self.reading.header

    @property
    def pool(self) -> bool:
        """Whether the file is a pool file, whose records need no closing pipe."""
        return self.header is not None and self.header.envelope != "ZHV"


def open_file(first: Record, catalogue: Catalogue | None) -> Opening:
    """What the first record of a file says; the bundled catalogue unless another is given."""
    mark = BOM if first.raw.startswith(BOM) else b""
    record = evolve(first, raw=first.raw[len(mark) :])
    reading = read_header(record.raw, line=record.line)
    definition = None
    if reading.header is not None:
        known = bundled() if catalogue is None else catalogue
        definition = known.get(reading.header.flow, reading.header.version)
    grammar = compile_grammar(definition) if definition and definition.groups else None
    return Opening(
        mark=mark, record=record, reading=reading, definition=definition, grammar=grammar
    )


def is_header(record: Record) -> bool:
    """Whether a record is a header, of a form that is read (ZHV, ZHD) or not (ZHF)."""
    return record.raw[:3] in (b"ZHV", b"ZHD", b"ZHF")


def is_trailer(record: Record) -> bool:
    """Whether a record is a trailer."""
    return record.raw[:4] in (b"ZPT|", b"ZPT")
