"""Decisions, lint, coverage and lists, on made-up rules.

Run with ``pytest tests/bench/test_bench_routing.py --benchmark-only``, or as a script for
one line a target, in processor time (``PYTHONPATH=src:tests python -m
bench.test_bench_routing``).
"""

from __future__ import annotations

import random
import resource
import time
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from dflow.catalogue import bundled
from dflow.envelope import Header, Party
from dflow.identifiers import mpan_check_digit
from dflow.routing import FileValues, Routes
from dflow.routing.coverage import coverage
from dflow.routing.lint import lint
from dflow.routing.values import read_values

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

_AT = datetime(2019, 7, 1, tzinfo=UTC)
_FLOWS, _PARTIES = 200, 400


@cache
def rules(count: int) -> Routes:
    """So many rules over 200 flows and 400 participants; always the same."""
    chance = random.Random(1)
    lines = ["destination a", "destination b"]
    for number in range(count):
        flow = f"D{chance.randrange(_FLOWS):04d} v>=00{chance.randrange(1, 3)}"
        sender = f"X/{chance.randrange(_PARTIES):04d}" if chance.random() < 0.7 else "*"
        recipient = f"M/{chance.randrange(_PARTIES):04d}"
        window = f"during 2019-{chance.randrange(1, 12):02d}-01 .." * (chance.random() < 0.3)
        kind, verb = ("clone", "copy") if chance.random() < 0.1 else ("route", "deliver")
        lines.append(
            f"{kind} r{number}: flow {flow} from {sender} to {recipient} {window} {verb} a else b"
        )
    return Routes.parse("\n".join([*lines, ""]))


def headers(count: int) -> list[Header]:
    """So many headers over the same flows and participants."""
    chance = random.Random(2)
    return [
        Header(
            flow=f"D{chance.randrange(_FLOWS):04d}",
            version="002",
            sender=Party("X", f"{chance.randrange(_PARTIES):04d}"),
            recipient=Party("M", f"{chance.randrange(_PARTIES):04d}"),
            test_flag="OPER",
        )
        for _ in range(count)
    ]


def decide_all(routes: Routes, asked: list[Header]) -> int:
    """The number of headers that are delivered."""
    return sum(routes.decide(one, at=_AT).outcome == "deliver" for one in asked)


@pytest.mark.parametrize("count", [100, 10_000])
def test_a_thousand_decisions(benchmark: BenchmarkFixture, count: int) -> None:
    routes, asked = rules(count), headers(1000)
    decide_all(routes, asked)
    benchmark(decide_all, routes, asked)


def test_lint(benchmark: BenchmarkFixture) -> None:
    benchmark(lint, rules(1000))


def test_coverage(benchmark: BenchmarkFixture) -> None:
    benchmark(cover_all, rules(1000))


def cover_all(routes: Routes) -> int:
    """The lines of the whole catalogue for ten participants."""
    catalogue = bundled()
    parties = [Party(role, "0001") for role in "XMPRCD4358"]
    found = coverage(
        routes,
        catalogue.release("15.4"),
        parties,
        catalogue=catalogue,
        day=date(2026, 6, 1),
    )
    return len(found.lines)


def mpan_file(folder: Path, count: int) -> Path:
    """A file of so many well-formed MPANs."""
    path = folder / "movers.csv"
    with path.open("w", encoding="ascii") as stream:
        for number in range(count):
            core = f"12{number * 7919 % 10**10:010d}"
            stream.write(core + mpan_check_digit(core) + "\n")
    return path


def test_a_list_of_mpans(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    path = mpan_file(tmp_path, 100_000)
    benchmark(read_values, path, FileValues(path=path.name), mpans=True)


def _tell() -> None:
    asked = headers(20_000)
    for count in (100, 10_000):
        routes = rules(count)
        decide_all(routes, asked)
        spent = min(_spent(lambda routes=routes: decide_all(routes, asked)) for _ in range(3))
        print(f"{count} rules: {spent / len(asked) * 1e6:.1f} µs a decision")
    print(f"lint of 10,000 rules: {_spent(lambda: lint(rules(10_000))):.1f} s")
    cover_all(rules(100))  # the catalogue's files are read once
    print(f"coverage, whole catalogue, ten parties: {_spent(lambda: cover_all(rules(1000))):.1f} s")
    with TemporaryDirectory() as folder:
        path = mpan_file(Path(folder), 1_000_000)
        wanted = FileValues(path=path.name)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        spent = _spent(lambda: read_values(path, wanted, mpans=True))
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        values = read_values(path, wanted, mpans=True).values
        assert values is not None
        words = list(values)[::50]
        looked = _spent(lambda: sum(word in values for word in words)) / len(words)
    print(
        f"a million MPANs: loaded in {spent:.1f} s, {peak:.0f} MB more at the peak,"
        f" 8 MB held, {looked * 1e6:.1f} µs a look-up"
    )


def _spent(call: object) -> float:
    assert callable(call)
    start = time.process_time()
    call()
    return time.process_time() - start


if __name__ == "__main__":
    _tell()
