"""Transports within one process: for tests, and for applications that wire parts together.

In: parcels and arrivals.  Out: the same.  This module does not keep anything beyond the
life of the process, and says so in its capabilities.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping

from attrs import define, field

from dflow.transport.parcel import Arrival, Capabilities, Parcel, Presence, Receipt

__all__ = ["MemoryInbox", "MemoryOutbox", "MemoryQueue"]


@define(eq=False)
class MemoryQueue:
    """A queue between outboxes and inboxes of one event loop; each arrival goes to one inbox.

    >>> queue = MemoryQueue()
    >>> outbox, inbox = MemoryOutbox(queue), MemoryInbox(queue)
    """

    _waiting: deque[Arrival] = field(factory=deque, init=False, repr=False)
    _places: dict[str, int] = field(factory=dict, init=False, repr=False)
    _count: int = field(default=0, init=False)
    _readers: set[asyncio.Event] = field(factory=set, init=False, repr=False)

    def __len__(self) -> int:
        return len(self._waiting)

    def place(self, key: str) -> int | None:
        """The place at which a key was put, counted from 1."""
        return self._places.get(key)

    def send(self, parcel: Parcel) -> int:
        """Add a parcel, and remember its key; its place."""
        self.put(parcel.content, name=parcel.name, notes=parcel.notes)
        self._places[parcel.key] = self._count
        return self._count

    def put(
        self, content: bytes, *, name: str = "", notes: Mapping[str, str] | None = None
    ) -> None:
        """Add an arrival, of the event loop's own thread."""
        self._count += 1
        token = str(self._count)
        name = name or token
        self._waiting.append(
            Arrival(name=name, content=content, token=token, notes=dict(notes or {}))
        )
        self._wake()

    def take(self) -> Arrival | None:
        """The oldest arrival, which is its taker's; None if none waits."""
        return self._waiting.popleft() if self._waiting else None

    def give_back(self, arrival: Arrival) -> None:
        """An arrival that waits again, before all others."""
        self._waiting.appendleft(arrival)
        self._wake()

    async def changed(self) -> None:
        """Wait until something is added."""
        event = asyncio.Event()  # of this event loop: there may be others, one after another
        self._readers.add(event)
        try:
            await event.wait()
        finally:
            self._readers.discard(event)

    def _wake(self) -> None:
        for reader in self._readers:
            reader.set()


@define(eq=False)
class MemoryOutbox:
    """An outbox that keeps its parcels in `parcels`, in the order they came.

    >>> outbox = MemoryOutbox()
    >>> asyncio.run(outbox.send(Parcel(key="k1", name="a.usr", content=b"ZHV|")))
    Receipt(key='k1', place='1', repeat=False)
    >>> asyncio.run(outbox.probe("k1"))
    <Presence.PRESENT: 'present'>

    Attributes:
        queue: where the parcels go; an own one that nobody reads if not given.
        parcels: what this outbox sent.
    """

    queue: MemoryQueue = field(factory=MemoryQueue, repr=False)
    parcels: list[Parcel] = field(factory=list, init=False)

    @property
    def capabilities(self) -> Capabilities:
        """It probes, is idempotent and ordered, and keeps nothing beyond the process."""
        return Capabilities(probes=True, idempotent=True, durable=False, ordered=True, notes=True)

    async def send(self, parcel: Parcel) -> Receipt:
        """Keep the parcel, unless its key is known already."""
        known = self.queue.place(parcel.key)
        if known is not None:
            return Receipt(key=parcel.key, place=str(known), repeat=True)
        self.parcels.append(parcel)
        return Receipt(key=parcel.key, place=str(self.queue.send(parcel)))

    async def probe(self, key: str) -> Presence:
        """PRESENT or ABSENT."""
        return Presence.ABSENT if self.queue.place(key) is None else Presence.PRESENT


@define(eq=False)
class MemoryInbox:
    """An inbox that is filled by `put`; an arrival given back comes again, first.

    Attributes:
        queue: where it reads; one of its own if not given.
    """

    queue: MemoryQueue = field(factory=MemoryQueue, repr=False)
    _taken: dict[str, Arrival] = field(factory=dict, init=False, repr=False)

    def put(self, content: bytes, *, name: str = "") -> None:
        """Add an arrival, of the event loop's own thread."""
        self.queue.put(content, name=name)

    @property
    def waiting(self) -> int:
        """Arrivals that are not done: neither taken nor finished."""
        return len(self.queue) + len(self._taken)

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        """The arrivals in the order they were put."""
        while True:
            while (arrival := self.queue.take()) is not None:
                self._taken[arrival.token] = arrival
                yield arrival
            if once:
                return
            await self.queue.changed()

    async def done(self, arrival: Arrival) -> None:
        """Forget the arrival."""
        self._taken.pop(arrival.token, None)

    async def failed(self, arrival: Arrival, reason: str) -> None:  # noqa: ARG002  the Protocol's
        """Give the arrival back, before those that wait."""
        if self._taken.pop(arrival.token, None) is not None:
            self.queue.give_back(arrival)

    async def close(self) -> None:
        """Give back what was taken and is not done, in its order."""
        while self._taken:
            self.queue.give_back(self._taken.popitem()[1])
