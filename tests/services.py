"""Servers that tests talk to: where they are, and what to do when one is not there.

A test that needs a server asks for it by name.  Where none is reachable it skips and says
so; with ``DFLOW_REQUIRE_SERVICES=1``, as in the project's own checks, it fails instead.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import shutil
import socket
import tempfile
from pathlib import Path

import pytest

#: Where each server listens by default; ``DFLOW_TEST_NATS=host:port`` says otherwise.
DEFAULTS = {
    "amqp": ("127.0.0.1", 5672),
    "nats": ("127.0.0.1", 4222),
    "postgres": ("127.0.0.1", 5432),
    "redis": ("127.0.0.1", 6379),
}


def place(name: str) -> tuple[str, int]:
    """Where a server is expected."""
    told = os.environ.get(f"DFLOW_TEST_{name.upper()}")
    if not told:
        return DEFAULTS[name]
    host, _, port = told.rpartition(":")
    return host, int(port)


def missing(reason: str) -> None:
    """Skip, or fail where servers are required."""
    if os.environ.get("DFLOW_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{reason}, and DFLOW_REQUIRE_SERVICES=1")
    pytest.skip(reason)


def require(name: str) -> tuple[str, int]:
    """The place of a server that answers."""
    host, port = place(name)
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError as error:
        missing(f"no {name} server at {host}:{port} ({error})")
    return host, port


def free_port() -> int:
    """A port of this machine on which nobody listens now.

    It is none that the system gives to connections by itself: those come and go, and while
    a server is down its clients could even be connected to themselves.
    """
    while True:
        port = 15_000 + secrets.randbelow(17_000)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port


def kept(name: str) -> Path:
    """A new folder for what all tests of this process share; it goes when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix=f"dflow-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def program(*names: str) -> str:
    """The path of a program, the first that is installed of several names."""
    for name in names:
        # Debian keeps servers where a user's PATH does not look.
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
        if found:
            return found
    missing(f"no program {' or '.join(names)}")
    raise AssertionError  # `missing` does not return
