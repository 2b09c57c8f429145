"""A day's counts, ours against the hub's, and what explains a difference.

In: requests with their transaction numbers, and the counts that a 602 brings.  Out: what
differs, by message type, with the transactions that may be the cause.

A day goes from 03:00:00 to 02:59:59 by the local clock.  How a 602 holds its counts is
not published: they come as a table (``day,type,count``), or are read from a message with
names that the caller gives.  Capability 71, the counts.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from attrs import frozen

from dflow.contingency.cases import Request
from dflow.contingency.standing import Standing
from dflow.errors import RefusedText, SourceError, TextFault

if TYPE_CHECKING:
    from xml.parsers.expat import XMLParserType

__all__ = ["Counted", "Counts", "counts_from_message", "day_of", "read_counts", "reconcile"]

#: Counts of the hub: of a day and a message type.
Counts = Mapping[tuple[date, str], int]

_BEGINS = time(3)
_NEAR = timedelta(minutes=5)


@frozen(kw_only=True)
class Counted:
    """One day and message type.

    Attributes:
        ours: how many the ledger says were sent; theirs: how many the hub counted, None
            if it said nothing.
        suspects: transactions that may explain a difference, with the reason.
    """

    day: date
    type: str
    ours: int
    theirs: int | None
    suspects: tuple[tuple[str, str], ...] = ()

    @property
    def difference(self) -> int:
        """Theirs less ours."""
        return (self.theirs or 0) - self.ours


def day_of(at: datetime, zone: str) -> date:
    """The day that an instant is counted in.

    >>> day_of(datetime.fromisoformat("2026-01-02T02:59:59+00:00"), "Europe/Dublin").isoformat()
    '2026-01-01'
    """
    local = at.astimezone(ZoneInfo(zone))
    return local.date() if local.time() >= _BEGINS else local.date() - timedelta(days=1)


def read_counts(path: Path) -> Counts:
    """Counts from a CSV file with the columns day, type and count.

    Raises:
        SourceError: it cannot be read.
        RefusedText: with every line that is wrong.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    found: dict[tuple[date, str], int] = {}
    faults: list[TextFault] = []
    rows = csv.DictReader(lines)
    names = ("day", "type", "count")
    if missing := [name for name in names if name not in (rows.fieldnames or ())]:
        message = f"column {missing[0]!r} is missing"
        raise RefusedText([TextFault(source=str(path), line=1, column=0, message=message)])
    for row in rows:
        key, number = _counted(row)
        if key is None or key in found:
            message = "a line holds a day, a type and a count, each day and type once"
            faults.append(
                TextFault(source=str(path), line=rows.line_num, column=0, message=message)
            )
            continue
        found[key] = number
    if faults:
        raise RefusedText(faults)
    return found


def _counted(row: Mapping[str, str | None]) -> tuple[tuple[date, str] | None, int]:
    try:
        day, number = date.fromisoformat((row["day"] or "").strip()), int(row["count"] or "")
    except ValueError:
        return None, 0
    name = (row["type"] or "").strip()
    return ((day, name), number) if name and number >= 0 else (None, 0)


def counts_from_message(
    content: bytes, day: date, *, row: str, type_attribute: str, count_attribute: str
) -> Counts:
    """Counts from a 602, by names that the caller knows: they are not published.

    Args:
        content: the message.
        day: the day that it counts.
        row: the local name of the element that holds one count.
        type_attribute: its attribute with the message's type.
        count_attribute: its attribute with the number.

    Raises:
        ValueError: the message cannot be read, or a row has no whole number.
    """
    from xml.parsers import expat

    found: dict[tuple[date, str], int] = {}

    def start(name: str, attributes: dict[str, str]) -> None:
        if name.rsplit(":", 1)[-1] == row:
            words = {key.rsplit(":", 1)[-1]: text for key, text in attributes.items()}
            key = (day, words.get(type_attribute, "").strip())
            found[key] = found.get(key, 0) + int(words.get(count_attribute, ""))

    def refuse(*_: object) -> None:
        raise ValueError("the message declares a document type or entity")

    last = True
    parser: XMLParserType = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content, last)
    except expat.ExpatError as error:
        raise ValueError(f"the message cannot be read: {error}") from error
    return found


def reconcile(
    standing: Standing, theirs: Counts, zone: str, *, message: str = "017"
) -> list[Counted]:
    """Our counts against the hub's, day by day; what differs names its suspects."""
    sent: dict[date, list[Request]] = {}
    for one in standing.requests.values():
        if one.sent is not None:
            sent.setdefault(day_of(one.sent, zone), []).append(one)
    days = sorted({*sent, *(day for day, type_ in theirs if type_ == message)})
    found = []
    for day in days:
        ours, counted = sent.get(day, []), theirs.get((day, message))
        differs = counted is not None and counted != len(ours)
        suspects = tuple(_suspects(standing, day, ours, zone)) if differs else ()
        found.append(
            Counted(day=day, type=message, ours=len(ours), theirs=counted, suspects=suspects)
        )
    return found


def _suspects(
    standing: Standing, day: date, ours: Iterable[Request], zone: str
) -> Iterable[tuple[str, str]]:
    """Transactions that two counters may see differently."""
    begin = datetime.combine(day, _BEGINS, ZoneInfo(zone))
    end = datetime.combine(day + timedelta(days=1), _BEGINS, ZoneInfo(zone))
    for one in standing.requests.values():
        at = one.sent
        if at is not None and (abs(at - begin) < _NEAR or abs(at - end) < _NEAR):
            yield one.key, f"sent at {at.astimezone(ZoneInfo(zone)):%H:%M:%S}, beside the day's end"
    for one in ours:
        if not one.answers:
            yield one.key, "sent, and nothing was answered"
        elif one.outcome == "by hand":
            yield one.key, "sent, and done by hand too"
    for one in standing.requests.values():
        if one.sent is None and one.answers:
            yield one.key, "answered, and not known to have been sent"
        elif one.sent is None and one.outcome == "by hand" and day_of(one.started, zone) == day:
            yield one.key, "done by hand and not sent: not to be counted"
