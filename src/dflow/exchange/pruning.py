"""Old, finished arrivals forgotten, some at a time, each time with an event; and which they were.

In: what one person does, and an instant; or a journal and a window.  Out: what is forgotten.
This module does not decide what is finished: that is the journal's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from attrs import evolve

from dflow.exchange.account import counted, instant_text
from dflow.exchange.journal import Journal, Pruned
from dflow.exchange.operations import Operations

__all__ = ["forgotten_between", "prune_in_parts"]

_KIND = "pruned"

#: So many arrivals are forgotten in one transaction, while which nobody else writes.
_PART = 1000


def prune_in_parts(operations: Operations, *, before: float) -> Iterator[Pruned]:
    """Forget the finished arrivals from before an instant, the oldest first.

    Each part is forgotten together with its event: whatever breaks this off, the journal
    tells what it does not have any more.  If there is nothing to forget an event says so.
    """
    told = False
    while True:
        with operations.act():
            pruned = operations.journal.prune(before=before, limit=_PART)
            if pruned.arrivals or not told:
                operations.note(_KIND, detail=_words(pruned, before))
        if not pruned.arrivals:
            return
        told = True
        yield pruned


def _words(pruned: Pruned, before: float) -> str:
    words = f"{counted(pruned.arrivals, 'arrival')} from before {instant_text(before)}"
    if pruned.first is None or pruned.last is None:
        return words
    first, last = instant_text(pruned.first), instant_text(pruned.last)
    contents = counted(pruned.payloads, "content")
    return f"{words}: from {first} to {last}, {contents} of {counted(pruned.size, 'byte')}"


#: What `_words` says; without the instants, such as of a dflow that did not tell them.
_SAID = re.compile(r"([0-9]+) arrivals? from before ([^ :]+[^ ]*?)(?:: from (\S+) to (\S+), .*)?")
#: Seconds by which an instant that was said may be too early.
_ROUNDED = 0.001


def forgotten_between(journal: Journal, since: float, until: float) -> Pruned:
    """What was pruned of the arrivals of a window, as its events say: at most so many."""
    total = Pruned()
    for event in journal.events(kind=_KIND):
        said = _SAID.fullmatch(event.detail)
        if said is None or not int(said[1]):
            continue
        first, last = (
            (_instant(said[3]), _instant(said[4])) if said[3] else (0.0, _instant(said[2]))
        )
        if first < until and last + _ROUNDED >= since:
            total = evolve(
                total,
                arrivals=total.arrivals + int(said[1]),
                first=first if total.first is None else min(first, total.first),
                last=last if total.last is None else max(last, total.last),
            )
    return total


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
