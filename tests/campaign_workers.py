"""A campaign of kills over several workers: one PostgreSQL journal, real processes, SIGKILL.

The parent forks workers that run the same exchange over one journal, and kills one after
another at random moments; each is replaced.  Told the folder of a PostgreSQL cluster, it
kills that server too, under load, and starts it again.  The destinations fail, hang and lie
as in `campaign`.  At the end everything is counted.

Run as a program: it prints what it found as JSON, and ends with status 1 if anything was
lost or doubled.  It forks, so it must not be imported by threaded tests.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from campaign import RULES, Chaos, content, counted, destinations, put
from dflow.delivery import Breaker, Retry, State, Step, Treatment
from dflow.exchange import Exchange, Mount, PostgresPlace, Source, open_postgres
from dflow.exchange.journal import JournalError, Query
from dflow.exchange.sequence import sequence_number
from dflow.routing import Routes
from dflow.transport import DirectoryInbox


def exchange(folder: Path, place: PostgresPlace, seed: int) -> Exchange:
    chance = random.Random(seed)
    treatment = Treatment(
        concurrency=8,
        timeout=0.15,
        retry=Retry(first=0.005, cap=0.05, give_up=None),
        breaker=Breaker(after=20, rest=0.01, cap=0.05),
    )
    inbox = DirectoryInbox(
        path=folder / "inbox", ready="named", pattern="*.usr", after="remove", poll=0.02
    )
    return Exchange(
        routes=Routes.parse(RULES),
        journal=open_postgres(place),
        mounts=[
            Mount(name=name, outbox=Chaos(outbox, chance), treatment=treatment)
            for name, outbox in destinations(folder).items()
        ],
        sources=[Source(name="gateway", inbox=inbox)],
        grace=0.1,
    )


def worker(folder: Path, place: PostgresPlace, seed: int) -> None:
    """Run until killed; an unexpected error is left where the parent sees it."""
    while True:
        try:
            asyncio.run(exchange(folder, place, seed).run())
        except JournalError:
            time.sleep(0.1)  # the server is down: a supervisor would start it again
        except BaseException as error:  # noqa: BLE001  the parent must see it, whatever it is
            (folder / f"error-{seed}").write_text(f"{type(error).__name__}: {error}")
            os._exit(1)


def forked(folder: Path, place: PostgresPlace, seed: int) -> int:
    pid = os.fork()
    if pid == 0:
        worker(folder, place, seed)
    return pid


def restart(args: argparse.Namespace) -> None:
    """The server is killed as by a loss of power, and started again."""
    lock = Path(args.cluster) / "postmaster.pid"
    os.kill(int(lock.read_text().split()[0]), signal.SIGKILL)
    for _ in range(20):
        time.sleep(0.2)
        # Where nobody reaps the killed one, its number looks alive.
        lock.unlink(missing_ok=True)
        if subprocess.run([args.start], check=False, stdout=subprocess.DEVNULL).returncode == 0:
            return
    raise RuntimeError("the server does not start again")


def campaign(folder: Path, place: PostgresPlace, args: argparse.Namespace) -> int:
    chance, made = random.Random(args.seed), 0
    pids = [forked(folder, place, n) for n in range(args.workers)]
    try:
        for kill in range(args.kills):
            while made < args.files * (kill + 1) // args.kills:
                put(folder, made, f"{made}.usr")
                made += 1
            time.sleep(chance.uniform(args.longest / 4, args.longest))
            until_busy(folder, place)
            victim = chance.randrange(len(pids))
            end(pids[victim])
            if args.cluster and kill % 3 == 2:
                restart(args)
            pids[victim] = forked(folder, place, 1000 + kill)
        wait(place, args)
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                end(pid)
    return made


def until_busy(folder: Path, place: PostgresPlace) -> None:
    """Until something is being sent, or nothing is left: a slow machine is not killed idle."""
    ended = time.monotonic() + 5
    while time.monotonic() < ended:
        with contextlib.suppress(JournalError), contextlib.closing(open_postgres(place)) as journal:
            if next(iter(journal.deliveries(Query(state=State.SENDING))), None):
                return
            if not journal.backlog() and not any((folder / "inbox").glob("*.usr")):
                return
        time.sleep(0.01)


def end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def wait(place: PostgresPlace, args: argparse.Namespace) -> None:
    """Until everything is delivered, or nothing more was for as long as patience is."""
    best, ended = 0, time.monotonic() + args.patience
    while time.monotonic() < ended:
        time.sleep(0.2)
        journal = open_postgres(place)
        finished = len(list(journal.deliveries(Query(state=State.DELIVERED))))
        left = journal.backlog()
        journal.close()
        if finished >= 3 * args.files and not left:
            return
        if finished > best:  # however slow the machine is, it goes on
            best, ended = finished, time.monotonic() + args.patience


def verdict(folder: Path, place: PostgresPlace, made: int) -> dict[str, object]:
    found = counted(folder, made, Counter())
    journal = open_postgres(place)
    deliveries = list(journal.deliveries(Query()))
    lost = Counter(
        attempt.detail
        for one in deliveries
        for attempt in journal.attempts(one.id)
        if attempt.step == Step.LOST.value
    )
    events = Counter(event.kind for event in journal.events())
    journal.close()
    return found | {
        "unfinished": sum(one.state is not State.DELIVERED for one in deliveries),
        "deliveries": len(deliveries),
        "taken_over": sum(n for why, n in lost.items() if "lease" in why),
        "events": dict(events),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("url", help="of an empty database; the user is postgres")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--lease", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=0.25)
    parser.add_argument("--patience", type=float, default=60.0, help="without any progress")
    parser.add_argument("--cluster", default="", help="folder of a cluster to kill and restart")
    parser.add_argument("--start", default="", help="the command that starts it")
    args = parser.parse_args()
    (args.folder / "inbox").mkdir(parents=True)
    place = PostgresPlace.parse(args.url, user="postgres", lease=args.lease)
    # Loaded once here, not by every child.
    sequence_number(content(0), "D0010", "002")
    Routes.parse(RULES)
    open_postgres(place).close()
    started = time.monotonic()
    made = campaign(args.folder, place, args)
    found = verdict(args.folder, place, made)
    found["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(found))
    words = ("lost", "doubled", "strange", "unfinished", "errors")
    return 1 if any(found[word] for word in words) else 0


if __name__ == "__main__":
    sys.exit(main())
