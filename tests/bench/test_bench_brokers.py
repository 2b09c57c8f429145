"""Many messages under way at once against one acknowledgement at a time, NATS and AMQP.

    PYTHONPATH=src:tests python -m bench.test_bench_brokers

The servers run on loopback.  The second line of each has a real proxy between that holds
every chunk back for a millisecond each way, as a near network does.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import services
from dflow.testing.proxy import FaultProxy
from dflow.testing.transports import Endpoint
from dflow.transport import Outbox, Parcel
from test_transport_amqp import AmqpRig
from test_transport_nats import NatsRig

#: Under way at once; a mount's `concurrency`.
MANY = 128
CONTENT = b"026|1212345678902|V|\n" * 100

Opened = Callable[[Endpoint | None], AbstractAsyncContextManager[Outbox]]


@asynccontextmanager
async def nats(via: Endpoint | None) -> AsyncIterator[Outbox]:
    rig = NatsRig(Endpoint(*services.require("nats")))
    outbox = rig.outbox(via)
    try:
        yield outbox
    finally:
        await outbox.close()
        await rig.remove()


@asynccontextmanager
async def amqp(via: Endpoint | None) -> AsyncIterator[Outbox]:
    rig = AmqpRig(Endpoint(*services.require("amqp")))
    outbox = rig.outbox(via)
    try:
        yield outbox
    finally:
        await outbox.close()
        await rig.remove()


@contextmanager
def line(name: str, delay: float) -> Iterator[Endpoint | None]:
    if not delay:
        yield None
        return
    with FaultProxy(*services.require(name)) as proxy:
        proxy.slow(delay=delay)
        yield Endpoint(proxy.host, proxy.port)


async def rates(opened: Opened, via: Endpoint | None, seconds: float) -> tuple[float, float]:
    """Messages a second: one at a time, and many under way."""
    async with opened(via) as outbox:
        numbers = iter(range(10**9))

        async def worker(until: float) -> int:
            count = 0
            while time.perf_counter() < until:
                number = next(numbers)
                await outbox.send(Parcel(key=f"{number}", name="a.usr", content=CONTENT))
                count += 1
            return count

        found = []
        for workers in (1, 1, MANY):  # the first warms up
            began = time.perf_counter()
            counts = await asyncio.gather(*(worker(began + seconds) for _ in range(workers)))
            found.append(sum(counts) / (time.perf_counter() - began))
    return found[1], found[2]


def measured(name: str, delay: float, seconds: float, rounds: int) -> tuple[float, float, float]:
    """The middle of some rounds: one at a time, many under way, and their ratio."""
    opened = {"nats": nats, "amqp": amqp}[name]
    pairs = []
    for _ in range(rounds):
        with line(name, delay) as via:
            pairs.append(asyncio.run(rates(opened, via, seconds)))
    one, many = (statistics.median(side) for side in zip(*pairs, strict=True))
    return one, many, statistics.median(b / a for a, b in pairs)


@pytest.mark.parametrize("name", ["nats", "amqp"])
def test_many_under_way(name: str, benchmark: BenchmarkFixture) -> None:
    _, _, ratio = benchmark.pedantic(  # type: ignore[no-untyped-call]  # the plug-in's own
        measured, args=(name, 0.001, 1.0, 1), rounds=1
    )
    assert ratio >= 5


def main(seconds: float, rounds: int) -> None:
    for name in ("nats", "amqp"):
        for delay, where in ((0.0, "loopback"), (0.001, "1 ms each way")):
            one, many, ratio = measured(name, delay, seconds, rounds)
            print(f"{name}, {where:14}: {one:7.0f} and {many:7.0f} a second, ratio {ratio:5.1f}")


if __name__ == "__main__":
    words = sys.argv[1:]
    main(float(words[0]) if words else 2.0, 3)
