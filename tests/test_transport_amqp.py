"""AMQP, against a real RabbitMQ."""

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
from dflow.transport import Secret
from dflow.transport.amqp import AmqpInbox, AmqpOutbox
from dflow.transport.amqp.session import connect
from dflow.transport.server import Server


@define(eq=False)
class AmqpRig:
    """A queue of its own, taken away at the end."""

    server: Endpoint
    name: str = field(factory=lambda: f"dflow-test-{secrets.token_hex(6)}")

    def at(self, via: Endpoint | None = None) -> Server:
        place = via or self.server
        url = f"amqp://{place.host}:{place.port}"
        return Server(url=url, user="guest", password=Secret("guest"))

    def outbox(self, via: Endpoint | None = None) -> AmqpOutbox:
        return AmqpOutbox(
            server=self.at(via),
            routing_key=self.name,
            create=True,
            queue_type="classic",
            patience=5,
        )

    def inbox(self, via: Endpoint | None = None) -> AmqpInbox:
        return AmqpInbox(
            server=self.at(via), queue=self.name, create=True, queue_type="classic", patience=5
        )

    def delivered(self) -> list[tuple[str, bytes]]:
        raise NotImplementedError

    async def remove(self) -> None:
        session = await connect(self.at(), patience=5, confirms=False)
        await session.channel.queue_delete(self.name)
        await session.close()


@contextmanager
def rig() -> Iterator[AmqpRig]:
    made = AmqpRig(Endpoint(*services.require("amqp")))
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
