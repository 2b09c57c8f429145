"""Several hosts on one machine: three workers, one killed, one cut off, and all is counted.

    python run.py [--files N] [--postgres HOST:PORT] [--nats HOST:PORT]

It needs PostgreSQL (user postgres, without a password) and NATS with JetStream.  It makes
a database and a stream of its own there, and removes them.  Where network namespaces may
be made (as root, on Linux), the third worker runs in one, and its link is taken down;
elsewhere a proxy swallows all that it says.  Status 0 if every file was delivered once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
from attrs import define

from dflow.delivery import State
from dflow.exchange import PostgresPlace, open_postgres
from dflow.exchange.journal import Query
from dflow.testing.proxy import FaultProxy
from dflow.transport import Parcel
from dflow.transport.nats.outbox import NatsOutbox
from dflow.transport.server import Server

HERE = Path(__file__).resolve().parent


def content(number: int) -> bytes:
    """A made-up file; only its header matters here."""
    head = f"ZHV|{number:010}|D0010002|M|WEST|M|OLDM|20260601120000||||OPER|\n"
    return head.encode() + b"026|1212345678902|V|\n" + f"ZPT|{number:010}|1||1||\n".encode()


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Relay(threading.Thread):
    """Hands TCP connections on, from an address that a namespace reaches to a server."""

    def __init__(self, listen: str, target: tuple[str, int]) -> None:
        super().__init__(daemon=True)
        self.listen, self.target = listen, target
        self.port = 0
        self.ready = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.start()
        self.ready.wait(10)

    def run(self) -> None:
        async def serve() -> None:
            server = await asyncio.start_server(self.accept, self.listen, 0)
            self.port = server.sockets[0].getsockname()[1]
            self.ready.set()

        self.loop.run_until_complete(serve())
        self.loop.run_forever()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self.target)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    sink.write(data)
                    await sink.drain()
            sink.close()

        await asyncio.gather(pump(reader, back), pump(there, writer))


@define
class Network:
    """The way of the third worker to the servers, which can be cut.

    Attributes:
        how: what it is, in words.
        prefix: what a command is begun with, so that it goes that way.
        postgres: where it finds PostgreSQL.
        nats: where it finds NATS.
    """

    how: str
    prefix: list[str]
    postgres: str
    nats: str
    cut: Callable[[], None]
    mend: Callable[[], None]


@contextlib.contextmanager
def namespace(postgres: tuple[str, int], nats: tuple[str, int]) -> Iterator[Network]:
    """A network namespace with one link to this host."""
    name = f"df{secrets.token_hex(3)}"
    third, fourth = secrets.randbelow(200) + 20, secrets.randbelow(60) * 4
    host, guest = f"10.213.{third}.{fourth + 1}", f"10.213.{third}.{fourth + 2}"
    ip("netns", "add", name)
    try:
        ip("link", "add", f"{name}h", "type", "veth", "peer", "name", f"{name}g", "netns", name)
        ip("addr", "add", f"{host}/30", "dev", f"{name}h")
        ip("link", "set", f"{name}h", "up")
        ip("-n", name, "addr", "add", f"{guest}/30", "dev", f"{name}g")
        ip("-n", name, "link", "set", f"{name}g", "up")
        ip("-n", name, "link", "set", "lo", "up")
        first, second = Relay(host, postgres), Relay(host, nats)
        yield Network(
            how="a network namespace, whose link is taken down",
            prefix=["ip", "netns", "exec", name],
            postgres=f"{host}:{first.port}",
            nats=f"{host}:{second.port}",
            cut=lambda: ip("link", "set", f"{name}h", "down"),
            mend=lambda: ip("link", "set", f"{name}h", "up"),
        )
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", f"{name}h"], check=False, capture_output=True)


@contextlib.contextmanager
def proxied(postgres: tuple[str, int], nats: tuple[str, int]) -> Iterator[Network]:
    """A proxy that can swallow everything: where it is asked for, or namespaces may not be made."""
    with FaultProxy(*postgres) as first, FaultProxy(*nats) as second:

        def cut() -> None:
            first.swallow()
            second.swallow()

        def mend() -> None:
            first.mend()
            second.mend()

        yield Network(
            how="a proxy that swallows everything",
            prefix=[],
            postgres=f"{first.host}:{first.port}",
            nats=f"{second.host}:{second.port}",
            cut=cut,
            mend=mend,
        )


def may_make_namespaces() -> bool:
    name = f"df{secrets.token_hex(3)}"
    try:
        ip("netns", "add", name)
        ip("netns", "del", name)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


async def publish(nats: str, stream: str, first: int, last: int) -> None:
    """Put files into the stream, as a gateway would."""
    outbox = NatsOutbox(server=Server(url=nats), stream=stream, subject=stream, create=True)
    try:
        for start in range(first, last, 50):
            await asyncio.gather(
                *(
                    outbox.send(Parcel(key=f"{stream}-{n}", name=f"{n}.usr", content=content(n)))
                    for n in range(start, min(start + 50, last))
                )
            )
    finally:
        await outbox.close()


async def remove(nats: str, stream: str) -> None:
    import nats as library

    connection = await library.connect(nats)
    with contextlib.suppress(Exception):
        await connection.jetstream().delete_stream(stream)
    await connection.close()


def worker(
    folder: Path, number: int, environment: dict[str, str], prefix: list[str]
) -> subprocess.Popen[bytes]:
    """A worker, as on a host of its own; what it says goes to a file."""
    with (folder / f"worker-{number}.log").open("wb") as log:
        return subprocess.Popen(
            [*prefix, sys.executable, "-m", "dflow", "run", str(HERE / "dflow.toml")],
            env={**os.environ, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def finished(place: PostgresPlace) -> int:
    journal = open_postgres(place)
    try:
        return len(list(journal.deliveries(Query(state=State.DELIVERED))))
    finally:
        journal.close()


def until(place: PostgresPlace, number: int, patience: float) -> int:
    """Wait until so many deliveries are finished; how many are."""
    ended = time.monotonic() + patience
    while (found := finished(place)) < number and time.monotonic() < ended:
        time.sleep(0.1)
    return found


def say(words: str) -> None:
    print(f"{time.monotonic() - STARTED:6.1f} s  {words}", flush=True)


def count(folder: Path, files: int) -> list[str]:
    """What is wrong with what lies at a destination; nothing if each file is there once."""
    found = Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.usr"))
    wanted = {hashlib.sha256(content(n)).hexdigest() for n in range(files)}
    wrong = []
    if missing := len(wanted - set(found)):
        wrong.append(f"{missing} missing")
    if twice := sum(n > 1 for n in found.values()):
        wrong.append(f"{twice} twice")
    if strange := len(set(found) - wanted):
        wrong.append(f"{strange} that nobody sent")
    return wrong


def account(place: PostgresPlace, out: Path, files: int, environment: dict[str, str]) -> bool:
    """Count everything, and tell; whether all is well."""
    well = True
    for name in ("old-agent", "new-agent"):
        wrong = count(out / name, files)
        well = well and not wrong
        print(f"{name}: {', '.join(wrong) or f'each of {files} files once'}")
    journal = open_postgres(place)
    try:
        deliveries = list(journal.deliveries(Query()))
        states = Counter(one.state.value for one in deliveries)
        outcomes = {outcome.value: n for outcome, n in journal.outcomes().items()}
        attempts = [one for row in deliveries for one in journal.attempts(row.id)]
        events = Counter(event.kind for event in journal.events())
    finally:
        journal.close()
    steps = Counter(one.step for one in attempts)
    lost = sum("lease" in one.detail for one in attempts if one.step == "lost")
    print(f"journal: arrivals {outcomes}, deliveries {dict(states)}")
    print(f"attempts: {dict(steps)}; {lost} taken over from workers that said nothing")
    print(f"events: {dict(events)}")
    well = well and states == {"delivered": 2 * files} and outcomes.get("routed") == files
    audit = subprocess.run(
        [sys.executable, "-m", "dflow", "clones", "audit", str(HERE / "dflow.toml"), "migration"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    print(audit.stdout.strip() or audit.stderr.strip())
    return well and audit.returncode == 0


def story(
    network: Network, folder: Path, args: argparse.Namespace, database: str, stream: str
) -> bool:
    """Three workers; one is killed, one cut off; whether every file was delivered once."""
    files, nats = args.files, f"nats://{args.nats}"
    place = PostgresPlace.parse(f"postgresql://{args.postgres}/{database}", user="postgres")
    near = {
        "DFLOW_JOURNAL": f"postgresql://{args.postgres}/{database}",
        "DFLOW_NATS": nats,
        "DFLOW_STREAM": stream,
        "DFLOW_OLD_AGENT": str(folder / "old-agent"),
        "DFLOW_NEW_AGENT": str(folder / "new-agent"),
    }
    far = {
        **near,
        "DFLOW_JOURNAL": f"postgresql://{network.postgres}/{database}",
        "DFLOW_NATS": f"nats://{network.nats}",
    }
    asyncio.run(publish(nats, stream, 0, files // 3))
    say(f"{files // 3} files are in the stream; three workers start")
    workers = [
        worker(folder, 1, near, []),
        worker(folder, 2, near, []),
        worker(folder, 3, far, network.prefix),
    ]
    try:
        until(place, files // 3, 30)
        asyncio.run(publish(nats, stream, files // 3, files))
        say(f"{finished(place)} deliveries are finished, and all {files} files are in the stream")
        until(place, files * 2 // 3, 30)
        workers[0].send_signal(signal.SIGKILL)
        say("worker 1 is killed (SIGKILL)")
        until(place, files, 30)
        network.cut()
        say(f"worker 3 is cut off: {network.how}")
        found = until(place, 2 * files, args.patience)
        say(f"{found} of {2 * files} deliveries are finished, by worker 2 alone")
        network.mend()
        say("worker 3 is back: it is told that its lease has ended, and changes nothing")
        time.sleep(2)
        ended = [one.poll() is None for one in workers[1:]]
        say(f"workers 2 and 3 run still: {ended[0]}, {ended[1]}")
    finally:
        for one in workers:
            one.terminate()
        for one in workers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.wait(15)
            one.kill()
    say("they are stopped, and everything is counted")
    return account(place, folder, files, near) and all(ended)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=240)
    parser.add_argument("--postgres", default="127.0.0.1:5432", metavar="HOST:PORT")
    parser.add_argument("--nats", default="127.0.0.1:4222", metavar="HOST:PORT")
    parser.add_argument("--proxy", action="store_true", help="cut off by a proxy in any case")
    parser.add_argument("--patience", type=float, default=60.0, metavar="SECONDS")
    args = parser.parse_args()
    places = []
    for text in (args.postgres, args.nats):
        host, _, port = text.rpartition(":")
        places.append((host, int(port)))
    name = f"dflow_example_{secrets.token_hex(4)}"
    way = proxied if args.proxy or not may_make_namespaces() else namespace
    with (
        tempfile.TemporaryDirectory() as folder,
        psycopg.connect(
            host=places[0][0], port=places[0][1], user="postgres", autocommit=True
        ) as server,
    ):
        server.execute(f"CREATE DATABASE {name}")
        try:
            with way(*places) as network:
                well = story(network, Path(folder), args, name, name)
            if not well:
                for log in sorted(Path(folder).glob("*.log")):
                    print(f"--- {log.name}\n{log.read_text()[-2000:]}", file=sys.stderr)
        finally:
            asyncio.run(remove(f"nats://{args.nats}", name))
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    print("all is well" if well else "SOMETHING IS WRONG")
    return 0 if well else 1


STARTED = time.monotonic()

if __name__ == "__main__":
    sys.exit(main())
