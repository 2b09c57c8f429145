"""The grammar: each flow compiles, the table refuses without a trace, twins are told apart."""

from __future__ import annotations

import time

import pytest

from dflow.catalogue import FlowDef, bundled
from dflow.grammar import Walk, compile_grammar, grammar_text


def test_the_text_is_one_small_rule_a_group() -> None:
    text = grammar_text(bundled()["D0010", "002"])
    assert "start: g_026" in text
    assert "g_028: R_028 (g_029 | g_030)*" in text
    assert "%declare R_026 R_027" in text


@pytest.mark.untraced
def test_every_flow_compiles_without_conflict_in_little_time() -> None:
    flows = [flow for flow in bundled() if flow.groups]
    began = time.process_time()
    for flow in flows:
        assert compile_grammar(flow).flow_def is flow
    assert time.process_time() - began < 5  # about 0.7 s; a generous bound for busy machines
    assert len(flows) > 200


def test_an_unknown_structure_has_no_grammar() -> None:
    known = bundled()["D0010", "002"]
    bare = FlowDef(flow="D0010", version="009", name="", provenance=known.provenance)
    with pytest.raises(ValueError, match="no known structure"):
        grammar_text(bare)


def test_the_same_definition_is_compiled_once() -> None:
    flow = bundled()["D0010", "002"]
    assert compile_grammar(flow) is compile_grammar(flow)


def test_a_walk_says_where_each_record_stands() -> None:
    walk = Walk(compile_grammar(bundled()["D0010", "002"]))
    paths = []
    for line, code in enumerate(["026", "028", "030", "032", "030", "028", "026"], 2):
        frame = walk.place(code, line)
        assert frame is not None
        paths.append(frame.path)
    assert paths == [
        "026[1]",
        "026[1]/028[1]",
        "026[1]/028[1]/030[1]",
        "026[1]/028[1]/030[1]/032[1]",
        "026[1]/028[1]/030[2]",
        "026[1]/028[2]",
        "026[2]",
    ]


def test_what_cannot_stand_leaves_no_trace() -> None:
    walk = Walk(compile_grammar(bundled()["D0010", "002"]))
    assert walk.place("028", 2) is None  # no 026 yet
    walk.place("026", 3)
    assert walk.place("032", 4) is None
    assert walk.place("999", 5) is None
    assert walk.expected() == ("027", "028", "026")
    frame = walk.place("028", 6)
    assert frame is not None
    assert frame.path == "026[1]/028[1]"


def test_every_refusal_is_immediate() -> None:
    """No record is refused after groups were closed for it: the table is exact."""
    for flow in bundled():
        if not flow.groups:
            continue
        grammar = compile_grammar(flow)
        walk = Walk(grammar)
        for group in flow.walk():
            walk.place(group.code, 1)
            before = [frame.path for frame in walk.open]
            expected = set(walk.expected())
            for code in flow.codes - expected:
                assert walk.place(code, 2) is None
                assert [frame.path for frame in walk.open] == before


def test_order_and_surplus_are_marked_not_refused() -> None:
    walk = Walk(compile_grammar(bundled()["D0010", "002"]))
    for code in ("026", "028"):
        walk.place(code, 1)
    late = walk.place("027", 2)
    assert late is not None
    assert late.late
    for code in ("028", "030", "032"):
        walk.place(code, 3)
    second = walk.place("032", 4)
    assert second is not None
    assert second.surplus
    assert second.index == 2


def test_twins_are_told_apart_by_catalogue_order() -> None:
    walk = Walk(compile_grammar(bundled()["D0030", "001"]))
    places = []
    for code in ("ZPD", "RDT", "HDR", "SUP", "DIS", "SUP", "DIS", "HD2", "SU2", "SUP", "CCC"):
        frame = walk.place(code, 1)
        assert frame is not None
        assert frame.definition is not None
        places.append((frame.definition.seq, frame.path.rsplit("/", 1)[-1]))
    assert [seq for seq, _ in places] == [1, 2, 3, 4, 5, 10, 11, 16, 17, 20, 21]
    assert [path for seq, path in places if seq in (4, 10, 20)] == ["SUP[1]", "SUP[2]", "SUP[3]"]
