"""Group commit: many callers' writes, one wait for the disk.

In: functions that use the journal.  Out: their results, once they are durable.  This
module does not know what they write.

One thread owns the journal.  It takes everything that waits, does it in one transaction,
commits, and only then answers: so under load hundreds of small writes share one
synchronisation, and alone a write waits for nobody.  A job may be called twice, if
another of its batch failed and all was undone; so a job touches nothing but the journal.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

from attrs import define, field

from dflow.errors import DflowError
from dflow.exchange.journal import Journal, JournalBusy, JournalError, LeaseLost
from dflow.transport.clerk import Clerk

__all__ = ["Scribe"]

T = TypeVar("T")

#: What the journal cannot keep, as it is about itself: that it fails, and that it is back.
_LOGGER = logging.getLogger("dflow.exchange.journal")

#: What is to be done with the journal.
_Job = Callable[[Journal], object]

#: Seconds without a failure: of a full disk one can read, and a little may fit still.
_QUIET = 15.0

#: So many writes share a commit at most: the wait of the first stays short.
_BATCH = 256


@define(eq=False)
class Scribe:
    """The one thread that writes to a journal.

    Attributes:
        journal: used by nothing else while the scribe runs.
    """

    journal: Journal
    _clerk: Clerk[_Job, object] = field(init=False)
    _failed: float | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._clerk = Clerk(self._commit, name="dflow-scribe", most=_BATCH)

    def stop(self) -> None:
        """Finish what waits, then end; the journal stays open."""
        self._clerk.stop()

    async def do(self, call: Callable[[Journal], T]) -> T:
        """Call a function in a transaction; its result, once that is durable.

        Raises:
            JournalError: the journal could not keep it; nothing of it happened.
            DflowError: what the function itself raised; nothing of it happened.
        """
        try:
            result = await self._clerk.ask(call)
        except (JournalBusy, LeaseLost):
            raise  # it answers
        except JournalError as error:
            self._tell(error)
            raise
        self._tell(None)
        # The result is the job's own, so of the type that `call` gives.
        return cast("T", result)

    def _tell(self, error: JournalError | None) -> None:
        """Log that the journal begins to fail, and that it has not failed for a while."""
        now = time.monotonic()
        if error is not None:
            if self._failed is None:
                _LOGGER.error("the journal cannot be used, and everything waits: %s", error)
            self._failed = now
        elif self._failed is not None and now - self._failed >= _QUIET:
            _LOGGER.warning("the journal can be used again")
            self._failed = None

    def _commit(self, batch: Sequence[_Job]) -> list[object | Exception]:
        """Do the jobs of a batch in one transaction; what each gave, or its error."""
        try:
            with self.journal.transaction():
                return [job(self.journal) for job in batch]
        except Exception as error:  # noqa: BLE001  every waiter must be told, whatever it was
            if len(batch) > 1:
                # One job has spoilt the others' transaction, which is undone: each alone.
                return [result for job in batch for result in self._commit([job])]
            return [_told(error)]


def _told(error: Exception) -> Exception:
    if isinstance(error, DflowError):
        return error
    failure = JournalError(f"journal: {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure
