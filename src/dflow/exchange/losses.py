"""Arrivals that a salvage could not read, told by the event that it left.

In: a journal and a window.  Out: how many there may have been, and of when.  This module reads
no damaged file.
"""

from __future__ import annotations

import re

from attrs import evolve, frozen

from dflow.exchange.account import counted, instant_text
from dflow.exchange.journal import EventRow, Journal, Query

__all__ = ["Lost", "lost_between"]

_KIND = "salvaged"
#: What a salvage says of arrivals: one number, or a first and a last.
_SAID = re.compile(r"arrival ([0-9]+)(?: to ([0-9]+))?")
#: An event names so many spans at most; one that names as many may have left some out.
_NAMED = 20
#: Arrivals of several sources are not numbered to the second in the order in which they came.
_APART = 60.0


@frozen(kw_only=True)
class Lost:
    """Arrivals that may have been, and of which nothing is known.

    Attributes:
        arrivals: at most so many, as not every number need have been one; 0 for none lost.
        first: they arrived after this; None if that is not known.
        last: they arrived before this.
        more: whether there may have been any number beyond `arrivals`.
    """

    arrivals: int = 0
    first: float | None = None
    last: float | None = None
    more: bool = False

    def __bool__(self) -> bool:
        return bool(self.arrivals or self.more)

    @property
    def words(self) -> str:
        """How many, and of when."""
        number = "arrivals" if self.more else f"up to {counted(self.arrivals, 'arrival')}"
        start = "the first" if self.first is None else instant_text(self.first)
        return f"{number} from {start} to {instant_text(self.last or 0.0)}"


def lost_between(journal: Journal, since: float, until: float) -> Lost:
    """What salvages could not read of the arrivals of a window, as far as can be told.

    When a lost arrival came is known from those that were numbered before and after it.
    """
    total = Lost()
    for event in journal.events(kind=_KIND):
        for one in _losses(journal, event):
            starts = one.first is None or one.first < until
            if starts and one.last is not None and one.last >= since:
                total = _both(total, one)
    return total


def _losses(journal: Journal, event: EventRow) -> list[Lost]:
    found: list[Lost] = []
    spans = event.detail.split(", ")
    for words in spans:
        if said := _SAID.fullmatch(words):
            low, high = int(said[1]), int(said[2] or said[1])
            earlier = next(
                iter(journal.arrivals(Query(before=low, newest_first=True, limit=1))), None
            )
            later = next(iter(journal.arrivals(Query(after=high, limit=1))), None)
            first = None if earlier is None else earlier.at - _APART
            last = event.at if later is None else min(later.at + _APART, event.at)
            found.append(Lost(arrivals=high - low + 1, first=first, last=last))
    if len(spans) >= _NAMED:
        found.append(Lost(last=event.at, more=True))
    return found


def _both(one: Lost, other: Lost) -> Lost:
    last = max(end for end in (one.last, other.last, 0.0) if end is not None)
    if not one:
        return evolve(other, last=last)
    first = None if None in (one.first, other.first) else min(one.first or 0.0, other.first or 0.0)
    return Lost(
        arrivals=one.arrivals + other.arrivals,
        first=first,
        last=last,
        more=one.more or other.more,
    )
