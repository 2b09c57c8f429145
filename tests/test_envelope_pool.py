"""The checksum of pool files, against a loop that follows the rule word by word."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dflow.envelope import pool_checksum, read_trailer
from dflow.records import split_records
from support import shared_folder


def _by_the_word(records: Iterable[bytes]) -> int:
    """Facts, envelope section 4, read aloud."""
    accumulator = 0
    for record in records:
        for start in range(0, len(record), 4):
            (word,) = struct.unpack(">I", record[start : start + 4].ljust(4, b"\0"))
            accumulator ^= word
    return accumulator


@given(st.lists(st.binary(max_size=200)))
@example([])
@example([b""])
@example([b"", b"A", b"AB", b"ABC", b"ABCD", b"ABCDE"])
def test_it_is_the_loop(records: list[bytes]) -> None:
    assert pool_checksum(records) == _by_the_word(records)


@pytest.mark.parametrize("length", [*range(70), 4_095, 4_096, 4_097, 100_003])
def test_every_length_of_record(length: int) -> None:
    record = bytes((7 * i + i // 251) % 256 for i in range(length))
    assert pool_checksum([record]) == _by_the_word([record])


@given(st.lists(st.binary(max_size=40)))
def test_the_order_of_records_does_not_matter(records: list[bytes]) -> None:
    assert pool_checksum(records) == pool_checksum(sorted(records))


def test_padding_restarts_at_each_record() -> None:
    assert pool_checksum([b"AB", b"CD"]) != pool_checksum([b"ABCD"])


def test_it_fits_32_bits() -> None:
    assert pool_checksum([b"\xff\xff\xff\xff"]) == 0xFFFF_FFFF


def test_a_real_pool_file_carries_it() -> None:
    folder = shared_folder()
    if folder is None:
        pytest.skip("the folder of facts and samples is not beside this checkout")
    data = (folder / "samples" / "pool_P0142_1.ptf").read_bytes()
    *rest, last = [record for record in split_records(data) if record.raw]
    trailer = read_trailer(last.raw, line=last.line, pool=True).trailer
    assert trailer is not None
    assert trailer.checksum == pool_checksum(record.raw for record in rest)
    assert trailer.group_count == len(rest) + 1
