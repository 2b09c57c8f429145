"""Whether this worker may still send what it has taken, and how it stays so.

In: a journal that several workers share, through its scribe.  Out: leave to send, renewed
while the journal answers.  This module does not know what is sent.

A worker that cannot reach the journal is dead for the others when its lease ends, by the
journal's clock.  It gives up its own sends when two thirds of that have passed since it
asked for the last renewal, by its own clock; so it has stopped before anybody asks its
destinations about what it held.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attrs import define, field

from dflow.exchange.journal import EventRow, Journal, JournalError, LeaseLost
from dflow.exchange.scribe import Scribe

__all__ = ["Keeper", "Lease", "moment"]

#: The part of a lease after which its holder stops, so that it stops before others begin.
_OURS = 2 / 3


def moment() -> float:
    """Seconds by a clock that nobody sets, and that goes on while the machine sleeps."""
    clock: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


@define(eq=False)
class Lease:
    """Leave to send; a journal of one worker gives it for ever.

    Attributes:
        seconds: how long the journal gives it; None for ever.
    """

    seconds: float | None = None
    _until: float = field(default=0.0, init=False)
    _sending: set[asyncio.Timeout] = field(factory=set, init=False)

    @property
    def holds(self) -> bool:
        """Whether it has not ended."""
        return self.seconds is None or moment() < self._until

    def renewed(self, asked: float) -> None:
        """It was asked for at `asked`, and given."""
        if self.seconds is not None:
            self._until = asked + self.seconds * _OURS

    @contextmanager
    def over(self, limit: asyncio.Timeout) -> Iterator[None]:
        """While the block lasts, `limit` passes at once if the lease is given up.

        Raises:
            LeaseLost: it passed for that, be there another lease since.
        """
        held = self.holds
        self._sending.add(limit)
        try:
            yield
        except TimeoutError as error:
            if held and self.holds and limit in self._sending:
                raise
            raise LeaseLost("the lease was given up") from error
        finally:
            self._sending.discard(limit)

    def give_up(self) -> None:
        """End everything that is being sent under it."""
        now = asyncio.get_running_loop().time()
        sending, self._sending = self._sending, set()
        for limit in sending:
            with contextlib.suppress(RuntimeError):  # it is passing already
                limit.reschedule(now)


@define(eq=False, kw_only=True)
class Keeper:
    """Keeps a lease, and takes over what dead workers held.

    Attributes:
        lease: the worker's.
        scribe: writes the journal.
        clock: POSIX seconds.
        wake: there may be work for the lanes.
    """

    lease: Lease
    scribe: Scribe
    clock: Callable[[], float]
    wake: Callable[[], None]
    _asked: float = field(factory=moment, init=False)

    async def run(self) -> None:
        """Renew until cancelled; at once over, if there is nothing to renew."""
        seconds = self.lease.seconds
        if seconds is None:
            return
        renewing: asyncio.Task[None] | None = None
        try:
            while True:
                await asyncio.sleep(min(1.0, seconds / 20))
                if not self.lease.holds:
                    self.lease.give_up()
                if renewing is not None and not renewing.done():
                    continue
                if moment() - self._asked >= seconds / 5:
                    renewing = asyncio.ensure_future(self._renew())
        finally:
            if renewing is not None:
                renewing.cancel()

    async def _renew(self) -> None:
        asked = moment()
        try:
            lost = await self.scribe.do(self._job)
        except LeaseLost as error:
            self.lease.give_up()
            why = str(error)
            with contextlib.suppress(JournalError):
                await self.scribe.do(lambda journal: self._note(journal, "lease lost", why))
        except JournalError:
            return  # asked again shortly
        else:
            if lost:
                self.wake()
        self._asked = asked
        self.lease.renewed(asked)

    def _job(self, journal: Journal) -> int:
        lost = journal.renew(at=self.clock())
        if lost:
            were = "1 delivery was" if len(lost) == 1 else f"{len(lost)} deliveries were"
            why = f"{were} being sent by a worker that said nothing any more"
            self._note(journal, "recovered after a crash", why)
        return len(lost)

    def _note(self, journal: Journal, kind: str, why: str) -> None:
        journal.note(EventRow(at=self.clock(), kind=kind, why=why))
