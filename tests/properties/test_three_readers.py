"""The expression, the grammar and the typed reader say the same of made-up files.

Sound files: the expression accepts the body, the tree has no stray, the typed reader
gives a model for every level-1 group.  Spoiled files: the expression refuses the body
exactly when `check` finds a warning or worse in it (check digits and conditions apart,
which stand beside it), and the typed reader keeps a group back exactly when `check` finds
an error that no model can hold.
"""

from __future__ import annotations

import importlib
from typing import cast

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dflow import typed
from dflow.catalogue import FlowDef, bundled
from dflow.findings import KINDS, Finding, Severity
from dflow.identifiers import MPAN_ITEMS
from dflow.parse import read
from dflow.recognise import expression
from dflow.testing.draft import draft_of
from dflow.testing.faults import FAULTS
from dflow.testing.faulty import Faulty
from dflow.testing.strategies import flow_bytes
from dflow.typed import FlowModule
from dflow.validate import check

KEYS = [flow.key for flow in bundled() if flow.structured]
LAYERS = ("structure", "values", "identifiers")
BODY = sorted(code for code in FAULTS if KINDS[code].layer in LAYERS)
FEW = settings(
    max_examples=1,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
MANY = settings(FEW, max_examples=100)


def module_of(flow: FlowDef) -> FlowModule[object]:
    found = importlib.import_module(f"dflow.flows.{flow.flow.lower()}_{flow.version}")
    return cast("FlowModule[object]", found)


def body_of(data: bytes) -> bytes:
    return data[data.index(b"\n") + 1 : data.rindex(b"\nZPT|") + 1]


def typed_outcome(data: bytes, flow: FlowDef) -> tuple[int, int]:
    """How many models the typed reader gives, and how many groups it keeps back."""
    kept: list[typed.Faulty] = []
    models = list(typed.read(data, module_of(flow), faulty=kept.append))
    return len(models), len(kept)


def all_accept(key: tuple[str, str], data: bytes) -> None:
    flow, tree = bundled()[key], read(data)
    assert expression(flow).fullmatch(body_of(data))
    assert tree.strays == ()
    assert typed_outcome(data, flow) == (len(tree.groups), 0)


def no_model_holds(found: Finding, data: bytes) -> bool:
    """Whether a group with this fault cannot be a model.

    One with too many groups can; and one with a number that is no MPAN, if it has the
    format of its item: what a model holds is a value of that format.
    """
    if found.severity is not Severity.ERROR or found.code == "too-many-groups":
        return False
    if found.place.jcode in MPAN_ITEMS and found.code != "missing-value":
        record = data.split(b"\n")[found.place.line - 1].removesuffix(b"\r")
        start = found.place.column - 1
        value = record[start : start + found.place.width].decode("latin-1")
        return not bundled().item(found.place.jcode).format.admits(value)
    return KINDS[found.code].layer in ("bytes", "structure", "values")


def all_agree(key: tuple[str, str], one: Faulty) -> None:
    flow, report = bundled()[key], check(one.data)
    last = one.data.count(b"\n")
    inside = [found for found in report.findings if 1 < found.place.line < last]
    weighty = [found for found in inside if found.severity >= Severity.WARNING]
    refused = expression(flow).fullmatch(body_of(one.data)) is None
    assert refused == any(found.code != "mpan-check-digit" for found in weighty), report.findings
    kept = typed_outcome(one.data, flow)[1]
    held_back = any(no_model_holds(found, one.data) for found in inside)
    assert bool(kept) == held_back, report.findings
    if any(found.code in ("unknown-group", "misplaced-group") for found in inside):
        assert read(one.data).strays


@st.composite
def spoiled(draw: st.DrawFn, key: tuple[str, str]) -> Faulty | None:
    """A file with one fault that it has a place for; None if it has a place for none."""
    draft = draft_of(read(draw(flow_bytes(*key))), bundled())
    start = draw(st.integers(0, len(BODY) - 1))
    for fault in (*BODY[start:], *BODY[:start]):
        ways = list(FAULTS[fault](draft))
        if ways:
            way = ways[draw(st.integers(0, 0xFFFF)) % len(ways)]
            return Faulty(data=way.make(), fault=fault, line=way.line, column=way.column)
    return None


@pytest.mark.untraced
@pytest.mark.parametrize("key", KEYS, ids="/".join)
@given(data=st.data())
@FEW
def test_one_of_each(key: tuple[str, str], data: st.DataObject) -> None:
    all_accept(key, data.draw(flow_bytes(*key)))
    one = data.draw(spoiled(key))
    if one is not None:
        all_agree(key, one)


@pytest.mark.untraced
@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS, ids="/".join)
@given(data=st.data())
@MANY
def test_a_hundred_sound_files(key: tuple[str, str], data: st.DataObject) -> None:
    all_accept(key, data.draw(flow_bytes(*key)))


@pytest.mark.untraced
@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS, ids="/".join)
@given(data=st.data())
@MANY
def test_a_hundred_spoiled_files(key: tuple[str, str], data: st.DataObject) -> None:
    one = data.draw(spoiled(key))
    if one is not None:
        all_agree(key, one)
