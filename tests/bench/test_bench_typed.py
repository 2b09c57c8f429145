"""Streaming typed models against a loop that a careful person would write by hand.

Both build the same objects from the same file and keep none of them.  The loop knows
D0010 by heart and checks nothing; the reader checks every field's format, the code lists
and the structure on its way.  Run with ``pytest tests/bench --benchmark-only``, or as a
script for the ratio of one run (``PYTHONPATH=src:tests python -m bench.test_bench_typed``).
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from dflow.flows import d0010_002
from dflow.flows.d0010_002 import MeterReadingTypes, MpanCores, RegisterReadings
from dflow.identifiers import mpan_check_digit

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture


def meter_readings(meters: int) -> bytes:
    """A D0010 file of so many meter points, a register or two each; always the same."""
    chance = random.Random(meters)
    lines = ["ZHV|0000000001|D0010002|D|UDMS|X|AAAA|20160301000000||||OPER|"]
    for _ in range(meters):
        core = f"12{chance.randrange(10**10):010d}"
        lines.append(f"026|{core}{mpan_check_digit(core)}|V|")
        lines.append(f"028|K{chance.randrange(10**8):08d}|C|")
        day = f"2016{chance.randrange(1, 13):02d}{chance.randrange(1, 29):02d}"
        reading = chance.randrange(10**5)
        lines += [
            f"030|{register}|{day}000000|{reading}.0|||T|N|"
            for register in ("01", "02")[: chance.randrange(1, 3)]
        ]
    lines.append(f"ZPT|0000000001|{len(lines) - 1}||{meters}|20160301000000|")
    return "\n".join([*lines, ""]).encode("latin-1")


def by_hand(data: bytes) -> Iterator[MpanCores]:
    """The loop: no checks, every value decoded, one object at a time."""
    mpan: list[str] = []
    meter: list[str] = []
    types: list[MeterReadingTypes] = []
    readings: list[RegisterReadings] = []
    for line in data.decode("latin-1").split("\n"):
        fields = line.split("|")
        code = fields[0]
        if code == "030":
            readings.append(_reading(fields))
            continue
        if meter:
            types.append(_meter(meter, readings))
            meter, readings = [], []
        if code == "028":
            meter = fields
            continue
        if mpan:
            yield _mpan(mpan, types)
            types = []
        mpan = fields if code == "026" else []


def _mpan(fields: list[str], types: list[MeterReadingTypes]) -> MpanCores:
    return MpanCores(
        mpan_core=fields[1],
        bsc_validation_status=fields[2],  # type: ignore[arg-type]  # the loop checks nothing
        meter_reading_types=tuple(types),
    )


def _meter(fields: list[str], readings: list[RegisterReadings]) -> MeterReadingTypes:
    return MeterReadingTypes(
        meter_id=fields[1],
        reading_type=fields[2],  # type: ignore[arg-type]  # the loop checks nothing
        register_readings=tuple(readings),
    )


def _reading(fields: list[str]) -> RegisterReadings:
    _, register, when, value, reset, resets, flag, method, _ = fields
    return RegisterReadings(
        meter_register_id=register,
        reading_date_and_time=_datetime(when),
        register_reading=Decimal(value),
        md_reset_date_and_time=_datetime(reset) if reset else None,
        number_of_md_resets=int(resets) if resets else None,
        meter_reading_flag=flag == "T" if flag else None,
        reading_method=method,
    )


def _datetime(text: str) -> dt.datetime:
    return dt.datetime(  # noqa: DTZ001  local, without a zone
        int(text[:4]),
        int(text[4:6]),
        int(text[6:8]),
        int(text[8:10]),
        int(text[10:12]),
        int(text[12:14]),
    )


WAYS: dict[str, Callable[[bytes], Iterator[MpanCores]]] = {
    "by hand": by_hand,
    "typed": d0010_002.read,
}


def drain(models: Iterable[object]) -> int:
    """Take every model and keep none."""
    return sum(1 for _ in models)


@pytest.mark.parametrize("way", WAYS)
def test_stream_every_value(benchmark: BenchmarkFixture, way: str) -> None:
    data = meter_readings(20_000)
    benchmark.extra_info["megabytes"] = len(data) / 1e6
    assert benchmark(lambda: drain(WAYS[way](data))) == 20_000


def ratio(meters: int = 20_000, rounds: int = 7) -> tuple[float, dict[str, float]]:
    """How many times as fast as the loop the reader is, and the MB/s of both, best of some."""
    data = meter_readings(meters)
    best = dict.fromkeys(WAYS, float("inf"))
    for _ in range(rounds):  # in turn, so that a slow moment of the machine hits both
        for way, run in WAYS.items():
            start = time.process_time()
            drain(run(data))
            best[way] = min(best[way], time.process_time() - start)
    return best["by hand"] / best["typed"], {
        way: len(data) / 1e6 / seconds for way, seconds in best.items()
    }


if __name__ == "__main__":
    times, speeds = ratio()
    for name, speed in speeds.items():
        print(f"{name:8} {speed:6.1f} MB/s")
    print(f"typed / by hand = {times:.2f}")
