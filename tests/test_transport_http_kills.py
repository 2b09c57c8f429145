"""A receiving exchange is killed under load, again and again: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dflow.delivery import Breaker, Retry, Treatment
from dflow.exchange import Exchange, Mount, Source, open_journal
from dflow.exchange.journal import Query
from dflow.routing import Routes
from dflow.transport import MemoryInbox, Secret
from dflow.transport.http import HmacSha256, HttpOutbox
from services import free_port
from support import CHECKOUT
from support_exchange import file

SECRET = "a secret of the tests, made up"
RULES = 'destination x "x"\nroute all: flow D0010 to M/OLDM deliver x\n'
RECEIVER = """\
[routes]
file = "x.routes"
[source.hooks]
transport = "http"
spool = "spool"
port = PORT
secret = { env = "DFLOW_TEST_SECRET" }
[mount.x]
transport = "directory"
path = "out"
"""


def receiver(folder: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(CHECKOUT / "src"),
        "DFLOW_TEST_SECRET": SECRET,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "dflow", "run", str(folder / "dflow.toml")],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def load(folder: Path, port: int, *, files: int, kills: int) -> list[str]:
    """Send while the receiver is killed; the states of all deliveries in the end."""
    inbox, journal = MemoryInbox(), open_journal(folder / "sender.db")
    outbox = HttpOutbox(
        url=f"http://127.0.0.1:{port}/hooks", signer=HmacSha256(secret=Secret(SECRET))
    )
    treatment = Treatment(
        concurrency=8,
        timeout=5.0,
        retry=Retry(first=0.05, cap=0.3, attempts=None),
        breaker=Breaker(after=1000, rest=0.1, cap=0.1),
    )
    exchange = Exchange(
        routes=Routes.parse(RULES),
        journal=journal,
        mounts=[Mount(name="x", outbox=outbox, treatment=treatment)],
        sources=[Source(name="in", inbox=inbox)],
    )
    running = asyncio.ensure_future(exchange.run())
    server = receiver(folder)
    chance = random.Random(7)
    try:
        for kill in range(kills + 1):
            for number in range(files * kill // (kills + 1), files * (kill + 1) // (kills + 1)):
                inbox.put(file(number), name=f"{number}.usr")
                await asyncio.sleep(0.005)
            if kill < kills:
                # Once it answers, so that each life sees some of the load.
                while not await asyncio.to_thread(answers, port):
                    await asyncio.sleep(0.02)
                await asyncio.sleep(chance.uniform(0.0, 0.4))
                server.kill()
                server.wait()
                server = receiver(folder)
        left, since = -1, time.monotonic()
        while left and time.monotonic() - since < 60:  # however slow the machine is, it goes on
            await asyncio.sleep(0.2)
            waiting = sum(row.number for row in journal.backlog())
            now = waiting + files - len(list((folder / "out").glob("*.usr")))
            if now != left:
                left, since = now, time.monotonic()
        exchange.stop()
        await running
        return [row.state.value for row in journal.deliveries(Query())]
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        server.terminate()
        server.wait(20)
        journal.close()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def campaign(folder: Path, *, files: int, kills: int) -> None:
    port = free_port()
    (folder / "dflow.toml").write_text(RECEIVER.replace("PORT", str(port)))
    (folder / "x.routes").write_text(RULES)
    states = asyncio.run(load(folder, port, files=files, kills=kills))
    assert states == ["delivered"] * files
    found = sorted(path.read_bytes() for path in (folder / "out").glob("*.usr"))
    assert found == sorted(file(number) for number in range(files))


def test_a_receiver_killed_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    campaign(tmp_path, files=40, kills=2)


@pytest.mark.slow
def test_a_receiver_killed_many_times(tmp_path: Path) -> None:
    campaign(tmp_path, files=2000, kills=25)
