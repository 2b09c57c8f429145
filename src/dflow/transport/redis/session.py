"""A pool of connections to a Redis server, which knows what was sent when one breaks.

In: commands.  Out: answers as the server gave them, or the fault that says what is
certain.  This module does not know parcels.  The library's own retries are off.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from attrs import define

from dflow.transport.brokers.options import missing_extra
from dflow.transport.faults import TransportError, Unavailable, Uncertain
from dflow.transport.server import Server

if TYPE_CHECKING:
    from redis.asyncio import BlockingConnectionPool
    from redis.asyncio.connection import AbstractConnection

__all__ = ["Answer", "Session", "connect"]

#: What a server answers, without decoding.
Answer = bytes | int | list["Answer"] | None

#: So many commands are under way at once; others wait for a connection.
_CONNECTIONS = 16
#: A dead connection is known after so many seconds of silence.
_PING = 10

_REMEDIES = {
    "NOPERM": "the user needs this permission: see ACL SETUSER",
    "WRONGTYPE": "another kind of value has this name: name another stream",
    "OOM": "the server's memory is full: let the stream be trimmed, or raise maxmemory",
    "READONLY": "it is a replica: connect to the primary",
    "LOADING": "it is starting, and reads its data",
    "NOAUTH": "it asks for a password: give `password`",
}


@define(eq=False, kw_only=True)
class Session:
    """A pool of connections.

    Attributes:
        server: where to.
        patience: seconds to wait for an answer.
        pool: the library's connections.
        stale: whether what was found out at the start may be true no longer.
    """

    server: Server
    patience: float
    pool: BlockingConnectionPool
    stale: bool = False

    async def tell(self, *command: str | bytes | int, size: int = 0) -> Answer:
        """A command that changes something; `size` bytes give it more time.

        Raises:
            Unavailable: certainly not done.
            Uncertain: nobody knows.
        """
        return await self._call(command, patience=self.patience + size / 1e6, sure=False)

    async def ask(self, *command: str | bytes | int, longer: float = 0.0) -> Answer:
        """A command that may be given again without harm.

        Raises:
            Unavailable: no answer came, or it is an error.
        """
        return await self._call(command, patience=self.patience + longer, sure=True)

    async def _call(
        self, command: tuple[str | bytes | int, ...], *, patience: float, sure: bool
    ) -> Answer:
        from redis.exceptions import BusyLoadingError, RedisError, ResponseError

        connection = None
        try:
            async with asyncio.timeout(self.patience):
                connection = await self._connection()
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable(self._refusal(error)) from error
        whole = False
        try:
            async with asyncio.timeout(patience):
                await connection.send_command(*command, check_health=False)
                answer: Answer = await connection.read_response()
            whole = True
        except (ResponseError, BusyLoadingError) as error:
            whole = True
            raise Unavailable(self._answered(error)) from error
        except (RedisError, OSError, TimeoutError) as error:
            words = f"{self.server.url}: the connection was lost, or no answer came in time"
            raise (Unavailable if sure else Uncertain)(words) from error
        finally:
            if not whole:
                with contextlib.suppress(Exception):
                    await connection.disconnect(nowait=True)
            await self.pool.release(connection)
        return answer

    async def _connection(self) -> AbstractConnection:
        found: AbstractConnection = await self.pool.get_connection()  # type: ignore[no-untyped-call]  # the library gives no type
        return found

    def _refusal(self, error: Exception) -> str:
        from redis.exceptions import AuthenticationError, ResponseError

        if isinstance(error, AuthenticationError):
            who = f"user {self.server.user!r}" if self.server.user else "a nameless user"
            return f"{self.server.url}: {who} is refused: check `user` and `password`"
        if isinstance(error, ResponseError):
            return self._answered(error)
        words = self.server.why(error)
        return words if "\n" not in words else words.splitlines()[0]

    def _answered(self, error: Exception) -> str:
        text = str(error)
        if text.startswith("NOGROUP"):
            self.stale = True
        kind = next((one for one in _REMEDIES if text.upper().startswith(one)), "")
        name = type(error).__name__
        for class_, word in (("NoPermissionError", "NOPERM"), ("OutOfMemoryError", "OOM")):
            kind = kind or (word if name == class_ else "")
        kind = kind or ("READONLY" if name == "ReadOnlyError" else "")
        kind = kind or ("LOADING" if name == "BusyLoadingError" else "")
        remedy = f": {_REMEDIES[kind]}" if kind else ""
        return f"{self.server.url}: {text}{remedy}"

    async def close(self) -> None:
        """Let go of the connections."""
        await self.pool.disconnect()


async def connect(server: Server, *, patience: float) -> Session:
    """Connect, and prove who is who.

    Raises:
        Unavailable: it cannot be reached, or refuses the user.
    """
    try:
        from redis.asyncio import BlockingConnectionPool, Connection, SSLConnection
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
    except ImportError as error:
        raise Unavailable(missing_extra("redis")) from error
    if not server.path.isdecimal() and server.path:
        raise Unavailable(f"{server.url}: a Redis URL ends with a database's number")
    encrypted = server.scheme == "rediss"
    options: dict[str, Any] = {}
    if encrypted:
        server.tls()  # says in words which of its files cannot be used
        options = {
            "ssl_ca_certs": str(server.ca) if server.ca else None,
            "ssl_certfile": str(server.certificate) if server.certificate else None,
            "ssl_keyfile": str(server.key or server.certificate) if server.certificate else None,
            "ssl_check_hostname": True,
        }
    pool = BlockingConnectionPool(
        max_connections=_CONNECTIONS,
        timeout=None,
        connection_class=SSLConnection if encrypted else Connection,
        host=server.host,
        port=server.port(6379),
        db=int(server.path or 0),
        username=server.user or None,
        password=server.secret or None,
        protocol=2,
        socket_timeout=None,
        socket_connect_timeout=patience,
        socket_keepalive=True,
        health_check_interval=_PING,
        client_name="dflow",
        retry=Retry(NoBackoff(), 0),
        **options,
    )
    session = Session(server=server, patience=patience, pool=pool)
    try:
        await session.ask("PING")
    except (TransportError, asyncio.CancelledError):
        await session.close()
        raise
    return session
