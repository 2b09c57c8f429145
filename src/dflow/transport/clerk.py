"""One thread for the calls of many: it takes all that wait, and answers them together.

In: values from tasks.  Out: what the clerk's work gives for each.  This module does not
know what the work is.

A hop to a thread and back costs more than a small write, and threads that wait for one
lock cost more than the lock.  So whatever waits for the same disk waits at one desk: the
work is given a whole batch, may share among it what is dear, such as a synchronisation,
and the event loop is woken once for all of it.  Under no load a call waits for nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from attrs import define, field, frozen

__all__ = ["Clerk"]

T = TypeVar("T")
R = TypeVar("R")

#: An idle thread ends after so many seconds; the next call starts another.
_LINGER = 1.0


@frozen(eq=False)
class _Call(Generic[T, R]):
    value: T
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[R]


@define(eq=False)
class Clerk(Generic[T, R]):
    """A desk with one thread behind it.

    Attributes:
        work: given the values that wait, in order, gives a result or an exception for
            each, in the same order.  Runs in the thread, one batch at a time.
        name: of the thread.
        most: values in a batch, at most.
    """

    work: Callable[[Sequence[T]], Sequence[R | Exception]]
    name: str = "dflow-clerk"
    most: int = 64
    _waiting: queue.SimpleQueue[_Call[T, R] | None] = field(
        factory=queue.SimpleQueue, init=False, repr=False
    )
    _guard: threading.Lock = field(factory=threading.Lock, init=False, repr=False)
    _thread: threading.Thread | None = field(default=None, init=False, repr=False)

    async def ask(self, value: T) -> R:
        """The result of the work for a value; raises what the work gave as an exception.

        A value whose asker was cancelled before its batch began is not worked on.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R] = loop.create_future()
        with self._guard:
            self._waiting.put(_Call(value, loop, answer))
            if self._thread is None:
                # A daemon: a disk that hangs must not keep the program from ending.
                self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
                self._thread.start()
        return await answer

    def stop(self) -> None:
        """Finish what waits, and wait for the thread to end; a later call starts anew."""
        with self._guard:
            thread = self._thread
            if thread is not None:
                self._waiting.put(None)
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while batch := self._next():
            calls = [call for call in batch if not call.answer.cancelled()]
            if not calls:
                continue
            try:
                results = self.work([call.value for call in calls])
            except Exception as error:  # noqa: BLE001  every asker must be told, whatever it was
                results = [error] * len(calls)
            for loop in {call.loop for call in calls}:
                mine = [
                    (call.answer, result)
                    for call, result in zip(calls, results, strict=True)
                    if call.loop is loop
                ]
                with contextlib.suppress(RuntimeError):  # the loop has ended: nobody listens
                    loop.call_soon_threadsafe(_tell, mine)

    def _next(self) -> list[_Call[T, R]]:
        """The calls that wait, at most `most`; none if the thread is to end."""
        while (first := self._take()) is None:
            with self._guard:
                if self._waiting.empty():
                    self._thread = None
                    return []
        batch = [first]
        # Nobody else takes from the queue, so what is there now can be had without waiting.
        while len(batch) < self.most and not self._waiting.empty():
            call = self._waiting.get()
            if call is None:
                self._waiting.put(None)  # a stop, for after this batch
                break
            batch.append(call)
        return batch

    def _take(self) -> _Call[T, R] | None:
        """The next call; None for a stop, or if none came for a while."""
        try:
            return self._waiting.get(timeout=_LINGER)
        except queue.Empty:
            return None


def _tell(answers: Sequence[tuple[asyncio.Future[R], R | Exception]]) -> None:
    """In the event loop: answer those that still wait."""
    for answer, result in answers:
        if answer.done():
            continue
        if isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(result)
