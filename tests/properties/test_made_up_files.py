"""Laws of made-up files: the strategies and the readers say the same of every flow version."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dflow.catalogue import bundled
from dflow.findings import KINDS, Severity
from dflow.parse import read
from dflow.testing.draft import draft_of
from dflow.testing.faults import FAULTS
from dflow.testing.faulty import Faulty
from dflow.testing.strategies import flow_bytes
from dflow.validate import check

KEYS = [flow.key for flow in bundled() if flow.structured]
FEW = settings(
    max_examples=2,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
MANY = settings(FEW, max_examples=100)


class TestSoundFiles:
    """Made-up files of every flow version with a known structure pass `check` without a warning.

    Not even advice is given, and the tree takes every record without a stray.
    """

    @pytest.mark.untraced
    @pytest.mark.parametrize("key", KEYS, ids="/".join)
    @given(data=st.data())
    @FEW
    def test_a_few(self, key: tuple[str, str], data: st.DataObject) -> None:
        sound(data.draw(flow_bytes(*key)))

    @pytest.mark.untraced
    @pytest.mark.slow
    @pytest.mark.parametrize("key", KEYS, ids="/".join)
    @given(data=st.data())
    @MANY
    def test_a_hundred(self, key: tuple[str, str], data: st.DataObject) -> None:
        sound(data.draw(flow_bytes(*key)))


def sound(data: bytes) -> None:
    report = check(data)
    assert report.clean, report.findings
    assert report.codes == ()
    flow = read(data)
    assert flow.strays == ()
    assert bytes(flow) == data


CODES = sorted(KINDS)


@st.composite
def with_a_fault(draw: st.DrawFn, key: tuple[str, str]) -> Faulty:
    """A file with any fault of the whole table that it has a place for."""
    draft = draft_of(read(draw(flow_bytes(*key))), bundled())
    start = draw(st.integers(0, len(CODES) - 1))
    for fault in (*CODES[start:], *CODES[:start]):
        if ways := list(FAULTS[fault](draft)):
            way = ways[draw(st.integers(0, 0xFFFF)) % len(ways)]
            return Faulty(data=way.make(), fault=fault, line=way.line, column=way.column)
    raise AssertionError("every file has a place for a wrong count")


class TestSpoiledFiles:
    """A file with one named fault is found to have it, where it was put, and no other error."""

    @pytest.mark.untraced
    @pytest.mark.parametrize("key", KEYS, ids="/".join)
    @given(data=st.data())
    @FEW
    def test_a_few(self, key: tuple[str, str], data: st.DataObject) -> None:
        spoiled(data.draw(with_a_fault(key)))

    @pytest.mark.untraced
    @pytest.mark.slow
    @pytest.mark.parametrize("key", KEYS, ids="/".join)
    @given(data=st.data())
    @MANY
    def test_a_hundred(self, key: tuple[str, str], data: st.DataObject) -> None:
        spoiled(data.draw(with_a_fault(key)))


def spoiled(one: Faulty) -> None:
    found = check(one.data).findings
    others = [each for each in found if each.code != one.fault]
    assert not [each for each in others if each.severity >= Severity.WARNING], others
    places = [(each.place.line, each.place.column) for each in found if each.code == one.fault]
    assert places == [(one.line, one.column)], one.fault
    assert bytes(read(one.data)) == one.data
