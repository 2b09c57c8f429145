"""Checking: every fault named with its place, and nothing raised about bytes."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import dflow
from dflow.envelope import pool_checksum
from dflow.errors import LookupMiss, SourceError
from dflow.findings import Severity
from samples import HEADER, RIGHT, d0010
from support import shared_folder


def codes(data: bytes) -> list[str]:
    return list(dflow.check(data).codes)


def test_a_right_file_has_no_findings() -> None:
    assert codes(d0010()) == []


def test_a_finding_names_its_place() -> None:
    body = [*RIGHT[:6], "030|01|20260231000000|88285.0|||T|N|", *RIGHT[7:]]
    (found,) = dflow.check(d0010(body)).findings
    assert found.code == "format"
    assert (found.line, found.column, found.place.width) == (8, 8, 14)
    assert found.place.path == "026[2]/028[1]/030[1]"
    assert (found.place.jcode, found.place.item) == ("J0016", "Reading Date & Time")
    assert found.value == "20260231000000"
    assert found.expected == "DATETIME"
    assert found.remedy


def test_all_faults_are_told_not_the_first() -> None:
    body = [RIGHT[0][:-3] + "X", *RIGHT[1:3], "032|01|T||", "032|01|T|", "031|1|", "032|02|T|"]
    found = codes(d0010(body, trailer="ZPT|0000000002|9||9|20260302154650|"))
    for code in (
        "unclosed-record",
        "too-many-fields",
        "too-many-groups",
        "unknown-group",
        "file-id-differs",
        "group-count",
        "flow-count",
    ):
        assert code in found


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty-file"),
        (b"\x7fELF\0\0\1\2\n\0\0", "header-missing"),
        (b"|" * 1_000_000, "header-missing"),
        (d0010(trailer=""), "trailer-missing"),
        (d0010()[:200], "trailer-missing"),
        (d0010().replace(b"METER1", b"MET\0R1"), "control-character"),
        (d0010(header="ZHF" + HEADER[4:].replace("|", "")), "fixed-length"),
    ],
)
def test_what_is_no_flow_is_told_clearly(data: bytes, code: str) -> None:
    report = dflow.check(data)
    assert code in report.codes
    assert report.worst is Severity.ERROR
    assert len(report.findings) < 20


def test_a_cut_record_is_named() -> None:
    data = d0010()
    cut = data[: data.index(b"METER2") + 3]
    found = {finding.code: finding.line for finding in dflow.check(cut).findings}
    assert found["unclosed-record"] == 11
    assert found["too-few-fields"] == 11


def test_terminators_marks_and_blank_lines_are_tolerated() -> None:
    assert codes(d0010().replace(b"\n", b"\r\n")) == []
    assert codes(d0010()[:-1]) == ["no-last-terminator"]
    assert codes(b"\xef\xbb\xbf" + d0010()) == ["byte-order-mark"]
    assert codes(d0010() + b"\n\n") == ["blank-line-at-end"]
    assert codes(d0010([*RIGHT[:4], "", "", *RIGHT[4:]]).replace(b"|14|", b"|12|")) == [
        "blank-line"
    ]
    assert codes(d0010().replace(b"\n", b"\r\n", 3)) == ["mixed-terminators"]


def test_advice_is_told_once_for_each_group() -> None:
    body = [record for record in RIGHT if record.startswith("026")]
    report = dflow.check(d0010(body))
    assert report.codes == ("missing-group",)
    assert report.clean
    strict = dflow.check(d0010(body), profile={"missing-group": Severity.ERROR})
    assert strict.codes == ("missing-group",) * 3
    assert strict.worst is Severity.ERROR


def test_a_profile_is_weighed_by_partner() -> None:
    profile = dflow.Profile(partners={"UDMS": {"no-last-terminator": Severity.WARNING}})
    data = d0010()[:-1]
    assert not dflow.check(data, profile=profile).clean
    assert dflow.check(data.replace(b"UDMS", b"OLDM"), profile=profile).clean
    with pytest.raises(LookupMiss, match="missing-group"):
        dflow.check(data, profile={"missing-grup": Severity.ERROR})


def test_pool_files() -> None:
    good = b"ZHD|P0142001|X|EBES|Z|POOL|20110804141806\nSUB|H|X\n"
    total = pool_checksum(good.splitlines())
    assert codes(good + b"ZPT|3|%d\n" % total) == ["other-catalogue"]
    assert codes(good + b"ZPT|4|%d\n" % (total + 1)) == [
        "other-catalogue",
        "group-count",
        "checksum",
    ]


def test_the_samples_have_the_verdicts_their_index_gives() -> None:
    folder = shared_folder()
    if folder is None:
        pytest.skip("the samples are not beside this checkout")
    with (folder / "samples" / "index.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 17
    for row in rows:
        report = dflow.check(folder / "samples" / row["file"])
        wrong = (
            row["file"].startswith(("nonconforming/", "D0052_"))  # D0052: two fields too many
            or row["whole_or_excerpt"] == "excerpt"
        )
        assert report.clean is not wrong, (row["file"], report.codes)
        for found in report.at_least(Severity.WARNING):
            assert found.line > 0


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        dflow.check(tmp_path)


def test_a_sum_is_compared_whatever_stands_behind_the_trailer() -> None:
    """The report does not depend on the kind of source: bytes, a path or chunks."""
    trailer = "ZPT|0000000001|12|12345|3|20260302154650|"
    behind = b"ZPT|0000000001|12||3|20260302154650|\n"
    data = d0010(trailer=trailer) + behind
    report = dflow.check(data)
    assert "checksum" in report.codes
    assert report == dflow.check(iter([data]))
    assert report == dflow.check(data, fast=False)
