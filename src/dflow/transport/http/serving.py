"""A web server for the way in, where no other service mounts it.

In: an ASGI application, an address, certificates.  Out: a server of uvicorn within this
event loop.  This module does not know parcels; it leaves signals to the program.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

from attrs import define, field

from dflow.transport.faults import Unavailable
from dflow.transport.http.app import WebhookApp
from dflow.transport.secret import Secret

if TYPE_CHECKING:
    import uvicorn
    from uvicorn._types import ASGIApplication

__all__ = ["OwnServer"]


@define(eq=False, kw_only=True)
class OwnServer:
    """A server that runs until it is stopped.

    Attributes:
        app: what it serves.
        host: the address to listen at.
        port: 0 takes a free one.
        cert: the server's certificate in PEM, with those between it and its authority.
        key: its private key, if it is not in the same file.
        key_password: of the private key.
        client_ca: clients need a certificate that one of these signed.
    """

    app: WebhookApp
    host: str
    port: int
    cert: Path | None = None
    key: Path | None = None
    key_password: Secret | None = None
    client_ca: Path | None = None
    bound: tuple[str, int] | None = field(default=None, init=False)
    _server: uvicorn.Server | None = field(default=None, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    @property
    def running(self) -> bool:
        """Whether it serves."""
        return self._task is not None and not self._task.done()

    async def start(self) -> None:
        """Listen; returns when requests are answered.

        Raises:
            Unavailable: the port is taken, a certificate cannot be read, or the extra is missing.
        """
        if self.running:
            return
        server = self._quiet()
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            listener = socket.create_server((self.host, self.port), family=family)
        except OSError as error:
            place = f"{self.host} port {self.port}"
            raise Unavailable(f"cannot listen at {place}: {error.strerror or error}") from error
        self._server, self.bound = server, listener.getsockname()[:2]
        self._task = asyncio.ensure_future(server.serve(sockets=[listener]))
        while not server.started and not self._task.done():
            await asyncio.sleep(0.005)
        if self._task.done():
            listener.close()
            error_or_none = self._task.exception()
            await self.stop()
            raise Unavailable(f"the web server did not start: {error_or_none}")

    def _quiet(self) -> uvicorn.Server:
        try:
            import uvicorn
        except ModuleNotFoundError as error:
            raise Unavailable("transport http needs the extra: pip install dflow[http]") from error

        class Quiet(uvicorn.Server):
            @contextlib.contextmanager
            def capture_signals(self) -> Iterator[None]:
                yield

        config = uvicorn.Config(
            cast("ASGIApplication", self.app),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=5,
            ssl_certfile=self.cert,
            ssl_keyfile=self.key,
            ssl_keyfile_password=self.key_password.reveal() if self.key_password else None,
            ssl_ca_certs=None if self.client_ca is None else str(self.client_ca),
            ssl_cert_reqs=ssl.CERT_NONE if self.client_ca is None else ssl.CERT_REQUIRED,
        )
        try:
            config.load()
        except (OSError, ssl.SSLError) as error:
            words = error.strerror or getattr(error, "reason", None) or str(error)
            shown = ", ".join(str(one) for one in (self.cert, self.key, self.client_ca) if one)
            raise Unavailable(f"certificates of the web server ({shown}): {words}") from error
        return Quiet(config)

    async def stop(self) -> None:
        """End what is being answered, and stop; may be called twice."""
        server, task = self._server, self._task
        self._server, self._task, self.bound = None, None, None
        if server is None or task is None:
            return
        server.should_exit = True
        if task.get_loop() is asyncio.get_running_loop():
            with contextlib.suppress(Exception):
                await task
