"""What can be wrong with a broker: one clear error each, with its remedy and the right fault."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path

import pytest
from nats.js.api import StreamConfig

import services
from broker_servers import BrokerProcess, nats_process, redis_process
from dflow.delivery import State
from dflow.errors import RefusedText
from dflow.exchange import Exchange, Mount, Source, open_journal
from dflow.exchange.journal import Query
from dflow.exchange.settings import TableReader
from dflow.routing import Routes
from dflow.tomltext import read_toml
from dflow.transport import MemoryInbox, Parcel, Presence, Refused, Secret, Unavailable
from dflow.transport.amqp import AmqpInbox, AmqpOutbox
from dflow.transport.amqp.session import connect as amqp_connect
from dflow.transport.brokers.options import server_options
from dflow.transport.nats import NatsInbox, NatsOutbox
from dflow.transport.nats.session import connect as nats_connect
from dflow.transport.redis import RedisInbox, RedisOutbox
from dflow.transport.redis.session import connect as redis_connect
from dflow.transport.server import Server, url_mistakes
from support_exchange import file

PASSWORD = "correct-horse"
NATS_USERS = f"""
accounts {{
  A {{
    jetstream: enabled
    users: [
      {{ user: full, password: "{PASSWORD}" }}
      {{ user: reader, password: "{PASSWORD}", permissions: {{
          publish: ["$JS.API.>", "_INBOX.>"], subscribe: ">" }} }}
    ]
  }}
}}
"""


def parcel(number: int, size: int = 10) -> Parcel:
    return Parcel(key=f"key-{number}", name=f"{number}.usr", content=b"x" * size)


@pytest.fixture(scope="module")
def own_nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    process = nats_process(tmp_path_factory.mktemp("nats"), NATS_USERS)
    process.start()
    yield process
    process.kill()


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    folder = tmp_path_factory.mktemp("redis")
    (folder / "users.acl").write_text(
        f"user default off\nuser full on >{PASSWORD} ~* &* +@all\n"
        f"user reader on >{PASSWORD} ~* +@read +@connection +info\n"
    )
    process = redis_process(folder, "--aclfile", str(folder / "users.acl"))
    process.start()
    yield process
    process.kill()


def at(process: BrokerProcess, scheme: str, user: str = "full", word: str = PASSWORD) -> Server:
    url = f"{scheme}://{process.place.host}:{process.place.port}"
    return Server(url=url, user=user, password=Secret(word))


def run(work: Coroutine[object, object, None]) -> None:
    asyncio.run(work)


@contextlib.asynccontextmanager
async def closing(end: object) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await end.close()  # type: ignore[attr-defined]  # all of these have it


async def fails(end: object, fault: type[Exception], *words: str) -> None:
    """Both a check and a send say so."""
    async with closing(end):
        calls: list[Coroutine[object, object, object]] = [end.check()]  # type: ignore[attr-defined]  # both have it
        if hasattr(end, "send"):
            calls.append(end.send(parcel(1)))
        for call in calls:
            with pytest.raises(fault) as caught:
                await call
            text = str(caught.value)
            assert PASSWORD not in text
            assert "\n" not in text
            for word in words:
                assert word in text, text


CLOSED = Server(url="nats://127.0.0.1:9")


@pytest.mark.parametrize(
    ("make", "scheme"),
    [
        (lambda server: NatsOutbox(server=server, stream="s", subject="s"), "nats"),
        (lambda server: NatsInbox(server=server, stream="s", consumer="c"), "nats"),
        (lambda server: AmqpOutbox(server=server, routing_key="q"), "amqp"),
        (lambda server: AmqpInbox(server=server, queue="q"), "amqp"),
        (lambda server: RedisOutbox(server=server, stream="s"), "redis"),
        (lambda server: RedisInbox(server=server, stream="s", group="g"), "redis"),
    ],
)
def test_nobody_listens(make: Callable[[Server], object], scheme: str) -> None:
    port = services.free_port()
    server = Server(url=f"{scheme}://127.0.0.1:{port}", user="me", password=Secret(PASSWORD))
    run(fails(make(server), Unavailable, f"127.0.0.1:{port}", "nobody listens", "running"))
    unknown = Server(url=f"{scheme}://broker.invalid:{port}")
    run(fails(make(unknown), Unavailable, "broker.invalid", "no such host"))


def test_nats_bad_credentials(own_nats: BrokerProcess) -> None:
    server = at(own_nats, "nats", word="battery-staple")
    outbox = NatsOutbox(server=server, stream="s", subject="s")
    run(fails(outbox, Unavailable, "'full' is refused", "password"))


def test_nats_missing_stream(own_nats: BrokerProcess) -> None:
    server = at(own_nats, "nats")
    outbox = NatsOutbox(server=server, stream="missing", subject="missing")
    run(fails(outbox, Unavailable, "no stream missing", "nats stream add", "create"))
    inbox = NatsInbox(server=server, stream="missing", consumer="c")
    run(fails(inbox, Unavailable, "no stream missing"))


def test_nats_refused_permission(own_nats: BrokerProcess) -> None:
    async def work() -> None:
        full = NatsOutbox(
            server=at(own_nats, "nats"), stream="guarded", subject="guarded", create=True
        )
        async with closing(full):
            await full.check()
        outbox = NatsOutbox(
            server=at(own_nats, "nats", "reader"), stream="guarded", subject="guarded"
        )
        async with closing(outbox):
            await outbox.check()
            with pytest.raises(Unavailable, match="needs this permission"):
                await outbox.send(parcel(1))
            assert await outbox.probe(parcel(1).key) is Presence.ABSENT

    run(work())


def test_nats_full_stream(own_nats: BrokerProcess) -> None:
    async def work() -> None:
        server = at(own_nats, "nats")
        session = await nats_connect(server, patience=5)
        await session.stream.add_stream(
            name="full", subjects=["full.*"], max_msgs=2, discard="new", max_msg_size=5000
        )
        outbox = NatsOutbox(server=server, stream="full", subject="full")
        async with closing(outbox):
            await outbox.send(parcel(1))
            await outbox.send(parcel(2))
            with pytest.raises(Unavailable, match="it is full"):
                await outbox.send(parcel(3))
            assert (await outbox.send(parcel(1))).repeat
            assert await outbox.probe("key-3") is Presence.ABSENT
            await session.stream.purge_stream("full")
            with pytest.raises(Unavailable, match="no object bucket full_large"):
                await outbox.send(parcel(4, 6000))
        await session.close()

    run(work())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"retention": "workqueue"}, "keep_keys to 0"),
        ({"retention": "interest"}, "keep_keys to 0"),
        ({"max_age": 60}, "raise its max_age"),
        ({"max_msgs": 10, "discard": "old"}, "set its discard to new"),
    ],
)
def test_nats_streams_that_forget(
    own_nats: BrokerProcess, settings: dict[str, object], words: str
) -> None:
    async def work() -> None:
        server, name = at(own_nats, "nats"), f"s{secrets.token_hex(4)}"
        session = await nats_connect(server, patience=5)
        await session.stream.add_stream(
            StreamConfig(name=name, subjects=[f"{name}.*"], **settings)  # type: ignore[arg-type]  # mixed
        )
        strict = NatsOutbox(server=server, stream=name, subject=name)
        await fails(strict, Unavailable, words)
        loose = NatsOutbox(server=server, stream=name, subject=name, keep_keys=0)
        async with closing(loose):
            await loose.send(parcel(1))
            assert not loose.capabilities.probes
            assert await loose.probe("key-1") is Presence.UNKNOWN
        await session.close()

    run(work())


def amqp_server() -> Server:
    host, port = services.require("amqp")
    return Server(url=f"amqp://{host}:{port}", user="guest", password=Secret("guest"))


def test_amqp_bad_credentials() -> None:
    good = amqp_server()
    bad = Server(url=good.url, user="guest", password=Secret(PASSWORD))
    outbox = AmqpOutbox(server=bad, routing_key="q")
    run(fails(outbox, Unavailable, "'guest' is refused", "password"))
    lost = Server(url=f"{good.url}/missing", user="guest", password=good.password)
    outbox = AmqpOutbox(server=lost, routing_key="q")
    run(fails(outbox, Unavailable, "virtual host"))


def test_amqp_missing_queue_and_exchange() -> None:
    server, name = amqp_server(), f"dflow-test-{secrets.token_hex(6)}"
    outbox = AmqpOutbox(server=server, routing_key=name)
    run(fails(outbox, Unavailable, f"no queue {name}", "create"))
    run(fails(AmqpInbox(server=server, queue=name), Unavailable, f"no queue {name}"))
    outbox = AmqpOutbox(server=server, exchange=name, routing_key="key")
    run(fails(outbox, Unavailable, f"no exchange '{name}'"))


def test_amqp_unroutable_and_too_large() -> None:
    async def work() -> None:
        outbox = AmqpOutbox(
            server=amqp_server(), exchange="amq.direct", routing_key="nobody", largest=100
        )
        async with closing(outbox):
            with pytest.raises(Refused, match="no queue takes it: bind one"):
                await outbox.send(parcel(1))
            with pytest.raises(Refused, match="more than the 100 allowed"):
                await outbox.send(parcel(2, 101))
            many = await asyncio.gather(
                *(outbox.send(parcel(3)) for _ in range(8)), return_exceptions=True
            )
            assert all(isinstance(one, Refused) for one in many), "no false receipt"

    run(work())


def test_amqp_full_queue_and_dead_letters() -> None:
    async def work() -> None:
        server, name = amqp_server(), f"dflow-test-{secrets.token_hex(6)}"
        session = await amqp_connect(server, patience=5, confirms=False)
        dead = await session.channel.declare_queue(f"{name}-dead", durable=True)
        arguments: dict[str, str | int] = {
            "x-max-length": 1,
            "x-overflow": "reject-publish",
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": f"{name}-dead",
        }
        await session.channel.declare_queue(name, durable=True, arguments={**arguments})
        outbox, inbox = (
            AmqpOutbox(server=server, routing_key=name),
            AmqpInbox(server=server, queue=name, largest=20),
        )
        async with closing(outbox), closing(inbox):
            await outbox.send(parcel(1, 21))
            with pytest.raises(Unavailable, match="a queue is full"):
                await asyncio.gather(*(outbox.send(parcel(number)) for number in range(2, 5)))
            async for arrival in inbox.receive(once=True):
                assert arrival.problem
                await inbox.done(arrival)
                break
            buried = AmqpInbox(server=server, queue=f"{name}-dead")
            async with closing(buried):
                async for arrival in buried.receive(once=True):
                    assert arrival.content == b"x" * 21
                    assert arrival.notes["amqp-deaths"] == f"1 rejected of {name}"
                    await buried.failed(arrival, "again")
                    break
                async for arrival in buried.receive(once=True):
                    assert arrival.notes["amqp-redelivered"] == "yes"
                    await buried.done(arrival)
        await session.channel.queue_delete(name)
        await dead.delete()
        await session.close()

    run(work())


def test_redis_bad_credentials(own_redis: BrokerProcess) -> None:
    outbox = RedisOutbox(server=at(own_redis, "redis", word="battery-staple"), stream="s")
    run(fails(outbox, Unavailable, "'full' is refused", "password"))
    nobody = Server(url=at(own_redis, "redis").url)
    run(fails(RedisOutbox(server=nobody, stream="s"), Unavailable, "a nameless user is refused"))


def test_redis_refused_permission(own_redis: BrokerProcess) -> None:
    async def work() -> None:
        outbox = RedisOutbox(server=at(own_redis, "redis", "reader"), stream="s")
        async with closing(outbox):
            assert await outbox.check()
            with pytest.raises(Unavailable, match="needs this permission"):
                await outbox.send(parcel(1))
            assert await outbox.probe("key-1") is Presence.ABSENT

    run(work())


def test_redis_full_stream_and_memory(own_redis: BrokerProcess) -> None:
    async def work() -> None:
        server = at(own_redis, "redis")
        session = await redis_connect(server, patience=5)
        outbox = RedisOutbox(server=server, stream="full", most=2)
        async with closing(outbox):
            await outbox.send(parcel(1))
            await outbox.send(parcel(2))
            with pytest.raises(Unavailable, match="as many as it may: trim it"):
                await outbox.send(parcel(3))
            assert (await outbox.send(parcel(1))).repeat
            plenty = RedisOutbox(server=server, stream="plenty")
            await plenty.check()
            await session.ask("CONFIG", "SET", "maxmemory", "1")
            try:
                async with closing(plenty):
                    with pytest.raises(Unavailable, match="memory is full"):
                        await plenty.send(parcel(4))
                await session.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
                evicting = RedisOutbox(server=server, stream="full")
                await fails(evicting, Unavailable, "set it to noeviction")
            finally:
                await session.ask("CONFIG", "SET", "maxmemory", "0")
                await session.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        await session.ask("SET", "plain", "text")
        await fails(
            RedisInbox(server=server, stream="plain", group="g"), Unavailable, "another kind"
        )
        await session.close()

    run(work())


def test_redis_durable_is_looked_at(own_redis: BrokerProcess) -> None:
    async def work() -> None:
        server = at(own_redis, "redis")
        session = await redis_connect(server, patience=5)
        weak = RedisOutbox(server=server, stream="s", durable=True)
        await fails(weak, Unavailable, "appendfsync is everysec", "CONFIG SET appendfsync always")
        await session.ask("CONFIG", "SET", "appendfsync", "always")
        strong = RedisOutbox(server=server, stream="s", durable=True)
        async with closing(strong):
            assert strong.capabilities.durable
            await strong.send(parcel(77))
        await session.ask("CONFIG", "SET", "appendfsync", "everysec")
        await session.close()

    run(work())


@pytest.mark.parametrize(
    "url",
    ["nats://u:p@h", "http://h", "nats://", "nats://h?password=x", "nats://h:x", "nats://h y"],
)
def test_urls_that_are_refused(url: str) -> None:
    assert url_mistakes(url, ["nats", "tls"])


def test_a_password_in_a_url_is_refused_and_not_told(tmp_path: Path) -> None:
    path = tmp_path / "dflow.toml"
    path.write_text('[mount]\nurl = "nats://me:correct-horse@broker"\n')
    reader = TableReader(read_toml(path), tmp_path)
    reader.options(("mount",), server_options("nats", "tls", example="nats://h"))
    with pytest.raises(RefusedText) as caught:
        reader.refuse()
    assert "password" in str(caught.value)
    assert PASSWORD not in f"{caught.value} {caught.value.faults!r}"
    with pytest.raises(ValueError, match="do not stand in a URL"):
        Server(url="nats://me:correct-horse@broker")


@pytest.mark.parametrize(
    "outbox",
    [
        NatsOutbox(server=Server(url="nats://127.0.0.1:9"), stream="s", subject="s"),
        AmqpOutbox(server=Server(url="amqp://127.0.0.1:9"), routing_key="q"),
        RedisOutbox(server=Server(url="redis://127.0.0.1:9"), stream="s"),
    ],
)
def test_the_delivery_waits_in_the_journal(
    outbox: NatsOutbox | AmqpOutbox | RedisOutbox,
) -> None:
    inbox, journal = MemoryInbox(), open_journal(None)
    inbox.put(file(1), name="1.usr")
    routes = Routes.parse('destination there "there"\nroute all: flow D0010 deliver there\n')
    exchange = Exchange(
        routes=routes,
        journal=journal,
        mounts=[Mount(name="there", outbox=outbox)],
        sources=[Source(name="here", inbox=inbox)],
    )
    exchange.run_once()
    rows = list(journal.deliveries(Query()))
    assert [row.state for row in rows] == [State.RETRYING]
    assert "nobody listens there" in rows[0].reason
    journal.close()
