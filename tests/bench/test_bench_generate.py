"""How fast files are made up, flow by flow; `python -m bench.test_bench_generate` for all."""

from __future__ import annotations

import sys
import time

import pytest

from dflow.catalogue import FlowDef, bundled
from dflow.errors import StructureError
from dflow.generator import GeneratedFile, generate, header_for

#: Every rate is that of a file which takes about so many seconds of the processor.
_SECONDS = 0.4


def _bytes_of(flow: FlowDef, count: int) -> int:
    wanted = GeneratedFile(definition=flow, header=header_for(flow), count=count)
    return sum(map(len, generate(wanted)))


def rate(flow: FlowDef) -> float:
    """Megabytes a second of the processor, for a file of many instances."""
    count = 64
    while True:
        start = time.process_time()
        size = _bytes_of(flow, count)
        taken = time.process_time() - start
        if taken >= _SECONDS / 2:
            return size / taken / 1e6
        count = round(count * min(20, 1.2 * _SECONDS / max(taken, 1e-3)))


def main(numbers: list[str]) -> None:
    rates: list[tuple[float, str]] = []
    for flow in bundled():
        if flow.structured and (not numbers or flow.flow in numbers):
            try:
                rates.append((rate(flow), str(flow)))
            except StructureError as error:
                print(f"      -  {flow}: {error}")
    for megabytes, name in sorted(rates)[:20]:
        print(f"{megabytes:7.1f} MB/s  {name}")
    slow = sum(megabytes < 5 for megabytes, _ in rates)
    print(f"{len(rates)} flow versions, {slow} of them below 5 MB/s")


@pytest.mark.slow
@pytest.mark.parametrize("number", ["D0010", "D0260"])
def test_a_file_is_made_at_five_megabytes_a_second(number: str) -> None:
    assert rate(bundled().latest(number)) >= 5


if __name__ == "__main__":
    main(sys.argv[1:])
