"""A real TCP proxy that cuts, delays, limits, swallows, resets and refuses, as it is told.

In: the place of a server, and orders.  Out: a place to connect to instead, and counts of
what passed.  This module does not know any protocol: it sees bytes.

It runs in a thread of its own, so it serves whatever event loop asks, and none:

    with FaultProxy("127.0.0.1", 4222) as proxy:
        outbox = connect(proxy.host, proxy.port)
        proxy.cut("down", after=10)     # the answer breaks off after ten bytes
        ...
        proxy.mend()
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Literal, Self, TypeVar

from attrs import define, field

__all__ = ["Direction", "FaultProxy"]

#: ``up`` is from the client to the server, ``down`` is back.
Direction = Literal["up", "down"]

T = TypeVar("T")

_CHUNK = 1 << 16
#: A connection is broken so long after its last bytes, so that they arrive before it.
_SETTLE = 0.02
_WAIT = 10.0


@define(eq=False)
class _Link:
    """One connection of a client, and the one to the server that goes with it."""

    writers: list[asyncio.StreamWriter] = field(factory=list)
    tasks: list[asyncio.Task[None]] = field(factory=list)
    lossy: bool = False

    def reset(self) -> None:
        """Break both sides as a crashed machine does: RST, not FIN."""
        for writer in self.writers:
            raw = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


@define(eq=False)
class _Orders:
    """What the proxy does with the bytes that come."""

    delay: float = 0.0
    rate: float | None = None
    swallows: set[Direction] = field(factory=set)
    cuts: dict[Direction, int] = field(factory=dict)


class FaultProxy:
    """A proxy before a server, to be used as a context.

    Attributes:
        host: where to connect to.
        port: where to connect to.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host = "127.0.0.1"
        # A socket that is bound and does not listen keeps the port while we refuse.
        self._holder = socket.socket()
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._holder.bind((self.host, 0))
        self.port: int = self._holder.getsockname()[1]
        self._server_place = (host, port)
        self._orders = _Orders()
        self._links: set[_Link] = set()
        self._passed: dict[Direction, int] = {"up": 0, "down": 0}
        self._last = time.monotonic()
        self._connections = 0
        self._loop = asyncio.new_event_loop()
        self._listener: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._run, name="dflow-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WAIT)
        self._loop.close()
        self._holder.close()

    # What it saw.

    def passed(self, direction: Direction) -> int:
        """Bytes handed on in a direction since the start."""
        return self._passed[direction]

    @property
    def connections(self) -> int:
        """How many connections were accepted since the start."""
        return self._connections

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return len(self._links)

    def quiet(self) -> float:
        """Seconds since anything last came from either side."""
        return time.monotonic() - self._last

    # Orders.  Each holds until `mend`, which also breaks the connections that lost bytes.

    def mend(self) -> None:
        """Hand everything on again; a connection of which bytes were lost is reset."""
        self._do(self._mend())

    def slow(self, *, delay: float = 0.0, rate: float | None = None) -> None:
        """Delay each chunk by seconds, and hand on at most `rate` bytes a second."""
        self._order(lambda orders: _slow(orders, delay, rate))

    def cut(self, direction: Direction, *, after: int = 0) -> None:
        """Reset the connection that carries the next byte after `after` more of a direction.

        It happens once; the bytes before it are handed on.
        """
        self._order(lambda orders: orders.cuts.update({direction: after}))

    def swallow(self, direction: Direction | None = None) -> None:
        """Take what comes of a direction, or of both, and hand nothing on: a peer that hangs.

        With both, new connections are accepted and the server is not asked.
        """
        both: tuple[Direction, ...] = ("up", "down")
        self._order(lambda orders: orders.swallows.update([direction] if direction else both))

    def reset(self) -> None:
        """Break every open connection now; new ones are as before."""
        self._do(self._reset())

    def refuse(self) -> None:
        """Break every open connection, and refuse new ones as a port without a server does."""
        self._do(self._refuse())

    # The rest runs in the proxy's own thread, but for `_do` and `_order`.

    def _do(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_WAIT)

    def _order(self, change: Callable[[_Orders], None]) -> None:
        async def apply() -> None:
            change(self._orders)

        self._do(apply())

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _listen(self) -> None:
        if self._listener is not None:
            return
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        raw.bind((self.host, self.port))
        self._listener = await asyncio.start_server(self._accept, sock=raw)

    async def _mend(self) -> None:
        self._orders = _Orders()
        for link in list(self._links):
            if link.lossy:
                link.reset()
        await self._listen()

    async def _refuse(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        await self._reset()

    async def _reset(self) -> None:
        for link in list(self._links):
            link.reset()
        await asyncio.sleep(0)

    async def _end(self) -> None:
        await self._refuse()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        link = _Link(writers=[writer])
        self._links.add(link)
        try:
            await self._serve(link, reader, writer)
        except (OSError, asyncio.CancelledError):
            link.reset()
        finally:
            self._links.discard(link)
            for one in link.writers:
                one.close()

    async def _serve(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if len(self._orders.swallows) == 2:
            link.lossy = True
            while await reader.read(_CHUNK):
                self._last = time.monotonic()
            return
        theirs, ours = await asyncio.open_connection(*self._server_place)
        link.writers.append(ours)
        up = asyncio.ensure_future(self._relay(link, "up", reader, ours))
        down = asyncio.ensure_future(self._relay(link, "down", theirs, writer))
        link.tasks += [up, down]
        try:
            await asyncio.gather(up, down)
        finally:
            for task in link.tasks:
                task.cancel()

    async def _relay(
        self,
        link: _Link,
        direction: Direction,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        while data := await reader.read(_CHUNK):
            self._last = time.monotonic()
            orders = self._orders
            if direction in orders.swallows:
                link.lossy = True
                continue
            wait = orders.delay + (len(data) / orders.rate if orders.rate else 0.0)
            if wait:
                await asyncio.sleep(wait)
            left = orders.cuts.get(direction)
            if left is not None:
                if len(data) > left:
                    del orders.cuts[direction]
                    await self._hand_on(direction, writer, data[:left])
                    await asyncio.sleep(_SETTLE)
                    link.reset()
                    return
                orders.cuts[direction] = left - len(data)
            await self._hand_on(direction, writer, data)
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def _hand_on(
        self, direction: Direction, writer: asyncio.StreamWriter, data: bytes
    ) -> None:
        if data:
            writer.write(data)
            await writer.drain()
            self._passed[direction] += len(data)


def _slow(orders: _Orders, delay: float, rate: float | None) -> None:
    orders.delay, orders.rate = delay, rate
