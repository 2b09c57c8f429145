"""Bytes to records and back, without I/O.

In: bytes, in chunks of any size.  Out: `Record`s: line number, the bytes of the
line, its terminator.  This module does not know what a record means, and has no
opinion: every byte that goes in comes out again, `join(split(data)) == data`.

A record ends at LF or CRLF.  A CR that no LF follows is an ordinary byte of the
record (a finding later on, not a cut).  The last record may have no terminator.

Text is Latin-1 wherever dflow shows or compares it: one byte is one character,
so nothing is lost, lengths and columns count bytes, and no input is undecodable.
The real character set of the network is not known (facts: envelope, section 10).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import define, field, frozen

__all__ = ["Record", "RecordReader", "join_records", "split_records"]


@frozen
class Record:
    """One line of a file.

    Attributes:
        line: 1-based line number.
        raw: the bytes of the line, without its terminator.
        end: the terminator: LF, CRLF, or nothing at the end of the file.
    """

    line: int
    raw: bytes
    end: bytes = b"\n"

    @property
    def code(self) -> str:
        """The first field: the group code, or the record type of header and trailer."""
        return self.raw.split(b"|", 1)[0].decode("latin-1")

    @property
    def closed(self) -> bool:
        """Whether the record ends with a pipe, as every record of a UFF file must."""
        return self.raw.endswith(b"|")

    @property
    def values(self) -> tuple[str, ...]:
        """The fields after the code; the closing pipe ends the last one, it opens none."""
        fields = self.raw.decode("latin-1").split("|")
        if len(fields) > 1 and fields[-1] == "":
            fields.pop()
        return tuple(fields[1:])

    def column(self, position: int) -> int:
        """The 1-based byte column at which field `position` starts (0 is the code).

        A position beyond the last field gives the column just after the record.
        """
        start = 0
        for _ in range(position):
            pipe = self.raw.find(b"|", start)
            if pipe < 0:
                return len(self.raw) + 1
            start = pipe + 1
        return start + 1

    def __bytes__(self) -> bytes:
        return self.raw + self.end


@define
class RecordReader:
    r"""A reader without I/O: `feed` it bytes, it returns the records that are whole.

    >>> reader = RecordReader()
    >>> [record.raw for record in reader.feed(b"026|12|\r\n028|")]
    [b'026|12|']
    >>> [record.raw for record in reader.close()]
    [b'028|']
    """

    _pending: list[bytes] = field(factory=list, init=False)
    _line: int = field(default=0, init=False)

    def feed(self, data: bytes) -> list[Record]:
        """Take the next bytes; return the records that they complete."""
        *lines, rest = data.split(b"\n")
        records: list[Record] = []
        for part in lines:
            whole = part
            if self._pending:
                self._pending.append(part)
                whole = b"".join(self._pending)
                self._pending.clear()
            self._line += 1
            if whole.endswith(b"\r"):
                records.append(Record(self._line, whole[:-1], b"\r\n"))
            else:
                records.append(Record(self._line, whole, b"\n"))
        if rest:
            # Kept in pieces and joined once: a line of many chunks stays linear.
            self._pending.append(rest)
        return records

    def close(self) -> list[Record]:
        """No more bytes: return the last record, if it had no terminator."""
        if not self._pending:
            return []
        self._line += 1
        last = Record(self._line, b"".join(self._pending), b"")
        self._pending.clear()
        return [last]


def split_records(chunks: bytes | Iterable[bytes]) -> Iterator[Record]:
    """The records of some bytes, or of an iterable of chunks, as they become whole."""
    reader = RecordReader()
    for chunk in (chunks,) if isinstance(chunks, bytes) else chunks:
        yield from reader.feed(chunk)
    yield from reader.close()


def join_records(records: Iterable[Record]) -> bytes:
    """The bytes of records, exactly as they were read."""
    return b"".join([part for record in records for part in (record.raw, record.end)])
