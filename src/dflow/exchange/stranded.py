"""Deliveries for a destination that has no mount: nobody sends them, and somebody is told.

In: a journal and the names of the mounts.  Out: an event for each such destination, once.
This module changes no delivery: a person mounts the destination again, or cancels them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Collection

from attrs import define

from dflow.delivery import State
from dflow.exchange.journal import EventRow, Journal, JournalError, Query
from dflow.exchange.scribe import Scribe

__all__ = ["Stranded", "tell_stranded"]

_KIND = "no mount"
#: Seconds between two looks.
_LOOK = 30.0
#: The states in which a delivery waits for its lane.
_WAITING = {State.DUE, State.RETRYING, State.UNKNOWN}


def tell_stranded(journal: Journal, mounted: Collection[str], now: float) -> None:
    """Note what waits for a destination without a mount, unless it was told and none came since."""
    waiting: Counter[str] = Counter()
    for one in journal.backlog():
        if one.state in _WAITING and one.destination not in mounted:
            waiting[one.destination] += one.number
    if not waiting:
        return
    told = {event.destination: event.delivery or 0 for event in journal.events(kind=_KIND)}
    for name, number in sorted(waiting.items()):
        newest = next(
            one.id
            for one in journal.deliveries(Query(destination=name, newest_first=True, limit=1))
        )
        if newest <= told.get(name, 0):
            continue
        wait = "1 delivery waits" if number == 1 else f"{number} deliveries wait"
        why = f"{wait} for {name}, which has no mount: mount it again, or cancel what waits"
        journal.note(EventRow(at=now, kind=_KIND, destination=name, delivery=newest, why=why))


@define(eq=False, kw_only=True)
class Stranded:
    """Looks for such deliveries while an exchange runs, such as those of a replay.

    Attributes:
        scribe: writes the journal.
        clock: POSIX seconds.
        mounted: the names of the mounts.
    """

    scribe: Scribe
    clock: Callable[[], float]
    mounted: Collection[str]

    async def look(self) -> None:
        """Tell what is new."""
        now = self.clock()
        await self.scribe.do(lambda journal: tell_stranded(journal, self.mounted, now))

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(_LOOK)
            with contextlib.suppress(JournalError):
                await self.look()
