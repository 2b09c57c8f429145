"""Redis streams, against a real server."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from attrs import define, field

import services
from dflow.testing.transports import Endpoint, Trial, check_transport
from dflow.testing.transports.sending import a_large_parcel_arrives_whole
from dflow.transport.redis import RedisInbox, RedisOutbox
from dflow.transport.redis.session import connect
from dflow.transport.server import Server


@define(eq=False)
class RedisRig:
    """A stream of its own, taken away at the end with its marks."""

    server: Endpoint
    name: str = field(factory=lambda: f"dflow-test-{secrets.token_hex(6)}")

    def at(self, via: Endpoint | None = None) -> Server:
        place = via or self.server
        return Server(url=f"redis://{place.host}:{place.port}/0")

    def outbox(self, via: Endpoint | None = None) -> RedisOutbox:
        return RedisOutbox(server=self.at(via), stream=self.name, keep_keys=600, patience=5)

    def inbox(self, via: Endpoint | None = None) -> RedisInbox:
        return RedisInbox(
            server=self.at(via), stream=self.name, group="readers", wait=1.5, patience=5
        )

    def delivered(self) -> list[tuple[str, bytes]]:
        raise NotImplementedError

    async def remove(self) -> None:
        session = await connect(self.at(), patience=5)
        marks = await session.ask("KEYS", f"{{{self.name}}}:*")
        names = [one for one in marks if isinstance(one, bytes)] if isinstance(marks, list) else []
        await session.ask("DEL", self.name, *names)
        await session.close()


@contextmanager
def rig() -> Iterator[RedisRig]:
    made = RedisRig(Endpoint(*services.require("redis")))
    try:
        yield made
    finally:
        asyncio.run(made.remove())


TestPromises = check_transport(rig, largest=3_000_000)


@pytest.mark.slow
def test_a_hundred_megabytes() -> None:
    with rig() as made:
        trial = Trial(rig=made, largest=100_000_000, patience=30, prefetch=64)
        trial.run(lambda: a_large_parcel_arrives_whole(trial))
