"""Whether sources can be read, said in an event each time that changes.

In: what came of reading a source.  Out: events, ``source unavailable`` and ``source
available``: transitions, not repetitions, also across restarts.  This module reads no
source but through `Checking`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial

from attrs import define, field

from dflow.exchange.journal import EventRow, Journal, JournalError
from dflow.exchange.scribe import Scribe
from dflow.transport import Checking, Inbox, TransportError

__all__ = ["Reach"]

_LOST, _BACK = "source unavailable", "source available"

#: Seconds for which a source that is asked again has to go well before that is told.
_STEADY = 2.0


def _turn(journal: Journal, *, at: float, kind: str, name: str, why: str) -> None:
    """Note that a source was lost or is back, unless that was told last."""
    found = [
        (event.id, one)
        for one in (_LOST, _BACK)
        for event in journal.events(kind=one)
        if event.detail == name
    ]
    last = max(found)[1] if found else _BACK
    if last != kind:
        journal.note(EventRow(at=at, kind=kind, why=f"{name}: {why}", detail=name))


@define(eq=False, kw_only=True)
class Reach:
    """Which sources cannot be read now.

    Attributes:
        scribe: writes the journal.
        clock: POSIX seconds.
        troubles: what cannot be read, in words, by source.
    """

    scribe: Scribe
    clock: Callable[[], float]
    troubles: dict[str, str] = field(factory=dict, init=False)
    _well: set[str] = field(factory=set, init=False)

    async def ask(self, name: str, inbox: Inbox) -> None:
        """Ask a source that is in trouble whether it can be read, where it can be asked.

        Raises:
            TransportError: it cannot.
        """
        if name in self.troubles and isinstance(inbox, Checking):
            try:
                await inbox.check()
            except (TransportError, OSError):
                raise
            except Exception:  # noqa: BLE001  a mistake in what may be asked must not end reading
                return

    async def steady(self, name: str, inbox: Inbox) -> None:
        """Say that a source is back when nothing has gone wrong for a while; then end."""
        await asyncio.sleep(_STEADY)
        if isinstance(inbox, Checking):
            await self.back(name)

    async def lost(self, name: str, why: str) -> None:
        """A source cannot be read."""
        first = name not in self.troubles
        self.troubles[name] = why
        self._well.discard(name)
        if first:
            await self._tell(_LOST, name, why)

    async def back(self, name: str) -> None:
        """A source can be read."""
        if name not in self._well:
            self.troubles.pop(name, None)
            self._well.add(name)
            await self._tell(_BACK, name, "it can be read again")

    async def _tell(self, kind: str, name: str, why: str) -> None:
        with contextlib.suppress(JournalError):
            await self.scribe.do(partial(_turn, at=self.clock(), kind=kind, name=name, why=why))
