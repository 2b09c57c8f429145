"""One file under check: opening, body, trailer, and what only its end can tell.

In: records in file order, or counts of records that were found clean in another way.
Out: findings in a sink.  This module does not cut bytes into records.
"""

from __future__ import annotations

from attrs import define, field

from dflow.catalogue import Catalogue
from dflow.envelope import Header, pool_checksum
from dflow.findings import Place
from dflow.parse.opening import Opening, is_header, is_trailer, open_file
from dflow.records import Record
from dflow.validate.conditions import conditions_for
from dflow.validate.envelope import Counts, check_opening, check_trailer
from dflow.validate.sink import Sink
from dflow.validate.structure import BodyCheck, check_bytes

__all__ = ["FileCheck"]


@define(eq=False)
class FileCheck:
    """The check of one file: `feed` it every record, then `close`.

    Attributes:
        catalogue: the definitions to check by.
        sink: where the findings go.
        sums: whether the records' sum may be wanted: a user file hardly ever carries one,
            and a source that can be looked at from its end says so.
        lines: lines so far.
        opening: how the file opens, once its first record is there.
        body: the check of the body, from then on.
        summing: whether the records' sum is wanted, once that can be told.
        unsummed: whether the trailer claims a sum that was taken for blank: then the
            file must be checked again, with `sums`.
        seen: the line terminators so far.
    """

    catalogue: Catalogue
    sink: Sink
    sums: bool = True
    lines: int = field(default=0, init=False)
    opening: Opening | None = field(default=None, init=False)
    body: BodyCheck | None = field(default=None, init=False)
    summing: bool = field(default=False, init=False)
    unsummed: bool = field(default=False, init=False)
    seen: set[bytes] = field(factory=set, init=False)
    _trailer: Record | None = field(default=None, init=False)
    _checksum: int = field(default=0, init=False)
    _blank: tuple[int, int] | None = field(default=None, init=False)

    @property
    def header(self) -> Header | None:
        """The address, or None if there is none (yet)."""
        return self.opening.header if self.opening else None

    def feed(self, record: Record, *, whole: bool = True) -> None:
        """Take the next record of the file; `whole` unless it was cut for its length."""
        self.lines = record.line
        if record.end not in self.seen:
            self.ends(record.end, record.line)
        if self.opening is None:
            self._open(record)
        elif not record.raw:
            first, number = self._blank or (record.line, 0)
            self._blank = (first, number + 1)
        else:
            if self._blank:
                self._blanks("blank-line")
            body = self.body
            if body is None or body.over or record.raw[:3] == b"ZPT":
                self._behind(record, whole=whole)
            else:
                if self.summing:
                    self._checksum ^= pool_checksum((record.raw,))
                body.feed(record, whole=whole)

    def overlong(self, line: int, most: int) -> None:
        """A record went on beyond `most` bytes; what is behind them is not looked at."""
        message = f"The record is longer than {most} bytes."
        self.sink.add(
            "overlong-record", Place(line=line), message, expected=f"{most} bytes at most"
        )

    def skipped(self, lines: int, total: int) -> None:
        """Clean records have been passed over: how many, and their sum if it is wanted."""
        if self._blank:
            self._blanks("blank-line")
        self.lines += lines
        self._checksum ^= total

    def ends(self, end: bytes, line: int) -> None:
        """A record ends this way, on this line, and none before it did."""
        if end in self.seen:
            return
        self.seen.add(end)
        if not end:
            message = "The last record has no line terminator."
            self.sink.add("no-last-terminator", Place(line=line), message)
        elif len(self.seen) > 1:
            message = "The record ends otherwise than those before it."
            self.sink.add("mixed-terminators", Place(line=line), message)

    def close(self) -> None:
        """The file is over: compare what its trailer claims."""
        if self.opening is None or self.body is None:
            self.sink.add("empty-file", Place(), "The file holds no bytes.")
            return
        if self._blank:
            self._blanks("blank-line-at-end")
        body, definition = self.body, self.opening.definition
        body.close()
        known = body.walk is not None and definition is not None
        counts = Counts(
            records=body.records,
            instances=body.instances(definition) if known and definition else None,
            sure=bool(definition and definition.instance_sure),
            instance=definition.instance.code if definition and definition.instance else "",
            checksum=self._checksum if self.summing else None,
        )
        check_trailer(self._trailer, self.header, counts, self.sink, lines=self.lines)

    def _open(self, record: Record) -> None:
        opening = self.opening = open_file(record, self.catalogue)
        if opening.header is not None:
            self.sink.set_sender(opening.header.sender.mpid)
        odd = check_bytes(opening.record, self.sink)
        check_opening(opening, self.catalogue, self.sink)
        self.body = BodyCheck(
            opening.grammar,
            self.sink,
            conditions_for(opening.definition, opening.header, self.catalogue.roles),
            pool=opening.pool,
            headed=opening.header is not None,
            odd=odd,
        )
        if is_trailer(opening.record):
            self._close_body(opening.record)
            return
        self.summing = self.sums or opening.pool
        self._sum(opening.record)
        if not is_header(opening.record):
            self.body.records += 1  # a body record that stands where the header should

    def _behind(self, record: Record, *, whole: bool) -> None:
        """A record that closes the body, stands behind it, or only looks like that."""
        if self._trailer is not None:
            check_bytes(record, self.sink)
            message = "A record stands after the trailer."
            self.sink.add("after-trailer", Place(line=record.line, column=1), message)
        elif is_trailer(record):
            check_bytes(record, self.sink)
            self._close_body(record)
        elif self.body is not None:
            self._sum(record)
            self.body.feed(record, whole=whole)

    def _close_body(self, trailer: Record) -> None:
        self._trailer = trailer
        fields = trailer.raw.split(b"|", 4)
        self.unsummed = not (self.sums or self.summing) and len(fields) > 3 and bool(fields[3])
        if self.body is not None:
            self.body.over = True

    def _sum(self, record: Record) -> None:
        if self.summing:
            self._checksum ^= pool_checksum((record.raw,))

    def _blanks(self, code: str) -> None:
        first, number = self._blank or (0, 0)
        lines = f"Line {first} holds" if number == 1 else f"{number} lines from {first} hold"
        self.sink.add(code, Place(line=first), f"{lines} nothing.", value=str(number))
        self._blank = None
