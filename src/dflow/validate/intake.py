"""From chunks to records, or to whole instances where the fast path can take them.

In: chunks of bytes of any size.  Out: calls of a `FileCheck`.  This module judges
nothing; it decides only which bytes go which way, and never holds more than a block and
the instance that crosses its end.
"""

from __future__ import annotations

import re

from attrs import define, field

from dflow.envelope import pool_checksum
from dflow.records import Record
from dflow.validate.fast import FastBody, fast_body
from dflow.validate.file import FileCheck
from dflow.validate.structure import BodyCheck

__all__ = ["BLOCK", "LONGEST", "WORTH", "Intake"]

#: Bytes gathered before they are looked at, if the file has as many.
BLOCK = 1 << 18

#: The most bytes of one record that are checked.  The longest record that a catalogue of
#: stated formats allows has a few thousand; beyond this the rest is not even kept.
LONGEST = 1 << 20

#: Below this many bytes making an expression costs more than it saves.
WORTH = 1 << 14


_LF = re.compile(rb"(?<!\r)\n")
_CRLF = re.compile(rb"\r\n")


@define(eq=False)
class Intake:
    """Feeds one `FileCheck`; hand it every chunk, then `close` it.

    Attributes:
        file: the check to feed.
        fast: whether the fast path may be used.
    """

    file: FileCheck
    fast: bool = True
    _parts: list[bytes] = field(factory=list, init=False)
    _held: int = field(default=0, init=False)
    _path: FastBody | None = field(default=None, init=False)
    _decided: bool = field(default=False, init=False)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._parts.append(chunk)
        self._held += len(chunk)
        if self._held >= BLOCK:
            self._block(final=False)

    def close(self) -> None:
        """No more bytes."""
        self._block(final=True)
        self.file.close()

    def _block(self, *, final: bool) -> None:
        data = b"".join(self._parts)
        if self.file.opening is None:
            data = self._first(data, final=final)
        if data and self.file.body is not None:
            data = self._body(data, self.file.body, final=final)
        if len(data) > LONGEST and b"\n" not in data:
            data = data[: LONGEST + 1]  # more of an overlong record is not worth keeping
        self._parts = [data] if data else []
        # What was kept waits for as many bytes again, so that joining stays linear.
        self._held = -len(data)

    def _first(self, data: bytes, *, final: bool) -> bytes:
        """The first record by itself; returns what is left."""
        stop = len(data) if final and b"\n" not in data else data.find(b"\n") + 1
        self._slow(data[:stop])
        return data[stop:]

    def _body(self, data: bytes, body: BodyCheck, *, final: bool) -> bytes:
        """Everything behind the first record; returns what is left for the next block."""
        if not self._decided:
            self._decided = True
            if self.fast and not (final and len(data) < WORTH):
                self._path = fast_body(body, self._slow, self._skipped)
        path = None if body.over else self._path
        stop = len(data)
        if not final:
            stop = path.last_start(data) if path else data.rfind(b"\n") + 1
            if stop == 0 and len(data) > LONGEST:
                # One instance beyond any bound: record by record from here on.
                path, stop = None, data.rfind(b"\n") + 1
        taken = path.run(data, stop) if path is not None and _short(data) else 0
        if taken < stop:
            self._slow(data[taken:stop])
        return data[stop:]

    def _skipped(self, data: bytes, start: int, stop: int) -> tuple[int, int]:
        """The lines of a span are taken in another way: the first of them, and how many."""
        file = self.file
        lines = data.count(b"\n", start, stop)
        first = file.lines + 1
        total = pool_checksum(_raws(data[start:stop])) if file.summing else 0
        file.skipped(lines, total)
        if b"\n" not in file.seen or data.find(b"\r", start, stop) >= 0:
            self._terminators(data, start, stop, first)
        return first, lines

    def _terminators(self, data: bytes, start: int, stop: int, first: int) -> None:
        for kind, found in ((b"\n", _LF), (b"\r\n", _CRLF)):
            at = None if kind in self.file.seen else found.search(data, start, stop)
            if at is not None:
                self.file.ends(kind, first + data.count(b"\n", start, at.start()))

    def _slow(self, data: bytes) -> None:
        """Whole records, one by one."""
        lines = data.split(b"\n")
        last = lines.pop()
        for line in lines:
            if line.endswith(b"\r"):
                self._feed(line[:-1], b"\r\n")
            else:
                self._feed(line, b"\n")
        if last:
            self._feed(last, b"")

    def _feed(self, raw: bytes, end: bytes) -> None:
        line = self.file.lines + 1
        if len(raw) > LONGEST:
            self.file.overlong(line, LONGEST)
            self.file.feed(Record(line, raw[:LONGEST], end), whole=False)
        else:
            self.file.feed(Record(line, raw, end))


def _short(data: bytes) -> bool:
    """Whether no record of a block is overlong."""
    return len(data) <= LONGEST or max(map(len, data.split(b"\n"))) <= LONGEST


def _raws(data: bytes) -> list[bytes]:
    """The records of a clean span without their terminators."""
    lines = data.split(b"\n")
    lines.pop()
    return [line.removesuffix(b"\r") for line in lines]
