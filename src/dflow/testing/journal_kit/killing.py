"""What a journal promises when the process is killed: what it acknowledged is there.

In: a rig whose journal outlives its process.  Out: nothing, or what was lost.  The process
is a real one, and so is the kill.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from dflow.delivery import State
from dflow.exchange.journal import Journal, Query, content_hash
from dflow.testing.journal_kit.promise import JournalPromise, arrival, must
from dflow.testing.journal_kit.rig import JournalRig

__all__ = ["PROMISES"]


def _write(recipe: Callable[[], Journal], tell: Connection) -> None:
    """In another process: record, acknowledge, and stop in the middle of the next block."""
    journal = recipe()
    for block in range(10):
        with journal.transaction():
            for number in range(10):
                name = f"{block}-{number}"
                journal.record(arrival(name.encode(), name))
        tell.send(block)
    journal.claim("old", now=9.0, limit=5)
    with journal.transaction():
        journal.record(arrival(b"never", "never"))
        journal.claim("old", now=9.0, limit=1)
        tell.send("now")
        time.sleep(600)


def _a_kill_loses_nothing(rig: JournalRig) -> None:
    """After SIGKILL what was acknowledged is there, and nothing of what was not.

    What the process was sending is unknown, once, however long its lease has still to run.
    """
    first = rig.open()
    lease = first.lease or 0.0
    first.close()
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_write, args=(rig.recipe, there))
    process.start()
    try:
        there.close()
        while here.recv() != "now":
            pass
    finally:
        process.kill()
        process.join()
        process.close()
        here.close()
    journal = rig.open()
    rows = list(journal.arrivals(Query()))
    must("arrivals", len(rows), 100)
    for row in rows:
        must("a payload", content_hash(journal.payload(row.hash)), row.hash)
    lost, ended = list(journal.recover(at=20.0)), time.monotonic() + 4 * lease
    while len(lost) < 5 and time.monotonic() < ended:
        time.sleep(lease / 5)
        lost += journal.renew(at=20.0)
    must("what was being sent", len(set(lost)), 5)
    states = [row.state for row in journal.deliveries(Query())]
    found = (states.count(State.UNKNOWN), states.count(State.DUE))
    must("unknown, and due", found, (5, 95))


#: In the order in which they are tried.
PROMISES: tuple[JournalPromise, ...] = (
    JournalPromise(_a_kill_loses_nothing, lasting=True, waits=True),
)
