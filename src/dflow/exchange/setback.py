"""A clock that was set back: what waits is not left waiting until the old time.

In: the wall clock, again and again, and the journal.  Out: deliveries that are due earlier,
and one event that says so.  This module does not know quotas: a lane counts its day from the
journal whenever the day is another.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from attrs import define, field

from dflow.exchange.account import counted
from dflow.exchange.journal import EventRow, Journal, JournalError
from dflow.exchange.lane import Lane, Mount
from dflow.exchange.scribe import Scribe

__all__ = ["Setback", "catch_up"]

#: Seconds between two looks at the clock.
_LOOK = 0.5
#: Seconds that a clock may go back unnoticed.
_SLACK = 1.0
#: A gate puts off for as long as it likes.
_ANY = 1e14


def catch_up(journal: Journal, mounts: Sequence[Mount], *, now: float, by: float = 0.0) -> int:
    """Bring forward what waits too long after a clock was set back `by` seconds; how many.

    With 0 it is not known by how much, or whether: what was never tried is due now, and so is
    what would wait longer than any wait that its destination's treatment gives.
    """
    moved = 0
    for mount in mounts:
        if mount.gate is not None and not by:
            continue  # what waits there was put off by its gate, as far as is known
        longest = _ANY if mount.gate is not None else mount.treatment.retry.longest
        moved += journal.hasten(mount.name, now=now, by=by, longest=longest)
    if moved or by:
        how = f"by {by:.0f} s" if by else "since the last run"
        due = counted(moved, "delivery that waited is", "deliveries that waited are")
        why = f"the clock was set back {how}; {due} due earlier"
        journal.note(EventRow(at=now, kind="clock went back", why=why))
    return moved


@define(eq=False, kw_only=True)
class Setback:
    """Looks at the clock while an exchange runs.

    Attributes:
        scribe: writes the journal.
        clock: POSIX seconds.
        lanes: of the exchange.
    """

    scribe: Scribe
    clock: Callable[[], float]
    lanes: Callable[[], Sequence[Lane]]
    _seen: float = field(init=False)
    _back: float = field(default=0.0, init=False)

    @_seen.default
    def _first(self) -> float:
        return self.clock()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(_LOOK)
            await self.look()

    async def look(self) -> None:
        """See whether the clock went back, and make up for it."""
        now, lanes = self.clock(), self.lanes()
        by, self._seen = self._seen - now, now
        if by > _SLACK:
            self._back += by
            for lane in lanes:
                lane.clock_went_back(by)
        if not self._back:
            return
        mounts, back = [lane.mount for lane in lanes], self._back
        with contextlib.suppress(JournalError):  # the next look does it
            await self.scribe.do(lambda journal: catch_up(journal, mounts, now=now, by=back))
            self._back = 0.0
            for lane in lanes:
                lane.wake()
