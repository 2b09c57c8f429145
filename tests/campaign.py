"""A campaign of kills: real processes, real folders, SIGKILL at random moments.

The parent writes files into an inbox, forks a child that runs an exchange, and kills it
after a random moment; again and again.  The destinations fail, hang, lie and come back,
and their recipients take files away at any time.  At the end the chaos stops, the
exchange runs until nothing is left, and everything is counted.

Run as a program: it prints what it found as JSON, and ends with status 1 if anything was
lost, doubled or inconsistent.  It forks, so it must not be imported by threaded tests.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import random
import signal
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path

from attrs import define, field

from dflow.delivery import Breaker, Retry, State, Treatment
from dflow.exchange import Exchange, Mount, Source, open_journal
from dflow.exchange.journal import Query
from dflow.exchange.sequence import sequence_number
from dflow.routing import Routes
from dflow.transport import (
    Capabilities,
    DirectoryInbox,
    DirectoryOutbox,
    Parcel,
    Presence,
    Receipt,
    Unavailable,
    Uncertain,
)

RULES = """
destination old "the old agent"
destination new "the new agent"
destination ledger "one that would take a parcel twice"
route all: flow D0010 to M/OLDM deliver old, ledger
clone migration: flow D0010 to M/OLDM copy new
"""


@define(eq=False)
class Ledger:
    """A destination that takes a parcel as often as it is sent, but can be asked."""

    path: Path

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(probes=True)

    async def send(self, parcel: Parcel) -> Receipt:
        line = f"{parcel.key} {hashlib.sha256(parcel.content).hexdigest()}\n".encode()
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(handle, line)
        os.close(handle)
        return Receipt(key=parcel.key)

    async def probe(self, key: str) -> Presence:
        lines = self.path.read_bytes() if self.path.exists() else b""
        return Presence.PRESENT if f"{key} ".encode() in lines else Presence.ABSENT


@define(eq=False)
class Chaos:
    """An outbox over another that fails before, lies after, hangs, and is down for a while."""

    inner: DirectoryOutbox | Ledger
    chance: random.Random
    down_until: float = field(default=0.0, init=False)

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    def _down(self) -> None:
        if self.chance.random() < 0.002:
            self.down_until = time.time() + 0.03
        if time.time() < self.down_until:
            raise Unavailable("down")

    async def send(self, parcel: Parcel) -> Receipt:
        self._down()
        dice = self.chance.random()
        if dice < 0.03:
            raise Unavailable("refused before anything was sent")
        if dice < 0.04:
            await asyncio.sleep(3600)
        receipt = await self.inner.send(parcel)
        if dice < 0.06:
            raise Uncertain("the line went dead after the last byte")
        if dice < 0.07:
            raise RuntimeError("a mistake after the parcel was taken")
        if dice < 0.08 and self.inner.capabilities.idempotent:
            # A lie: it says that it has not taken what it has.
            raise Unavailable("says it took nothing")
        return receipt

    async def probe(self, key: str) -> Presence:
        self._down()
        return await self.inner.probe(key)


def destinations(folder: Path) -> dict[str, DirectoryOutbox | Ledger]:
    return {
        "old": DirectoryOutbox(path=folder / "old"),
        "new": DirectoryOutbox(path=folder / "new"),
        "ledger": Ledger(folder / "ledger"),
    }


def exchange(folder: Path, seed: int, *, chaos: bool) -> Exchange:
    chance = random.Random(seed)
    journal = open_journal(folder / "journal.db", payloads_above=3000)
    journal.own()
    treatment = Treatment(
        concurrency=8,
        timeout=0.1 if chaos else 30.0,
        retry=Retry(first=0.005, cap=0.05, give_up=None),
        breaker=Breaker(after=20, rest=0.01, cap=0.05),
    )
    inbox = DirectoryInbox(
        path=folder / "inbox", ready="named", pattern="*.usr", after="remove", poll=0.005
    )
    return Exchange(
        routes=Routes.parse(RULES),
        journal=journal,
        mounts=[
            Mount(
                name=name,
                outbox=Chaos(outbox, chance) if chaos else outbox,
                treatment=treatment,
            )
            for name, outbox in destinations(folder).items()
        ],
        sources=[Source(name="gateway", inbox=inbox)],
        grace=0.1,
    )


def content(number: int) -> bytes:
    size = 6000 if number % 50 == 0 else 400
    head = f"ZHV|{number:010}|D0010002|M|WEST|M|OLDM|20260601120000||||OPER|\n"
    return head.encode() + b"026|x|V|\n" * (size // 9) + f"ZPT|{number:010}|0||0||\n".encode()


def child(folder: Path, seed: int, ready: int) -> None:
    """Run until killed; an unexpected error is left where the parent sees it."""
    try:
        running = exchange(folder, seed, chaos=True)
        os.write(ready, b"x")
        asyncio.run(running.run())
    except BaseException as error:  # noqa: BLE001  the parent must see it, whatever it is
        (folder / f"error-{seed}").write_text(f"{type(error).__name__}: {error}")
    os._exit(1)


def take(folder: Path, taken: Counter[str], chance: random.Random, part: float) -> None:
    """The recipients take some of the files that were delivered."""
    for name in ("old", "new"):
        for path in list((folder / name).glob("*.usr")):
            if chance.random() < part:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                taken[f"{name} {digest}"] += 1
                path.unlink()


def put(folder: Path, number: int, name: str) -> None:
    """A file comes into the inbox, whole."""
    part = folder / f"{number}.part"
    part.write_bytes(content(number))
    part.rename(folder / "inbox" / name)


def counted(folder: Path, made: int, taken: Counter[str]) -> dict[str, object]:
    """What the recipients have in the end, against what was made for them."""
    take(folder, taken, random.Random(0), 1.1)
    ledger = folder / "ledger"
    for line in ledger.read_text().splitlines() if ledger.exists() else []:
        taken[f"ledger {line.split()[1]}"] += 1
    wanted = {
        f"{name} {hashlib.sha256(content(n)).hexdigest()}"
        for name in ("old", "new", "ledger")
        for n in range(made)
    }
    return {
        "files": made,
        "lost": len(wanted - set(taken)),
        "doubled": sum(1 for count in taken.values() if count > 1),
        "strange": len(set(taken) - wanted),
        "errors": [path.read_text() for path in folder.glob("error-*")],
    }


def kill_loop(folder: Path, args: argparse.Namespace, taken: Counter[str]) -> int:
    chance = random.Random(args.seed)
    made = 0
    for kill in range(args.kills):
        while made < args.files * (kill + 1) // args.kills:
            put(folder, made, f"{made}.usr")
            if made % 7 == 0:  # the sender sends it again
                put(folder, made, f"{made}-again.usr")
            made += 1
        begun, ready = os.pipe()
        pid = os.fork()
        if pid == 0:
            child(folder, args.seed * 1_000_003 + kill, ready)
        os.close(ready)
        if kill % 10:
            os.read(begun, 1)  # every tenth is killed while it starts, the others at work
        os.close(begun)
        time.sleep(chance.uniform(0.0, args.longest))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        if kill % 5 == 0:
            take(folder, taken, chance, 0.5)
    return made


def settle(folder: Path) -> None:
    """Without chaos, run until nothing is open."""
    for _ in range(50):
        last = exchange(folder, 0, chaos=False)
        last.run_once()
        left = last.journal.backlog()
        last.journal.close()
        if not left:
            return
        time.sleep(0.06)


def verdict(folder: Path, made: int, taken: Counter[str]) -> dict[str, object]:
    found = counted(folder, made, taken)
    journal = open_journal(folder / "journal.db")
    deliveries = list(journal.deliveries(Query()))
    attempts = sum(len(journal.attempts(one.id)) for one in deliveries)
    outcomes = {outcome.value: n for outcome, n in journal.outcomes().items()}
    inconsistent = [one.id for one in deliveries if one.state is not State.DELIVERED]
    journal.close()
    database = sqlite3.connect(folder / "journal.db")
    return found | {
        "unfinished": len(inconsistent),
        "deliveries": len(deliveries),
        "attempts": attempts,
        "outcomes": outcomes,
        "unknown_once": database.execute(
            "SELECT COUNT(DISTINCT delivery) FROM attempt WHERE step = 'lost'"
        ).fetchone()[0],
        "integrity": database.execute("PRAGMA integrity_check").fetchone()[0],
        "orphans": database.execute(
            "SELECT COUNT(*) FROM delivery d LEFT JOIN payload p ON p.hash = d.hash"
            " WHERE p.hash IS NULL"
        ).fetchone()[0],
        "left_in_inbox": len(list((folder / "inbox").glob("*.usr")))
        + len(list((folder / "inbox" / ".dflow" / "claims").glob("*/*"))),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=0.2)
    args = parser.parse_args()
    (args.folder / "inbox").mkdir(parents=True)
    taken: Counter[str] = Counter()
    # Loaded once here, not by every child: the catalogue's entry, and the rules' grammar.
    sequence_number(content(0), "D0010", "002")
    Routes.parse(RULES)
    started, cpu = time.time(), time.process_time()
    made = kill_loop(args.folder, args, taken)
    before = sum(taken.values()) + sum(
        len(list((args.folder / name).glob("*.usr"))) for name in ("old", "new")
    )
    settle(args.folder)
    found = verdict(args.folder, made, taken)
    children = os.times()
    found["delivered_during_kills"] = before
    found["seconds"] = round(time.time() - started, 1)
    found["cpu_seconds"] = round(
        time.process_time() - cpu + children.children_user + children.children_system, 1
    )
    print(json.dumps(found))
    good = not any(
        found[word]
        for word in (
            "lost",
            "doubled",
            "strange",
            "unfinished",
            "orphans",
            "left_in_inbox",
            "errors",
        )
    )
    return 0 if good and found["integrity"] == "ok" else 1


if __name__ == "__main__":
    sys.exit(main())
