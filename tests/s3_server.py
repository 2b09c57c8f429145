"""An S3 server over HTTP: moto, in a process of its own, on a free port."""

from __future__ import annotations

import importlib.util
import itertools
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import frozen

from dflow.transport import Secret
from dflow.transport.objects import ObjectPlace
from services import free_port, missing

SECRET = Secret("made up, and shown nowhere")
_NUMBERS = itertools.count(1)
_SIGNED = (
    "AWS4-HMAC-SHA256 Credential=made-up/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=x"
)


@frozen
class S3:
    """A running server."""

    host: str
    port: int

    def bucket(self) -> str:
        """The name of a new bucket."""
        name = f"bucket-{next(_NUMBERS)}"
        url = f"http://{self.host}:{self.port}/{name}"
        signed = {"authorization": _SIGNED}
        request = urllib.request.Request(url, method="PUT", headers=signed)
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310  see the docstring
            return name

    def place(self, bucket: str, *, port: int | None = None, prefix: str = "pre") -> ObjectPlace:
        return ObjectPlace(
            url=f"s3://{bucket}/{prefix}",
            config={
                "region": "us-east-1",
                "endpoint": f"http://{self.host}:{port or self.port}",
                "access_key_id": "made-up",
            },
            secrets={"secret_access_key": SECRET},
            patience=20.0,
        )


@contextmanager
def s3_server() -> Iterator[S3]:
    """Start it, and stop it; skip where moto is not installed."""
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("flask_cors") is None:
        missing("no moto with flask: pip install dflow[test]")
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > end or server.poll() is not None:
                    raise
                time.sleep(0.05)
        yield S3("127.0.0.1", port)
    finally:
        server.kill()
        server.wait(10)
