"""Round trip is the law: what was read can be written again, byte for byte."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from dflow.records import Record, join_records, split_records

#: Bytes in which the marks of the format are common.
_LINES = st.lists(
    st.sampled_from(
        [b"|", b"\n", b"\r", b"\r\n", b"ZHV|", b"026|", b"ZPT|", b"\x00", b"\xff", b"a"]
    )
).map(b"".join)
ANY_BYTES = st.binary() | _LINES


@given(ANY_BYTES)
@example(b"")
@example(b"\r")
@example(b"\n\r\n\r")
@example(b"ZHV|\r\r\n")
@example(b"|" * 1_000_000)
def test_any_bytes_are_records_and_records_are_the_bytes(data: bytes) -> None:
    """Facts, envelope section 5: LF and CRLF both occur; the last may have no terminator."""
    records = list(split_records(data))
    assert join_records(records) == data
    assert b"".join(map(bytes, records)) == data


@given(ANY_BYTES)
def test_lines_are_numbered_and_hold_no_line_end(data: bytes) -> None:
    records = list(split_records(data))
    assert [record.line for record in records] == list(range(1, len(records) + 1))
    assert all(b"\n" not in record.raw for record in records)
    assert all(record.end in (b"\n", b"\r\n") for record in records[:-1])
    assert len(records) == data.count(b"\n") + (not data.endswith(b"\n") and bool(data))


@given(st.binary().filter(lambda raw: b"\n" not in raw))
def test_code_and_values_are_the_record(raw: bytes) -> None:
    """One byte is one character; a closing pipe opens no field."""
    record = Record(1, raw)
    text = "|".join((record.code, *record.values))
    if record.closed and text != raw.decode("latin-1"):
        text += "|"
    assert text.encode("latin-1") == raw


@given(st.binary().filter(lambda raw: b"\n" not in raw))
def test_a_column_is_where_its_value_stands(raw: bytes) -> None:
    record = Record(1, raw)
    for position, value in enumerate((record.code, *record.values)):
        start = record.column(position) - 1
        assert raw[start : start + len(value)] == value.encode("latin-1")
        assert raw[start + len(value) : start + len(value) + 1] in (b"|", b"")
