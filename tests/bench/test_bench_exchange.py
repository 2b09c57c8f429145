"""The exchange against a bare loop that does the same durable writes, and beside a bad neighbour.

Each file of 4 kB goes from a folder to a destination, with a copy to another and the
copy's provenance beside it; the journal keeps payload, arrival, both deliveries and both
results, durably at the same three points: before the source is told, before anything is
sent, and before a result is forgotten.  The loop knows two destinations by heart, parses
nothing, decides nothing and can resume nothing.

What is synchronised for a file, by the loop and by the exchange:

- its bytes at both destinations, and the provenance of the copy: three files, each by both;
- the mark by which a destination knows after a crash that it has the file (a name in a
  hidden folder), and then the name that the file comes to: four times a folder.  By the loop
  each of them, by the exchange one for all files that are on their way at that moment;
- the journal: by the loop three commits, by the exchange as many for all files under way.

A second loop leaves the marks out, so it could deliver twice after a crash, and
synchronises two folders instead of four.  The exchange is to reach half of the first
loop; its part of the second is told too.

Isolation: what comes to the two destinations in a second while a third hangs, refuses every
parcel for good, or is down; against their rate when the third takes everything at once, and
when there is no third.

Run with ``pytest tests/bench --benchmark-only``, or as a script, with files and rounds, for
the ratios of one run: ``PYTHONPATH=src:tests python -m bench.test_bench_exchange 400 5``.
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
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define

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
    Refused,
    Unavailable,
)

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

RULES = """
destination old "the old agent"
destination new "the new agent"
destination third "one more"
route all: flow D0010 to M/OLDM deliver old
clone migration: flow D0010 to M/OLDM copy new
"""
THIRD = "clone beside: flow D0010 to M/OLDM copy third\n"


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


def bare(folder: Path, *, marks: bool = True) -> None:
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
        (target / ".hidden").mkdir(parents=True)
        (target / ".hidden" / "mark").touch()
        handles.append(
            (os.open(target, os.O_RDONLY), os.open(target / ".hidden", os.O_RDONLY)),
        )
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
        for target, (handle, hidden) in zip(targets, handles, strict=True):
            part, notes = target / ".hidden" / path.name, target / ".hidden" / "notes"
            synced(part, content)
            if target.name == "new":
                synced(notes, json.dumps({"rule": "migration", "sha256": digest}).encode())
            if marks:
                os.link(target / ".hidden" / "mark", target / ".hidden" / f"{path.name}.sent")
                os.fsync(hidden)
            if target.name == "new":
                notes.rename(target / f"{path.name}.provenance.json")
            part.rename(target / path.name)
            os.fsync(handle)
        database.execute("BEGIN")
        database.executemany(
            "UPDATE delivery SET state = 'delivered' WHERE id = ?", [(row,) for row in rows]
        )
        database.execute("COMMIT")
        path.unlink()
    database.close()
    for pair in handles:
        for one in pair:
            os.close(one)


@define
class Third:
    """A destination that takes everything at once, hangs, refuses for good, or is down."""

    mood: str
    capabilities = Capabilities(probes=True)

    async def send(self, parcel: Parcel) -> Receipt:
        if self.mood == "hangs":
            await asyncio.sleep(3600)
        if self.mood == "refuses":
            raise Refused("never")
        if self.mood == "is down":
            raise Unavailable("not now")
        return Receipt(key=parcel.key)

    async def probe(self, key: str) -> Presence:
        return Presence.UNKNOWN


def exchange(folder: Path, journal: SqliteJournal, *, third: str = "") -> Exchange:
    treatment = Treatment(concurrency=8)
    inbox = DirectoryInbox(path=folder / "inbox", ready="named", after="remove")
    return Exchange(
        routes=Routes.parse(RULES + (THIRD if third else "")),
        journal=journal,
        mounts=[
            Mount(name="old", outbox=DirectoryOutbox(path=folder / "old"), treatment=treatment),
            Mount(name="new", outbox=DirectoryOutbox(path=folder / "new"), treatment=treatment),
            Mount(name="third", outbox=Third(third), treatment=Treatment(timeout=3600)),
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
    wanted = {"new": 2 * count + 1, "old": count + 1}  # the provenance, and the hidden folder
    for name, number in wanted.items():
        while len(os.listdir(folder / name)) < number:  # noqa: PTH208  a count, quickly
            await asyncio.sleep(0.02)
    here.stop()
    await running


def beside(folder: Path, count: int, third: str) -> None:
    for name in ("new", "old"):
        (folder / name).mkdir()
    journal = open_journal(folder / "journal.db")
    asyncio.run(_until(folder, exchange(folder, journal, third=third), count))
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
    ways: dict[str, Callable[[Path], None]] = {
        "bare loop": bare,
        "without marks": lambda folder: bare(folder, marks=False),
        "exchange": ours,
        "no third": lambda folder: beside(folder, count, ""),
        "third takes": lambda folder: beside(folder, count, "takes"),
        "third hangs": lambda folder: beside(folder, count, "hangs"),
        "third refuses": lambda folder: beside(folder, count, "refuses"),
        "third is down": lambda folder: beside(folder, count, "is down"),
    }
    walls: dict[str, list[float]] = {name: [] for name in ways}
    cpus: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory(dir=where) as home:
        # The catalogue and the grammars are loaded once in a process, and not measured.
        fill(Path(home) / "inbox", 1)
        ours(Path(home))
    for turn in range(rounds):
        # In turns, and each round in the other order, so that a noisy neighbour disturbs all.
        for name in list(ways) if turn % 2 else reversed(list(ways)):
            with tempfile.TemporaryDirectory(dir=where) as home:
                folder = Path(home)
                fill(folder / "inbox", count)
                started, used = time.perf_counter(), time.process_time()
                ways[name](folder)
                walls[name].append(time.perf_counter() - started)
                cpus[name].append(time.process_time() - used)
    wall = {name: statistics.median(found) / count for name, found in walls.items()}
    cpu = {name: statistics.median(found) / count for name, found in cpus.items()}
    for name in ways:
        print(f"{name:>14}: {1 / wall[name]:6.0f} files/s, {1000 * cpu[name]:.2f} ms of processor")
    for one, other in [
        ("bare loop", "exchange"),
        ("without marks", "exchange"),
        ("third takes", "third hangs"),
        ("third takes", "third refuses"),
        ("third takes", "third is down"),
        ("no third", "third hangs"),
        ("no third", "third refuses"),
        ("no third", "third is down"),
    ]:
        ratio = statistics.median(a / b for a, b in zip(walls[one], walls[other], strict=True))
        print(f"{other} / {one}: {ratio:.2f} (processor {cpu[one] / cpu[other]:.2f})")


if __name__ == "__main__":
    words = sys.argv[1:]
    numbers = [int(word) for word in words[:2]]
    files, turns = numbers + [400, 5][len(numbers) :]
    main(files, turns, words[2] if len(words) > 2 else None)
