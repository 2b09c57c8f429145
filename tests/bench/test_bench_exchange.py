"""The exchange against a bare loop that does the same durable writes.

Each file of 4 kB goes from a folder to a destination, with a copy to another and the
copy's provenance beside it; the journal keeps payload, arrival, both deliveries and both
results, durably at the same three points.  The loop knows two destinations by heart,
parses nothing, decides nothing and can resume nothing.

Run with ``pytest tests/bench --benchmark-only``, or as a script for the ratios of one run:
``PYTHONPATH=src:tests python -m bench.test_bench_exchange``.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.delivery import Treatment
from dflow.exchange import Exchange, Mount, Source, open_journal
from dflow.exchange.journal import SqliteJournal
from dflow.routing import Routes
from dflow.transport import (
    Capabilities,
    DirectoryInbox,
    DirectoryOutbox,
    Parcel,
    Presence,
    Receipt,
)

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

RULES = """
destination old "the old agent"
destination new "the new agent"
destination dead "one that hangs or refuses"
route all: flow D0010 to M/OLDM deliver old
clone migration: flow D0010 to M/OLDM copy new
"""
DEAD = "clone third: flow D0010 to M/OLDM copy dead\n"


def fill(folder: Path, count: int, *, first: int = 0) -> None:
    folder.mkdir(parents=True)
    for number in range(first, first + count):
        head = f"ZHV|{number:010}|D0010002|M|WEST|M|OLDM|20260601120000||||OPER|\n"
        body = head.encode() + b"026|1099000000010|V|\n" * 190
        (folder / f"{number:06}.usr").write_bytes(body)


def synced(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    os.write(handle, content)
    os.fsync(handle)
    os.close(handle)


def bare(folder: Path) -> None:
    """The loop: read, record, send twice, record; every point on the disk before the next."""
    database = sqlite3.connect(folder / "bare.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE payload (hash TEXT PRIMARY KEY, body BLOB)")
    database.execute("CREATE TABLE arrival (id INTEGER PRIMARY KEY, name TEXT, hash TEXT)")
    database.execute("CREATE TABLE delivery (id INTEGER PRIMARY KEY, name TEXT, state TEXT)")
    targets = [folder / "old", folder / "new"]
    handles = []
    for target in targets:
        target.mkdir()
        handles.append(os.open(target, os.O_RDONLY))
    for path in sorted((folder / "inbox").iterdir()):
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        database.execute("BEGIN")
        database.execute("INSERT INTO payload VALUES (?, ?)", (digest, content))
        database.execute("INSERT INTO arrival (name, hash) VALUES (?, ?)", (path.name, digest))
        database.execute("COMMIT")
        database.execute("BEGIN")
        rows = [
            database.execute(
                "INSERT INTO delivery (name, state) VALUES (?, 'sending')", (path.name,)
            ).lastrowid
            for _ in targets
        ]
        database.execute("COMMIT")
        for target, handle in zip(targets, handles, strict=True):
            part = target / f".{path.name}.part"
            if target.name == "new":
                synced(part, json.dumps({"rule": "migration", "sha256": digest}).encode())
                part.rename(target / f"{path.name}.provenance.json")
            synced(part, content)
            part.rename(target / path.name)
            os.fsync(handle)
        database.execute("BEGIN")
        database.executemany(
            "UPDATE delivery SET state = 'delivered' WHERE id = ?", [(row,) for row in rows]
        )
        database.execute("COMMIT")
        path.unlink()
    database.close()


class Hanging:
    """A destination that never answers."""

    capabilities = Capabilities(probes=True)

    async def send(self, parcel: Parcel) -> Receipt:
        await asyncio.sleep(3600)
        raise AssertionError(parcel.key)

    async def probe(self, key: str) -> Presence:
        await asyncio.sleep(3600)
        raise AssertionError(key)


def exchange(folder: Path, journal: SqliteJournal, *, hanging: bool = False) -> Exchange:
    treatment = Treatment(concurrency=8)
    inbox = DirectoryInbox(path=folder / "inbox", ready="named", after="remove")
    return Exchange(
        routes=Routes.parse(RULES + (DEAD if hanging else "")),
        journal=journal,
        mounts=[
            Mount(name="old", outbox=DirectoryOutbox(path=folder / "old"), treatment=treatment),
            Mount(name="new", outbox=DirectoryOutbox(path=folder / "new"), treatment=treatment),
            Mount(name="dead", outbox=Hanging(), treatment=Treatment(timeout=3600)),
        ],
        sources=[Source(name="gateway", inbox=inbox)],
        grace=0.0,
    )


def ours(folder: Path) -> None:
    journal = open_journal(folder / "journal.db")
    exchange(folder, journal).run_once()
    journal.close()


async def _until(folder: Path, here: Exchange, count: int) -> None:
    running = asyncio.ensure_future(here.run())
    while len(os.listdir(folder / "new")) < 2 * count + 1:  # noqa: PTH208  a count, quickly
        await asyncio.sleep(0.02)
    here.stop()
    await running


def beside_one_that_hangs(folder: Path, count: int, *, hanging: bool) -> None:
    (folder / "new").mkdir()
    journal = open_journal(folder / "journal.db")
    asyncio.run(_until(folder, exchange(folder, journal, hanging=hanging), count))
    journal.close()


def test_exchange(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    numbers = iter(range(1000))

    def setup() -> tuple[tuple[Path], dict[str, object]]:
        folder = tmp_path / str(next(numbers))
        fill(folder / "inbox", 200)
        return (folder,), {}

    benchmark.pedantic(ours, setup=setup, rounds=3)  # type: ignore[no-untyped-call]  # the plug-in's own


def test_bare_loop(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    numbers = iter(range(1000))

    def setup() -> tuple[tuple[Path], dict[str, object]]:
        folder = tmp_path / str(next(numbers))
        fill(folder / "inbox", 200)
        return (folder,), {}

    benchmark.pedantic(bare, setup=setup, rounds=3)  # type: ignore[no-untyped-call]  # the plug-in's own


def main(count: int, rounds: int, where: str | None) -> None:
    rates: dict[str, list[float]] = {"bare": [], "ours": [], "alone": [], "beside": []}
    with tempfile.TemporaryDirectory(dir=where) as home:
        for turn in range(rounds):
            for name, found in rates.items():
                folder = Path(home) / f"{name}{turn}"
                fill(folder / "inbox", count)
                started = time.perf_counter()
                if name == "bare":
                    bare(folder)
                elif name == "ours":
                    ours(folder)
                else:
                    beside_one_that_hangs(folder, count, hanging=name == "beside")
                found.append(count / (time.perf_counter() - started))
    middle = {name: statistics.median(rate) for name, rate in rates.items()}
    for name, rate in middle.items():
        print(f"{name:>7}: {rate:8.0f} files a second")
    print(f"exchange / bare loop: {middle['ours'] / middle['bare']:.2f}")
    print(f"beside one that hangs / alone: {middle['beside'] / middle['alone']:.2f}")


if __name__ == "__main__":
    words = sys.argv[1:]
    main(int(words[0]) if words else 500, 3, words[1] if len(words) > 1 else None)
