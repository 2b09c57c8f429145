"""An AMQP exchange as a destination: persistent messages, confirmed one by one.

In: parcels.  Out: messages.  This module does not know flows.

A receipt means that the broker confirmed the message: a quorum queue confirms when most
of its members have it on their disks, a classic durable queue when it has it on its own.
A message that no queue would get comes back and is refused.  Many are under way at once
on one channel; each waits for its own confirmation.

AMQP has no question "do you have this?", and no memory of keys.  So this outbox neither
probes nor is idempotent: after a lost connection a person, or the mount's `unanswered`,
decides.  The key travels as the message's id, by which a recipient can drop repeats; an
exchange's journal does so.
"""

from __future__ import annotations

import asyncio
import hashlib

from attrs import define, field

from dflow.transport.amqp.session import Session, connect, find_queue, words_of
from dflow.transport.brokers.link import Link
from dflow.transport.faults import Refused, Unavailable, Uncertain
from dflow.transport.parcel import Capabilities, Parcel, Presence, Receipt
from dflow.transport.server import Server
from dflow.transport.wire import headers_of

__all__ = ["AmqpOutbox"]

#: A message's headers travel in one frame.
_MOST_HEADERS = 100_000
#: RabbitMQ takes no larger message, unless it is told to.
_LARGEST = 134_217_728
_LONGEST_ID = 255
#: AMQP's number for what a broker writes to its disk.
_PERSISTENT = 2
#: Bytes; so long a content goes to the line without waiting for those before it.
_SHORT = 1 << 16


@define(eq=False, kw_only=True)
class AmqpOutbox:
    """An outbox into an exchange of an AMQP broker.

    Attributes:
        server: where the broker is; the URL's path is the virtual host.
        routing_key: where messages go; with the default exchange, the queue's name.
        exchange: the exchange; the broker's default one if empty.
        create: whether the queue is declared; only with the default exchange.
        queue_type: of a queue that is declared: ``quorum`` or ``classic``.
        largest: bytes; a larger content is refused before it is sent, because the
            broker would close the channel under everything else that is under way.
        patience: seconds to wait for an answer.
    """

    server: Server
    routing_key: str
    exchange: str = ""
    create: bool = False
    queue_type: str = "quorum"
    largest: int = _LARGEST
    patience: float = 30.0
    _link: Link[Session] = field(init=False)
    _under_way: dict[str, asyncio.Future[None]] = field(factory=dict, init=False)

    @_link.default
    def _make_link(self) -> Link[Session]:
        return Link(open=self._open, shut=lambda held: held.close(), alive=lambda held: held.alive)

    @property
    def capabilities(self) -> Capabilities:
        """Ordered; durable where it declares the queue itself, as a quorum queue."""
        declared = self.create and not self.exchange
        return Capabilities(
            durable=declared and self.queue_type == "quorum", ordered=True, notes=True
        )

    async def send(self, parcel: Parcel) -> Receipt:
        """Publish the parcel, and wait until the broker confirms it.

        Raises:
            Refused: no queue takes it, or it is too large.
            Unavailable: not taken: unreachable, refused, full.
            Uncertain: the connection was lost before the confirmation.
        """
        headers = headers_of(parcel)
        size = sum(len(name) + len(value) for name, value in headers.items())
        if size > _MOST_HEADERS:
            words = f"its name and notes take {size} bytes"
            raise Refused(f"{self.server.url}: {words}, and a message at most {_MOST_HEADERS}")
        if len(parcel.content) > self.largest:
            words = f"{len(parcel.content)} bytes, more than the {self.largest} allowed"
            raise Refused(f"{self.server.url}: {words}: raise the broker's limit and `largest`")
        name = _id_of(parcel.key)
        while (other := self._under_way.get(name)) is not None:
            # The broker returns a message by its id: two at once could not be told apart.
            await asyncio.wait([other])
        ended = self._under_way[name] = asyncio.get_running_loop().create_future()
        try:
            await self._publish(await self._link.get(), parcel.content, headers, name)
        finally:
            del self._under_way[name]
            ended.set_result(None)
        return Receipt(key=parcel.key, place=self.routing_key)

    async def probe(self, key: str) -> Presence:  # noqa: ARG002  the Protocol's
        """UNKNOWN, always: AMQP cannot be asked."""
        return Presence.UNKNOWN

    async def check(self) -> str:
        """What was reached; nothing is sent.

        Raises:
            TransportError: it cannot be used, why, and what mends it.
        """
        await self._link.get()
        if self.exchange:
            return f"{self.server.url}: exchange {self.exchange}, key {self.routing_key}"
        return f"{self.server.url}: queue {self.routing_key}"

    async def close(self) -> None:
        """Let go of the connection."""
        await self._link.close()

    async def _publish(
        self, session: Session, content: bytes, headers: dict[str, str], name: str
    ) -> None:
        from aiormq import spec
        from aiormq.exceptions import (
            AMQPError,
            ChannelAccessRefused,
            ChannelInvalidStateError,
            ChannelNotFoundEntity,
            DeliveryError,
            PublishError,
        )

        properties = spec.Basic.Properties(
            content_type="application/octet-stream",
            headers=dict(headers),
            delivery_mode=_PERSISTENT,
            message_id=name,
            app_id="dflow",
        )
        where = f"{self.server.url}: {self._place()}"
        try:
            # A large one waits for the line; short ones are written together.
            async with asyncio.timeout(self.patience + len(content) / 1e6):
                await session.underlay.basic_publish(  # type: ignore[call-arg]  # `wait` is not in the abstract one
                    content,
                    exchange=self.exchange,
                    routing_key=self.routing_key,
                    properties=properties,
                    mandatory=True,
                    wait=len(content) > _SHORT,
                )
        except PublishError as error:
            words = "no queue takes it: bind one to the exchange with this key, or declare it"
            raise Refused(f"{where}: {words}") from error
        except DeliveryError as error:
            words = "the broker did not take it: a queue is full, or has no leader"
            raise Unavailable(
                f"{where}: {words}: let it be consumed, or raise its limit"
            ) from error
        except (ChannelAccessRefused, ChannelNotFoundEntity) as error:
            if session.confirmed:
                raise Uncertain(f"{where}: {words_of(error)}") from error
            # The broker closes the channel at the first message, and takes none after it.
            mends = "declare what is missing"
            if isinstance(error, ChannelAccessRefused):
                mends = "the user needs the permission to write there, or name another exchange"
            raise Unavailable(f"{where}: {words_of(error)}: {mends}") from error
        except ChannelInvalidStateError as error:
            raise Unavailable(f"{where}: the connection was lost before sending") from error
        except TimeoutError as error:
            raise Uncertain(f"{where}: no confirmation in {self.patience:g} s") from error
        except (AMQPError, OSError, RuntimeError) as error:
            words = "the connection was lost before the confirmation"
            raise Uncertain(f"{where}: {words}: {words_of(error)}") from error
        session.confirmed += 1

    async def _open(self) -> Session:
        session = await connect(self.server, patience=self.patience, confirms=True)
        try:
            await self._declare(session)
        except BaseException:
            await session.close()
            raise
        return session

    async def _declare(self, session: Session) -> None:
        """Know that the exchange or the queue is there."""
        if self.exchange:
            await session.ask(session.channel.get_exchange(self.exchange))
        elif self.create:
            await session.ask(
                session.channel.declare_queue(
                    self.routing_key, durable=True, arguments={"x-queue-type": self.queue_type}
                )
            )
        else:
            await find_queue(session, self.routing_key)

    def _place(self) -> str:
        if self.exchange:
            return f"exchange {self.exchange}, key {self.routing_key}"
        return f"queue {self.routing_key}"


def _id_of(key: str) -> str:
    """The key, if a message's id can be it."""
    if len(key) <= _LONGEST_ID and key.isascii() and key.isprintable() and key:
        return key
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
