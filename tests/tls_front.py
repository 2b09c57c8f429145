"""TLS before a server that speaks none: the handshake is OpenSSL's, the rest the server's own."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define

from dflow.testing.transports import Endpoint


@define(eq=False, kw_only=True)
class TlsFront:
    """Where it listens; which certificate it shows can be changed."""

    place: Endpoint
    _tls: ssl.SSLContext

    def show(self, certificate: Path) -> None:
        """Show another certificate to those who connect from now on."""
        self._tls.load_cert_chain(certificate)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()
    writer.close()


@contextmanager
def tls_front(certificate: Path, behind: Endpoint) -> Iterator[TlsFront]:
    """Listen on a free port, and hand on what is decrypted."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    ports: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(behind.host, behind.port)
        await asyncio.gather(_pump(reader, back), _pump(there, writer))

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        await over.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    def work() -> None:
        loop.set_exception_handler(lambda *_: None)  # refused handshakes are what it is for
        loop.run_until_complete(run())
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait(10)
    try:
        yield TlsFront(place=Endpoint("127.0.0.1", ports[0]), tls=tls)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
