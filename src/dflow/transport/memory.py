"""Transports within one process: for tests, and for applications that wire parts together.

In: parcels and arrivals.  Out: the same.  This module does not keep anything beyond the
life of the process, and says so in its capabilities.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from attrs import define, field

from dflow.transport.parcel import Arrival, Capabilities, Parcel, Presence, Receipt

__all__ = ["MemoryInbox", "MemoryOutbox"]


@define(eq=False)
class MemoryOutbox:
    """An outbox that keeps its parcels in `parcels`, in the order they came.

    >>> outbox = MemoryOutbox()
    >>> asyncio.run(outbox.send(Parcel(key="k1", name="a.usr", content=b"ZHV|")))
    Receipt(key='k1', place='1', repeat=False)
    >>> asyncio.run(outbox.probe("k1"))
    <Presence.PRESENT: 'present'>
    """

    parcels: list[Parcel] = field(factory=list, init=False)
    _places: dict[str, int] = field(factory=dict, init=False)

    @property
    def capabilities(self) -> Capabilities:
        """It probes, is idempotent and ordered, and keeps nothing beyond the process."""
        return Capabilities(probes=True, idempotent=True, durable=False, ordered=True)

    async def send(self, parcel: Parcel) -> Receipt:
        """Keep the parcel, unless its key is known already."""
        known = self._places.get(parcel.key)
        if known is not None:
            return Receipt(key=parcel.key, place=str(known), repeat=True)
        self.parcels.append(parcel)
        self._places[parcel.key] = len(self.parcels)
        return Receipt(key=parcel.key, place=str(len(self.parcels)))

    async def probe(self, key: str) -> Presence:
        """PRESENT or ABSENT."""
        return Presence.PRESENT if key in self._places else Presence.ABSENT


@define(eq=False)
class MemoryInbox:
    """An inbox that is filled by `put`; an arrival given back comes again, first."""

    _waiting: deque[Arrival] = field(factory=deque, init=False)
    _taken: dict[str, Arrival] = field(factory=dict, init=False)
    _count: int = field(default=0, init=False)
    _more: asyncio.Event = field(factory=asyncio.Event, init=False)

    def put(self, content: bytes, *, name: str = "") -> None:
        """Add an arrival, of the event loop's own thread."""
        self._count += 1
        token = str(self._count)
        self._waiting.append(Arrival(name=name or token, content=content, token=token))
        self._more.set()

    @property
    def waiting(self) -> int:
        """Arrivals that are not done: neither taken nor finished."""
        return len(self._waiting) + len(self._taken)

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        """The arrivals in the order they were put."""
        while True:
            while self._waiting:
                arrival = self._waiting.popleft()
                self._taken[arrival.token] = arrival
                yield arrival
            if once:
                return
            self._more.clear()
            await self._more.wait()

    async def done(self, arrival: Arrival) -> None:
        """Forget the arrival."""
        self._taken.pop(arrival.token, None)

    async def failed(self, arrival: Arrival, reason: str) -> None:  # noqa: ARG002  the Protocol's
        """Give the arrival back, before those that wait."""
        if self._taken.pop(arrival.token, None) is not None:
            self._waiting.appendleft(arrival)
            self._more.set()
