"""File sequence numbers: gaps, what fills them, and repeats become events.

In: an arrival.  Out: events.  This module stops nothing: a gap is told, not judged.

The File Sequence Number, J0330, is contiguous for a source and target pair, and stands in
22 flow versions (facts, envelope section 8).  Whether each flow counts for itself, and when a
source begins anew, is not known; the pair is taken at its word.  Where it stands in a flow is
asked of the catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from dflow.catalogue import bundled
from dflow.errors import DflowError
from dflow.exchange.journal import EventRow, Journal, NewArrival, Recorded, Span, Standing, Taken
from dflow.exchange.journal.sequences import MOST, spans_text

__all__ = ["sequence_number", "watch_sequence"]

_FILE_SEQUENCE_NUMBER = "J0330"


@lru_cache(maxsize=512)
def _place(flow: str, version: str) -> tuple[bytes, int] | None:
    """Group code and field position of the number in a flow version; None if it has none."""
    try:
        definition = bundled().get(flow, version)
    except DflowError:
        return None
    for group in definition.walk() if definition is not None else ():
        if (place := group.place(_FILE_SEQUENCE_NUMBER)) is not None:
            return group.code.encode("latin-1"), place.position
    return None


def sequence_number(content: bytes, flow: str, version: str) -> int | None:
    """The file sequence number of a file, or None if it has none that can be read."""
    place = _place(flow, version)
    if place is None:
        return None
    code, position = place
    found = re.search(rb"^" + re.escape(code) + rb"\|([^\n]*)", content, re.MULTILINE)
    fields = found[1].split(b"|") if found else []
    text = fields[position - 1] if len(fields) >= position else b""
    return int(text) if re.fullmatch(rb"[0-9]{1,12}", text) else None


def watch_sequence(journal: Journal, new: NewArrival, recorded: Recorded) -> None:
    """Compare an arrival's number with those before it, and tell of what is odd."""
    words = new.address
    number = sequence_number(new.content or b"", words.get("flow", ""), words.get("version", ""))
    if number is None:
        return
    source = f"{words.get('sender_role', '')}/{words.get('sender', '')}"
    target = f"{words.get('recipient_role', '')}/{words.get('recipient', '')}"
    for kind, what in _told(number, journal.sequence(source, target, number)):
        why = f"{source} to {target}: {what}"
        journal.note(EventRow(at=new.at, kind=kind, arrival=recorded.arrival, why=why))


def _told(number: int, taken: Taken) -> Iterator[tuple[str, str]]:
    """The kinds of events that a number is worth, and what they say."""
    before, after = taken.before, taken.after
    if before is None:
        return
    if taken.standing is Standing.GAP:
        gap = Span(before.highest + 1, number - 1)
        yield "sequence gap", f"{number} after {before.highest}; missing: {gap}"
    elif taken.standing is Standing.FILLED:
        left = f"missing still: {spans_text(after.missing)}"
        left = left if after.missing else "nothing is missing now"
        yield "sequence filled", f"{number} came late; {left}"
    elif taken.standing is Standing.REPEAT:
        yield "sequence repeat", f"{number} was seen before"
    elif taken.standing is Standing.BELOW:
        begins = f"{number} is below {after.lowest}, where the watch begins"
        yield "sequence below", f"{begins}; it may have come before"
    if taken.given_up:
        lost = f"{spans_text(taken.given_up)} is given up; the watch begins at {after.lowest} now"
        yield "sequence given up", f"more than {MOST} gaps: {lost}"
