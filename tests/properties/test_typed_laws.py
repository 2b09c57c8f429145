"""Laws of typed models, over every flow version."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dflow
from dflow.catalogue import bundled
from dflow.testing.strategies import flow_bytes
from dflow.typed import Faulty, FlowShape, GroupShape, decode, read, to_group
from dflow.typed.fast import fast_path
from dflow.typed.names import module_name

FLOWS = [definition for definition in bundled() if definition.structured]


def shape_of(flow: str, version: str) -> FlowShape[Any]:
    name = module_name(bundled()[flow, version])
    shape = importlib.import_module(f"dflow.flows.{name}").FLOW
    assert isinstance(shape, FlowShape)
    return shape


def seen_through_the_tree(data: bytes, shape: FlowShape[Any]) -> list[object]:
    """What the slow way makes of a file: models, and the records of what has none."""
    outcomes: list[object] = []
    flow = dflow.read(data)
    for group in (*flow.groups, *flow.after):
        if group.definition is None:
            if group.record.raw:
                outcomes.append(tuple(one.record for one in group.walk()))
            continue
        model = decode(shape.shapes[group.definition.seq], group)
        if isinstance(model, Faulty):
            outcomes.append(tuple(one.record for one in group.walk()))
        else:
            outcomes.append(model)
    return outcomes


def streamed(data: bytes, shape: FlowShape[Any], size: int = 1 << 20) -> list[object]:
    """What the reader makes of a file, in chunks of some size."""
    outcomes: list[object] = []

    def keep(faulty: Faulty) -> None:
        assert faulty.findings
        outcomes.append(tuple(one.record for one in faulty.group.walk()))

    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    for model in read(iter(chunks), shape, faulty=keep):
        outcomes.append(model)  # noqa: PERF402  the faulty ones come between
    return outcomes


@pytest.mark.untraced
@pytest.mark.parametrize("definition", FLOWS, ids=str)
def test_a_valid_file_decodes_whole_and_comes_back(definition: Any) -> None:
    """Typed, then groups, then typed again is the same; and the tree gives the same models."""
    shape = shape_of(*definition.key)

    @settings(max_examples=2)
    @given(flow_bytes(definition, most=12))
    def law(data: bytes) -> None:
        found = list(read(data, shape))
        assert found == seen_through_the_tree(data, shape)
        assert len(found) == len(dflow.read(data).groups)
        for model in found:
            assert decode(model.__dflow_shape__, to_group(model)) == model
            assert model == _constructed(model)
        head, _, rest = data.partition(b"\n")
        body = [one.record for model in found for one in to_group(model).walk()]
        tail = rest[rest.rindex(b"ZPT|") :]
        again = b"\n".join([head, *(record.raw for record in body), tail])
        assert list(read(again, shape)) == found

    law()


def _constructed(model: Any) -> Any:
    """The same object, made by its constructor: the decoder fills slots behind its back."""
    shape: GroupShape[Any] = model.__dflow_shape__
    values = {
        item.attribute: getattr(model, item.attribute) for item in shape.items if item.attribute
    }
    for child in shape.children:
        values[child.attribute] = tuple(
            _constructed(one) for one in getattr(model, child.attribute)
        )
    return shape.model(**values)


SPOILT = [("D0010", "002"), ("D0149", "001"), ("D0209", "001"), ("D0030", "001"), ("D0401", "001")]


@pytest.mark.parametrize(("flow", "version"), SPOILT)
def test_a_damaged_file_gives_the_same_by_both_ways(flow: str, version: str) -> None:
    """Lines dropped, doubled, swapped, changed; chunks of any size: one answer, nothing lost."""
    shape = shape_of(flow, version)

    @settings(max_examples=25)
    @given(flow_bytes(flow, version, fewest=3), st.data())
    def law(data: bytes, choose: st.DataObject) -> None:
        header, *lines = data.splitlines(keepends=True)
        for _ in range(choose.draw(st.integers(0, 3), label="damages")):
            at = choose.draw(st.integers(0, len(lines) - 1), label="line")
            lines[at : at + 1] = choose.draw(
                st.sampled_from(
                    [
                        [],
                        [lines[at], lines[at]],
                        [b"XXX|1|\n"],
                        [b"\n"],
                        [b"\r\n"],
                        [lines[at].replace(b"|", b"||", 1)],
                        [lines[at].replace(b"|\n", b"\n").replace(b"|\r\n", b"\r\n")],
                        [lines[at][:5] + b"\xff" + lines[at][5:]],
                    ]
                ),
                label="instead",
            )
            lines = lines or [b"ZPT|\n"]
        spoilt = header + b"".join(lines)
        size = choose.draw(st.integers(1, 200), label="chunk")
        assert streamed(spoilt, shape, size) == seen_through_the_tree(spoilt, shape)

    law()


def test_the_fast_way_is_open_to_all_but_two_flows() -> None:
    slow = [str(flow) for flow in FLOWS if fast_path(shape_of(*flow.key)) is None]
    assert slow == ["D0030 v001", "D0209 v001"]
