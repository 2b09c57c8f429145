"""A consumer group of a Redis stream as a source.

In: entries of a stream.  Out: arrivals, acknowledged when they are done.  This module
does not know flows.

What a reader took is pending in the group under its name.  While the reader lives it
renews its claims; entries whose claim is older than `wait` are claimed by whoever reads
next.  The entry stays in the stream after it is done, for other groups, unless `delete`
is set: so a stream grows until someone trims it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections import deque
from collections.abc import AsyncIterator, Sequence

from attrs import define, evolve, field

from dflow.transport.brokers.holding import Holding
from dflow.transport.brokers.link import Link
from dflow.transport.faults import Unavailable
from dflow.transport.parcel import Arrival
from dflow.transport.redis.outbox import CONTENT
from dflow.transport.redis.session import Answer, Session, connect
from dflow.transport.server import Server
from dflow.transport.wire import SHA256, arrival_of

__all__ = ["RedisInbox"]

#: A reader with nothing to do looks for abandoned entries at least this often, in seconds.
_LINGER = 2.0

#: Forget a consumer's name if nothing is pending under it.
_LEAVE = """
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
  return redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end
return 0
"""


def _own_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


@define(eq=False, kw_only=True)
class RedisInbox:
    """An inbox over a consumer group; several readers of one group share its entries.

    Attributes:
        server: where Redis is; the URL's path is the database's number.
        stream: the stream's key; made if it is missing.
        group: the consumer group; made if it is missing, from the stream's beginning.
        wait: seconds without word from a reader after which its entries go to another.
        prefetch: so many are taken ahead of the reader, each of them whole in memory.
        delete: whether an entry that is done is deleted from the stream, for all groups.
        largest: bytes; a larger content is an arrival with a problem.
        patience: seconds to wait for an answer.
    """

    server: Server
    stream: str
    group: str
    wait: float = 30.0
    prefetch: int = 16
    delete: bool = False
    largest: int = 1 << 30
    patience: float = 30.0
    _name: str = field(factory=_own_name, init=False)
    _link: Link[Session] = field(init=False)
    _holding: Holding = field(init=False)

    @_link.default
    def _make_link(self) -> Link[Session]:
        return Link(
            open=self._open, shut=lambda held: held.close(), alive=lambda held: not held.stale
        )

    @_holding.default
    def _make_holding(self) -> Holding:
        return Holding(renew=self._renew, every=self.wait / 3)

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        """What others abandoned, and then what is new, in the stream's order.

        Raises:
            Unavailable: the stream cannot be read now.
        """
        while True:
            session = await self._link.get()
            entries = deque(await self._abandoned(session))
            if not entries:
                entries.extend(await self._fresh(session, block=not once))
            if once and not entries:
                return
            for token, _ in entries:
                self._holding.add(token)
            try:
                while entries:
                    token, values = entries.popleft()
                    yield self._arrival(token, values)
            finally:
                for token, _ in entries:
                    await self._give_back(token)

    async def done(self, arrival: Arrival) -> None:
        """Acknowledge the entry.

        Raises:
            Unavailable: it is not acknowledged, and will be received again.
        """
        session = await self._link.get()
        await session.ask("XACK", self.stream, self.group, arrival.token)
        self._holding.drop(arrival.token)
        if self.delete:
            await session.ask("XDEL", self.stream, arrival.token)

    async def failed(self, arrival: Arrival, reason: str) -> None:  # noqa: ARG002  the Protocol's
        """Give the entry up: whoever reads next claims it."""
        await self._give_back(arrival.token)

    async def check(self) -> str:
        """What was reached; a missing group is made, nothing is taken.

        Raises:
            TransportError: it cannot be used, why, and what mends it.
        """
        session = await self._link.get()
        count = await session.ask("XLEN", self.stream)
        pending = await session.ask("XPENDING", self.stream, self.group)
        taken = pending[0] if isinstance(pending, list) else 0
        words = f"group {self.group} of stream {self.stream}, {count!s} entries, {taken!s} taken"
        return f"{self.server.url}: {words}"

    async def close(self) -> None:
        """Give back what is not done, and let go of the connections."""
        held = await self._holding.close()
        session = self._link.held
        if session is not None:
            with contextlib.suppress(Exception):
                if held:
                    await session.ask(*self._claim(int(self.wait * 1000), held))
                await session.ask("EVAL", _LEAVE, 1, self.stream, self.group, self._name)
        await self._link.close()

    async def _open(self) -> Session:
        session = await connect(self.server, patience=self.patience)
        try:
            await session.ask("XGROUP", "CREATE", self.stream, self.group, "0", "MKSTREAM")
        except Unavailable as error:
            if "BUSYGROUP" not in str(error):
                await session.close()
                raise
        except BaseException:
            await session.close()
            raise
        return session

    async def _abandoned(self, session: Session) -> Sequence[tuple[str, list[Answer]]]:
        """Entries whose reader has given no word for so long."""
        start: Answer = b"0-0"
        while True:
            command = ("XAUTOCLAIM", self.stream, self.group, self._name, int(self.wait * 1000))
            answer = await session.ask(*command, _bytes(start), "COUNT", self.prefetch)
            start, entries = answer[:2] if isinstance(answer, list) else (b"0-0", None)
            found = _entries(entries)
            if found or start == b"0-0":
                return found

    async def _fresh(self, session: Session, *, block: bool) -> Sequence[tuple[str, list[Answer]]]:
        linger = min(_LINGER, max(self.wait / 2, 0.05))
        waiting = ("BLOCK", int(linger * 1000)) if block else ()
        command = ("XREADGROUP", "GROUP", self.group, self._name, "COUNT", self.prefetch)
        answer = await session.ask(
            *command, *waiting, "STREAMS", self.stream, ">", longer=linger if block else 0.0
        )
        if not isinstance(answer, list) or not answer:
            return []
        first = answer[0]
        return _entries(first[1]) if isinstance(first, list) else []

    def _arrival(self, token: str, values: list[Answer]) -> Arrival:
        fields = {
            _bytes(name).decode("utf-8", "replace"): _bytes(value)
            for name, value in zip(values[::2], values[1::2], strict=False)
        }
        content, problem = fields.pop(CONTENT, None), ""
        headers = {name: value.decode("utf-8", "replace") for name, value in fields.items()}
        if content is None:
            problem = f"the entry has no field {CONTENT!r}"
        elif len(content) > self.largest:
            problem = f"{len(content)} bytes, more than the {self.largest} allowed"
        if problem:
            headers.pop(SHA256, None)
        name = f"{self.stream}-{token}"
        arrival = arrival_of(headers, b"" if problem else content or b"", token=token, name=name)
        return evolve(arrival, problem=problem) if problem else arrival

    def _claim(self, idle: int, tokens: Sequence[str]) -> tuple[str | int, ...]:
        """The command that sets how long the claims on entries have been without word."""
        command = ("XCLAIM", self.stream, self.group, self._name, 0)
        return (*command, *tokens, "IDLE", idle, "JUSTID")

    async def _renew(self, tokens: Sequence[str]) -> None:
        await (await self._link.get()).ask(*self._claim(0, tokens))

    async def _give_back(self, token: str) -> None:
        """Make the claim look abandoned; without a connection it will be, by itself."""
        if self._holding.drop(token):
            with contextlib.suppress(Unavailable):
                session = await self._link.get()
                await session.ask(*self._claim(int(self.wait * 1000), [token]))


def _bytes(value: Answer) -> bytes:
    return value if isinstance(value, bytes) else b""


def _entries(answer: Answer) -> list[tuple[str, list[Answer]]]:
    """Entries, without those that were deleted meanwhile."""
    return [
        (_bytes(one[0]).decode(), one[1])
        for one in (answer if isinstance(answer, list) else [])
        if isinstance(one, list) and len(one) == 2 and isinstance(one[1], list)
    ]
