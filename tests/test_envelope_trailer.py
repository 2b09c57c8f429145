"""Trailers: what is written is read, and what is wrong is named with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.envelope import Trailer, read_trailer

GOOD = b"ZPT|MADE000001|35|123|11|20190601120001|"

_PRINTED = st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="|")
_TEN = st.integers(min_value=0, max_value=10**10 - 1)
_EIGHT = st.integers(min_value=0, max_value=10**8 - 1)

user_trailers = st.builds(
    Trailer,
    file_id=st.text(_PRINTED, max_size=10),
    group_count=_TEN,
    checksum=st.none() | _TEN,
    flow_count=_EIGHT,
    completed=st.sampled_from(["", "20190601120001", "20200229235959"]),
)
pool_trailers = st.builds(Trailer, group_count=_TEN, checksum=st.none() | _TEN, pool=st.just(True))


@given(user_trailers | pool_trailers)
def test_what_is_written_is_read(trailer: Trailer) -> None:
    reading = read_trailer(trailer.encode(), line=9, pool=trailer.pool)
    assert reading.trailer == trailer
    assert reading.findings == ()


@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_are_read_without_an_exception(raw: bytes, pool: bool) -> None:
    for bytes_read in (raw, b"ZPT|" + raw):
        reading = read_trailer(bytes_read, line=9, pool=pool)
        assert (reading.trailer is None) == (bytes_read.split(b"|")[0] != b"ZPT")
        assert all(found.line == 9 for found in reading.findings)


@given(st.integers(min_value=1, max_value=5), st.binary(max_size=14))
def test_a_damaged_field_is_named_at_its_column(position: int, damage: bytes) -> None:
    fields = GOOD.split(b"|")
    fields[position] = damage.replace(b"|", b"")
    raw = b"|".join(fields)
    for found in read_trailer(raw, line=1).findings:
        assert found.code == "header-value"
        assert found.column == len(b"|".join(fields[:position])) + 2
        assert found.place.width == len(fields[position])


def test_every_field() -> None:
    assert read_trailer(GOOD, line=1).trailer == Trailer(
        file_id="MADE000001",
        group_count=35,
        checksum=123,
        flow_count=11,
        completed="20190601120001",
    )


def test_a_file_without_a_body() -> None:
    """Facts, envelope section 3: such a file carries `0||0`."""
    reading = read_trailer(b"ZPT|MADE000001|0||0||", line=2)
    assert reading.findings == ()
    assert reading.trailer == Trailer(file_id="MADE000001", group_count=0, flow_count=0)


@pytest.mark.parametrize(
    ("raw", "codes"),
    [
        (b"ZPT", ["unclosed-record", "trailer-fields"]),
        (GOOD[:-1], ["unclosed-record"]),
        (GOOD + b"|", ["trailer-fields"]),
        (GOOD.replace(b"|11|", b"|"), ["trailer-fields"]),
        (GOOD.replace(b"|35|", b"||"), ["header-value"]),
        (GOOD.replace(b"|35|", b"|-5|"), ["header-value"]),
        (GOOD.replace(b"|35|", b"|35.0|"), ["header-value"]),
        (GOOD.replace(b"|35|", b"|12345678901|"), ["header-value"]),
        (GOOD.replace(b"|11|", b"|123456789|"), ["header-value"]),
        (GOOD.replace(b"|11|", b"||"), ["header-value"]),
        (GOOD.replace(b"20190601120001", b"20190631120001"), ["header-value"]),
        (GOOD.replace(b"|123|", b"|x|"), ["header-value"]),
    ],
)
def test_what_is_wrong_is_said(raw: bytes, codes: list[str]) -> None:
    reading = read_trailer(raw, line=3)
    assert [found.code for found in reading.findings][: len(codes)] == codes


def test_a_count_that_cannot_be_read_is_none() -> None:
    trailer = read_trailer(GOOD.replace(b"|35|", b"|many|"), line=1).trailer
    assert trailer is not None
    assert trailer.group_count is None
    assert trailer.flow_count == 11


@pytest.mark.parametrize(
    ("raw", "count", "checksum", "codes"),
    [
        (b"ZPT|17|995520093", 17, 995520093, []),
        (b"ZPT|17|995520093|", 17, 995520093, []),
        (b"ZPT|17|", 17, None, []),
        (b"ZPT|17", 17, None, ["trailer-fields"]),
        (b"ZPT|17|1|2", 17, 1, ["trailer-fields"]),
        (b"ZPT||5", None, 5, ["header-value"]),
    ],
)
def test_pool_trailers(
    raw: bytes, count: int | None, checksum: int | None, codes: list[str]
) -> None:
    reading = read_trailer(raw, line=17, pool=True)
    assert reading.trailer == Trailer(group_count=count, checksum=checksum, pool=True)
    assert [found.code for found in reading.findings] == codes


def test_a_record_of_another_kind_is_no_trailer() -> None:
    assert read_trailer(b"ZPD|1|", line=3).trailer is None
    assert read_trailer(b"", line=3).trailer is None


def test_a_field_cannot_break_the_record() -> None:
    with pytest.raises(ValueError, match="cannot stand"):
        Trailer(file_id="a|b").encode()
    with pytest.raises(ValueError, match="not negative"):
        Trailer(group_count=-1).encode()
