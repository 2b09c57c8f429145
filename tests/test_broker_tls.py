"""Encrypted brokers: who is trusted, what is said otherwise, and that nothing leaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import define

import services
from broker_servers import BrokerProcess, nats_process, rabbit_process, redis_process
from certificates import Authority
from dflow.transport import Parcel, Secret, Unavailable
from dflow.transport.amqp import AmqpOutbox
from dflow.transport.nats import NatsOutbox
from dflow.transport.redis import RedisOutbox
from dflow.transport.server import Server

PASSWORD = "correct-horse"


@define
class Encrypted:
    process: BrokerProcess
    scheme: str
    authority: Authority

    def outbox(self, ca: Path | None) -> NatsOutbox | RedisOutbox:
        place = self.process.place
        server = Server(url=f"{self.scheme}://{place.host}:{place.port}", ca=ca)
        if self.scheme == "tls":
            return NatsOutbox(server=server, stream="s", subject="s", create=True, patience=5)
        return RedisOutbox(server=server, stream="s", patience=5)


def nats(folder: Path, certificate: Path) -> tuple[BrokerProcess, str]:
    tls = f'tls {{ cert_file: "{certificate}", key_file: "{certificate}" }}'
    return nats_process(folder, tls), "tls"


def redis(folder: Path, certificate: Path) -> tuple[BrokerProcess, str]:
    files = ("--tls-cert-file", str(certificate), "--tls-key-file", str(certificate))
    options = ("--port", "0", "--tls-port", "PORT", "--tls-auth-clients", "no", *files)
    return redis_process(folder, *options, "--tls-ca-cert-file", str(certificate)), "rediss"


Make = Callable[[Path, Path], tuple[BrokerProcess, str]]


def started(make: Make, folder: Path, *, days: int = 1, host: str = "127.0.0.1") -> Encrypted:
    authority = Authority(folder)
    process, scheme = make(folder, authority.certificate("server", days=days, host=host))
    process.start()
    return Encrypted(process, scheme, authority)


async def said(outbox: NatsOutbox | RedisOutbox) -> str:
    """What it says instead of a receipt; empty for a receipt."""
    try:
        await outbox.send(Parcel(key="k", name="a.usr", content=b"x"))
    except Unavailable as error:
        return str(error)
    finally:
        await outbox.close()
    return ""


@pytest.mark.parametrize("make", [nats, redis])
def test_only_a_trusted_server_is_spoken_to(make: Make, tmp_path: Path) -> None:
    end = started(make, tmp_path)
    try:
        assert not asyncio.run(said(end.outbox(end.authority.file)))
        words = asyncio.run(said(end.outbox(None)))
        assert "certificate is refused" in words
        assert "as `ca`" in words
        other = tmp_path / "other"
        other.mkdir()
        words = asyncio.run(said(end.outbox(Authority(other, name="another").file)))
        assert "certificate is refused" in words
        empty = tmp_path / "empty.pem"
        empty.write_text("nothing")
        assert "in PEM" in asyncio.run(said(end.outbox(empty)))
        assert "No such file" in asyncio.run(said(end.outbox(tmp_path / "missing.pem")))
    finally:
        end.process.kill()


@pytest.mark.parametrize("make", [nats, redis])
@pytest.mark.parametrize(
    ("days", "host", "words"),
    [(-1, "127.0.0.1", "renew it"), (1, "broker.example", "stands in it")],
)
def test_a_certificate_that_is_wrong(
    make: Make, days: int, host: str, words: str, tmp_path: Path
) -> None:
    end = started(make, tmp_path, days=days, host=host)
    try:
        assert words in asyncio.run(said(end.outbox(end.authority.file)))
    finally:
        end.process.kill()


def test_no_password_goes_to_a_nats_server_without_tls() -> None:
    """A machine in the middle could say that the server speaks no TLS."""
    heard = bytearray()

    async def pretend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"max_payload":1048576,"auth_required":true,"headers":true}\r\n')
        await writer.drain()
        heard.extend(await reader.read(1 << 16))
        writer.close()

    async def work() -> None:
        server = await asyncio.start_server(pretend, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        place = Server(url=f"tls://127.0.0.1:{port}", user="me", password=Secret(PASSWORD))
        words = await said(NatsOutbox(server=place, stream="s", subject="s", patience=2))
        assert "does not ask for TLS" in words
        server.close()
        await server.wait_closed()

    asyncio.run(work())
    assert PASSWORD.encode() not in heard


def amqp(folder: Path, certificate: Path) -> tuple[BrokerProcess, int]:
    """A node that also speaks TLS, and the port where it does."""
    port = services.free_port()
    files = {"cacertfile": certificate, "certfile": certificate, "keyfile": certificate}
    lines = [f"ssl_options.{name} = {path}" for name, path in files.items()]
    return rabbit_process(folder, "\n".join([f"listeners.ssl.1 = 127.0.0.1:{port}", *lines])), port


async def said_of_amqp(port: int, ca: Path | None) -> str:
    place = f"amqps://127.0.0.1:{port}"
    server = Server(url=place, user="guest", password=Secret("guest"), ca=ca)
    outbox = AmqpOutbox(server=server, routing_key="flows", create=True, patience=10)
    try:
        await outbox.check()
        await outbox.send(Parcel(key="k", name="a.usr", content=b"x"))
    except Unavailable as error:
        return str(error)
    finally:
        await outbox.close()
    return ""


@pytest.mark.slow  # a node takes its time to start
@pytest.mark.parametrize(
    ("days", "host", "words"),
    [(1, "127.0.0.1", ""), (-1, "127.0.0.1", "renew it"), (1, "broker.example", "stands in it")],
)
def test_who_an_amqp_broker_is(days: int, host: str, words: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    process, port = amqp(tmp_path, authority.certificate("server", days=days, host=host))
    process.start()
    try:
        for ca in (authority.file, None):
            said = asyncio.run(said_of_amqp(port, ca))
            if ca is not None and not words:
                assert said == ""
            else:
                assert "certificate is refused" in said
                assert words in said or ca is None
        assert "no TLS there" in asyncio.run(said_of_amqp(process.place.port, None))
    finally:
        process.kill()
