"""However the bytes come, the records are the same: whole, byte by byte, at any cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dflow.records import Record, RecordReader, split_records

_PIECES = st.sampled_from([b"|", b"\n", b"\r", b"\r\n", b"026", b"\x00", b"\xff", b""])
_BYTES = st.binary() | st.lists(_PIECES).map(b"".join)


def _fed(chunks: list[bytes]) -> list[Record]:
    reader = RecordReader()
    records = [record for chunk in chunks for record in reader.feed(chunk)]
    return records + reader.close()


@given(_BYTES)
def test_whole_and_byte_by_byte(data: bytes) -> None:
    whole = list(split_records(data))
    assert _fed([data]) == whole
    assert _fed([data[i : i + 1] for i in range(len(data))]) == whole


@given(_BYTES, st.lists(st.integers(min_value=0, max_value=40)))
def test_at_any_cut(data: bytes, sizes: list[int]) -> None:
    chunks, start = [], 0
    for size in sizes:
        chunks.append(data[start : start + size])
        start += size
    chunks.append(data[start:])
    assert _fed(chunks) == list(split_records(data))
    assert list(split_records(iter(chunks))) == list(split_records(data))


@given(_BYTES, _BYTES)
def test_with_something_after_it(data: bytes, more: bytes) -> None:
    """Records that are whole do not change when more comes."""
    first = [record for record in split_records(data + b"\n") if record.end]
    assert list(split_records(data + b"\n" + more))[: len(first)] == first
