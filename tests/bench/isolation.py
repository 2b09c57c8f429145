"""What a bad destination costs the others: two exchanges at the same moment, on one disk.

Each round, two processes run an exchange each, with the same files, rules and disk.  To each
of two destinations every file goes; a third has a copy of its own.  In one process the third
takes everything at once; in the other it hangs, refuses every parcel for good, or is down.
What is compared is how many files came to the two others in the same seconds: whatever else
the machine does then, it does to both.  With `none` the third has no rule, so neither row nor
attempt: that tells what a third delivery costs at all, be it well or bad.

The pair of two good thirds shows by how much the measure strays by itself.

Run as a script, with the rounds and the seconds of each, and where:
``PYTHONPATH=src:tests python -m bench.isolation 9 6``.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

from bench.test_bench_exchange import exchange, fill, ours
from dflow.exchange import open_journal

#: So many seconds are let pass before the counting begins: breakers open, caches fill.
_WARM = 1.5
#: More than a second's files.
_MOST = 600


def _there(folder: Path) -> int:
    """How many deliveries the two good destinations have."""
    new = len(os.listdir(folder / "new"))  # noqa: PTH208  a count, quickly
    old = len(os.listdir(folder / "old"))  # noqa: PTH208  a count, quickly
    return (new - 1) // 2 + old - 1  # the provenance, and the hidden folder


async def _count(folder: Path, mood: str, seconds: float, ready: Barrier) -> tuple[float, float]:
    """Deliveries to the good ones in a second, and the milliseconds of processor of each."""
    journal = open_journal(folder / "journal.db")
    here = exchange(folder, journal, third="" if mood == "none" else mood)
    ready.wait()
    running = asyncio.ensure_future(here.run())
    await asyncio.sleep(_WARM)
    was, started, used = _there(folder), time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    is_, ended, spent = _there(folder), time.perf_counter(), time.process_time()
    left = len(os.listdir(folder / "inbox"))  # noqa: PTH208  a count, quickly
    here.stop()
    await running
    journal.close()
    if not left:
        raise RuntimeError("there were too few files; give fewer seconds")
    return (is_ - was) / (ended - started), 1000 * (spent - used) / max(1, is_ - was)


def _child(mood: str, seconds: float, where: str | None, ready: Barrier, out: Connection) -> None:
    # What was under way when the exchange stopped may come to its folder a moment later.
    with tempfile.TemporaryDirectory(dir=where, ignore_cleanup_errors=True) as home:
        # The catalogue and the grammars are loaded once in a process, and not measured.
        fill(Path(home) / "first" / "inbox", 1)
        ours(Path(home) / "first")
        folder = Path(home) / "run"
        fill(folder / "inbox", int(_MOST * (seconds + _WARM)))
        for name in ("new", "old"):
            (folder / name).mkdir()
        out.send(asyncio.run(_count(folder, mood, seconds, ready)))


def _pair(moods: tuple[str, str], seconds: float, where: str | None) -> list[tuple[float, float]]:
    context = multiprocessing.get_context("fork")
    ready = context.Barrier(2)
    ends = [context.Pipe(duplex=False) for _ in moods]
    children = [
        context.Process(target=_child, args=(mood, seconds, where, ready, out))
        for mood, (_, out) in zip(moods, ends, strict=True)
    ]
    for child in children:
        child.start()
    found: list[tuple[float, float]] = [into.recv() for into, _ in ends]
    for child in children:
        child.join()
    return found


def main(rounds: int, seconds: float, where: str | None) -> None:
    pairs = [("takes", mood) for mood in ("takes", "hangs", "refuses", "is down", "none")]
    rates: dict[str, list[float]] = {mood: [] for _, mood in pairs}
    costs: dict[str, list[float]] = {mood: [] for _, mood in pairs}
    for turn in range(rounds):
        for moods in pairs:
            found = _pair(moods if turn % 2 else moods[::-1], seconds, where)
            good, bad = found if turn % 2 else found[::-1]
            rates[moods[1]].append(bad[0] / good[0])
            costs[moods[1]].append(good[1] / bad[1])
            print(f"round {turn}: {moods[1]} {bad[0]:.0f} / {good[0]:.0f}", file=sys.stderr)
    for mood, all_ in rates.items():
        ends, middle = (min(all_), max(all_)), statistics.median(all_)
        whole = statistics.geometric_mean(all_)
        processor = statistics.median(costs[mood])
        print(
            f"third {mood:>8} / third takes: the others' rate {middle:.3f} in the middle,"
            f" {whole:.3f} on average ({ends[0]:.2f} to {ends[1]:.2f});"
            f" by processor {processor:.3f}"
        )


if __name__ == "__main__":
    words = sys.argv[1:]
    main(
        int(words[0]) if words else 9,
        float(words[1]) if len(words) > 1 else 6.0,
        words[2] if len(words) > 2 else None,
    )
