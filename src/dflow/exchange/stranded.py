"""Deliveries for a destination that has no mount: nobody sends them, and somebody is told.

In: a journal and the names of the mounts.  Out: an event for each such destination, once.
This module changes no delivery: a person mounts the destination again, or cancels them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable

from attrs import define

from dflow.delivery import State
from dflow.exchange.journal import Backlog, EventRow, Journal, JournalError, Query
from dflow.exchange.scribe import Scribe

__all__ = ["Stranded", "tell_stranded"]

_KIND = "no mount"
#: Seconds between two looks.
_LOOK = 30.0
#: The states in which a delivery waits for its lane.
_WAITING = {State.DUE, State.RETRYING, State.UNKNOWN}


def tell_stranded(journal: Journal, mounted: Collection[str], now: float) -> None:
    """Note what waits for a destination without a mount, unless it was told and none came since."""
    waiting: dict[str, list[Backlog]] = {}
    for one in journal.backlog():
        if one.state in _WAITING and one.destination not in mounted:
            waiting.setdefault(one.destination, []).append(one)
    if not waiting:
        return
    told = {event.destination: event.delivery or 0 for event in journal.events(kind=_KIND)}
    for name, parts in sorted(waiting.items()):
        newest = _newest(journal, parts, after=told.get(name, 0))
        if newest is None:
            continue
        number = sum(part.number for part in parts)
        wait = "1 delivery waits" if number == 1 else f"{number} deliveries wait"
        why = f"{wait} for {name}, which has no mount: mount it again, or cancel what waits"
        journal.note(EventRow(at=now, kind=_KIND, destination=name, delivery=newest, why=why))


def _newest(journal: Journal, parts: Iterable[Backlog], *, after: int) -> int | None:
    """The newest delivery of a backlog that is newer than `after`; None if none is."""
    # Asked state by state: an index has what is open by its state, but a destination's
    # deliveries of all times can only be found by going through everybody's.
    found = [
        row.id
        for part in parts
        for row in journal.deliveries(
            Query(
                destination=part.destination,
                state=part.state,
                after=after,
                newest_first=True,
                limit=1,
            )
        )
    ]
    return max(found, default=None)


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
