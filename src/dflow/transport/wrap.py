"""Functions that wait, made into transports: for libraries that know no event loop.

In: functions.  Out: an outbox or an inbox.  This module runs them in threads of their own,
one call at a time in each, so that a library needs to know nothing of threads and a peer
that hangs holds up nobody else.

A call that is cancelled goes on in its thread: nobody can end it.  So a cancelled `send`
is uncertain, as the Protocol says, and the next call on its key waits for it; what a
cancelled reader would have been given is kept for the next one.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar, cast

from attrs import define, field

from dflow.transport.clerk import Clerk
from dflow.transport.faults import TransportError, Unavailable, Uncertain
from dflow.transport.parcel import Arrival, Capabilities, Parcel, Presence, Receipt

__all__ = ["FunctionInbox", "FunctionOutbox", "inbox_of", "outbox_of"]

R = TypeVar("R")

_Call = Callable[[], object]


def outbox_of(
    send: Callable[[Parcel], Receipt | None],
    *,
    probe: Callable[[str], Presence] | None = None,
    check: Callable[[], str] | None = None,
    close: Callable[[], None] | None = None,
    capabilities: Capabilities | None = None,
    threads: int = 1,
) -> FunctionOutbox:
    """An outbox of functions that wait.

    >>> shelf = {}
    >>> outbox = outbox_of(lambda parcel: shelf.update({parcel.name: parcel.content}))
    >>> asyncio.run(outbox.send(Parcel(key="k", name="a.usr", content=b"ZHV|")))
    Receipt(key='k', place='', repeat=False)

    Args:
        send: delivers a parcel; None is a receipt without a place.  It raises `Refused`,
            `Unavailable` or `Uncertain`; anything else it raises counts as `Uncertain`.
        probe: says whether a key is there.
        check: says what was reached, and sends nothing.
        close: lets go of connections; they are made again at the next call.
        capabilities: what the functions promise; probing only if not given.
        threads: calls at once; with more than one, the functions must bear it.

    Raises:
        ValueError: probing is promised without a function that probes; or no thread.
    """
    promised = capabilities or Capabilities(probes=probe is not None)
    if promised.probes and probe is None:
        raise ValueError("the capabilities promise to probe, and no function does")
    if threads < 1:
        raise ValueError(f"{threads} threads cannot send anything; one is the least")
    return FunctionOutbox(
        capabilities=promised, send=send, probe=probe, check=check, close=close, threads=threads
    )


def inbox_of(
    receive: Callable[[], Arrival | None],
    *,
    done: Callable[[Arrival], None],
    failed: Callable[[Arrival, str], None],
    check: Callable[[], str] | None = None,
    close: Callable[[], None] | None = None,
    poll: float = 1.0,
) -> FunctionInbox:
    """An inbox of functions that wait.

    Args:
        receive: takes the next arrival, or gives None if there is none now.
        done: lets the source forget an arrival.
        failed: gives an arrival back, for a reason.
        check: says what was reached, and takes nothing.
        close: lets go of connections, and of what was taken and is neither done nor failed.
        poll: seconds between two looks while nothing is there.
    """
    return FunctionInbox(
        receive=receive, done=done, failed=failed, check=check, close=close, poll=poll
    )


def _work(calls: Sequence[_Call]) -> list[object | Exception]:
    results: list[object | Exception] = []
    for call in calls:
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001  each asker is told its own
            results.append(error)
    return results


@define(eq=False)
class _Desk:
    """Threads, of which each key has its own: calls on one key are made one by one."""

    clerks: list[Clerk[_Call, object]]

    async def ask(self, call: Callable[[], R], key: str = "") -> R:
        clerk = self.clerks[zlib.crc32(key.encode("utf-8", "surrogatepass")) % len(self.clerks)]
        return cast("R", await clerk.ask(call))


def _desk(threads: int, name: str) -> _Desk:
    return _Desk([Clerk(_work, name=name, most=1) for _ in range(threads)])


def _fault(kind: type[TransportError], error: Exception) -> TransportError:
    # The words of an unknown exception may hold a password: its kind has to do.
    name = type(error).__name__
    fault = kind(f"the transport's own function raised {name}; it should say what that means")
    fault.__cause__ = error
    return fault


@define(eq=False, kw_only=True)
class FunctionOutbox:
    """An outbox whose calls are made in threads; made by `outbox_of`.

    Attributes:
        capabilities: what the functions promise.
    """

    capabilities: Capabilities
    _send: Callable[[Parcel], Receipt | None] = field(repr=False)
    _probe: Callable[[str], Presence] | None = field(repr=False)
    _check: Callable[[], str] | None = field(repr=False)
    _close: Callable[[], None] | None = field(repr=False)
    _threads: int
    _desk: _Desk = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._desk = _desk(self._threads, "dflow-outbox")

    async def send(self, parcel: Parcel) -> Receipt:
        """Call `send` in a thread.

        Raises:
            TransportError: what the function raised; `Uncertain` for anything else.
        """
        try:
            receipt = await self._desk.ask(lambda: self._send(parcel), parcel.key)
        except TransportError:
            raise
        except Exception as error:
            raise _fault(Uncertain, error) from error
        return receipt or Receipt(key=parcel.key)

    async def probe(self, key: str) -> Presence:
        """Call `probe` in a thread; UNKNOWN if there is none.

        Raises:
            Unavailable: for anything that the function raised.
        """
        call = self._probe
        if call is None:
            return Presence.UNKNOWN
        return await _asked(self._desk, lambda: call(key), key)

    async def check(self) -> str:
        """What was reached, in the words of `check`.

        Raises:
            TransportError: it cannot be used.
        """
        return await _checked(self._desk, self._check)

    async def close(self) -> None:
        """Call `close` in a thread."""
        await _closed(self._desk, self._close)


@define(eq=False, kw_only=True)
class FunctionInbox:
    """An inbox whose calls are made in a thread; made by `inbox_of`.

    Attributes:
        poll: seconds between two looks while nothing is there.
    """

    poll: float
    _receive: Callable[[], Arrival | None] = field(repr=False)
    _done: Callable[[Arrival], None] = field(repr=False)
    _failed: Callable[[Arrival, str], None] = field(repr=False)
    _check: Callable[[], str] | None = field(repr=False)
    _close: Callable[[], None] | None = field(repr=False)
    _ahead: deque[Arrival] = field(factory=deque, init=False, repr=False)
    _desk: _Desk = field(factory=lambda: _desk(1, "dflow-inbox"), init=False, repr=False)

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        """The arrivals, each asked for when the one before was taken.

        Raises:
            Unavailable: for anything that the function raised.
        """
        while True:
            while self._ahead:
                yield self._ahead.popleft()
            await _asked(self._desk, self._look)
            if self._ahead:
                continue
            if once:
                return
            await asyncio.sleep(self.poll)

    def _look(self) -> None:
        """In the thread: take the next arrival, also for a reader that has gone meanwhile."""
        if not self._ahead and (arrival := self._receive()) is not None:
            self._ahead.append(arrival)

    async def done(self, arrival: Arrival) -> None:
        """Call `done` in the thread."""
        await _asked(self._desk, lambda: self._done(arrival))

    async def failed(self, arrival: Arrival, reason: str) -> None:
        """Call `failed` in the thread."""
        await _asked(self._desk, lambda: self._failed(arrival, reason))

    async def check(self) -> str:
        """What was reached, in the words of `check`.

        Raises:
            TransportError: it cannot be used.
        """
        return await _checked(self._desk, self._check)

    async def close(self) -> None:
        """Give back what was taken and not handed out, and call `close` in the thread."""

        def end() -> None:
            while self._ahead:
                self._failed(self._ahead.popleft(), "closed before it was handed out")
            if self._close is not None:
                self._close()

        await _closed(self._desk, end)


async def _asked(desk: _Desk, call: Callable[[], R], key: str = "") -> R:
    try:
        return await desk.ask(call, key)
    except TransportError:
        raise
    except Exception as error:
        raise _fault(Unavailable, error) from error


async def _checked(desk: _Desk, call: Callable[[], str] | None) -> str:
    if call is None:
        return "functions of your own, that say nothing more"
    return await _asked(desk, call)


async def _closed(desk: _Desk, call: Callable[[], None] | None) -> None:
    if call is None:
        return
    try:
        # One that hangs is left behind in its thread, which keeps nobody from ending.
        await asyncio.wait_for(desk.ask(call), 5.0)
    except Exception:  # noqa: BLE001  close never raises
        return
