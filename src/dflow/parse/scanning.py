"""A file as a stream of root groups, in memory that does not grow with the file.

In: a source.  Out: a `Scan`: the header at once, then one root group after another.
This module does not judge.

Where a flow has one repeating level-1 group, as most have, a block is cut at that
group's code and each group is read when it is first looked at: who only counts, or looks
at every tenth, does not pay for the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import define, field, frozen

from dflow.catalogue import Catalogue
from dflow.catalogue.model import FlowDef, GroupDef
from dflow.envelope import Header, Trailer, read_trailer
from dflow.flow import Group, placed_group, unread_group
from dflow.grammar import RecordGrammar
from dflow.parse.opening import Opening, is_trailer, open_file
from dflow.parse.reading import after_reason
from dflow.parse.source import Source, open_source
from dflow.parse.tree import TreeBuilder
from dflow.records import Record, split_records

__all__ = ["Scan", "scan"]

#: Bytes gathered before they are cut.
_BLOCK = 1 << 18

#: What may be a trailer; `is_trailer` says whether it is one.
_TRAILER = re.compile(rb"(?<![^\n])ZPT(?:\||\r?\n|\r?\Z)")


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
    with open_source(source) as opened:
        blocks = _blocks(opened.chunks)
        data = _first(blocks)
        if not data:
            return
        stop = data.find(b"\n") + 1 or len(data)
        first = next(split_records(data[:stop]))
        opening = open_file(first, catalogue)
        scanned.header, scanned.definition = opening.header, opening.definition
        scanned.mark = opening.mark
        if opening.header is not None:
            scanned.header_record = opening.record
        yield Group(record=opening.record)  # taken by scan(), which has the header now
        rest = data[stop:]
        del data
        yield from _Body(scanned, opening).groups(rest, blocks)


def _blocks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    parts: list[bytes] = []
    held = 0
    for chunk in chunks:
        parts.append(chunk)
        held += len(chunk)
        if held >= _BLOCK:
            yield b"".join(parts)
            parts.clear()
            held = 0
    if parts:
        yield b"".join(parts)


def _first(blocks: Iterator[bytes]) -> bytes:
    """Blocks joined until they hold a whole record."""
    parts: list[bytes] = []
    for block in blocks:
        parts.append(block)
        if b"\n" in block:
            break
    return b"".join(parts)


@frozen
class _Reader:
    """Reads an instance that was cut off by its code: the `read` of its groups.

    Most instances take steps that the grammar's walks have taken before, and are read
    along those.  The others are built record by record, and their steps are then known.
    """

    grammar: RecordGrammar
    head: bytes
    _names: dict[bytes, str] = field(init=False)

    @_names.default
    def _lone_names(self) -> dict[bytes, str]:
        """The terminal of each code that has but one: the others are the walk's to choose."""
        names = self.grammar.names.items()
        return {code.encode("latin-1"): some[0] for code, some in names if len(some) == 1}

    def __call__(self, data: bytes, line: int) -> tuple[Record, tuple[Group, ...]]:
        records = list(_records(b"%s%s\n" % (self.head, data), line))
        known = self._along(records)
        if known is not None:
            return known
        builder = TreeBuilder(self.grammar)
        for record in records:
            builder.add(record)
        group = builder.close()[0]
        return group.record, group.groups

    def _along(self, records: list[Record]) -> tuple[Record, tuple[Group, ...]] | None:
        """The instance along known steps alone; None if it takes another."""
        names, known = self._names, self.grammar.steps.known
        first, *others = records
        step = known.get((0, names.get(first.raw.partition(b"|")[0], "")))
        if step is None:
            return None
        opened: list[_Open] = []
        below: list[Group] = []
        context = step[1]
        for record in others:
            step = known.get((context, names.get(record.raw.partition(b"|")[0], "")))
            if step is None or step[0] < 0:
                return None
            closes, context, definition = step
            if closes:
                _close(opened, closes, below)
            opened.append((record, definition, []))
        _close(opened, len(opened), below)
        return first, tuple(below)


#: A group whose children may still come.
_Open = tuple[Record, GroupDef, list[Group]]


def _close(opened: list[_Open], number: int, below: list[Group]) -> None:
    """Close so many open groups; `below` takes those that stand under the root group."""
    for _ in range(number):
        record, definition, groups = opened.pop()
        above = opened[-1][2] if opened else below
        above.append(placed_group(record, definition, tuple(groups)))


@define(eq=False)
class _Body:
    """What follows the first record."""

    scanned: Scan
    opening: Opening
    _line: int = field(default=2, init=False)
    _builder: TreeBuilder = field(init=False)

    @_builder.default
    def _start(self) -> TreeBuilder:
        return TreeBuilder(self.opening.grammar)

    def groups(self, rest: bytes, blocks: Iterator[bytes]) -> Iterator[Group]:
        first = self.opening.record
        if is_trailer(first):
            self._end(first)
        elif self.opening.header is None:
            yield Group(record=first, stray="header-missing")
        root = self._repeating()
        held = [rest]
        size, wanted = len(rest), 0
        for block in blocks:
            held.append(block)
            size += len(block)
            if size >= wanted:
                data = b"".join(held)
                stop = self._whole(data, root)
                yield from self._part(data[:stop], root)
                held = [data[stop:]]
                size = len(held[0])
                wanted = 2 * size  # what was kept waits, so that joining stays linear
        yield from self._part(b"".join(held), root)
        yield from self._builder.close()

    def _repeating(self) -> GroupDef | None:
        """The level-1 group at whose code the body can be cut; None if it cannot be."""
        grammar = self.opening.grammar
        if grammar is None:
            return None
        first, *more = grammar.flow_def.groups
        lone = not more and len(grammar.by_code[first.code]) == 1
        return first if lone and first.range.most is None else None

    def _whole(self, data: bytes, root: GroupDef | None) -> int:
        """How much of some bytes can be taken before more are there."""
        if root is None or self.scanned.trailer_record is not None:
            return data.rfind(b"\n") + 1
        return data.rfind(b"\n%s|" % root.code.encode("latin-1")) + 1

    def _part(self, data: bytes, root: GroupDef | None) -> Iterator[Group]:
        """Whole records, and whole instances if they are cut by `root`."""
        stop = len(data)
        if self.scanned.trailer_record is None:
            found = _TRAILER.search(data) if b"ZPT" in data else None
            stop = found.start() if found else len(data)
            yield from self._cut(data[:stop], root)
            data = data[stop:]
        for record in self._lines(data):
            if self.scanned.trailer_record is None:
                yield from self._builder.close()
                self._end(record)
            else:
                self.scanned.after.append(Group(record=record, stray=after_reason(record)))

    def _cut(self, data: bytes, root: GroupDef | None) -> Iterator[Group]:
        grammar = self.opening.grammar
        code = b"" if root is None else root.code.encode("latin-1")
        if root is not None and grammar is not None and _cuts_well(data, code):
            head = code + b"|"
            start = 0 if data.startswith(head) else data.find(b"\n" + head) + 1
            if start or data.startswith(head):
                yield from self._slowly(data[:start])
                yield from self._builder.close()
                yield from self._quickly(data[start:], root, _Reader(grammar, head))
                return
        yield from self._slowly(data)

    def _slowly(self, data: bytes) -> Iterator[Group]:
        for record in self._lines(data):
            yield from self._builder.add(record)

    def _quickly(self, data: bytes, root: GroupDef, reader: _Reader) -> Iterator[Group]:
        line, head = self._line, reader.head
        for piece in data[len(head) : -1].split(b"\n" + head):
            yield unread_group(root, piece, line, reader)
            line += piece.count(b"\n") + 1
        self._line = line

    def _lines(self, data: bytes) -> Iterator[Record]:
        for record in _records(data, self._line):
            self._line = record.line + 1
            yield record

    def _end(self, record: Record) -> None:
        self.scanned.trailer_record = record
        reading = read_trailer(record.raw, line=record.line, pool=self.opening.pool)
        self.scanned.trailer = reading.trailer


def _cuts_well(data: bytes, code: bytes) -> bool:
    """Whether cutting at `code` and a pipe finds every group of that code.

    A record that is nothing but the code starts a group too, and has no pipe.
    """
    if not data.endswith(b"\n") or data.startswith((code + b"\n", code + b"\r\n")):
        return False
    return b"\n%s\n" % code not in data and b"\n%s\r\n" % code not in data


def _records(data: bytes, line: int) -> Iterator[Record]:
    """The records of whole lines; the very last may have no terminator."""
    lines = data.split(b"\n")
    last = lines.pop()
    for whole in lines:
        if whole.endswith(b"\r"):
            yield Record(line, whole[:-1], b"\r\n")
        else:
            yield Record(line, whole, b"\n")
        line += 1
    if last:
        yield Record(line, last, b"")
