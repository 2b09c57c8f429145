"""Typed models: values, views, faults and the stream, on made-up files."""

from __future__ import annotations

import datetime as dt
import pickle
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, assert_type, get_args

import pytest

import dflow
from dflow.catalogue import CodeList, Format, ItemDef, Provenance, parse_format
from dflow.errors import SourceError, StructureError
from dflow.flows import codes, d0010_002, d0209_001
from dflow.flows.d0010_002 import (
    MeterReadingTypes,
    MeterReadingValidationResult,
    MpanCores,
    RegisterReadings,
)
from dflow.typed import Faulty, Undecodable, decode, faults, read, to_group
from dflow.typed.values import DATETIMES, kind_of, text_of

HEADER = b"ZHV|0000000001|D0010002|D|UDMS|X|AAAA|20160301000000||||OPER|\n"
TRAILER = b"ZPT|0000000001|5||2|20160301000000|\n"
FIRST = b"026|0000000000011|V|\n028|K1|C|\n030|01|20160222000000|56311.0|||T|N|\n032|01|T|\n"
SECOND = b"026|1200000000022|U|\n"
FILE = HEADER + FIRST + SECOND + TRAILER

READING = RegisterReadings(
    meter_register_id="01",
    reading_date_and_time=dt.datetime(2016, 2, 22),  # noqa: DTZ001  local, without a zone
    register_reading=Decimal("56311.0"),
    meter_reading_flag=True,
    reading_method="N",
    meter_reading_validation_result=(
        MeterReadingValidationResult(meter_reading_reason_code="01", meter_reading_status=True),
    ),
)
MPAN = MpanCores(
    mpan_core="0000000000011",
    bsc_validation_status="V",
    meter_reading_types=(
        MeterReadingTypes(meter_id="K1", reading_type="C", register_readings=(READING,)),
    ),
)


def item(form: str, *, domain: str = "", codes: CodeList | None = None) -> ItemDef:
    made = Provenance(source="made up")
    return ItemDef(
        jcode="J0001",
        name="Made",
        format=parse_format(form),
        domain=domain,
        codes=codes,
        provenance=made,
    )


@pytest.mark.parametrize(
    ("definition", "kind"),
    [
        (item("NUM(13)", domain="Identifier"), "str"),
        (item("INT(2)", domain="Code"), "str"),
        (item("NUM(1)", domain="Indicator"), "str"),
        (item("NUM(3)", domain="Integer"), "int"),
        (item("NUM(8,7)", domain="Identifier"), "Decimal"),
        (item("+/-NUM(7,1)", domain="Wholesale Energy"), "Decimal"),
        (item("CHAR(4)", domain="Code"), "str"),
        (item("CHAR(1)", codes=CodeList(codes={"A": "a"})), "code"),
        (item("CHAR(1)", codes=CodeList(codes={"A": "a"}, complete=False)), "str"),
        (item("BOOLEAN", codes=CodeList(codes={"T": "yes", "F": "no"})), "bool"),
        (item("UNSTATED"), "str"),
        (item("DATE"), "date"),
        (item("TIME"), "time"),
        (item("DATETIME"), "datetime"),
        (item("TIMESTAMP"), "datetime"),
    ],
)
def test_what_a_value_becomes(definition: ItemDef, kind: str) -> None:
    assert kind_of(definition) == kind


def test_a_file_is_streamed_as_its_instances() -> None:
    first, second = d0010_002.read(FILE)
    assert first == MPAN
    assert second == MpanCores(mpan_core="1200000000022", bsc_validation_status="U")
    assert list(read(FILE, d0010_002)) == list(read(FILE, d0010_002.FLOW)) == [first, second]


def test_types_are_exact() -> None:
    """mypy holds this one: it fails to check, not to run, if a type is wrong."""
    stream = assert_type(d0010_002.read(FILE), Iterator[MpanCores])
    first = assert_type(next(stream), MpanCores)
    assert_type(first.mpan_core, str)
    assert_type(first.bsc_validation_status, codes.BscValidationStatus)
    assert_type(READING.number_of_md_resets, int | None)
    assert_type(READING.register_reading, Decimal)
    assert_type(read(FILE, d0010_002), Iterator[MpanCores])
    assert_type(MpanCores.from_group(dflow.read(FILE).groups[0]), MpanCores)
    assert set(get_args(codes.BscValidationStatus)) == set(codes.BscValidationStatusLabels)


def test_leading_zeros_of_an_identifier_survive() -> None:
    (first, _) = d0010_002.read(FILE)
    assert first.mpan_core == "0000000000011"
    assert first.to_group().record.raw == b"026|0000000000011|V|"


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_any_chunks_give_the_same(size: int) -> None:
    chunks = (FILE[at : at + size] for at in range(0, len(FILE), size))
    assert list(d0010_002.read(chunks)) == list(d0010_002.read(FILE))


@pytest.mark.parametrize(
    "change", [FILE[:-1], FILE.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + FILE]
)
def test_line_ends_and_marks_make_no_difference(change: bytes) -> None:
    assert list(d0010_002.read(change)) == list(d0010_002.read(FILE))


def test_a_group_that_no_model_can_hold_is_raised_unless_asked_for() -> None:
    bad = HEADER + FIRST.replace(b"56311.0", b"many") + SECOND + TRAILER
    with pytest.raises(Undecodable, match=r"line 4, column 23: Register Reading \(J0040\)") as told:
        list(d0010_002.read(bad))
    assert pickle.loads(pickle.dumps(told.value)).faulty == told.value.faulty  # noqa: S301  our own
    kept: list[Faulty] = []
    (second,) = d0010_002.read(bad, faulty=kept.append)
    assert second.mpan_core == "1200000000022"
    (faulty,) = kept
    assert [record.record.raw for record in faulty.group.walk()][-1] == b"032|01|T|"
    (found,) = faulty.findings
    assert (found.code, found.place.path) == ("format", "026[1]/028[1]/030[1]")
    assert "many" not in str(found)  # values may be personal


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [
        (b"|V|", b"||", "missing-value"),
        (b"|V|", b"|?|", "not-in-code-list"),
        (b"|K1|", b"|K1234567890|", "too-long"),
        (b"|C|\n", b"|C\n", "unclosed-record"),
        (b"|K1|C|", b"|K1|", "too-few-fields"),
        (b"|K1|C|", b"|K1|C|C|", "too-many-fields"),
        (b"20160222", b"20160230", "format"),
        (b"032|01|T|", b"033|01|T|", "too-few-fields"),
        (b"032|01|T|", b"XXX|01|T|", "unknown-group"),
        (b"028|K1|C|\n", b"", "misplaced-group"),
        (b"032|01|T|", b"ZHV|01|T|", "header-repeated"),
    ],
)
def test_every_reason_is_a_finding(right: bytes, wrong: bytes, code: str) -> None:
    bad = FIRST.replace(right, wrong, 1)
    assert bad != FIRST
    if code == "too-few-fields" and right.startswith(b"032"):
        bad = bad.replace(b"033|01|T|", b"033|01|")
    kept: list[Faulty] = []
    assert list(d0010_002.read(HEADER + bad + TRAILER, faulty=kept.append)) == []
    (faulty,) = kept
    assert code in {found.code for found in faulty.findings}
    (group,) = dflow.read(HEADER + bad + TRAILER).groups
    seen = decode(MpanCores.__dflow_shape__, group)
    assert isinstance(seen, Faulty)
    assert seen.findings == faulty.findings
    assert faults(group, MpanCores.__dflow_shape__) == faulty.findings


def test_records_outside_of_groups_are_told_in_their_place() -> None:
    told: list[tuple[int, str]] = []

    def keep(faulty: Faulty) -> None:
        told.append((faulty.group.record.line, faulty.findings[0].code))

    data = HEADER + b"028|K9|C|\n\n" + SECOND + TRAILER + SECOND + b"\n"
    assert len(list(d0010_002.read(data, faulty=keep))) == 1
    assert told == [(2, "misplaced-group"), (6, "after-trailer")]


def test_blank_lines_and_missing_or_surplus_groups_are_no_obstacle() -> None:
    twice = FIRST + b"\r\n032|01|T|\n\n"
    (one,) = d0010_002.read(HEADER + twice + TRAILER)
    assert len(one.meter_reading_types[0].register_readings[0].meter_reading_validation_result) == 2


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the file is empty"),
        (b"026|1|\n", "has no header"),
        (FILE.replace(b"D0010002", b"D0086002"), "the file is D0086 v002; a file of D0010 v002"),
    ],
)
def test_another_file_is_refused_at_once(data: bytes, why: str) -> None:
    with pytest.raises(StructureError, match=why):
        d0010_002.read(data)


def test_a_missing_file_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        d0010_002.read(tmp_path / "none.usr")


def test_a_pool_file_is_read_with_records_that_are_not_closed() -> None:
    header = b"ZHD||D0010002|D|UDMS|X|AAAA|20160301000000||||OPER\n"
    body = FIRST.replace(b"|\n", b"\n")
    (one,) = d0010_002.read(header + body + b"ZPT|6|1\n")
    assert one == MPAN


def test_a_view_of_a_tree_and_back() -> None:
    (group, _) = dflow.read(FILE).groups
    view = MpanCores.from_group(group)
    assert view == MPAN
    made = view.to_group()
    assert [one.record.raw for one in made.walk()] == [one.record.raw for one in group.walk()]
    assert made.definition == MpanCores.__dflow_shape__.definition
    with pytest.raises(StructureError, match="a group 026 is no RegisterReadings"):
        RegisterReadings.from_group(group)


def test_a_flow_whose_codes_stand_twice_goes_through_the_tree() -> None:
    header = HEADER.replace(b"D0010002", b"D0209001")
    with pytest.raises(Undecodable):
        list(d0209_001.read(header + b"ZIN|\n" + TRAILER))


@pytest.mark.parametrize(
    ("value", "kind", "form", "text"),
    [
        (Decimal("1E+3"), "Decimal", "NUM", "1000"),
        (Decimal("0.10"), "Decimal", "NUM", "0.10"),
        (-7, "int", "NUM", "-7"),
        (False, "bool", "BOOLEAN", "F"),
        (dt.date(1950, 1, 2), "date", "DATE", "19500102"),
        (dt.time(1, 2, 3), "time", "TIME", "010203"),
        (dt.datetime(2016, 2, 3, 4, 5, 6), "datetime", "DATETIME", "20160203040506"),  # noqa: DTZ001  values carry no zone
        (dt.datetime(2016, 2, 3, 4, 5, 6, 7), "datetime", "TIMESTAMP", "20160203040506.000007"),  # noqa: DTZ001  values carry no zone
    ],
)
def test_values_are_written_as_the_catalogue_writes_them(
    value: object, kind: Any, form: str, text: str
) -> None:
    assert text_of(value, kind, form) == text
    if form == "TIMESTAMP":
        assert DATETIMES[text] == value


@pytest.mark.parametrize(
    ("changed", "error", "why"),
    [
        ({"mpan_core": "a|b"}, ValueError, r"MpanCores.mpan_core \(J0003\): .*cannot stand"),
        ({"mpan_core": "\u20ac"}, ValueError, "cannot stand"),
        ({"mpan_core": 12}, TypeError, "not a text"),
    ],
)
def test_what_cannot_stand_in_a_record_is_refused(
    changed: dict[str, Any], error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        MpanCores(**({"mpan_core": "1", "bsc_validation_status": "V"} | changed)).to_group()


@pytest.mark.parametrize(
    ("value", "kind", "form"),
    [
        (Decimal("NaN"), "Decimal", "NUM"),
        (dt.time(1, 2, 3, 4), "time", "TIME"),
        (dt.datetime(2016, 1, 1, tzinfo=dt.UTC), "datetime", "DATETIME"),
        (True, "int", "NUM"),
        (1.5, "Decimal", "NUM"),
        ("T", "bool", "BOOLEAN"),
        ("20160101", "date", "DATE"),
        (dt.datetime(2016, 1, 1), "date", "DATE"),  # noqa: DTZ001  local, without a zone
        ("010203", "time", "TIME"),
        (dt.date(2016, 1, 1), "datetime", "DATETIME"),
    ],
)
def test_a_value_that_would_lose_something_is_refused(value: object, kind: Any, form: str) -> None:
    with pytest.raises((TypeError, ValueError)):
        text_of(value, kind, form)


def test_a_built_file_reads_back() -> None:
    header = dflow.read(FILE).header
    assert header is not None
    built = dflow.build(header, [MPAN, *list(d0010_002.read(FILE))[1:]], check=False)
    assert list(d0010_002.read(bytes(built))) == list(d0010_002.read(FILE))


def test_times_kept_are_bounded() -> None:
    for day in range(20_000):
        text = (dt.datetime(1960, 1, 1) + dt.timedelta(days=day)).strftime("%Y%m%d%H%M%S")  # noqa: DTZ001  values carry no zone
        assert DATETIMES[text].strftime("%Y%m%d%H%M%S") == text
    assert len(DATETIMES) <= 1 << 14


def test_the_shape_is_the_definition_without_the_catalogue() -> None:
    group = to_group(READING)
    assert group.definition is not None
    assert group["J0040"] == "56311.0"
    assert group.definition.items[2].item.format == Format("NUM", 9, 1)
