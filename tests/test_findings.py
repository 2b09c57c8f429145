"""Findings: one table, values with places, and reports in order of place."""

from __future__ import annotations

import itertools
import json
import re
from typing import get_args

import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from dflow.findings import (
    KINDS,
    Finding,
    Layer,
    Place,
    Report,
    Severity,
    finding,
    finding_at,
    summary,
    value_place,
)
from dflow.findings import table as table_module

_KIND = st.sampled_from(sorted(KINDS))
_PLACES = st.builds(
    Place, line=st.integers(min_value=0, max_value=9), column=st.integers(min_value=0, max_value=9)
)
_FINDINGS = st.builds(finding, _KIND, _PLACES, st.text(max_size=5))


def test_no_kind_stands_twice_in_the_table() -> None:
    assert len(table_module._ROWS) == len(KINDS)


@pytest.mark.parametrize("code", sorted(KINDS))
def test_a_kind_is_whole(code: str) -> None:
    kind = KINDS[code]
    assert kind.code == code
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", code)
    assert kind.layer in get_args(Layer)
    assert kind.meaning.endswith(".")
    assert kind.remedy.endswith(".")


def test_the_table_is_in_the_order_of_its_layers() -> None:
    layers = [kind.layer for kind in KINDS.values()]
    assert [layer for layer, _ in itertools.groupby(layers)] == [
        layer for layer in get_args(Layer) if layer in layers
    ]


def test_a_finding_takes_severity_and_remedy_from_its_kind() -> None:
    found = finding("group-count", Place(line=5, column=16), "4 is not 3.", expected="3")
    assert found.severity is KINDS["group-count"].severity
    assert found.remedy == KINDS["group-count"].remedy
    assert (found.line, found.column) == (5, 16)
    own = finding("group-count", Place(), "4 is not 3.", remedy="Count again.")
    assert own.remedy == "Count again."
    with pytest.raises(KeyError):
        finding("no-such-kind", Place(), "?")


def test_a_finding_is_frozen_and_can_change_its_severity() -> None:
    found = finding("group-count", Place(), "4 is not 3.")
    with pytest.raises(FrozenInstanceError):
        found.message = "other"  # type: ignore[misc]  # that it is refused is the point
    softer = found.with_severity(Severity.ADVICE)
    assert softer.severity is Severity.ADVICE
    assert softer.with_severity(found.severity) == found


def test_severities_compare_in_their_order() -> None:
    order = [Severity.INFO, Severity.ADVICE, Severity.WARNING, Severity.ERROR]
    assert [severity.rank for severity in order] == [0, 1, 2, 3]
    for left, right in itertools.product(order, repeat=2):
        a, b = order.index(left), order.index(right)
        assert (left < right, left <= right, left > right, left >= right) == (
            a < b,
            a <= b,
            a > b,
            a >= b,
        )


def test_the_json_of_a_finding() -> None:
    found = Finding(
        code="format",
        severity=Severity.ERROR,
        place=Place(
            line=4, column=23, width=4, path="026[1]/028[1]/030[1]", jcode="J0040", item="Reading"
        ),
        message="The value is no number.",
        value="78,4",
        expected="NUM(9,1)",
        remedy="Write it with a point.",
    )
    assert json.loads(json.dumps(found.as_json())) == {
        "code": "format",
        "severity": "error",
        "line": 4,
        "column": 23,
        "path": "026[1]/028[1]/030[1]",
        "jcode": "J0040",
        "item": "Reading",
        "value": "78,4",
        "expected": "NUM(9,1)",
        "message": "The value is no number.",
        "remedy": "Write it with a point.",
    }


@given(st.lists(_FINDINGS))
def test_a_report_keeps_every_finding_in_order_of_place(found: list[Finding]) -> None:
    report = Report(source="a.usr", findings=found)
    places = [(one.line, one.column) for one in report.findings]
    assert places == sorted(places)
    for place in set(places):  # stable: findings at one place stay in the order reported
        at = [one for one in found if (one.line, one.column) == place]
        assert [one for one in report.findings if (one.line, one.column) == place] == at
    assert report.codes == tuple(one.code for one in report.findings)
    assert len(report.findings) == len(found)


@given(st.lists(_FINDINGS))
def test_clean_and_worst(found: list[Finding]) -> None:
    report = Report(findings=found)
    ranks = [one.severity.rank for one in found]
    assert report.worst is (max((one.severity for one in found), default=None))
    assert report.clean is (max(ranks, default=0) < Severity.WARNING.rank)
    for severity in Severity:
        at_least = report.at_least(severity)
        assert len(at_least) == sum(rank >= severity.rank for rank in ranks)


@given(st.lists(st.lists(_FINDINGS, max_size=3), max_size=3))
def test_the_summary_counts_what_the_reports_hold(files: list[list[Finding]]) -> None:
    reports = [Report(findings=found) for found in files]
    counted = summary(reports)
    assert list(counted) == ["files", "clean", "error", "warning", "advice", "info"]
    assert counted["files"] == len(files)
    assert counted["clean"] == sum(report.clean for report in reports)
    for severity in Severity:
        every = [one for found in files for one in found if one.severity is severity]
        assert counted[severity.value] == len(every)


def test_the_json_of_a_report() -> None:
    found = finding("empty-file", Place(), "The file holds no bytes.")
    report = Report(source="a.usr", flow="D0010", version="002", findings=[found])
    assert report.as_json() == {
        "file": "a.usr",
        "flow": "D0010",
        "version": "002",
        "findings": [found.as_json()],
    }


def test_a_finding_made_in_a_hurry_is_like_any_other() -> None:
    place = value_place(line=3, column=8, width=2, path="026[1]", jcode="J0003", item="MPAN Core")
    usual = Place(line=3, column=8, width=2, path="026[1]", jcode="J0003", item="MPAN Core")
    assert (place, hash(place), repr(place)) == (usual, hash(usual), repr(usual))
    assert value_place(line=3, column=8, path="") == Place(line=3, column=8)
    made = finding_at(
        place, "format", Severity.ERROR, message="m", value="v", expected="e", remedy="r"
    )
    also = Finding(
        code="format",
        severity=Severity.ERROR,
        place=usual,
        message="m",
        value="v",
        expected="e",
        remedy="r",
    )
    assert (made, hash(made), repr(made)) == (also, hash(also), repr(also))
    assert made.with_severity(Severity.INFO) == also.with_severity(Severity.INFO)
    with pytest.raises(FrozenInstanceError):
        made.code = "other"  # type: ignore[misc]  # that it cannot be set is what is tested
