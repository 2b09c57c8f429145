"""Group commit: many callers' writes, one wait for the disk.

In: functions that use the journal.  Out: their results, once they are durable.  This
module does not know what they write.

One thread owns the journal.  It takes everything that waits, does it in one transaction,
commits, and only then answers: so under load hundreds of small writes share one
synchronisation, and alone a write waits for nobody.  A job may be called twice, if
another of its batch failed and all was undone; so a job touches nothing but the journal.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar, cast

from attrs import define, field

from dflow.errors import DflowError
from dflow.exchange.journal import Journal, JournalError

__all__ = ["Scribe"]

T = TypeVar("T")

#: So many writes share a commit at most: the wait of the first stays short.
_BATCH = 256


@define(eq=False)
class _Job:
    do: Callable[[Journal], object]
    done: Future[object] = field(factory=Future)


@define(eq=False)
class Scribe:
    """The one thread that writes to a journal.

    Attributes:
        journal: used by nothing else while the scribe runs.
    """

    journal: Journal
    _jobs: queue.SimpleQueue[_Job | None] = field(factory=queue.SimpleQueue, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        """Begin to take jobs."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="dflow-scribe", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Finish what waits, then end; the journal stays open."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    async def do(self, call: Callable[[Journal], T]) -> T:
        """Call a function in a transaction; its result, once that is durable.

        Raises:
            JournalError: the journal could not keep it; nothing of it happened.
            DflowError: what the function itself raised; nothing of it happened.
        """
        job = _Job(call)
        self._jobs.put(job)
        # The result is the job's own, so of the type that `call` gives.
        return cast("T", await asyncio.wrap_future(job.done))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch = [job]
            last = False
            while len(batch) < _BATCH:
                try:
                    more = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    last = True
                    break
                batch.append(more)
            self._commit(batch)
            if last:
                return

    def _commit(self, batch: list[_Job]) -> None:
        """Do the jobs of a batch in one transaction, and answer each."""
        try:
            with self.journal.transaction():
                results = [job.do(self.journal) for job in batch]
        except Exception as error:  # noqa: BLE001  every waiter must be told, whatever it was
            if len(batch) > 1:
                # One job has spoilt the others' transaction, which is undone: each alone.
                for job in batch:
                    self._commit([job])
                return
            _answer(batch[0], None, _told(error))
            return
        for job, result in zip(batch, results, strict=True):
            _answer(job, result, None)


def _told(error: Exception) -> Exception:
    if isinstance(error, DflowError):
        return error
    failure = JournalError(f"journal: {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure


def _answer(job: _Job, result: object, problem: Exception | None) -> None:
    if not job.done.set_running_or_notify_cancel():
        return  # nobody waits for it any more
    if problem is None:
        job.done.set_result(result)
    else:
        job.done.set_exception(problem)
