"""Laws of made-up files: the strategies and the readers say the same of every flow version."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dflow.catalogue import bundled
from dflow.findings import KINDS, Severity
from dflow.parse import read
from dflow.testing.faulty import Faulty
from dflow.testing.strategies import faulty, flow_bytes
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


#: Faults that every flow version has a place for, and that no warning of another rule joins.
EVERYWHERE = sorted(
    set(KINDS)
    - {"blank-expected", "condition", "envelope-only", "flow-count", "flow-count-unsure", "format"}
    - {"group-order", "leading-zero", "misplaced-group", "missing-group", "mpan-check-digit"}
    - {"non-ascii", "not-in-code-list", "other-catalogue", "overlong-record", "role-pair"}
    - {"too-many-groups", "unclosed-record", "unknown-distributor"}
)


class TestSpoiledFiles:
    """A file with one named fault is found to have it, where it was put, and no other error."""

    @pytest.mark.untraced
    @pytest.mark.parametrize("key", KEYS, ids="/".join)
    @given(data=st.data())
    @FEW
    def test_a_few(self, key: tuple[str, str], data: st.DataObject) -> None:
        fault = data.draw(st.sampled_from(EVERYWHERE))
        spoiled(data.draw(faulty(flow_bytes(*key), fault)))

    @pytest.mark.untraced
    @pytest.mark.slow
    @pytest.mark.parametrize("key", KEYS, ids="/".join)
    @given(data=st.data())
    @MANY
    def test_a_hundred(self, key: tuple[str, str], data: st.DataObject) -> None:
        fault = data.draw(st.sampled_from(EVERYWHERE))
        spoiled(data.draw(faulty(flow_bytes(*key), fault)))


def spoiled(one: Faulty) -> None:
    found = check(one.data).findings
    others = [each for each in found if each.code != one.fault]
    assert not [each for each in others if each.severity >= Severity.WARNING], others
    places = [(each.place.line, each.place.column) for each in found if each.code == one.fault]
    assert places in ([(one.line, one.column)], [(one.line, places[0][1])])
    assert bytes(read(one.data)) == one.data
