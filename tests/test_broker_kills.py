"""Each broker is killed and started again while an exchange sends and another receives.

Nothing is lost, and nothing that can be asked about is stored twice: counted at the
broker, and in the journal of the exchange that receives.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from attrs import define, field

from broker_servers import BrokerProcess, nats_process, rabbit_process, redis_process
from dflow.delivery import Breaker, Retry, Step, Treatment
from dflow.exchange import Exchange, Mount, Source, Totals, open_journal
from dflow.routing import Routes
from dflow.transport import (
    Capabilities,
    Inbox,
    MemoryInbox,
    Outbox,
    Parcel,
    Presence,
    Receipt,
    Secret,
    Unavailable,
)
from dflow.transport.amqp import AmqpInbox, AmqpOutbox
from dflow.transport.nats import NatsInbox, NatsOutbox
from dflow.transport.redis import RedisInbox, RedisOutbox
from dflow.transport.server import Server
from support_exchange import file

RULES = """
destination there "the other side"
route all: flow D0010 deliver there
"""
#: So that minutes of an outage take seconds here.
QUICK = Treatment(
    concurrency=16,
    timeout=10,
    unanswered="again",
    retry=Retry(first=0.05, cap=0.3),
    breaker=Breaker(after=5, rest=0.05, cap=0.2),
)


@define(eq=False)
class Kept:
    """Counts what arrives at last."""

    times: Counter[bytes] = field(factory=Counter)
    capabilities: Capabilities = field(factory=Capabilities)

    async def send(self, parcel: Parcel) -> Receipt:
        self.times[parcel.content] += 1
        return Receipt(key=parcel.key)

    async def probe(self, key: str) -> Presence:
        return Presence.UNKNOWN


Ends = Callable[[Server], tuple[Outbox, Inbox, Inbox]]


def nats_ends(server: Server) -> tuple[Outbox, Inbox, Inbox]:
    def inbox(consumer: str) -> Inbox:
        return NatsInbox(server=server, stream="flows", consumer=consumer, wait=2, patience=5)

    outbox = NatsOutbox(server=server, stream="flows", subject="flows", create=True, patience=5)
    return outbox, inbox("journal"), inbox("count")


def redis_ends(server: Server) -> tuple[Outbox, Inbox, Inbox]:
    def inbox(group: str) -> Inbox:
        return RedisInbox(server=server, stream="flows", group=group, wait=2, patience=5)

    return RedisOutbox(server=server, stream="flows", patience=5), inbox("journal"), inbox("count")


def amqp_ends(server: Server) -> tuple[Outbox, Inbox, Inbox]:
    guest = Server(url=server.url, user="guest", password=Secret("guest"))

    def inbox() -> Inbox:
        return AmqpInbox(server=guest, queue="flows", create=True, patience=10)

    outbox = AmqpOutbox(server=guest, routing_key="flows", create=True, patience=10)
    return outbox, inbox(), inbox()


def exchange(outbox: Outbox, inbox: Inbox) -> Exchange:
    return Exchange(
        routes=Routes.parse(RULES),
        journal=open_journal(None),
        mounts=[Mount(name="there", outbox=outbox, treatment=QUICK)],
        sources=[Source(name="here", inbox=inbox)],
        grace=5.0,
    )


async def until(
    what: Callable[[], bool],
    *,
    running: asyncio.Future[tuple[Totals, Totals]],
    seconds: float = 60.0,
) -> None:
    async with asyncio.timeout(seconds):
        while not what():
            assert not running.done(), running
            await asyncio.sleep(0.01)


async def kills(process: BrokerProcess, scheme: str, make: Ends, count: int) -> None:
    server = Server(url=f"{scheme}://{process.place.host}:{process.place.port}")
    outbox, inbox, counting = make(server)
    if scheme == "amqp":
        # RabbitMQ 3.10 writes the names of its quorum queues to the disk some minutes after
        # they were declared, or when it ends: killed before, it does not find them again.
        await outbox.check()  # type: ignore[attr-defined]  # all of these have it
        await outbox.close()  # type: ignore[attr-defined]  # all of these have it
        await asyncio.to_thread(process.stop)
        await asyncio.to_thread(process.start)
    files = [file(number, size=500) for number in range(count)]
    source, kept = MemoryInbox(), Kept()
    sending, receiving = exchange(outbox, source), exchange(kept, inbox)
    for number, content in enumerate(files):
        source.put(content, name=f"{number}.usr")
    both = asyncio.gather(sending.run(), receiving.run())

    def sent() -> int:
        steps = sending._steps
        return steps[Step.ACCEPTED] + steps[Step.FOUND]

    def reached(number: int) -> bool:
        return sent() >= number

    try:
        for part in (3, 2):
            await until(partial(reached, count // part), running=both)
            await asyncio.to_thread(process.kill)
            await asyncio.sleep(0.3)
            await asyncio.to_thread(process.start)
        await until(lambda: sent() == count, running=both)
        await until(lambda: len(kept.times) == count, running=both)
    finally:
        sending.stop()
        receiving.stop()
        await asyncio.wait([both])
    lost = [one for one in files if one not in kept.times]
    assert not lost
    assert kept.times.total() == count, "the journal lets no repeat through"
    if not outbox.capabilities.probes:
        return
    assert not sending._steps[Step.PRESUMED]
    stored: Counter[bytes] = Counter()
    for _ in range(50):
        try:
            async for arrival in counting.receive(once=True):
                stored[arrival.content] += 1
                await counting.done(arrival)
            break
        except Unavailable:
            await asyncio.sleep(0.1)
    assert stored == Counter(files)
    await counting.close()  # type: ignore[attr-defined]  # all of these have it


@pytest.mark.parametrize(
    ("start", "scheme", "make", "count"),
    [
        pytest.param(nats_process, "nats", nats_ends, 600, id="nats"),
        pytest.param(redis_process, "redis", redis_ends, 600, id="redis"),
        pytest.param(rabbit_process, "amqp", amqp_ends, 600, id="amqp", marks=pytest.mark.slow),
    ],
)
def test_killed_under_load(
    start: Callable[[Path], BrokerProcess], scheme: str, make: Ends, count: int, tmp_path: Path
) -> None:
    process = start(tmp_path)
    process.start()
    try:
        asyncio.run(kills(process, scheme, make, count))
    finally:
        process.kill()
