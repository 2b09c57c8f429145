"""The lines that findings speak of, taken out of a file.

In: a report, and the file's chunks of bytes once more.  Out: the text of each line that
a finding names, hidden where it must be, by line number.  This module does not check.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import evolve, frozen

from dflow.findings import Finding, Report
from dflow.records import RecordReader
from dflow.show.masking import Mask

__all__ = ["Excerpt", "excerpt", "lines_of", "unmasked"]

#: A line longer than this is not kept; it is cut at its end.
_MOST_KEPT = 1_000_000


@frozen
class Excerpt:
    """A part of a line around a place, and where in it the place is.

    Attributes:
        text: the part, with an ellipsis where the line goes on.
        start: 0-based place of the caret in `text`.
        width: characters under the caret, at least 1.
    """

    text: str
    start: int
    width: int


def lines_of(report: Report, chunks: Iterable[bytes], mask: Mask) -> Mapping[int, str]:
    """The lines that a report's findings name, by number, printable and masked.

    Args:
        report: what was found; give only the findings that will be drawn, as each line
            that they name is kept.
        chunks: the file's bytes, in pieces of any size, from its start.
        mask: what is to be hidden.
    """
    wanted = {found.line for found in report.findings if found.line}
    last = max(wanted, default=0)
    lines: dict[int, str] = {}
    if not wanted:
        return lines
    reader = RecordReader()
    for chunk in chunks:
        for record in reader.feed(chunk):
            if record.line in wanted:
                lines[record.line] = mask.text(record.raw[:_MOST_KEPT])
            if record.line >= last:
                return lines
    for record in reader.close():
        if record.line in wanted:
            lines[record.line] = mask.text(record.raw[:_MOST_KEPT])
    return lines


def unmasked(report: Report, lines: Mapping[int, str]) -> Report:
    """The report with every finding's value as it stands in its (unmasked) line."""

    def whole(found: Finding) -> Finding:
        line = lines.get(found.line)
        place = found.place
        if line is None or not (place.column and place.width and place.jcode):
            return found
        return evolve(found, value=line[place.column - 1 : place.column - 1 + place.width])

    return evolve(report, findings=tuple(whole(found) for found in report.findings))


def excerpt(line: str, column: int, width: int, room: int) -> Excerpt:
    """The part of a line that fits in `room` characters and holds the place.

    Args:
        line: the whole line.
        column: 1-based place.
        width: characters to underline; 0 for the place only.
        room: characters there are, at least 20.
    """
    room = max(room, 20)
    start = max(column - 1, 0)
    if len(line) <= room:
        return Excerpt(line, start, max(width, 1))
    shown = min(max(width, 1), room * 2 // 3)
    left = max(0, min(start - (room - shown) // 2, len(line) - room))
    right = left + room
    text = line[left:right]
    if left:
        text = "…" + text[1:]
    if right < len(line):
        text = text[:-1] + "…"
    at = min(start - left, room)
    return Excerpt(text, at, max(1, min(shown, room - at)))
