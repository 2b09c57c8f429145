"""Functions that wait, made into transports."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from zlib import crc32

import pytest
from attrs import define, evolve, field

from dflow.testing.transports import Endpoint, check_transport
from dflow.transport import (
    Arrival,
    Capabilities,
    Checking,
    Closing,
    Inbox,
    Outbox,
    Parcel,
    Presence,
    Receipt,
    Refused,
    Unavailable,
    Uncertain,
)
from dflow.transport.wrap import FunctionInbox, FunctionOutbox, inbox_of, outbox_of


@define
class Shelf:
    """A shelf behind functions that know no event loop; it takes a moment for each."""

    guard: threading.Lock = field(factory=threading.Lock)
    keys: set[str] = field(factory=set)
    waiting: deque[Arrival] = field(factory=deque)

    def put(self, parcel: Parcel) -> Receipt:
        time.sleep(0.0005)
        with self.guard:
            repeat = parcel.key in self.keys
            if not repeat:
                self.keys.add(parcel.key)
                arrival = Arrival(name=parcel.name, content=parcel.content, notes=parcel.notes)
                self.waiting.append(evolve(arrival, token=parcel.key))
            return Receipt(key=parcel.key, repeat=repeat)

    def ask(self, key: str) -> Presence:
        with self.guard:
            return Presence.PRESENT if key in self.keys else Presence.ABSENT


@define
class ShelfRig:
    shelf: Shelf = field(factory=Shelf)
    server: Endpoint | None = None

    def outbox(self, via: Endpoint | None = None) -> FunctionOutbox:
        promises = Capabilities(probes=True, idempotent=True, ordered=True, notes=True)
        return outbox_of(self.shelf.put, probe=self.shelf.ask, capabilities=promises, threads=3)

    def inbox(self, via: Endpoint | None = None) -> FunctionInbox:
        shelf, held = self.shelf, dict[str, Arrival]()

        def receive() -> Arrival | None:
            with shelf.guard:
                if not shelf.waiting:
                    return None
                arrival = shelf.waiting.popleft()
            held[arrival.token] = arrival
            return arrival

        def done(arrival: Arrival) -> None:
            held.pop(arrival.token, None)

        def failed(arrival: Arrival, reason: str) -> None:
            with shelf.guard:
                shelf.waiting.appendleft(held.pop(arrival.token))

        def close() -> None:
            for arrival in [*held.values()]:
                failed(arrival, "closed")

        return inbox_of(receive, done=done, failed=failed, close=close, poll=0.01)

    def delivered(self) -> list[tuple[str, bytes]]:
        raise NotImplementedError


@contextmanager
def shelf_rig() -> Iterator[ShelfRig]:
    yield ShelfRig()


TestShelf = check_transport(shelf_rig, largest=1_000_000)


def parcel(key: str = "k") -> Parcel:
    return Parcel(key=key, name="a.usr", content=b"ZHV|")


def test_they_are_what_the_protocols_ask() -> None:
    rig = ShelfRig()
    for end, kind in ((rig.outbox(), Outbox), (rig.inbox(), Inbox)):
        assert isinstance(end, kind)
        assert isinstance(end, Checking)
        assert isinstance(end, Closing)


def test_what_is_left_out_is_not_promised() -> None:
    outbox = outbox_of(lambda parcel: None)
    assert outbox.capabilities == Capabilities()
    assert asyncio.run(outbox.send(parcel())) == Receipt(key="k")
    assert asyncio.run(outbox.probe("k")) is Presence.UNKNOWN
    assert "of your own" in asyncio.run(outbox.check())
    asyncio.run(outbox.close())
    with pytest.raises(ValueError, match="no function does"):
        outbox_of(lambda parcel: None, capabilities=Capabilities(probes=True))
    with pytest.raises(ValueError, match="one is the least"):
        outbox_of(lambda parcel: None, threads=0)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (Refused("too large"), Refused, "too large"),
        (Unavailable("down"), Unavailable, "down"),
        (OSError("password hunter2 is wrong"), Uncertain, "own function raised OSError"),
    ],
)
def test_what_send_raises(error: Exception, kind: type[Exception], words: str) -> None:
    def send(one: Parcel) -> None:
        raise error

    with pytest.raises(kind, match=words) as raised:
        asyncio.run(outbox_of(send).send(parcel()))
    assert "hunter2" not in str(raised.value)


def test_what_the_others_raise_is_unavailable() -> None:
    def fails(*_: object) -> None:
        raise ValueError("hunter2")

    def text(*_: object) -> str:
        raise ValueError("hunter2")

    outbox = outbox_of(lambda one: None, probe=lambda key: Presence(text()), check=text)
    inbox = inbox_of(fails, done=fails, failed=fails, check=text, close=fails)
    arrival = Arrival(name="a", content=b"")

    async def first() -> None:
        async for _ in inbox.receive(once=True):
            pass

    for call in (
        lambda: outbox.probe("k"),
        outbox.check,
        inbox.check,
        first,
        lambda: inbox.done(arrival),
        lambda: inbox.failed(arrival, "why"),
    ):
        with pytest.raises(Unavailable, match="own function raised ValueError"):
            asyncio.run(call())
    asyncio.run(inbox.close())  # close never raises


def test_a_hanging_function_holds_up_its_own_key_only() -> None:
    open_again, order = threading.Event(), list[str]()

    def send(one: Parcel) -> None:
        if one.key == "slow" and not open_again.is_set():
            open_again.wait(10)
        order.append(one.key)

    outbox = outbox_of(send, threads=4)

    async def scenario() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(outbox.send(parcel("slow")), 0.1)
        for key in ("a", "b", "c", "d", "e", "f"):
            if hash_of(key) != hash_of("slow"):
                await asyncio.wait_for(outbox.send(parcel(key)), 5)
        again = asyncio.ensure_future(outbox.send(parcel("slow")))
        await asyncio.sleep(0.05)
        assert not again.done()
        open_again.set()
        await again

    asyncio.run(scenario())
    assert order[-2:] == ["slow", "slow"]
    assert len(order) > 3


def hash_of(key: str) -> int:

    return crc32(key.encode()) % 4
