"""One connection to a NATS server, whose loss is known at once to all who wait on it.

In: a server.  Out: answers, or the fault that says what is certain.  This module does
not know parcels.  The library's own reconnection is off: what it would send again after
a pause must first be asked about.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

from attrs import define, field, frozen

from dflow.transport.brokers.options import missing_extra
from dflow.transport.faults import TransportError, Unavailable, Uncertain
from dflow.transport.server import Server

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.js import JetStreamContext

__all__ = ["Session", "Stored", "connect", "is_answer", "words_of"]

T = TypeVar("T")

#: Two lost pings, so many seconds apart, mean that the connection is dead.
_PING = 10
#: Closing what never opened takes no longer, in seconds.
_GOODBYE = 0.5
#: The status of an answer from nobody.
_NOBODY = "503"
#: Bytes; while fewer are to be written, publishing does not wait for the line.
_CALM = 1 << 20
_SUBJECT = re.compile(r'publish to "([^"]*)"')


@frozen
class Stored:
    """A stream has a message.

    Attributes:
        sequence: its number in the stream.
        duplicate: whether the stream had it already.
    """

    sequence: int
    duplicate: bool


@frozen(eq=False)
class _Waiting:
    """A message that was published and not answered."""

    answer: asyncio.Future[Stored]
    subject: str
    until: float


@define(eq=False, kw_only=True)
class Session:
    """An open connection.

    Attributes:
        server: where to.
        patience: seconds to wait for an answer.
        client: the library's connection.
        stream: the library's JetStream.
        inbox: what the subjects of answers to published messages start with.
    """

    server: Server
    patience: float
    client: Client
    stream: JetStreamContext
    inbox: str
    _lost: asyncio.Future[None] = field(init=False)
    _denied: asyncio.Future[str] = field(init=False)
    _under_way: dict[str, _Waiting] = field(factory=dict, init=False)
    _count: int = field(default=0, init=False)
    _clock: asyncio.TimerHandle | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._lost, self._denied = loop.create_future(), loop.create_future()

    @property
    def alive(self) -> bool:
        """Whether it can be used."""
        return self.client.is_connected and not self._lost.done()

    async def publish(self, subject: str, content: bytes, headers: dict[str, str]) -> Stored:
        """Publish, and wait until a stream has it; many may be under way at once.

        Raises:
            APIError: the stream answered that it did not take it.
            Unavailable: certainly not taken.
            Uncertain: nobody knows.
        """
        loop = asyncio.get_running_loop()
        self._count += 1
        token = str(self._count)
        answer: asyncio.Future[Stored] = loop.create_future()
        # One clock for all: patience is the same, so the first of them ends first.
        self._under_way[token] = _Waiting(answer, subject, loop.time() + self.patience)
        if self._clock is None:
            self._clock = loop.call_later(self.patience, self._tick)
        publishing = self.client.publish(subject, content, f"{self.inbox}.{token}", headers=headers)
        try:
            if self.client.pending_data_size + len(content) > _CALM:  # it may wait for the line
                async with asyncio.timeout(self.patience):
                    await publishing
            else:
                await publishing
            if self._lost.done() and not answer.done():
                answer.set_exception(self._gone())
            return await answer
        except TimeoutError as error:
            raise self._silence() from error
        except Exception as error:
            if _unsent(error):
                raise Unavailable(self.server.why(error)) from error
            raise
        finally:
            del self._under_way[token]
            if answer.done() and not answer.cancelled():
                answer.exception()  # seen, although what came before it was raised

    async def on_answer(self, message: Msg) -> None:
        """What a stream, or nobody, says to a message that was published."""
        waiting = self._under_way.get(message.subject.rpartition(".")[2])
        if waiting is None or waiting.answer.done():
            return
        answer = waiting.answer
        if message.headers and message.headers.get("Status") == _NOBODY:
            words = f"{self.server.url}: no stream takes the subject {waiting.subject}"
            answer.set_exception(Unavailable(f"{words}: add it to a stream's subjects"))
            return
        try:
            told = json.loads(message.data.decode())
            if "error" in told:
                _refuse(told["error"])
            answer.set_result(Stored(int(told["seq"]), bool(told.get("duplicate"))))
        except Exception as error:  # noqa: BLE001  whatever it was, who waits is told
            answer.set_exception(error)

    def _tick(self) -> None:
        """Those whose patience has ended are told so; the clock is set for the next."""
        loop = asyncio.get_running_loop()
        self._clock, now = None, loop.time()
        for waiting in self._under_way.values():
            if waiting.until > now:
                self._clock = loop.call_at(waiting.until, self._tick)
                return
            if not waiting.answer.done():
                waiting.answer.set_exception(self._silence())

    async def ask(self, question: Awaitable[T], *, patience: float = 0.0) -> T:
        """Wait for an answer that can be asked for again, for `patience` or as usual.

        Raises:
            APIError: the answer is an error.
            Unavailable: no answer came.
        """
        task = asyncio.ensure_future(question)
        try:
            async with asyncio.timeout(patience or self.patience):
                ends: list[asyncio.Future[T] | asyncio.Future[None] | asyncio.Future[str]]
                ends = [task, self._lost, self._denied]
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError as error:
            raise Unavailable(f"{self.server.url}: no answer in time") from error
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
        if not task.cancelled():
            return _result(task, self.server)
        if self._denied.done():
            raise Unavailable(self._denied.result())
        raise Unavailable(f"{self.server.url}: the connection was lost, or no answer came")

    def on_lost(self) -> None:
        """The connection is gone: nobody waits on it any longer."""
        if not self._lost.done():
            self._lost.set_result(None)
        if self._clock is not None:
            self._clock.cancel()
        for waiting in self._under_way.values():
            if not waiting.answer.done():
                waiting.answer.set_exception(self._gone())

    def on_error(self, error: Exception) -> None:
        """The server says something unasked; a refused permission ends what it concerns."""
        text = str(error)
        if "permissions violation" not in text.lower():
            return
        what = text.removeprefix("nats: ")
        words = f"{self.server.url}: {what}: the user needs this permission"
        denied, self._denied = self._denied, asyncio.get_running_loop().create_future()
        if not denied.done():
            denied.set_result(words)
        found = _SUBJECT.search(text.lower())
        for waiting in self._under_way.values():
            if found and waiting.subject.lower() == found[1] and not waiting.answer.done():
                waiting.answer.set_exception(Unavailable(words))

    def _gone(self) -> Uncertain:
        return Uncertain(f"{self.server.url}: the connection was lost before the answer")

    def _silence(self) -> Uncertain:
        return Uncertain(f"{self.server.url}: no answer in {self.patience:g} s")

    async def close(self) -> None:
        """Let go of the connection."""
        self.on_lost()
        await self.client.close()


def _unsent(error: Exception) -> bool:
    from nats.errors import ConnectionClosedError, MaxPayloadError, OutboundBufferLimitError

    return isinstance(error, ConnectionClosedError | MaxPayloadError | OutboundBufferLimitError)


def _refuse(told: dict[str, object]) -> None:
    from nats.js.errors import APIError

    APIError.from_error(told)


def _result(task: asyncio.Task[T], server: Server) -> T:
    import nats.errors
    import nats.js.errors

    try:
        return task.result()
    except nats.js.errors.APIError:
        raise
    except nats.errors.NoRespondersError as error:
        words = f"{server.url}: JetStream does not answer: is it on, and allowed to this user?"
        raise Unavailable(words) from error
    except (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError) as error:
        raise Unavailable(server.why(error)) from error


async def connect(server: Server, *, patience: float) -> Session:
    """Connect, and prove who is who.

    Raises:
        Unavailable: it cannot be reached, or refuses the user.
    """
    try:
        from nats.aio.client import Client
    except ImportError as error:
        raise Unavailable(missing_extra("nats")) from error
    client = Client()
    session: Session | None = None

    async def on_error(error: Exception) -> None:
        if session is None:
            raise error  # the library would try again, and again
        session.on_error(error)

    async def on_closed() -> None:
        if session is not None:
            session.on_lost()

    encrypted = server.scheme == "tls"

    def proof() -> str:
        # The library would send the password in the clear to a server that asks for no TLS.
        if encrypted and not client._server_info.get("tls_required"):  # noqa: SLF001  no public name says it
            raise Unavailable(f"{server.url}: the server does not ask for TLS: set it to, first")
        return server.secret

    try:
        async with asyncio.timeout(patience):
            await client.connect(
                f"nats://{server.url.split('://', 1)[1]}",
                allow_reconnect=False,
                connect_timeout=max(1, int(patience)),
                ping_interval=_PING,
                error_cb=on_error,
                closed_cb=on_closed,
                user=(lambda: server.user) if server.user else None,
                password=proof if server.user else None,
                token=proof if server.password is not None and not server.user else None,
                tls=server.tls() if encrypted or server.ca is not None else None,
                name="dflow",
            )
        proof()
    except BaseException as error:
        await _let_go(client)
        if isinstance(error, TransportError | asyncio.CancelledError) or not isinstance(
            error, Exception
        ):
            raise
        raise Unavailable(_refusal(server, error)) from error
    stream, inbox = client.jetstream(timeout=patience), client.new_inbox()
    session = Session(server=server, patience=patience, client=client, stream=stream, inbox=inbox)
    # The library's own way to publish without waiting loses answers that are errors.
    await session.ask(client.subscribe(f"{session.inbox}.*", cb=session.on_answer))
    return session


async def _let_go(client: Client) -> None:
    """Close what never opened: after a refused certificate the library would wait for ever."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(client.close(), _GOODBYE)


def _refusal(server: Server, error: Exception) -> str:
    if "authorization violation" in str(error).lower():
        who = f"user {server.user!r}" if server.user else "a nameless user"
        return f"{server.url}: {who} is refused: check `user` and `password`"
    return server.why(error)


def is_answer(error: Exception) -> bool:
    """Whether a stream answered, and with an error."""
    from nats.js.errors import APIError

    return isinstance(error, APIError)


def words_of(error: Exception) -> str:
    """What a stream's answer says."""
    return str(getattr(error, "description", "") or error)
