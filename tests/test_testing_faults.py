"""Faults by name: each is found where it was put, and nothing else is found."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from dflow.catalogue import FlowDef, bundled
from dflow.catalogue.condition_text import parse_condition
from dflow.errors import LookupMiss, StructureError
from dflow.findings import KINDS, Finding, Severity
from dflow.parse import read
from dflow.testing.draft import draft_of
from dflow.testing.faults import FAULTS
from dflow.testing.faulty import Faulty
from dflow.testing.strategies import any_bytes_like, faulty, flow_bytes, flows
from dflow.validate import check
from test_testing_strategies import private_flow

#: A flow version with room for each fault; D0150 has all the usual things.
ROOM = {
    "flow-count-unsure": ("D0019", "001"),
    "blank-expected": ("D0089", "002"),
    "condition": ("D0304", "001"),
    "misplaced-group": ("D0010", "002"),
    "role-pair": ("D0008", "001"),
}
BUSY = settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def faults_of(found: tuple[Finding, ...], one: Faulty) -> list[str]:
    """What is reported besides the fault; and the fault, if it is not where it should be."""
    wrong = [
        str(other)
        for other in found
        if other.code != one.fault and other.severity >= Severity.WARNING
    ]
    hits = [hit for hit in found if hit.code == one.fault and is_at(hit, one)]
    if len(hits) != 1:
        wrong.append(f"{one.fault} at {one.line}:{one.column} {len(hits)} times")
    return wrong


def is_at(found: Finding, one: Faulty) -> bool:
    return (found.place.line, found.place.column) == (one.line, one.column)


def test_every_kind_of_finding_has_a_fault_maker() -> None:
    assert set(FAULTS) == set(KINDS)


@pytest.mark.untraced
@pytest.mark.parametrize("fault", sorted(KINDS))
@given(data=st.data())
@BUSY
def test_a_fault_is_found_where_it_was_put_and_nothing_else(
    fault: str, data: st.DataObject
) -> None:
    files = flow_bytes(*ROOM.get(fault, ("D0150", "002")), fewest=3)
    one = data.draw(faulty(files, fault))
    assert one.fault == fault
    assert faults_of(check(one.data).findings, one) == []


def test_a_fault_shrinks_to_a_small_file() -> None:
    one = find(faulty(flow_bytes("D0010", "002"), "mpan-check-digit"), lambda _: True)
    assert one.data == (
        b"ZHV|0000000000|D0010002|" + one.data[24:37] + b"|20200101000000|||||\n"
        b"026|1000000000004|F|\n028|E00Z000000|A|\nZPT|0000000000|2||1|20200101000000|\n"
    )
    assert (one.line, one.column) == (2, 5)


def test_faults_take_trees_as_well_as_bytes() -> None:
    one = find(faulty(flows("D0150", "002"), "group-count"), lambda _: True)
    assert [found.code for found in check(one.data).findings] == ["group-count"]


def test_a_fault_must_be_known() -> None:
    with pytest.raises(LookupMiss, match="no fault 'grup-count'; near: group-count"):
        faulty(flow_bytes("D0010", "002"), "grup-count")


def test_a_fault_that_a_flow_has_no_place_for_is_refused() -> None:
    """D0010 has no item that is always blank."""
    with pytest.raises(StructureError, match="no file of D0010 v002 has a place for the fault"):
        find(faulty(flow_bytes("D0010", "002"), "blank-expected"), lambda _: True)


def test_a_flow_of_your_own_needs_its_catalogue() -> None:
    with pytest.raises(StructureError, match=r"does not hold Q0001.*faulty"):
        find(faulty(flow_bytes(private_flow()), "group-count"), lambda _: True)


def test_only_whole_files_can_be_spoiled() -> None:
    for data in (b"", b"junk", b"ZHV|1|D0091002|X|UDMS|M|OLDM|20200101000000|||||\nZPT|1|0||0||\n"):
        with pytest.raises(StructureError, match="only into a whole file"):
            draft_of(read(data), bundled())
    stray = (
        b"ZHV|1|D0010002|D|UDMS|X|OLDS|20200101000000|||||\n030|x|\nZPT|1|1||0|20200101000000|\n"
    )
    with pytest.raises(StructureError, match="1 faults of structure already"):
        draft_of(read(stray), bundled())


def conditioned(rule: str) -> FlowDef:
    return evolve(private_flow(), conditions=(parse_condition(rule),))


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        ('group 9B required when J9001 = "A"', b"9A|A|||\n9B|\n", b"9A|A|||\nZPT"),
        ('group 9B absent when J9001 = "A"', b"9A|A|||\nZPT", b"9A|A|||\n9B|\n"),
        ('item J9002 of 9A required when J9001 = "A"', b"9A|A|A||\n", b"9A|A|||\n"),
        ('item J9002 of 9A absent when J9001 = "A"', b"9A|A|||\n", b"9A|A|A||\n"),
    ],
)
def test_a_broken_condition_is_one_that_held(rule: str, before: bytes, after: bytes) -> None:
    flow = conditioned(rule)
    known = bundled().holding(flow)
    sound = find(flow_bytes(flow, catalogue=known), lambda data: before in data)
    one = find(faulty(st.just(sound), "condition", catalogue=known), lambda one: after in one.data)
    assert before in sound
    assert one.line in (2, 3)


@given(data=any_bytes_like(flow_bytes("D0010", "002")))
def test_mangled_files_are_bytes_and_never_too_many(data: bytes) -> None:
    assert len(data) <= 1 << 16
    check(data)  # whatever they are, they are checked and not raised about


def test_mangled_files_may_stay_whole() -> None:
    files = any_bytes_like(flow_bytes("D0010", "002"))
    assert find(files.map(lambda data: check(data).clean), bool)
