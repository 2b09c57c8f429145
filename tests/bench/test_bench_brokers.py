"""Many messages under way at once against one acknowledgement at a time, NATS and AMQP.

    PYTHONPATH=src:tests python -m bench.test_bench_brokers

The servers run on loopback.  The second line of each has a real proxy between that holds
every chunk back for a millisecond each way, as a near network does.  With ``--own`` the
servers are started by the program, so that they run at its priority: on a busy machine
``chrt -r 1`` before it all gives the figures of a quiet one.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path

import pytest
from attrs import frozen
from pytest_benchmark.fixture import BenchmarkFixture

import services
from broker_servers import nats_process, rabbit_process
from dflow.testing.proxy import FaultProxy
from dflow.testing.transports import Endpoint
from dflow.transport import Outbox, Parcel
from test_transport_amqp import AmqpRig
from test_transport_nats import NatsRig

#: Under way at once; a mount's `concurrency`.
MANY = 256
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


@frozen
class Rates:
    """Messages a second, and microseconds of the client's processor for each."""

    one: float
    many: float
    one_work: float
    many_work: float

    @property
    def ratio(self) -> float:
        return self.many / self.one


async def rates(opened: Opened, via: Endpoint | None, seconds: float) -> Rates:
    """One at a time, and many under way."""
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
            began, worked = time.perf_counter(), time.process_time()
            counts = await asyncio.gather(*(worker(began + seconds) for _ in range(workers)))
            count, took = sum(counts), time.perf_counter() - began
            found.append((count / took, (time.process_time() - worked) / count * 1e6))
    (one, one_work), (many, many_work) = found[1:]
    return Rates(one, many, one_work, many_work)


def measured(name: str, delay: float, seconds: float, rounds: int) -> Rates:
    """The round of the middle ratio."""
    opened = {"nats": nats, "amqp": amqp}[name]
    found = []
    for _ in range(rounds):
        with line(name, delay) as via:
            found.append(asyncio.run(rates(opened, via, seconds)))
    return sorted(found, key=lambda one: one.ratio)[len(found) // 2]


@pytest.mark.parametrize("name", ["nats", "amqp"])
def test_many_under_way(name: str, benchmark: BenchmarkFixture) -> None:
    found = benchmark.pedantic(  # type: ignore[no-untyped-call]  # the plug-in's own
        measured, args=(name, 0.001, 1.0, 1), rounds=1
    )
    assert found.ratio >= 5


@contextmanager
def own(name: str) -> Iterator[None]:
    """A server of our own in place of the one that runs."""
    with tempfile.TemporaryDirectory() as folder:
        process = {"nats": nats_process, "amqp": rabbit_process}[name](Path(folder))
        process.start()
        os.environ[f"DFLOW_TEST_{name.upper()}"] = f"{process.place.host}:{process.place.port}"
        try:
            yield
        finally:
            process.kill()


def main(seconds: float, rounds: int, *, alone: bool) -> None:
    for name in ("nats", "amqp"):
        with own(name) if alone else nullcontext():
            for delay, where in ((0.0, "loopback"), (0.001, "1 ms each way")):
                found = measured(name, delay, seconds, rounds)
                print(
                    f"{name}, {where:14}: {found.one:7.0f} and {found.many:7.0f} a second, "
                    f"ratio {found.ratio:5.1f}; "
                    f"processor {found.one_work:4.0f} and {found.many_work:4.0f} us a message"
                )


if __name__ == "__main__":
    words = [one for one in sys.argv[1:] if one != "--own"]
    main(float(words[0]) if words else 2.0, 5, alone="--own" in sys.argv)
