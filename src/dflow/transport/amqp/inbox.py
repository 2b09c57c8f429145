"""A queue of an AMQP broker as a source.

In: messages of a queue.  Out: arrivals, acknowledged when they are done.  This module
does not know flows.

The broker hands out `prefetch` messages and no more until some are acknowledged.  It
takes back at once what a lost connection had.  AMQP does not confirm acknowledgements:
so `done` asks another question on the same channel, whose answer means that the broker
has read the acknowledgement before; those who wait at once share one question.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from dflow.transport.amqp.session import Session, connect, find_queue
from dflow.transport.brokers.link import Link
from dflow.transport.faults import Unavailable
from dflow.transport.parcel import Arrival
from dflow.transport.server import Server
from dflow.transport.wire import arrival_of

if TYPE_CHECKING:
    from aio_pika.abc import AbstractIncomingMessage

__all__ = ["AmqpInbox"]


@define(eq=False)
class _Taking:
    """One connection's reading: what was taken on it, by token."""

    session: Session
    number: int
    taken: dict[str, AbstractIncomingMessage] = field(factory=dict)
    spoilt: set[str] = field(factory=set)
    settling: asyncio.Task[None] | None = None
    asking: asyncio.Lock = field(factory=asyncio.Lock)


@define(eq=False, kw_only=True)
class AmqpInbox:
    """An inbox over a queue; several readers of one queue share its messages.

    Attributes:
        server: where the broker is; the URL's path is the virtual host.
        queue: the queue's name.
        prefetch: so many are taken ahead and not done at most.
        create: whether the queue is declared.
        queue_type: of a queue that is declared: ``quorum`` or ``classic``.
        largest: bytes; a larger content is an arrival with a problem.
        patience: seconds to wait for an answer.
    """

    server: Server
    queue: str
    prefetch: int = 32
    create: bool = False
    queue_type: str = "quorum"
    largest: int = 1 << 30
    patience: float = 30.0
    _link: Link[_Taking] = field(init=False)
    _count: int = field(default=0, init=False)

    @_link.default
    def _make_link(self) -> Link[_Taking]:
        return Link(
            open=self._open,
            shut=lambda held: held.session.close(),
            alive=lambda held: held.session.alive,
        )

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        """The messages in the queue's order; what came back may come out of it.

        Raises:
            Unavailable: the queue cannot be read now.
        """
        taking = await self._link.get()
        messages = self._there(taking) if once else self._coming(taking)
        async with contextlib.aclosing(messages):
            async for message in messages:
                yield self._arrival(taking, message)

    async def done(self, arrival: Arrival) -> None:
        """Acknowledge the message, and wait until the broker has read that.

        One with a problem is rejected instead: it goes to the queue's dead-letter
        exchange, where there is one.

        Raises:
            Unavailable: it is not acknowledged, and will be received again.
        """
        taking = await self._link.get()
        self._same(taking, arrival)
        message = taking.taken.pop(arrival.token, None)
        if message is None:
            return
        if arrival.problem:
            await taking.session.ask(message.reject(requeue=False))
        else:
            await taking.session.ask(message.ack())
        await self._settled(taking)

    async def failed(self, arrival: Arrival, reason: str) -> None:  # noqa: ARG002  the Protocol's
        """Give the message back to the queue."""
        taking = self._link.held
        message = None if taking is None else taking.taken.pop(arrival.token, None)
        if taking is not None and message is not None:
            with contextlib.suppress(Unavailable):  # a lost connection gave it back already
                await taking.session.ask(message.reject(requeue=True))
                await self._settled(taking)

    async def check(self) -> str:
        """What was reached; nothing is taken.

        Raises:
            TransportError: it cannot be used, why, and what mends it.
        """
        session = (await self._link.get()).session
        declared = await session.ask(session.channel.declare_queue(self.queue, passive=True))
        count = declared.declaration_result.message_count
        return f"{self.server.url}: queue {self.queue}, {count} messages wait"

    async def close(self) -> None:
        """Let go of the connection: the broker takes back what is not done."""
        await self._link.close()

    async def _open(self) -> _Taking:
        session = await connect(self.server, patience=self.patience, confirms=False)
        try:
            if self.create:
                await session.ask(
                    session.channel.declare_queue(
                        self.queue, durable=True, arguments={"x-queue-type": self.queue_type}
                    )
                )
            else:
                await find_queue(session, self.queue)
            await session.ask(session.channel.set_qos(prefetch_count=self.prefetch))
        except BaseException:
            await session.close()
            raise
        self._count += 1
        return _Taking(session, self._count)

    async def _there(self, taking: _Taking) -> AsyncGenerator[AbstractIncomingMessage, None]:
        """What lies in the queue now, one by one."""
        session = taking.session
        queue = await session.ask(session.channel.get_queue(self.queue, ensure=False))
        while True:
            message = await session.ask(queue.get(fail=False, timeout=self.patience))
            if message is None:
                return
            yield message

    async def _coming(self, taking: _Taking) -> AsyncGenerator[AbstractIncomingMessage, None]:
        """What lies there and what comes, handed out by the broker."""
        session = taking.session
        arrived: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()

        def ended(*_: object) -> None:
            arrived.put_nowait(None)

        session.underlay.on_consumer_cancel_callbacks.add(ended)
        session.channel.close_callbacks.add(ended)
        queue = await session.ask(session.channel.get_queue(self.queue, ensure=False))
        tag = await session.ask(queue.consume(arrived.put))
        try:
            while True:
                message = await arrived.get()
                if message is None:
                    words = "the connection was lost, or the queue deleted"
                    raise Unavailable(f"{self.server.url}: queue {self.queue}: {words}")
                yield message
        finally:
            session.channel.close_callbacks.discard(ended)
            session.underlay.on_consumer_cancel_callbacks.discard(ended)
            if session.alive:
                with contextlib.suppress(Unavailable):
                    await session.ask(queue.cancel(tag))
                    while not arrived.empty():
                        left = arrived.get_nowait()
                        if left is not None:
                            await session.ask(left.reject(requeue=True))

    def _arrival(self, taking: _Taking, message: AbstractIncomingMessage) -> Arrival:
        token = f"{taking.number}:{message.delivery_tag}"
        taking.taken[token] = message
        headers = {name: value for name, value in message.headers.items() if isinstance(value, str)}
        arrival = arrival_of(
            headers, message.body, token=token, name=message.message_id or f"{self.queue}-{token}"
        )
        if len(message.body) > self.largest:
            problem = f"{len(message.body)} bytes, more than the {self.largest} allowed"
            arrival = evolve(arrival, content=b"", problem=problem)
        return evolve(arrival, notes={**arrival.notes, **_history(message)})

    def _same(self, taking: _Taking, arrival: Arrival) -> None:
        if arrival.token.partition(":")[0] != str(taking.number):
            words = "the connection it came on is lost: it will be received again"
            raise Unavailable(f"{self.server.url}: queue {self.queue}: {words}")

    async def _settled(self, taking: _Taking) -> None:
        """Wait until the broker has read what was written before."""
        if taking.settling is None:
            taking.settling = asyncio.ensure_future(self._settle(taking))
            taking.settling.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(taking.settling)

    async def _settle(self, taking: _Taking) -> None:
        async with taking.asking:
            taking.settling = None  # who comes now is not served by this question
            session = taking.session
            await session.ask(session.channel.set_qos(prefetch_count=self.prefetch))


def _history(message: AbstractIncomingMessage) -> dict[str, str]:
    """What the broker tells of a message's past, as notes; nothing for a fresh one."""
    notes: dict[str, str] = {}
    if message.redelivered:
        notes["amqp-redelivered"] = "yes"
    count = message.headers.get("x-delivery-count")
    if isinstance(count, int) and count:
        notes["amqp-delivery-count"] = str(count)
    deaths = message.headers.get("x-death")
    if isinstance(deaths, list):
        told = [one for one in deaths if isinstance(one, dict)]
        notes["amqp-deaths"] = "; ".join(
            f"{one.get('count')!s} {one.get('reason')!s} of {one.get('queue')!s}" for one in told
        )
    return notes
