"""Brokers that cannot be used: NATS, RabbitMQ and Redis, each for real."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aio_pika import Message

import services
from bad_end import GOOD, SECRETS, WRONG, Bad, Lines, parcel
from broker_servers import BrokerProcess, nats_process, redis_process
from certificates import Authority
from dflow.testing.transports import Endpoint
from dflow.transport import Secret
from dflow.transport.amqp.session import connect as amqp_connect
from dflow.transport.nats.session import connect as nats_connect
from dflow.transport.redis import RedisOutbox
from dflow.transport.server import Server
from tls_front import tls_front

# NATS

NATS_USERS = f"""
accounts {{ A {{ jetstream: enabled, users: [
  {{ user: full, password: "{SECRETS["GOOD"]}" }}
  {{ user: reader, password: "{SECRETS["GOOD"]}", permissions: {{
      publish: ["$JS.API.>", "_INBOX.>"], subscribe: ">" }} }}
] }} }}
"""


@contextmanager
def started(process: BrokerProcess) -> Iterator[BrokerProcess]:
    process.start()
    try:
        yield process
    finally:
        process.kill()


def _url(process: BrokerProcess, scheme: str) -> str:
    return f"{scheme}://{process.place.host}:{process.place.port}"


def _nats(process: BrokerProcess, **changes: object) -> Lines:
    lines: Lines = {
        "transport": "nats",
        "url": _url(process, "nats"),
        "user": "full",
        "password": GOOD,
        "stream": "flows",
        "subject": "flows",
    }
    return {**lines, **changes}


def _stream(process: BrokerProcess, *, most: int = -1, purge: bool = False) -> None:
    async def work() -> None:
        server = Server(url=_url(process, "nats"), user="full", password=Secret(SECRETS["GOOD"]))
        session = await nats_connect(server, patience=5)
        if purge:
            await session.stream.purge_stream("flows")
        else:
            await session.stream.add_stream(
                name="flows", subjects=["flows.*"], max_msgs=most, discard="new"
            )
        if most > 0:
            await session.stream.publish("flows.earlier", b"x")
        await session.close()

    asyncio.run(work())


@contextmanager
def nats_expired_certificate(folder: Path) -> Iterator[Bad]:
    ours = Authority(folder, "ours")
    path = ours.certificate("server", days=-1)
    tls = f'tls {{ cert_file: "{path}", key_file: "{path}" }}'
    with started(nats_process(folder, tls)) as one:
        lines = _nats(one, url=_url(one, "tls"), ca=str(ours.file), create=True)
        del lines["user"], lines["password"]

        def mend() -> None:
            one.kill()
            ours.certificate("server")
            one.start()

        yield Bad(wrong=lines, right=lines, words="renew it", mend=mend)


@contextmanager
def _nats_guarded(folder: Path, wrong: Lines, words: str, *, seen: bool = True) -> Iterator[Bad]:
    with started(nats_process(folder, NATS_USERS)) as one:
        _stream(one)
        yield Bad(wrong=_nats(one, **wrong), right=_nats(one), words=words, seen=seen)


def nats_bad_credentials(folder: Path) -> contextlib.AbstractContextManager[Bad]:
    return _nats_guarded(folder, {"password": WRONG}, "'full' is refused")


def nats_refused_permission(folder: Path) -> contextlib.AbstractContextManager[Bad]:
    return _nats_guarded(folder, {"user": "reader"}, "needs this permission", seen=False)


def nats_missing_stream(folder: Path) -> contextlib.AbstractContextManager[Bad]:
    return _nats_guarded(folder, {"stream": "missing"}, "no stream missing")


@contextmanager
def nats_full(folder: Path) -> Iterator[Bad]:
    with started(nats_process(folder, NATS_USERS)) as one:
        _stream(one, most=1)
        yield Bad(
            wrong=_nats(one),
            right=_nats(one),
            words="it is full",
            mend=lambda: _stream(one, purge=True),
            seen=False,
        )


# AMQP


@contextmanager
def _amqp(wrong: Callable[[str], Lines], words: str, *, seen: bool = True) -> Iterator[Bad]:
    """An empty queue, a full one NAME-full, and an exchange NAME-guarded that nobody may use."""
    host, port = services.require("amqp")
    name = f"dflow-test-{secrets.token_hex(6)}"
    server = Server(url=f"amqp://{host}:{port}", user="guest", password=Secret("guest"))

    async def ask(what: str) -> None:
        session = await amqp_connect(server, patience=5, confirms=False)
        channel = session.channel
        if what == "prepare":
            full: dict[str, str | int] = {"x-max-length": 1, "x-overflow": "reject-publish"}
            await channel.declare_queue(name, durable=True)
            await channel.declare_queue(f"{name}-full", durable=True, arguments={**full})
            await channel.default_exchange.publish(Message(b"x"), f"{name}-full")
            await channel.declare_exchange(f"{name}-guarded", internal=True)
        else:
            for one in (name, f"{name}-full"):
                await channel.queue_delete(one)
            await channel.exchange_delete(f"{name}-guarded")
        await session.close()

    asyncio.run(ask("prepare"))
    lines: Lines = {
        "transport": "amqp",
        "url": server.url,
        "user": "guest",
        "password": {"env": "GUEST"},
        "routing_key": name,
    }
    try:
        yield Bad(wrong={**lines, **wrong(name)}, right=lines, words=words, seen=seen)
    finally:
        asyncio.run(ask("delete"))


@contextmanager
def amqp_expired_certificate(folder: Path) -> Iterator[Bad]:
    ours = Authority(folder, "ours")
    behind = Endpoint(*services.require("amqp"))
    with (
        tls_front(ours.certificate("old", days=-1), behind) as front,
        _amqp(lambda _: {}, "renew it") as made,
    ):
        url = f"amqps://{front.place.host}:{front.place.port}"
        lines: Lines = {**made.right, "url": url, "ca": str(ours.file)}
        yield Bad(
            wrong=lines,
            right=lines,
            words=made.words,
            mend=lambda: front.show(ours.certificate("new")),
        )


def amqp_bad_credentials(_: Path) -> contextlib.AbstractContextManager[Bad]:
    return _amqp(lambda _: {"password": WRONG}, "'guest' is refused")


def amqp_missing_queue(_: Path) -> contextlib.AbstractContextManager[Bad]:
    return _amqp(lambda name: {"routing_key": f"{name}-missing"}, "create")


def amqp_refused_permission(_: Path) -> contextlib.AbstractContextManager[Bad]:
    return _amqp(lambda name: {"exchange": f"{name}-guarded"}, "needs the permission", seen=False)


def amqp_full(_: Path) -> contextlib.AbstractContextManager[Bad]:
    return _amqp(lambda name: {"routing_key": f"{name}-full"}, "a queue is full", seen=False)


# Redis


def _redis(process: BrokerProcess, **changes: object) -> Lines:
    lines: Lines = {
        "transport": "redis",
        "url": _url(process, "redis"),
        "user": "full",
        "password": GOOD,
        "stream": "flows",
    }
    return {**lines, **changes}


@contextmanager
def redis_expired_certificate(folder: Path) -> Iterator[Bad]:
    ours = Authority(folder, "ours")
    with (
        started(redis_process(folder)) as one,
        tls_front(ours.certificate("old", days=-1), one.place) as front,
    ):
        url = f"rediss://{front.place.host}:{front.place.port}"
        lines = _redis(one, url=url, ca=str(ours.file))
        del lines["user"], lines["password"]
        yield Bad(
            wrong=lines,
            right=lines,
            words="renew it",
            mend=lambda: front.show(ours.certificate("new")),
        )


@contextmanager
def _redis_guarded(folder: Path, wrong: Lines, words: str, *, seen: bool = True) -> Iterator[Bad]:
    users = folder / "users.acl"
    users.write_text(
        f"user default off\nuser full on >{SECRETS['GOOD']} ~* &* +@all\n"
        f"user reader on >{SECRETS['GOOD']} ~* +@read +@connection +info\n"
    )
    with started(redis_process(folder, "--aclfile", str(users))) as one:
        server = Server(url=_url(one, "redis"), user="full", password=Secret(SECRETS["GOOD"]))

        async def fill() -> None:
            outbox = RedisOutbox(server=server, stream="flows")
            await outbox.send(parcel(1))
            await outbox.close()

        asyncio.run(fill())
        yield Bad(wrong=_redis(one, **wrong), right=_redis(one), words=words, seen=seen)


def redis_bad_credentials(folder: Path) -> contextlib.AbstractContextManager[Bad]:
    return _redis_guarded(folder, {"password": WRONG}, "'full' is refused")


def redis_refused_permission(folder: Path) -> contextlib.AbstractContextManager[Bad]:
    return _redis_guarded(folder, {"user": "reader"}, "needs this permission", seen=False)


def redis_full(folder: Path) -> contextlib.AbstractContextManager[Bad]:
    return _redis_guarded(folder, {"most": 1}, "as many as it may: trim it", seen=False)
