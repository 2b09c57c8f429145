"""The proxy that cuts, delays, limits, swallows, resets and refuses."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from dflow.testing.proxy import FaultProxy
from services import free_port


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that answers each chunk with the same bytes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                return

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


@pytest.fixture
def proxy(echo: tuple[str, int]) -> Iterator[FaultProxy]:
    with FaultProxy(*echo) as proxy:
        yield proxy


def connect(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection((proxy.host, proxy.port), timeout=5)


def received(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := client.recv(count - len(data))):
        data += more
    return data


def test_it_hands_on_and_counts(proxy: FaultProxy) -> None:
    data = bytes(range(256)) * 2000
    with connect(proxy) as client:
        threading.Thread(target=client.sendall, args=(data,), daemon=True).start()
        assert received(client, len(data)) == data
        assert proxy.open_connections == 1
    assert (proxy.passed("up"), proxy.connections) == (len(data), 1)


@pytest.mark.parametrize("after", [0, 1, 7])
def test_it_cuts_the_answer_after_so_many_bytes(proxy: FaultProxy, after: int) -> None:
    with connect(proxy) as client:
        client.sendall(b"first")
        assert received(client, 5) == b"first"
        proxy.cut("down", after=after)
        client.sendall(b"0123456789")
        assert received(client, after) == b"0123456789"[:after]
        with pytest.raises(ConnectionResetError):
            client.recv(10)
    assert proxy.passed("up") == 15  # the server has had everything


def test_it_cuts_the_question_and_once_only(proxy: FaultProxy) -> None:
    proxy.cut("up", after=3)
    with connect(proxy) as client:
        client.sendall(b"0123456789")
        with pytest.raises(ConnectionResetError):
            received(client, 10)
    assert proxy.passed("up") == 3
    with connect(proxy) as client:
        client.sendall(b"again")
        assert received(client, 5) == b"again"


def test_it_resets_what_is_open_and_takes_new_ones(proxy: FaultProxy) -> None:
    with connect(proxy) as client, connect(proxy) as other:
        for one in (client, other):
            one.sendall(b"a")
            assert received(one, 1) == b"a"
        proxy.reset()
        for one in (client, other):
            with pytest.raises(ConnectionResetError):
                one.recv(1)
    with connect(proxy) as client:
        client.sendall(b"b")
        assert received(client, 1) == b"b"


def test_it_refuses_and_comes_back_at_the_same_port(proxy: FaultProxy) -> None:
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.mend()
    with connect(proxy) as client:
        client.sendall(b"b")
        assert received(client, 1) == b"b"


def test_it_swallows_and_breaks_what_lost_bytes_when_mended(proxy: FaultProxy) -> None:
    with connect(proxy) as old:
        old.sendall(b"a")
        assert received(old, 1) == b"a"
        proxy.swallow()
        old.sendall(b"lost")
        with connect(proxy) as new:
            new.sendall(b"lost too")
            for client in (old, new):
                client.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    client.recv(1)
            assert proxy.passed("up") == 1
            proxy.mend()
            for client in (old, new):
                client.settimeout(5)
                with pytest.raises(ConnectionResetError):
                    client.recv(1)


def test_it_swallows_answers_only(proxy: FaultProxy) -> None:
    with connect(proxy) as client:
        proxy.swallow("down")
        client.sendall(b"heard")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
    assert (proxy.passed("up"), proxy.passed("down")) == (5, 0)


def test_it_is_slow(proxy: FaultProxy) -> None:
    with connect(proxy) as client:
        proxy.slow(delay=0.15)
        begun = time.monotonic()
        client.sendall(b"a")
        assert received(client, 1) == b"a"
        assert time.monotonic() - begun >= 0.3  # there and back
        proxy.slow(rate=10_000)
        begun = time.monotonic()
        client.sendall(b"x" * 2000)
        assert received(client, 2000) == b"x" * 2000
        assert time.monotonic() - begun >= 0.35


def test_a_server_that_is_not_there_is_a_reset() -> None:
    with FaultProxy("127.0.0.1", free_port()) as proxy:
        assert _broken(proxy)


def _broken(proxy: FaultProxy) -> bool:
    try:
        # The reset may come before the connection is handed to us, or after.
        with connect(proxy) as client:
            return received(client, 1) == b"never"
    except ConnectionResetError:
        return True
