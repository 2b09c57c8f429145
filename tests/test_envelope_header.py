"""Headers: what is written is read, and what is wrong is named with its place."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.envelope import Header, Party, parse_timestamp, read_header
from dflow.findings import KINDS, Severity

GOOD = b"ZHV|MADE000001|D0010002|D|READ|X|SUPL|20190601120000|APPS1|APPR2|B|TR01|"

_UPPER = st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_PRINTED = st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="|")


def _text(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text(_PRINTED, min_size=least, max_size=most)


_FLOWS = st.builds(
    "".join,
    st.tuples(st.sampled_from("DPMFEX"), st.text(_UPPER, min_size=4, max_size=4)),
)
_VERSIONS = st.integers(min_value=0, max_value=999).map("{:03d}".format)
_PARTIES = st.builds(Party, _UPPER, st.text(_UPPER, min_size=4, max_size=4))
_TIMES = st.datetimes(
    min_value=datetime(1950, 1, 1),  # noqa: DTZ001  the files' times carry no zone
    max_value=datetime(2199, 12, 31),  # noqa: DTZ001  the files' times carry no zone
).map(lambda when: when.strftime("%Y%m%d%H%M%S"))

user_headers = st.builds(
    Header,
    flow=_FLOWS,
    version=_VERSIONS,
    sender=_PARTIES,
    recipient=_PARTIES,
    file_id=_text(1, 10),
    created=_TIMES,
    sending_application=_text(0, 5),
    receiving_application=_text(0, 5),
    broadcast=_text(0, 1),
    test_flag=_text(0, 4),
)
long_pool_headers = st.builds(
    Header,
    flow=_FLOWS,
    version=_VERSIONS,
    sender=_PARTIES,
    recipient=_PARTIES,
    file_id=st.just("") | _text(1, 10) | st.just("D0010002"),
    created=_TIMES,
    test_flag=_text(1, 4),
    envelope=st.just("ZHD"),
)
short_pool_headers = st.builds(
    Header,
    flow=_FLOWS,
    version=_VERSIONS,
    sender=_PARTIES,
    recipient=_PARTIES,
    created=_TIMES,
    envelope=st.just("ZHD short"),
)


@given(user_headers | long_pool_headers | short_pool_headers)
def test_what_is_written_is_read(header: Header) -> None:
    reading = read_header(header.encode())
    assert reading.header == header
    assert reading.findings == ()


@given(st.binary(max_size=120) | st.binary(max_size=120).map(GOOD[:8].__add__))
def test_any_bytes_are_read_without_an_exception(raw: bytes) -> None:
    reading = read_header(raw, line=7)
    assert reading.header is not None or reading.findings
    assert all(found.line == 7 for found in reading.findings)


@given(st.integers(min_value=1, max_value=11), st.binary(max_size=14))
def test_a_damaged_field_is_named_at_its_column(position: int, damage: bytes) -> None:
    fields = GOOD.split(b"|")
    fields[position] = damage.replace(b"|", b"")
    raw = b"|".join(fields)
    for found in read_header(raw).findings:
        assert found.code == "header-value"
        start = found.column - 1
        assert raw[start : start + found.place.width] == fields[position]
        assert start == len(b"|".join(fields[:position])) + 1


def test_every_field_of_a_user_header() -> None:
    header = read_header(GOOD).header
    assert header == Header(
        flow="D0010",
        version="002",
        sender=Party("D", "READ"),
        recipient=Party("X", "SUPL"),
        file_id="MADE000001",
        created="20190601120000",
        sending_application="APPS1",
        receiving_application="APPR2",
        broadcast="B",
        test_flag="TR01",
        envelope="ZHV",
    )
    assert header.created_at == datetime(2019, 6, 1, 12)  # noqa: DTZ001  no zone in a file
    assert not header.live


@pytest.mark.parametrize(("flag", "live"), [("", True), ("OPER", True), ("TR01", False)])
def test_live_data(flag: str, live: bool) -> None:
    raw = GOOD.replace(b"TR01", flag.encode())
    header = read_header(raw).header
    assert header is not None
    assert header.live is live


@pytest.mark.parametrize(
    ("number", "flow", "version"),
    [
        ("P0142001", "P0142", "001"),
        ("M0003001", "M0003", "001"),
        ("FDB01001", "FDB01", "001"),  # facts: not always a D and four digits
    ],
)
def test_flows_that_are_not_d(number: str, flow: str, version: str) -> None:
    reading = read_header(GOOD.replace(b"D0010002", number.encode()))
    assert reading.findings == ()
    assert reading.header is not None
    assert (reading.header.flow, reading.header.version) == (flow, version)


def test_the_short_pool_header() -> None:
    reading = read_header(b"ZHD|P0142001|X|MADE|Z|POOL|20190601120000")
    assert reading.findings == ()
    assert reading.header == Header(
        flow="P0142",
        version="001",
        sender=Party("X", "MADE"),
        recipient=Party("Z", "POOL"),
        created="20190601120000",
        envelope="ZHD short",
    )


def test_the_long_pool_header_with_a_blank_identifier() -> None:
    reading = read_header(b"ZHD||D0265001|R|MADE|G|POOL|20190601120000||||OPER|")
    assert reading.findings == ()
    assert reading.header is not None
    assert (reading.header.file_id, reading.header.envelope) == ("", "ZHD")


@pytest.mark.parametrize(
    ("raw", "codes", "has_header"),
    [
        (b"", ["header-missing"], False),
        (b"026|1|", ["header-missing"], False),
        (b"zhv|x|", ["header-missing"], False),
        (b"ZHV", ["unclosed-record", "header-fields"], False),
        (b"ZHV|||||", ["header-fields"], False),
        (b"ZHF       D0010002", ["fixed-length"], False),
        (b"ZHF|a|", ["fixed-length"], False),
        (GOOD[:-1], ["unclosed-record"], True),
        (GOOD + b"MORE|", ["header-fields"], True),
        (GOOD.replace(b"APPS1|", b""), ["header-fields"], True),
        (GOOD.replace(b"D0010002", b"D10"), ["header-value"], True),
        (GOOD.replace(b"20190601120000", b"20190631120000"), ["header-value"], True),
        (GOOD.replace(b"20190601120000", b"20190601240000"), ["header-value"], True),
        (GOOD.replace(b"MADE000001", b""), ["header-value"], True),
        (GOOD.replace(b"MADE000001", b"MADE0000012"), ["header-value"], True),
        (GOOD.replace(b"READ", b"../x"), ["header-value"], True),
        (GOOD.replace(b"TR01", b"TR\x0001"), ["header-value"], True),
        (b"ZHD|P0142001|X|MADE|Z|POOL", ["header-fields"], True),
        (b"ZHD|P0142001|X|MADE", ["header-fields"], False),
    ],
)
def test_what_is_wrong_is_said(raw: bytes, codes: list[str], has_header: bool) -> None:
    reading = read_header(raw)
    assert [found.code for found in reading.findings][: len(codes)] == codes
    assert (reading.header is not None) is has_header
    for found in reading.findings:
        assert found.severity is KINDS[found.code].severity
        assert found.message.endswith(".")


def test_a_hostile_field_is_shortened() -> None:
    (found,) = read_header(GOOD.replace(b"READ", b"A" * 100_000)).findings
    assert len(found.value) <= 24
    assert len(str(found.as_json())) < 600
    assert found.severity is Severity.ERROR


@pytest.mark.parametrize("field", ["flow", "file_id", "test_flag", "created"])
@pytest.mark.parametrize("text", ["a|b", "a\nb", "a\rb", "a\x00", "a\x7f", "€"])
def test_a_field_cannot_break_the_record(field: str, text: str) -> None:
    fields = {"flow": "D0010", field: text}
    header = Header(sender=Party("X", "A"), recipient=Party("M", "B"), **fields)  # type: ignore[arg-type]  # texts only
    with pytest.raises(ValueError, match="cannot stand"):
        header.encode()


def test_a_header_of_another_format_is_not_written_as_this_one() -> None:
    header = Header(flow="X", sender=Party("X", "A"), recipient=Party("M", "B"), envelope="other")
    with pytest.raises(ValueError, match="another format"):
        header.encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2019",
        "20190229000000",
        "20190601240000",
        "2019060112000a",
        "٢٠١٩٠٦٠١١٢٠٠٠٠",
        " 2019060112000",
    ],
)
def test_what_is_no_time(text: str) -> None:
    assert parse_timestamp(text) is None


def test_leap_seconds_and_days() -> None:
    assert parse_timestamp("20200229235959") == datetime(2020, 2, 29, 23, 59, 59)  # noqa: DTZ001  no zone in a file
    assert parse_timestamp("20161231235960") is None


def test_a_party_is_written_role_and_mpid() -> None:
    assert str(Party("X", "SUPL")) == "X/SUPL"
