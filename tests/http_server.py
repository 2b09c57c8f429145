"""A way in over HTTP that runs in a thread of its own, on a free port."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dflow.transport import Secret
from dflow.transport.http import HmacSha256, HttpInbox, Verifier
from dflow.transport.http.serving import OwnServer

SECRET = Secret("a secret of the tests, made up")
_VERIFIER = HmacSha256(secret=SECRET)


@contextmanager
def served(
    spool: Path,
    *,
    port: int = 0,
    verifier: Verifier | None = _VERIFIER,
    cert: Path | None = None,
    client_ca: Path | None = None,
    largest: int = 200 << 20,
    most: int = 10_000,
) -> Iterator[tuple[str, int]]:
    """Serve a spool's application; the address it is at."""
    inbox = HttpInbox(spool=spool, verifier=verifier, largest=largest, most=most)
    server = OwnServer(app=inbox.app, host="127.0.0.1", port=port, cert=cert, client_ca=client_ca)
    ready, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    bound: list[tuple[str, int]] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        try:
            await server.start()
            if server.bound:
                bound.append(server.bound)
        finally:
            ready.set()
        await stop.wait()
        await server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    ready.wait(10)
    try:
        yield bound[0]
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(20)
