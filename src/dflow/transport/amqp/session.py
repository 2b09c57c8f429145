"""One connection to an AMQP broker with one channel, and the words for what it says.

In: a server.  Out: a channel, or the fault in words.  This module does not know parcels.
The library's own recovery is off: what it would do again after a pause must first be
judged by who asked for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

from attrs import define

from dflow.transport.amqp.gathering import Gathering
from dflow.transport.brokers.options import missing_extra
from dflow.transport.faults import TransportError, Unavailable
from dflow.transport.server import Server

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractConnection
    from aiormq.abc import AbstractChannel as Underlay

__all__ = ["Session", "connect", "find_queue", "words_of"]

T = TypeVar("T")

#: Two heartbeats lost, of so many seconds, and the connection is dead.
_HEARTBEAT = 10


@define(eq=False, kw_only=True)
class Session:
    """An open connection and channel.

    Attributes:
        server: where to.
        patience: seconds to wait for an answer.
        connection: the library's connection.
        channel: the library's channel.
        underlay: the same, a floor below.
        gathering: what joins the writes of an outbox.
        confirmed: how many messages were confirmed on this channel.
    """

    server: Server
    patience: float
    connection: AbstractConnection
    channel: AbstractChannel
    underlay: Underlay
    gathering: Gathering | None = None
    confirmed: int = 0
    _silent: bool = False

    @property
    def alive(self) -> bool:
        """Whether it can be used."""
        return not (self._silent or self.connection.is_closed or self.channel.is_closed)

    async def ask(self, question: Awaitable[T]) -> T:
        """Wait for an answer that can be asked for again.

        Raises:
            Unavailable: none came, or it is an error.
        """
        try:
            async with asyncio.timeout(self.patience):
                return await question
        except TimeoutError as error:
            self._silent = True  # answers that come later would be taken for others
            raise Unavailable(f"{self.server.url}: no answer in {self.patience:g} s") from error
        except TransportError:
            raise
        except Exception as error:
            raise Unavailable(f"{self.server.url}: {words_of(error)}") from error

    async def close(self) -> None:
        """Let go of the connection."""
        try:
            await self.connection.close()
        finally:
            if self.gathering is not None:
                await self.gathering.close()


async def connect(server: Server, *, patience: float, confirms: bool) -> Session:
    """Connect, prove who is who, and open a channel.

    Raises:
        Unavailable: it cannot be reached, or refuses the user.
    """
    try:
        import aio_pika
    except ImportError as error:
        raise Unavailable(missing_extra("amqp")) from error
    for name in ("aio_pika", "aiormq"):
        # What goes wrong is raised; without this it would also be printed.
        logging.getLogger(name).addHandler(logging.NullHandler())
    encrypted = server.scheme == "amqps"
    connection: AbstractConnection | None = None
    try:
        async with asyncio.timeout(patience):
            connection = await aio_pika.connect(
                host=server.host,
                port=server.port(5671 if encrypted else 5672),
                login=server.user,
                password=server.secret,
                virtualhost=server.path or "/",
                ssl=encrypted,
                ssl_context=server.tls() if encrypted else None,
                client_properties={"connection_name": "dflow"},
                heartbeat=_HEARTBEAT,
            )
            channel = connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
            await channel.initialize()
            underlay = await channel.get_underlay_channel()
    except BaseException as error:
        if connection is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(connection.close(), 2)
        if isinstance(error, TransportError) or not isinstance(error, Exception):
            raise
        raise Unavailable(_refusal(server, error)) from error
    gathering = None
    if confirms:
        gathering = underlay.write_queue = Gathering(underlay.write_queue)  # type: ignore[attr-defined]  # its name since its first version
    return Session(
        server=server,
        patience=patience,
        connection=connection,
        channel=channel,
        underlay=underlay,
        gathering=gathering,
    )


def _refusal(server: Server, error: Exception) -> str:
    from aiormq.exceptions import (
        AuthenticationError,
        ConnectionNotAllowed,
        InvalidFrameError,
        ProbableAuthenticationError,
    )

    if isinstance(error, AuthenticationError | ProbableAuthenticationError):
        return f"{server.url}: user {server.user!r} is refused: check `user` and `password`"
    if isinstance(error, ConnectionNotAllowed | InvalidFrameError):
        # Where the broker says why, the library does not hand it on.
        words = f"{server.url}: the broker refuses the virtual host {server.path or '/'!r}"
        return f"{words}: does it exist, and may the user use it?"
    return server.why(error)


def words_of(error: BaseException) -> str:
    """What the broker says, without the library's decoration."""
    texts = [str(one) for one in error.args if isinstance(one, str) and one]
    return " ".join(texts) or str(error) or type(error).__name__


async def find_queue(session: Session, queue: str) -> None:
    """Know that a queue is there.

    Raises:
        Unavailable: it is not, or may not be used.
    """
    from aiormq.exceptions import ChannelNotFoundEntity

    try:
        await session.ask(session.channel.get_queue(queue))
    except Unavailable as error:
        if isinstance(error.__cause__, ChannelNotFoundEntity):
            words = f"{session.server.url}: no queue {queue}: declare it as durable, or set create"
            raise Unavailable(words) from error
        raise
