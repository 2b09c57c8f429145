"""A durable consumer of a JetStream stream as a source.

In: messages of a stream.  Out: arrivals, acknowledged when they are done.  This module
does not know flows.

Messages are pulled, a few ahead of the reader; what was pulled is held by telling the
server again and again that work goes on.  A reader that dies stops telling, and the
server hands its messages to another after the consumer's wait.  `done` returns when the
server has confirmed the acknowledgement.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from dflow.transport.brokers.holding import Holding
from dflow.transport.brokers.link import Link
from dflow.transport.faults import Unavailable
from dflow.transport.nats import large
from dflow.transport.nats.pulling import Pulling, open_pulling
from dflow.transport.nats.session import Session, connect, words_of
from dflow.transport.parcel import Arrival
from dflow.transport.server import Server
from dflow.transport.wire import arrival_of

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.js.api import ConsumerInfo

__all__ = ["NatsInbox"]

#: So long a pull waits for messages at the server.
_LINGER = 5.0


@frozen
class _Pull:
    session: Session
    pulling: Pulling
    keeps: bool


@define(eq=False, kw_only=True)
class NatsInbox:
    """An inbox over a durable consumer; several readers of one consumer share its messages.

    Attributes:
        server: where NATS is.
        stream: the stream's name.
        consumer: the durable consumer's name; made if it is missing.
        subject: of a consumer that is made: which subjects it takes; all if empty.
        wait: of a consumer that is made: seconds without word from a reader after which
            its messages go to another.
        in_flight: of a consumer that is made: so many are taken and not done at most.
        prefetch: so many are pulled ahead of the reader.
        large: the object bucket for large contents; ``STREAM_large`` if not given.
        largest: bytes; a larger content is an arrival with a problem.
        patience: seconds to wait for an answer.
    """

    server: Server
    stream: str
    consumer: str
    subject: str = ""
    wait: float = 30.0
    in_flight: int = 1000
    prefetch: int = 64
    large: str = ""
    largest: int = 1 << 30
    patience: float = 30.0
    _link: Link[_Pull] = field(init=False)
    _holding: Holding = field(init=False)
    _objects: dict[str, str] = field(factory=dict, init=False)

    @_link.default
    def _make_link(self) -> Link[_Pull]:
        return Link(
            open=self._open,
            shut=lambda held: held.session.close(),
            alive=lambda held: held.session.alive,
        )

    @_holding.default
    def _make_holding(self) -> Holding:
        return Holding(renew=self._renew)

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        """The messages in the stream's order; what came back comes out of it.

        Raises:
            Unavailable: the stream cannot be read now.
        """
        while True:
            pull = await self._link.get()
            batch = deque(await self._pull(pull, once=once))
            if once and not batch:
                return
            for message in batch:
                self._holding.add(message.reply)
            try:
                while batch:
                    arrival = await self._arrival(pull, batch[0])
                    batch.popleft()
                    yield arrival
            finally:
                for message in batch:
                    await self._give_back(message.reply)

    async def done(self, arrival: Arrival) -> None:
        """Acknowledge the message, and wait until the server has it.

        Raises:
            Unavailable: it is not acknowledged, and will be received again.
        """
        pull = await self._link.get()
        await pull.session.ask(
            pull.session.client.request(arrival.token, b"+ACK", timeout=self.patience)
        )
        self._holding.drop(arrival.token)
        name = self._objects.pop(arrival.token, "")
        if name and not pull.keeps:
            with contextlib.suppress(Exception):  # it is garbage now, and no more than that
                await large.forget(pull.session, self._bucket, name)

    async def failed(self, arrival: Arrival, reason: str) -> None:  # noqa: ARG002  the Protocol's
        """Give the message back; the server hands it out again at once."""
        self._objects.pop(arrival.token, None)
        await self._give_back(arrival.token)

    async def check(self) -> str:
        """What was reached; a missing consumer is made, nothing is taken.

        Raises:
            TransportError: it cannot be used, why, and what mends it.
        """
        info = await self._info((await self._link.get()).session)
        waits = f"{info.num_pending} wait, {info.num_ack_pending} are taken"
        return f"{self.server.url}: consumer {self.consumer} of stream {self.stream}, {waits}"

    async def close(self) -> None:
        """Give back what is not done, and let go of the connection."""
        held = await self._holding.close()
        pull = self._link.held
        if pull is not None:
            with contextlib.suppress(Exception):
                for token in held:
                    await pull.session.client.publish(token, b"-NAK")
                await pull.session.client.flush(timeout=2)
        self._objects.clear()
        await self._link.close()

    @property
    def _bucket(self) -> str:
        return self.large or f"{self.stream}_large"

    async def _open(self) -> _Pull:
        session = await connect(self.server, patience=self.patience)
        try:
            info = await self._info(session)
            stream = await session.ask(session.stream.stream_info(self.stream))
            pulling = await open_pulling(session, self.stream, self.consumer)
        except BaseException:
            await session.close()
            raise
        self._holding.every = (info.config.ack_wait or self.wait) / 3
        return _Pull(session, pulling, stream.config.retention == "limits")

    async def _info(self, session: Session) -> ConsumerInfo:
        """The consumer, made if it is missing."""
        from nats.js.api import AckPolicy, ConsumerConfig
        from nats.js.errors import APIError, NotFoundError

        info: ConsumerInfo
        try:
            try:
                info = await session.ask(session.stream.consumer_info(self.stream, self.consumer))
            except NotFoundError:
                config = ConsumerConfig(
                    durable_name=self.consumer,
                    ack_policy=AckPolicy.EXPLICIT,
                    ack_wait=self.wait,
                    max_ack_pending=self.in_flight,
                    filter_subject=self.subject or None,
                )
                info = await session.ask(session.stream.add_consumer(self.stream, config))
        except NotFoundError as error:
            words = f"{self.server.url}: no stream {self.stream}"
            raise Unavailable(f"{words}: make it, or correct its name") from error
        except APIError as error:
            raise Unavailable(f"consumer {self.consumer}: {words_of(error)}") from error
        if info.config.deliver_subject or info.config.ack_policy != AckPolicy.EXPLICIT:
            words = f"{self.server.url}: consumer {self.consumer} is not one that is pulled"
            raise Unavailable(f"{words} and acknowledged message by message: name another")
        return info

    async def _pull(self, pull: _Pull, *, once: bool) -> Sequence[Msg]:
        from nats.errors import Error

        try:
            while True:
                found = await pull.pulling.there(self.prefetch)
                if found or once:
                    return found
                found = await pull.pulling.next(_LINGER)
                if found:
                    return found
        except Error as error:
            raise Unavailable(self.server.why(error)) from error

    async def _arrival(self, pull: _Pull, message: Msg) -> Arrival:
        headers = dict(message.headers or {})
        content, problem = message.data, ""
        name = headers.get(large.LARGE, "")
        if name:
            self._objects[message.reply] = name
            content, problem = await large.fetch(
                pull.session, self._bucket, name, largest=self.largest
            )
        elif len(content) > self.largest:
            problem = f"{len(content)} bytes, more than the {self.largest} allowed"
        if problem:
            headers.pop("dflow-sha256", None)
            content = b""
        sequence = message.metadata.sequence.stream
        arrival = arrival_of(
            headers, content, token=message.reply, name=f"{self.stream}-{sequence}"
        )
        return _with(arrival, problem)

    async def _renew(self, tokens: Sequence[str]) -> None:
        pull = await self._link.get()
        for token in tokens:
            await pull.session.client.publish(token, b"+WPI")

    async def _give_back(self, token: str) -> None:
        """Say so, if there is a connection; the server would find out by itself, later."""
        if not self._holding.drop(token):
            return
        with contextlib.suppress(Exception):
            pull = await self._link.get()
            await pull.session.client.publish(token, b"-NAK")
            await pull.session.client.flush(timeout=2)


def _with(arrival: Arrival, problem: str) -> Arrival:
    if not problem:
        return arrival
    return Arrival(
        name=arrival.name, content=b"", token=arrival.token, problem=problem, notes=arrival.notes
    )
