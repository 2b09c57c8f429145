"""Typed models made up: valid values, for every class of every flow."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

import dflow.flows
from dflow import typed
from dflow.errors import LookupMiss
from dflow.flows import d0010_002, d0030_001, d0150_002
from dflow.identifiers import is_mpan
from dflow.testing.models import models, models_of

_FEW = settings(
    max_examples=3,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
_MODULES = sorted(path.stem for path in Path(dflow.flows.__path__[0]).glob("d*_*.py"))


@given(point=models(d0010_002))
def test_level_one_is_what_the_reader_gives(point: d0010_002.MpanCores) -> None:
    assert isinstance(point, d0010_002.MpanCores)
    assert is_mpan(point.mpan_core)
    assert point.meter_reading_types  # owed by the catalogue
    assert d0010_002.MpanCores.from_group(point.to_group()) == point


@given(reading=models_of(d0010_002.RegisterReadings, d0010_002))
def test_a_group_below_is_made_alone(reading: d0010_002.RegisterReadings) -> None:
    assert reading.register_reading >= 0
    assert d0010_002.RegisterReadings.from_group(reading.to_group()) == reading


def test_models_shrink() -> None:
    found = find(models(d0010_002), lambda one: len(one.meter_reading_types) == 2)
    assert [len(one.register_readings) for one in found.meter_reading_types] == [0, 0]
    assert found.site_visit_information == ()


def test_from_type_knows_every_model() -> None:
    found = find(st.from_type(d0010_002.MpanCores), lambda _: True)
    assert is_mpan(found.mpan_core)
    pair = st.tuples(st.from_type(d0010_002.Root), st.from_type(d0150_002.Root))
    point, details = find(pair, lambda _: True)
    assert isinstance(point, d0010_002.MpanCores)
    assert typed.to_group(details).values


@pytest.mark.parametrize("first", ["hypothesis", "dflow.flows.d0089_002"])
def test_from_type_needs_no_call_whichever_is_imported_first(first: str) -> None:
    program = f"""
import {first}
from hypothesis import find, settings, strategies as st
from dflow.flows import d0089_002
for shape in d0089_002.FLOW.shapes.values():
    found = find(st.from_type(shape.model), lambda _: True, settings=settings(database=None))
    assert shape.model.from_group(found.to_group()) == found
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_class_of_another_flow_is_refused() -> None:
    with pytest.raises(LookupMiss, match="RegisterReadings is no model of D0030 v001; known: "):
        models_of(d0010_002.RegisterReadings, d0030_001)


def _every_class_is_made(name: str) -> None:
    module = importlib.import_module(f"dflow.flows.{name}")
    for shape in module.FLOW.shapes.values():
        _class_is_made(models_of(shape.model, module), shape)


def _class_is_made(
    strategy: st.SearchStrategy[typed.Model], shape: typed.GroupShape[typed.Model]
) -> None:
    @given(one=strategy)
    @_FEW
    def holds(one: typed.Model) -> None:
        assert type(one) is shape.model
        assert typed.from_group(shape, typed.to_group(one)) == one

    holds()


@pytest.mark.untraced
@pytest.mark.parametrize("name", _MODULES[::40])
def test_every_class_is_made(name: str) -> None:
    _every_class_is_made(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", _MODULES)
def test_every_class_of_every_flow_is_made(name: str) -> None:
    _every_class_is_made(name)
