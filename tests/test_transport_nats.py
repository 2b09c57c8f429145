"""NATS JetStream, against a real server."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager

import pytest
from attrs import define, field

import services
from dflow.testing.proxy import FaultProxy
from dflow.testing.transports import Endpoint, Trial, check_transport
from dflow.testing.transports.sending import a_large_parcel_arrives_whole, parcel
from dflow.transport import Parcel, Presence
from dflow.transport.nats import NatsInbox, NatsOutbox
from dflow.transport.nats.session import connect
from dflow.transport.server import Server


@define(eq=False)
class NatsRig:
    """A stream of its own, taken away at the end."""

    server: Endpoint
    name: str = field(factory=lambda: f"dflow-test-{secrets.token_hex(6)}")

    def at(self, via: Endpoint | None = None) -> Server:
        place = via or self.server
        return Server(url=f"nats://{place.host}:{place.port}")

    def outbox(self, via: Endpoint | None = None) -> NatsOutbox:
        return NatsOutbox(
            server=self.at(via), stream=self.name, subject=self.name, create=True, patience=5
        )

    def inbox(self, via: Endpoint | None = None) -> NatsInbox:
        return NatsInbox(
            server=self.at(via), stream=self.name, consumer="readers", wait=1.5, patience=5
        )

    def delivered(self) -> list[tuple[str, bytes]]:
        raise NotImplementedError

    async def make(self) -> None:
        outbox = self.outbox()
        await outbox.check()
        await outbox.close()

    async def remove(self) -> None:
        session = await connect(self.at(), patience=5)
        for stream in (self.name, f"OBJ_{self.name}_large"):
            with contextlib.suppress(Exception):
                await session.stream.delete_stream(stream)
        await session.close()


def run(work: Coroutine[object, object, object]) -> None:
    asyncio.run(work)


@contextmanager
def rig() -> Iterator[NatsRig]:
    place = services.require("nats")
    made = NatsRig(Endpoint(*place))
    run(made.make())
    try:
        yield made
    finally:
        run(made.remove())


TestPromises = check_transport(rig, largest=3_000_000)


@pytest.mark.slow
def test_a_hundred_megabytes() -> None:
    with rig() as made:
        trial = Trial(rig=made, largest=100_000_000, patience=30, prefetch=64)
        trial.run(lambda: a_large_parcel_arrives_whole(trial))


def test_a_key_is_known_beyond_the_window_for_duplicates() -> None:
    """Also when it was consumed: the stream itself is the memory, not the window."""
    made = NatsRig(Endpoint(*services.require("nats")))

    async def work() -> None:
        session = await connect(made.at(), patience=5)
        await session.stream.add_stream(
            name=made.name, subjects=[f"{made.name}.*"], duplicate_window=0.1
        )
        await session.close()
        outbox, inbox = made.outbox(), made.inbox()
        await outbox.send(parcel(1))
        async for arrival in inbox.receive(once=True):
            await inbox.done(arrival)
        await asyncio.sleep(0.4)
        assert (await outbox.send(parcel(1))).repeat
        assert await outbox.probe(parcel(1).key) is Presence.PRESENT
        assert [one async for one in inbox.receive(once=True)] == []
        await outbox.close()
        await inbox.close()

    try:
        asyncio.run(work())
    finally:
        run(made.remove())


def test_a_cancelled_large_content_leaves_no_pieces() -> None:
    async def pieces(made: NatsRig) -> int:
        session = await connect(made.at(), patience=5)
        try:
            info = await session.stream.stream_info(f"OBJ_{made.name}_large")
        finally:
            await session.close()
        return info.state.messages

    async def work(made: NatsRig, proxy: FaultProxy) -> None:
        outbox = made.outbox(Endpoint(proxy.host, proxy.port))
        large = Parcel(key="k", name="a.usr", content=bytes(6_000_000))
        await outbox.check()
        proxy.slow(delay=0.02)
        sending = asyncio.ensure_future(outbox.send(large))
        async with asyncio.timeout(20):
            while not sending.done():
                with contextlib.suppress(Exception):  # the bucket is made by the sending
                    if await pieces(made) > 2:
                        break
                await asyncio.sleep(0.02)
        sending.cancel()
        await asyncio.wait([sending])
        assert sending.cancelled(), "it was too quick to be cancelled"
        assert await pieces(made) == 0
        proxy.slow(delay=0)
        await outbox.send(large)
        assert await pieces(made) > 20
        await outbox.close()

    with rig() as made, FaultProxy(made.server.host, made.server.port) as proxy:
        run(work(made, proxy))
