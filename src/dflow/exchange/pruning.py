"""Old, finished arrivals forgotten, some at a time, each time with an event.

In: what one person does, and an instant.  Out: what is forgotten.  This module does not
decide what is finished: that is the journal's.
"""

from __future__ import annotations

from collections.abc import Iterator

from dflow.exchange.account import instant_text
from dflow.exchange.journal import Pruned
from dflow.exchange.operations import Operations

__all__ = ["prune_in_parts"]

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
                operations.note("pruned", detail=_words(pruned, before))
        if not pruned.arrivals:
            return
        told = True
        yield pruned


def _words(pruned: Pruned, before: float) -> str:
    words = f"{pruned.arrivals} arrivals from before {instant_text(before)}"
    if pruned.first is None or pruned.last is None:
        return words
    first, last = instant_text(pruned.first), instant_text(pruned.last)
    return f"{words}: from {first} to {last}, {pruned.payloads} contents of {pruned.size} bytes"
