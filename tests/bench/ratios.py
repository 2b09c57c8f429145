"""All ratios of the format engine in one run, on one machine, over one made-up file.

    PYTHONPATH=src python tests/bench/ratios.py            # 100,000 meter points
    PYTHONPATH=src python tests/bench/ratios.py --points 20000 --rounds 5
    PYTHONPATH=src python tests/bench/ratios.py --memory 1000   # and 1000 MB through check and scan

Each way runs in turn, round by round, so that a noisy neighbour disturbs all alike; the
best processor time of each way counts.  The measure is the bare split: cutting the file
into lines and the lines at their pipes and keeping that, with the collector off.  Since
nothing else here keeps its results, the cheaper split that throws them away is shown too.
"""

from __future__ import annotations

import argparse
import gc
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import dflow
from dflow.identifiers import mpan_check_digit

HEADER = "ZHV|0000000001|D0010002|D|UDMS|X|MRCY|20260302153151||||OPER|\n"


def instance(chance: random.Random) -> list[str]:
    """One meter point: a register or two, each with its reading."""
    core = f"{chance.randint(10, 23)}{chance.randrange(10**10):010d}"
    records = [
        f"026|{core}{mpan_check_digit(core)}|V|",
        f"028|F{chance.randrange(100):02d}A {chance.randrange(100_000):05d}|D|",
    ]
    records += [
        f"030|{register}|20260222000000|{chance.randrange(1, 99_999)}.0|||T|N|"
        for register in ("S", "01")[: chance.choice((1, 1, 2))]
    ]
    return records


def spoiled(record: str, number: int) -> str:
    """A record with one fault, a different kind each time."""
    if record.startswith("030"):
        return record.replace("20260222", "20261322")
    if record.startswith("026"):
        return record.replace("|V|", "|X|") if number % 2 else record[:-4] + "|" + record[-3:]
    return record + "|"


def d0010(points: int, *, wrong: int = 0) -> bytes:
    """A D0010 of so many meter points; every `wrong`-th record with a fault."""
    chance = random.Random(1)
    records = [record for _ in range(points) for record in instance(chance)]
    if wrong:
        for at in range(wrong - 1, len(records), wrong):
            records[at] = spoiled(records[at], at // wrong)
    trailer = f"ZPT|0000000001|{len(records)}||{points}|20260302154650|\n"
    return (HEADER + "\n".join(records) + "\n" + trailer).encode("latin-1")


def lark_by_field(data: bytes) -> Callable[[], object]:
    """Lark as it is usually met: a terminal for each field, the whole file at once."""
    from lark import Lark

    grammar = r"""
        start: header instance* trailer
        header: "ZHV" (PIPE VALUE?)+ NL
        trailer: "ZPT" (PIPE VALUE?)+ NL
        instance: mpan meter*
        mpan: "026" PIPE VALUE PIPE VALUE PIPE NL
        meter: "028" PIPE VALUE PIPE VALUE PIPE NL reading*
        reading: "030" (PIPE VALUE?)+ NL
        PIPE: "|"
        VALUE: /[^|\n]+/
        NL: /\n/
    """
    parser = Lark(grammar, parser="lalr")
    text = data.decode("latin-1")
    return lambda: parser.parse(text)


def fastest(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of processor time, the best of some rounds, the ways taking turns."""
    best: dict[str, float] = {}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, way in ways.items():
                began = time.process_time()
                way()
                took = time.process_time() - began
                best[name] = min(best.get(name, took), took)
                gc.collect()
    finally:
        gc.enable()
    return best


def split_kept(data: bytes) -> object:
    return [line.split("|") for line in data.decode("latin-1").split("\n")]


def split_dropped(data: bytes) -> None:
    for line in data.split(b"\n"):
        line.split(b"|")


def look_at_all(data: bytes) -> None:
    for group in dflow.scan(data):
        for _ in group.walk():
            pass


def speeds(points: int, rounds: int) -> None:
    """The table of speeds and ratios."""
    clean, bad = d0010(points), d0010(points, wrong=10)
    small = d0010(max(points // 50, 100))
    if not dflow.check(clean).clean or dflow.check(bad).clean:
        raise SystemExit("the made-up files are not what they should be")
    ways: dict[str, Callable[[], object]] = {
        "bare split, kept": lambda: split_kept(clean),
        "bare split, thrown away": lambda: split_dropped(clean),
        "check, clean": lambda: dflow.check(clean),
        "scan, groups cut off": lambda: [None for _ in dflow.scan(clean)],
        "check, every tenth record wrong": lambda: dflow.check(bad),
    }
    best = fastest(ways, rounds)
    sizes = dict.fromkeys(best, len(clean))
    slow = {
        "scan, every group looked at": lambda: look_at_all(small),
        "check, clean, the slow way": lambda: dflow.check(small, fast=False),
        "Lark, a terminal for each field": lark_by_field(small),
    }
    best |= fastest(slow, 2)
    sizes |= dict.fromkeys(slow, len(small))
    rate = {name: sizes[name] / took / 1e6 for name, took in best.items()}
    print(f"{len(clean) / 1e6:.1f} MB, {points} meter points, Python {sys.version.split()[0]}")
    print(f"{'way':34} {'MB/s':>8} {'of kept split':>14} {'of thrown away':>15}")
    for name, mbs in rate.items():
        kept, dropped = rate["bare split, kept"], rate["bare split, thrown away"]
        print(f"{name:34} {mbs:8.2f} {mbs / kept:14.2f} {mbs / dropped:15.2f}")
    by_field = rate["check, clean"] / rate["Lark, a terminal for each field"]
    wrong = rate["check, every tenth record wrong"] / rate["check, clean"]
    print()
    scanned = rate["scan, groups cut off"] / kept
    print(f"check / bare split         {rate['check, clean'] / kept:7.2f}  target 1.2")
    print(f"check / Lark with fields   {by_field:7.0f}  target 100")
    print(f"scan / bare split          {scanned:7.2f}  target 0.5")
    print(f"every tenth wrong / clean  {wrong:7.3f}  target 0.1")


_CHILD = """
import sys, dflow
def peak():  # getrusage would still count the parent, before this program took its place
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
dflow.check, dflow.scan  # loaded
before = peak()
if sys.argv[1] == "check":
    assert dflow.check(sys.argv[3]).clean
else:
    assert sum(1 for _ in dflow.scan(sys.argv[3])) > 0
print(f"{sys.argv[1]:6} {peak() - before:7.1f} MB above the start")
"""


def memory(megabytes: int) -> None:
    """Peak memory of check and scan over a large file, each in a process of its own."""
    points = 20_000
    block = d0010(points)
    first, last = block.index(b"026|"), block.rindex(b"ZPT|")
    body = block[first:last]
    times = megabytes * 1_000_000 // len(body) + 1
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small.usr", Path(folder) / "large.usr"
        small.write_bytes(block)
        with large.open("wb") as file:
            file.write(block[:first])
            for _ in range(times):
                file.write(body)
            records = times * body.count(b"\n")
            counts = f"ZPT|0000000001|{records}||{times * points}||\n"
            file.write(counts.encode("latin-1"))
        print(f"\na file of {large.stat().st_size / 1e6:.0f} MB, target at most 64 MB")
        for call in ("check", "scan"):
            command = [sys.executable, "-c", _CHILD, call, str(small), str(large)]
            subprocess.run(command, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", type=int, default=0, metavar="MB")
    given = parser.parse_args()
    speeds(given.points, given.rounds)
    if given.memory:
        memory(given.memory)


if __name__ == "__main__":
    main()
