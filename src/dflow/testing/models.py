"""Strategies for typed models: objects of `dflow.flows` whose values are valid.

In: a generated module, or a model of one.  Out: strategies whose examples are what the
reader would give for a valid file.  This module makes no values: a file is made of the
group alone and what lies below it, and read.

`st.from_type` and `st.builds` know the same, without a call (`dflow.testing.entry`).
"""

from __future__ import annotations

from typing import Any, TypeVar

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dflow.catalogue import Catalogue, FlowDef, bundled, parse_range
from dflow.errors import LookupMiss
from dflow.flow import Flow
from dflow.testing.strategies import flows
from dflow.typed import FlowModule, FlowShape, GroupShape, from_group

__all__ = ["models", "models_of"]

M = TypeVar("M")
N = TypeVar("N")

#: At most so many records a model are chosen, unless asked otherwise; more may be owed.
_MOST = 8


def models(
    flow: FlowModule[M] | FlowShape[M], *, most: int = _MOST, catalogue: Catalogue | None = None
) -> SearchStrategy[M]:
    """Level-1 models of a flow, with valid values in them and in all below them.

    `models(d0010_002)` gives what `d0010_002.read` gives, one at a time.

    Args:
        flow: a generated module, or its ``FLOW``.
        most: at most so many records a model, beyond those that the catalogue demands.
        catalogue: where the flow's conditions are looked up; the bundled one if left out.

    Raises:
        StructureError: if an item can have no value.
    """
    shape = flow if isinstance(flow, FlowShape) else flow.FLOW
    return st.one_of([_one(shape, root, most, catalogue) for root in shape.roots])


def models_of(
    model: type[N],
    flow: FlowModule[Any] | FlowShape[Any],
    *,
    most: int = _MOST,
    catalogue: Catalogue | None = None,
) -> SearchStrategy[N]:
    """Models of one group of a flow, on any level; the other arguments are those of `models`.

    `models_of(d0010_002.RegisterReadings, d0010_002)` gives objects of that class.

    Raises:
        LookupMiss: if the class is not one of the flow's.
        StructureError: if an item can have no value.
    """
    shape = flow if isinstance(flow, FlowShape) else flow.FLOW
    for group in shape.shapes.values():
        if group.model is model:
            return _one(shape, group, most, catalogue)
    known = ", ".join(group.model.__name__ for group in shape.shapes.values())
    raise LookupMiss(f"{model.__name__} is no model of {shape}; known: {known}")


def _one(
    flow: FlowShape[Any], shape: GroupShape[N], most: int, catalogue: Catalogue | None
) -> SearchStrategy[N]:
    part = _part(flow, shape, catalogue or bundled())

    def seen(tree: Flow) -> N:
        return from_group(shape, tree.groups[0])

    return flows(part, most=most, catalogue=catalogue).map(seen)


def _part(flow: FlowShape[Any], shape: GroupShape[Any], catalogue: Catalogue) -> FlowDef:
    """A flow of this group alone, once, under the conditions that are documented below it."""
    known = catalogue.get(flow.flow, flow.version)
    same = (
        [one for one in known.walk() if (one.seq, one.code) == (shape.seq, shape.code)]
        if known
        else []
    )
    whole = known if known is not None and same else flow.definition
    group = same[0] if same else shape.definition
    return evolve(
        whole,
        groups=(evolve(group, range=parse_range("1")),),
        conditions=tuple(one for one in whole.conditions if one.jcode or one.group != group.code),
    )
