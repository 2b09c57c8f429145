"""Events out of the journal to those who watch: logging, a callback, watchers.

In: a journal, through its scribe.  Out: calls, in the order of the events, each event
once.  This module does not make events; it reads those of every process, so that what a
person did from a shell is told too.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from collections.abc import Callable, Sequence
from typing import TypeVar

from attrs import define, field

from dflow.exchange.journal import EventRow, Journal, JournalError
from dflow.exchange.logs import LOGGER, log_event
from dflow.exchange.numbers import Numbers
from dflow.exchange.scribe import Scribe
from dflow.exchange.seen import Depths, Seen, Watcher

__all__ = ["Teller"]

T = TypeVar("T")

#: Seconds between two looks for events.
_LOOK = 0.2
#: Seconds between two looks at the queues' depths; only where somebody watches.
_DEPTHS = 10.0
#: Events read at once.
_PAGE = 1000


@define(eq=False, kw_only=True)
class Teller:
    """Tells what happens, from `begin` on.

    Attributes:
        scribe: reads the journal.
        clock: POSIX seconds.
        observe: told every event; if it raises, that is logged, and harms nobody.
        watchers: told everything.
    """

    scribe: Scribe
    clock: Callable[[], float]
    observe: Callable[[EventRow], None] | None
    watchers: Sequence[Watcher]
    _numbers: Numbers = field(factory=Numbers, init=False)

    async def begin(self) -> None:
        """What is noted from now on is told."""
        self._numbers.mark = await self.scribe.do(lambda journal: journal.last_event())

    async def run(self) -> None:
        """Tell until cancelled."""
        looked = -_DEPTHS
        while True:
            with contextlib.suppress(JournalError):
                await self._events()
                if self.watchers and time.monotonic() - looked >= _DEPTHS:
                    looked = time.monotonic()
                    await self._depths()
            await asyncio.sleep(_LOOK)

    async def end(self) -> None:
        """Tell what is left."""
        with contextlib.suppress(JournalError):
            await self._events()
            if self.watchers:
                await self._depths()

    def see(self, seen: Seen) -> None:
        """Tell the watchers of one thing; a watcher that raises harms nobody."""
        for watcher in self.watchers:
            _call(watcher, seen)

    async def _events(self) -> None:
        def newer(journal: Journal) -> list[EventRow]:
            return journal.events(after=self._numbers.mark, limit=_PAGE)

        found: list[EventRow] | None = None
        before = -1
        while found is None or (len(found) == _PAGE and self._numbers.mark > before):
            before = self._numbers.mark
            found = await self.scribe.do(newer)
            for event in self._numbers.fresh(found, time.monotonic()):
                log_event(event)
                self.see(event)
                if self.observe is not None:
                    _call(self.observe, event)

    async def _depths(self) -> None:
        backlog = await self.scribe.do(lambda journal: journal.backlog())
        self.see(Depths(at=self.clock(), backlog=tuple(backlog)))


def _call(watcher: Callable[[T], None], seen: T) -> None:
    """Call another's code, which may fail and harms nobody by it."""
    try:
        watcher(seen)
    except Exception as error:  # noqa: BLE001  it is another's code, and is told in the log
        # The words of the error may hold a value, such as what the watcher was given.
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename}:{place.lineno}"
        LOGGER.error("a watcher of the exchange failed: %s at %s", type(error).__name__, where)
