"""JSON Schemas of flow versions: lines of clean files fit, faults do not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from dflow.catalogue import FlowDef, bundled
from dflow.convert import json_lines
from dflow.testing.strategies import flow_bytes
from dflow.typed.schema import flow_schema

jsonschema = pytest.importorskip("jsonschema")

HEAD = b"ZHV|0000000001|D0010002|D|UDMS|X|AAAA|20160301000000||||OPER|\n"
BODY = b"026|1200000000011|V|\n028|K1|C|\n030|01|20160222000000|56311.0|||T|N|\n032|01|T|\n"


def validator(definition: FlowDef) -> Any:
    schema = flow_schema(definition)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.untraced
@pytest.mark.parametrize(
    "definition", [flow for flow in bundled() if flow.structured][::18], ids=str
)
def test_lines_of_valid_files_fit(definition: FlowDef) -> None:
    valid = validator(definition)

    @settings(max_examples=2)
    @given(flow_bytes(definition, most=8))
    def law(data: bytes) -> None:
        for line in json_lines(data):
            assert valid.is_valid(json.loads(line))

    law()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"|V|", b"|?|"),
        (b"|01|2016", b"|011|2016"),
        (b"|01|2016", b"||2016"),
        (b"20160222", b"20161322"),
        (b"56311.0", b"5631100000.0"),
        (b"|T|N|", b"|X|N|"),
        (b"032|01|T|\n", b"032|01|T|\n032|01|T|\n"),
        (b"032|01|T|\n", b"032|01|T|extra|\n"),
        (b"028|K1|C|\n", b"028|K1|C|\nXXX|1|\n"),
        (b"028|K1|C|\n", b"028|K1|C|\n032|01|T|\n"),
    ],
)
def test_faults_do_not_fit(right: bytes, wrong: bytes) -> None:
    valid = validator(bundled()["D0010", "002"])
    (line,) = json_lines(HEAD + BODY)
    assert valid.is_valid(json.loads(line))
    spoilt = BODY.replace(right, wrong, 1)
    assert spoilt != BODY
    (line,) = json_lines(HEAD + spoilt)
    assert not valid.is_valid(json.loads(line))


def test_every_structured_flow_has_a_schema_and_others_none() -> None:
    for definition in bundled():
        if definition.structured:
            assert flow_schema(definition)["$defs"]
        else:
            with pytest.raises(ValueError, match="structure"):
                flow_schema(definition)
