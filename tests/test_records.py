"""Records: what a line is, and that nothing of it is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dflow.records import Record, RecordReader, join_records, split_records


def _shapes(data: bytes) -> list[tuple[int, bytes, bytes]]:
    return [(record.line, record.raw, record.end) for record in split_records(data)]


def test_no_bytes_no_records() -> None:
    assert _shapes(b"") == []


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"026|", [(1, b"026|", b"")]),
        (b"026|\n", [(1, b"026|", b"\n")]),
        (b"026|\r\n", [(1, b"026|", b"\r\n")]),
        (b"\n", [(1, b"", b"\n")]),
        (b"\r\n\n", [(1, b"", b"\r\n"), (2, b"", b"\n")]),
        (b"a|\r\nb|\nc|", [(1, b"a|", b"\r\n"), (2, b"b|", b"\n"), (3, b"c|", b"")]),
        # A CR that no LF follows belongs to the record.
        (b"a|\rb|\n", [(1, b"a|\rb|", b"\n")]),
        (b"a|\r", [(1, b"a|\r", b"")]),
        (b"a|\r\r\n", [(1, b"a|\r", b"\r\n")]),
        # Nothing else ends a line: no form feed, no NEL, no NUL.
        (b"a\x0bb\x0cc\x85d\x00e\x1cf|\n", [(1, b"a\x0bb\x0cc\x85d\x00e\x1cf|", b"\n")]),
    ],
)
def test_lines_end_at_lf_and_crlf_only(
    data: bytes, expected: list[tuple[int, bytes, bytes]]
) -> None:
    assert _shapes(data) == expected


@pytest.mark.parametrize(
    ("raw", "code", "values", "closed"),
    [
        (b"", "", (), False),
        (b"026", "026", (), False),
        (b"026|", "026", (), True),
        (b"026||", "026", ("",), True),
        (b"026|12|V|", "026", ("12", "V"), True),
        (b"026|12|V", "026", ("12", "V"), False),
        (b"030|S|||", "030", ("S", "", ""), True),
        (b"DA|x|", "DA", ("x",), True),
        (b"|", "", (), True),
        (b"||", "", ("",), True),
        (b"026|caf\xe9|", "026", ("café",), True),
        (b"026|F75A 00802 |", "026", ("F75A 00802 ",), True),
    ],
)
def test_fields(raw: bytes, code: str, values: tuple[str, ...], closed: bool) -> None:
    record = Record(1, raw)
    assert (record.code, record.values, record.closed) == (code, values, closed)


def test_columns_are_where_fields_start() -> None:
    record = Record(1, b"030|S||56311.0|")
    assert [record.column(position) for position in range(5)] == [1, 5, 7, 8, 16]
    assert record.column(5) == 16  # beyond the last field: just after the record
    assert Record(1, b"").column(0) == 1
    assert Record(1, b"").column(1) == 1


def test_bytes_of_a_record() -> None:
    assert bytes(Record(1, b"026|", b"\r\n")) == b"026|\r\n"


def test_a_reader_holds_an_unfinished_line_back() -> None:
    reader = RecordReader()
    assert reader.feed(b"02") == []
    assert reader.feed(b"") == []
    assert reader.feed(b"6|\r") == []  # the CR may be half of a CRLF
    assert reader.feed(b"\n028|") == [Record(1, b"026|", b"\r\n")]
    assert reader.close() == [Record(2, b"028|", b"")]
    assert reader.close() == []


def test_a_line_in_very_many_chunks_is_linear() -> None:
    """A million chunks of one line: joined once, not once a chunk."""
    reader = RecordReader()
    for _ in range(1_000_000):
        reader.feed(b"|")
    (record,) = reader.close()
    assert record.raw == b"|" * 1_000_000


def test_records_are_given_as_they_become_whole() -> None:
    taken: list[bytes] = []

    def chunks() -> Iterator[bytes]:
        for chunk in (b"a|\nb", b"|\nc|"):
            taken.append(chunk)
            yield chunk

    stream = split_records(chunks())
    assert next(stream).raw == b"a|"
    assert taken == [b"a|\nb"]


def test_join_is_what_was_split() -> None:
    data = b"ZHV|\r\n026|\n\n\rZPT|"
    assert join_records(split_records(data)) == data
