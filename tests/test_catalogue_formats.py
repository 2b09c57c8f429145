"""Formats and ranges, against oracles that are written another way."""

from __future__ import annotations

import calendar
import re
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dflow.catalogue import UNSTATED, Format, bundled, parse_format, parse_range

_DATE = Format("DATE")


# Dates ------------------------------------------------------------------------------


def test_dates_exhaustively() -> None:
    """Facts, envelope section 6: DATE is ccyymmdd, 1950 to 2199."""
    admitted = re.compile(_DATE.pattern, re.ASCII).fullmatch
    for year in range(1940, 2211):
        for month in range(14):
            days = calendar.monthrange(year, month)[1] if 1 <= month <= 12 else 0
            for day in range(34):
                right = 1950 <= year <= 2199 and 1 <= day <= days
                text = f"{year:04d}{month:02d}{day:02d}"
                assert bool(admitted(text)) is right, text


def test_times_exhaustively() -> None:
    admitted = re.compile(Format("TIME").pattern, re.ASCII).fullmatch
    for hour in range(26):
        for minute in range(62):
            for second in (*range(0, 62, 7), 59, 60, 61):
                right = hour < 24 and minute < 60 and second < 60
                text = f"{hour:02d}{minute:02d}{second:02d}"
                assert bool(admitted(text)) is right, text


_MOMENTS = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001  values carry no zone
    max_value=datetime(2250, 1, 1) - timedelta(microseconds=1),  # noqa: DTZ001  no zone
)


@given(_MOMENTS)
def test_moments(when: datetime) -> None:
    right = 1950 <= when.year <= 2199
    assert Format("DATETIME").admits(when.strftime("%Y%m%d%H%M%S")) is right
    assert Format("TIMESTAMP").admits(when.strftime("%Y%m%d%H%M%S.%f")) is right
    assert not Format("DATETIME").admits(when.strftime("%Y%m%d%H%M%S.%f"))
    assert not Format("TIMESTAMP").admits(when.strftime("%Y%m%d%H%M%S"))


# Every kind, on any text --------------------------------------------------------------


def _is_text(value: str) -> bool:
    return all(ord(c) >= 0x20 and c not in "|\x7f" for c in value)


def _digits(value: str) -> bool:
    return all(c in "0123456789" for c in value)


def _is_number(value: str, fmt: Format) -> bool:
    """By `Decimal`, after what Decimal accepts beyond the catalogue is ruled out."""
    if fmt.signed and value[:1] in ("+", "-"):
        value = value[1:]
    if not value or not _digits(value.replace(".", "")) or value.endswith("."):
        return False
    try:
        Decimal(value)
    except InvalidOperation:
        return False
    whole, _, decimals = value.partition(".")
    return len(whole) <= (fmt.length or 0) and len(decimals) <= fmt.decimals


def _is_moment(value: str, layout: str, length: int) -> bool:
    if len(value) != length or not _digits(value.replace(".", "")):
        return False
    try:
        when = datetime.strptime(value, layout)  # noqa: DTZ007  values carry no zone
    except ValueError:
        return False
    return layout == "%H%M%S" or 1950 <= when.year <= 2199


_LAYOUTS = {
    "DATE": ("%Y%m%d", 8),
    "TIME": ("%H%M%S", 6),
    "DATETIME": ("%Y%m%d%H%M%S", 14),
    "TIMESTAMP": ("%Y%m%d%H%M%S.%f", 21),
}


def _oracle(value: str, fmt: Format) -> bool:
    if fmt.kind in _LAYOUTS:
        return _is_moment(value, *_LAYOUTS[fmt.kind])
    if fmt.kind in ("NUM", "INT"):
        return _is_number(value, fmt)
    if fmt.kind == "BOOLEAN":
        return value in ("T", "F")
    body = value
    if fmt.signed and value[:1] in ("+", "-") and len(value) > 1:
        body = value[1:]
    return bool(value) and _is_text(value) and (fmt.length is None or len(body) <= fmt.length)


_FORMATS = st.one_of(
    st.builds(
        Format,
        st.just("CHAR"),
        st.none() | st.integers(min_value=1, max_value=12),
        st.just(0),
        st.booleans(),
    ),
    st.builds(
        Format,
        st.just("NUM"),
        st.integers(min_value=1, max_value=6),
        st.integers(min_value=0, max_value=4),
        st.booleans(),
    ),
    st.builds(
        Format,
        st.just("INT"),
        st.integers(min_value=1, max_value=6),
        st.just(0),
        st.booleans(),
    ),
    st.builds(
        Format,
        st.sampled_from(["DATE", "TIME", "DATETIME", "TIMESTAMP", "BOOLEAN", "UNSTATED"]),
    ),
)
_VALUES = st.one_of(
    st.text("0123456789.+-", max_size=12),
    st.text(st.characters(max_codepoint=255), max_size=14),
    st.sampled_from(["T", "F", "t", "1.", ".5", "+.5", "-", "+", ".", "00.10", "1e5", "1_0"]),
    _MOMENTS.map(lambda when: when.strftime("%Y%m%d")),
    _MOMENTS.map(lambda when: when.strftime("%H%M%S")),
    _MOMENTS.map(lambda when: when.strftime("%Y%m%d%H%M%S")),
    _MOMENTS.map(lambda when: when.strftime("%Y%m%d%H%M%S.%f")),
)


@given(_FORMATS, _VALUES)
@example(Format("CHAR", 3), "a|b")
@example(Format("CHAR", 3), "a\nb")
@example(Format("UNSTATED"), "\x7f")
@example(Format("NUM", 3), "\u0661\u0662")
def test_a_pattern_admits_what_the_oracle_admits(fmt: Format, value: str) -> None:
    assert fmt.admits(value) is _oracle(value, fmt)


@given(_FORMATS, _VALUES)
def test_a_pattern_is_the_same_over_bytes_and_inside_a_larger_one(fmt: Format, value: str) -> None:
    try:
        raw = value.encode("latin-1")
    except UnicodeEncodeError:
        return
    alone = re.compile(fmt.pattern.encode("ascii")).fullmatch(raw) is not None
    inside = re.compile(rf"x(?:{fmt.pattern})\|y".encode("ascii")).fullmatch(b"x" + raw + b"|y")
    possessive = re.compile(rf"(?>{fmt.pattern})".encode("ascii")).fullmatch(raw) is not None
    assert alone is fmt.admits(value)
    assert (inside is not None) is alone
    assert possessive is alone
    assert re.compile(fmt.pattern).groups == 0


@given(_FORMATS, _VALUES)
def test_nothing_longer_than_the_longest_is_admitted(fmt: Format, value: str) -> None:
    if fmt.longest is not None and len(value) > fmt.longest:
        assert not fmt.admits(value)
    if fmt.longest is None:
        assert fmt.kind in ("UNSTATED", "CHAR")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NUM(9,1)", "999999999.9"),
        ("+/-NUM(14,13)", "-" + "9" * 14 + "." + "9" * 13),
        ("INT(8)", "99999999"),
        ("CHAR(10)", "F75A 00802"),
        ("TIMESTAMP", "20190601120000.000001"),
    ],
)
def test_the_longest_is_reached(text: str, value: str) -> None:
    fmt = parse_format(text)
    assert fmt.admits(value)
    assert fmt.longest == len(value)


# The texts of formats -----------------------------------------------------------------


@given(_FORMATS)
def test_a_format_is_written_as_it_is_read(fmt: Format) -> None:
    assert parse_format(str(fmt)) == fmt


@pytest.mark.parametrize(
    ("text", "fmt"),
    [
        ("", UNSTATED),
        ("  ", UNSTATED),
        ("CHAR(40)", Format("CHAR", 40)),
        (" char ( 40 ) ", Format("CHAR", 40)),
        ("+/-NUM(7 ,1)", Format("NUM", 7, 1, signed=True)),
        ("± NUM(7,1)", Format("NUM", 7, 1, signed=True)),
        ("NUM(13)", Format("NUM", 13)),
        ("DATETIME", Format("DATETIME")),
    ],
)
def test_texts_of_formats(text: str, fmt: Format) -> None:
    assert parse_format(text) == fmt


@pytest.mark.parametrize(
    "text",
    [
        "CHAR(",
        "CHAR(a)",
        "CHAR(-1)",
        "TEXT(5)",
        "NUM(1,2,3)",
        "5",
        "CHAR 5",
        "DATE DATE",
        "CHAR(0)",
        "NUM(0)",
        "NUM",
        "INT",
    ],
)
def test_what_is_no_format(text: str) -> None:
    with pytest.raises(ValueError, match="is not a format"):
        parse_format(text)


def test_every_format_of_the_catalogue_is_written_as_it_is_read() -> None:
    formats = {
        place.item.format for flow in bundled() for group in flow.walk() for place in group.items
    }
    assert len(formats) > 50
    for fmt in formats:
        assert parse_format(str(fmt)) == fmt
        assert re.compile(fmt.pattern).groups == 0


# Ranges -------------------------------------------------------------------------------


def _admits(text: str, count: int) -> bool:
    """The words of the publication: a list of counts, or least and most."""
    if "-" in text:
        least, most = text.split("-")
        return int(least) <= count and (most == "*" or count <= int(most))
    return count in {int(part) for part in text.split(",")}


_COUNT = st.integers(min_value=0, max_value=60)
_RANGES = st.one_of(
    _COUNT.map(str),
    st.tuples(_COUNT, st.just("*")).map("{0[0]}-{0[1]}".format),
    st.tuples(_COUNT, _COUNT).map(sorted).map("{0[0]}-{0[1]}".format),
    st.lists(_COUNT, min_size=1, max_size=5).map(lambda counts: ",".join(map(str, counts))),
)


@given(_RANGES, st.integers(min_value=0, max_value=80))
@example("46,48,50", 47)
@example("46,48,50", 48)
def test_ranges(text: str, count: int) -> None:
    found = parse_range(text)
    assert found.admits(count) is _admits(text, count)
    assert str(found) == text
    assert parse_range(text.replace(",", " , ").replace("-", " - ")).admits(count) is _admits(
        text, count
    )


@given(_RANGES)
def test_least_and_most_bound_what_is_admitted(text: str) -> None:
    found = parse_range(text)
    admitted = [count for count in range(61) if found.admits(count)]
    assert found.admits(found.least)
    assert min(admitted) == found.least
    if found.most is None:
        assert found.admits(10**9)
    else:
        assert max(admitted) == found.most
        assert not found.admits(found.most + 1)


@pytest.mark.parametrize("text", ["", "*", "1-", "-1", "a", "1-0", "1,,2", "1;2", "0-*-1", "*-1"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(ValueError, match="is not a range"):
        parse_range(text)


def test_every_range_of_the_catalogue_is_a_range() -> None:
    for flow in bundled():
        for group in flow.walk():
            assert parse_range(group.range.text) == group.range
