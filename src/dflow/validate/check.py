"""Checking one file: the bytes go through the layers, record by record.

In: a source.  Out: a `Report`.  This module does not judge anything itself: it hands
each record to the layer that knows it, and holds what a file's end needs.

Memory does not grow with the file, only with the findings: a record is forgotten when
it has been checked.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field

from dflow.catalogue import Catalogue, bundled
from dflow.envelope import pool_checksum
from dflow.findings import Place, Report, Severity
from dflow.parse.opening import Opening, is_header, is_trailer, open_file
from dflow.parse.source import Source, open_source
from dflow.records import Record, RecordReader
from dflow.validate.envelope import Counts, check_opening, check_trailer
from dflow.validate.profile import Profile, as_profile
from dflow.validate.sink import Sink
from dflow.validate.structure import BodyCheck, check_bytes

__all__ = ["FileCheck", "check"]


def check(
    source: Source,
    *,
    catalogue: Catalogue | None = None,
    profile: Profile | Mapping[str, Severity] | None = None,
    unmask: bool = False,
) -> Report:
    """Check a file; every fault of it is a finding, and none is an exception.

    Args:
        source: a path, bytes, a binary file or an iterable of chunks.
        catalogue: the definitions to check by; the bundled ones unless given.
        profile: severities that differ from the table's, by finding code.
        unmask: show the values of sensitive items, which are masked otherwise.

    Raises:
        SourceError: if the bytes cannot be had.
        LookupMiss: if the profile names a finding code that does not exist.
    """
    sink = Sink(as_profile(profile), unmask)
    known = bundled() if catalogue is None else catalogue
    with open_source(source) as opened:
        checker = FileCheck(known, sink)
        reader = RecordReader()
        for chunk in opened.chunks:
            for record in reader.feed(chunk):
                checker.feed(record)
        for record in reader.close():
            checker.feed(record)
        checker.close()
        header = checker.opening.header if checker.opening else None
        return Report(
            source=opened.name,
            flow=header.flow if header else "",
            version=header.version if header else "",
            findings=tuple(sink.found),
        )


@define(eq=False)
class FileCheck:
    """The check of one file: `feed` it every record, then `close`."""

    catalogue: Catalogue
    sink: Sink
    opening: Opening | None = field(default=None, init=False)
    body: BodyCheck | None = field(default=None, init=False)
    trailer: Record | None = field(default=None, init=False)
    checksum: int = field(default=0, init=False)
    lines: int = field(default=0, init=False)
    _blank: tuple[int, int] | None = field(default=None, init=False)
    _ends: set[bytes] = field(factory=set, init=False)

    def feed(self, record: Record) -> None:
        """Take the next record of the file."""
        self.lines = record.line
        self._end(record)
        if self.opening is None:
            self._open(record)
        elif not record.raw:
            first, number = self._blank or (record.line, 0)
            self._blank = (first, number + 1)
        else:
            if self._blank:
                self._blanks("blank-line")
            self._next(record)

    def close(self) -> None:
        """The file is over: compare what its trailer claims."""
        if self.opening is None:
            self.sink.add("empty-file", Place(), "The file holds no bytes.")
            return
        if self._blank:
            self._blanks("blank-line-at-end")
        body = self.body
        if body is None:
            return
        if self.opening.header is not None or self.trailer is not None:
            body.close()
        definition = self.opening.definition
        known = body.walk is not None and definition is not None
        counts = Counts(
            records=body.records,
            instances=body.instances(definition) if known and definition else None,
            sure=bool(definition and definition.instance_sure),
            instance=definition.instance.code if definition and definition.instance else "",
            checksum=self.checksum,
        )
        check_trailer(self.trailer, self.opening.header, counts, self.sink, lines=self.lines)

    def _open(self, record: Record) -> None:
        opening = self.opening = open_file(record, self.catalogue)
        check_bytes(opening.record, self.sink)
        check_opening(opening, self.catalogue, self.sink)
        if opening.header is not None:
            self.sink.set_sender(opening.header.sender.mpid)
        self.body = BodyCheck(
            opening.grammar, self.sink, pool=opening.pool, headed=opening.header is not None
        )
        if is_trailer(opening.record):
            self.trailer = opening.record
            return
        self._sum(opening.record)
        if not is_header(opening.record):
            self.body.records += 1  # a body record that stands where the header should

    def _next(self, record: Record) -> None:
        if self.trailer is not None:
            check_bytes(record, self.sink)
            message = "A record stands after the trailer."
            self.sink.add("after-trailer", Place(line=record.line, column=1), message)
        elif is_trailer(record):
            check_bytes(record, self.sink)
            self.trailer = record
        elif self.body is not None:
            self._sum(record)
            self.body.feed(record)

    def _sum(self, record: Record) -> None:
        self.checksum ^= pool_checksum((record.raw,))

    def _end(self, record: Record) -> None:
        if record.end not in self._ends:
            self._ends.add(record.end)
            if {b"\n", b"\r\n"} <= self._ends:
                message = "The record ends otherwise than those before it."
                self.sink.add("mixed-terminators", Place(line=record.line), message)
            if not record.end:
                message = "The last record has no line terminator."
                self.sink.add("no-last-terminator", Place(line=record.line), message)

    def _blanks(self, code: str) -> None:
        first, number = self._blank or (0, 0)
        lines = f"Line {first} holds" if number == 1 else f"{number} lines from {first} hold"
        self.sink.add(code, Place(line=first), f"{lines} nothing.", value=str(number))
        self._blank = None
