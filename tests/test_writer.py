"""Writing: counts computed in one place, faults refused with their findings."""

from __future__ import annotations

import datetime as dt
import pickle
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from dflow import bundled, check, read
from dflow.envelope import Header, Party, pool_checksum
from dflow.errors import LookupMiss, SourceError
from dflow.findings import Severity
from dflow.flow import Flow, Group
from dflow.records import Record
from dflow.testing.strategies import flow_bytes
from dflow.writer import RefusedFlow, build, count, group, recounted, renumbered, save, write
from samples import RIGHT, d0010

D0010 = bundled()["D0010", "002"]
G026 = D0010.groups[0]
G028 = next(one for one in G026.groups if one.code == "028")
G030 = next(one for one in G028.groups if one.code == "030")
MPAN = RIGHT[0].split("|")[1]
HEADER = Header(
    flow="D0010",
    version="002",
    sender=Party("D", "UDMS"),
    recipient=Party("X", "MRCY"),
    file_id="0000000007",
    created="20260302153151",
    test_flag="OPER",
)


def _instance(mpan: str = MPAN, reading: str = "88285.0") -> Group:
    values = {"J0010": "01", "J0016": "20260228000000", "J0040": reading, "J1888": "N"}
    values["J0045"] = "T"
    meter = group(G028, {"J0004": "METER1", "J0171": "R"}, [group(G030, values)])
    return group(G026, {"J0003": mpan, "J0022": "V"}, [meter])


def test_a_built_file_has_its_trailer_counted() -> None:
    flow = build(HEADER, [_instance(), _instance()], completed="20260302154650")
    assert write(flow).splitlines() == [
        b"ZHV|0000000007|D0010002|D|UDMS|X|MRCY|20260302153151||||OPER|",
        *[
            f"026|{MPAN}|V|".encode(),
            b"028|METER1|R|",
            b"030|01|20260228000000|88285.0|||T|N|",
        ]
        * 2,
        b"ZPT|0000000007|6||2|20260302154650|",
    ]
    assert check(write(flow)).clean
    assert [record.line for record in flow.records()] == list(range(1, 9))
    assert write(build(HEADER, [])).endswith(b"ZPT|0000000007|0||0||\n")


def test_terminators_are_as_asked() -> None:
    data = write(build(HEADER, [_instance()], end=b"\r\n"))
    assert data.count(b"\r\n") == data.count(b"\n") == 5


def test_a_wrong_value_is_refused_with_the_findings_of_a_check() -> None:
    with pytest.raises(RefusedFlow) as refusal:
        build(HEADER, [_instance(reading="7,4")])
    (found,) = refusal.value.findings
    assert (found.code, found.place.path, found.place.jcode) == (
        "format",
        "026[1]/028[1]/030[1]",
        "J0040",
    )
    forced = build(HEADER, [_instance(reading="7,4")], check=False)
    assert check(write(forced)).at_least(Severity.ERROR) == refusal.value.findings
    assert pickle.loads(pickle.dumps(refusal.value)).findings == refusal.value.findings  # noqa: S301  our own bytes


@pytest.mark.parametrize("value", ["a|b", "a\nb", "a\rb", "\u20ac"])
def test_what_no_field_can_hold_is_refused_at_once(value: str) -> None:
    with pytest.raises(RefusedFlow, match="J0004 Meter Id"):
        group(G028, {"J0004": value})


def test_an_unknown_item_names_the_near_miss() -> None:
    with pytest.raises(LookupMiss, match="028 has no item J0005; near: J0004"):
        group(G028, {"J0005": "x"})


def test_values_may_come_in_the_records_order() -> None:
    assert bytes(group(G028, ["METER1", "R"]).record) == b"028|METER1|R|\n"
    assert bytes(group(G028, ["METER1", "R"], closed=False).record) == b"028|METER1|R\n"


def test_many_faults_are_told_in_a_few_lines() -> None:
    with pytest.raises(RefusedFlow) as refusal:
        build(HEADER, [_instance(reading="x") for _ in range(9)])
    assert str(refusal.value).splitlines()[-1] == "and 4 more"


@pytest.mark.parametrize("envelope", ["ZHD", "ZHD short"])
def test_a_pool_file_counts_its_ends_and_sums_its_records(envelope: str) -> None:
    header = Header(
        flow="P0142",
        version="001",
        sender=Party("X", "EBES"),
        recipient=Party("Z", "POOL"),
        created="20260302153151",
        envelope="ZHD" if envelope == "ZHD" else "ZHD short",
    )
    body = [Group(record=Record(0, b"100|A|B")), Group(record=Record(0, b"101|C"))]
    data = write(build(header, body))
    *before, trailer = data.splitlines()
    assert trailer == f"ZPT|4|{pool_checksum(before)}".encode()
    assert not check(data).at_least(Severity.ERROR)


def test_instances_of_an_unknown_structure_are_the_callers_to_say() -> None:
    header = evolve(HEADER, flow="D9999")
    body = [Group(record=Record(0, b"100|A|"))]
    assert b"|1||3||\n" in write(build(header, body, instances=3))
    with pytest.raises(RefusedFlow, match="Flow Count"):
        build(header, body)


@given(st.binary(max_size=300))
def test_any_bytes_are_written_as_they_were_read(data: bytes) -> None:
    assert write(read(data)) == data


@given(flow_bytes())
def test_a_right_file_is_its_own_recount(data: bytes) -> None:
    """Total Group Count is every body record; flow count the occurrences of the first group."""
    flow = read(data)
    assert recounted(flow) is flow
    assert renumbered(flow) == flow


@given(flow_bytes("D0010", "002"), st.integers(0, 10**9), st.integers(0, 10**7))
def test_wrong_counts_become_right_and_nothing_else_changes(
    data: bytes, groups: int, flows: int
) -> None:
    *body, trailer = data.splitlines(keepends=True)
    fields = trailer.split(b"|")
    fields[2], fields[4] = str(groups).encode(), str(flows).encode()
    wrong = b"".join([*body, b"|".join(fields)])
    mended = write(recounted(read(wrong)))
    assert mended.splitlines()[:-1] == data.splitlines()[:-1]
    assert read(mended).trailer == read(data).trailer


def test_a_padded_count_stays_padded() -> None:
    data = d0010(trailer="ZPT|0000000001|00000009||003||")
    assert write(recounted(read(data))).endswith(b"ZPT|0000000001|00000012||003||\n")


def test_a_short_trailer_gets_the_fields_that_its_counts_need() -> None:
    data = d0010(trailer="ZPT|0000000001|9|")
    assert write(recounted(read(data))).endswith(b"ZPT|0000000001|12||3||\n")


def test_a_file_without_a_trailer_stays_without() -> None:
    flow = read(d0010(trailer=""))
    assert recounted(flow) is flow
    assert count(flow).records == len(RIGHT)
    assert count(Flow(header=None)).instances is None


def test_saving_replaces_whole_and_keeps_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a.usr"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link = tmp_path / "link.usr"
    link.symlink_to(path)
    save(b"new", link)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [path, link]


def test_what_cannot_be_saved_leaves_what_was_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be written"):
        save(b"x", tmp_path / "none" / "a.usr")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SourceError, match="cannot be written"):
        save(b"x", tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder"]


def test_typed_models_are_built_like_groups() -> None:
    from dflow.flows import d0010_002 as models

    reading = models.RegisterReadings(
        meter_register_id="01",
        reading_date_and_time=dt.datetime(2026, 2, 28),  # noqa: DTZ001  local, without a zone
        register_reading=Decimal("88285.0"),
        meter_reading_flag=True,
        reading_method="N",
    )
    meter = models.MeterReadingTypes(
        meter_id="METER1", reading_type="R", register_readings=(reading,)
    )
    core = models.MpanCores(mpan_core=MPAN, bsc_validation_status="V", meter_reading_types=(meter,))
    assert write(build(HEADER, [core])) == write(build(HEADER, [_instance()]))
    assert list(models.read(write(build(HEADER, [core])))) == [core]


@given(flow_bytes())
def test_a_file_is_built_from_its_own_groups_again(data: bytes) -> None:
    flow = read(data)
    assert flow.header is not None
    assert flow.trailer is not None
    end = b"\r\n" if b"\r\n" in data else b"\n"
    made = build(flow.header, flow.groups, completed=flow.trailer.completed, end=end)
    assert write(made).rstrip() == data.rstrip()
