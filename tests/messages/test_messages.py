"""The table of findings: each example is found, its page is fresh, nothing is unsaid."""

from __future__ import annotations

import pytest

import dflow
from dflow.findings import KINDS, Severity
from messages.page import PAGE, page, said


@pytest.mark.parametrize("code", sorted(KINDS))
def test_each_example_holds_its_finding_and_no_heavier_one(code: str) -> None:
    kind = KINDS[code]
    report = dflow.check(kind.example.encode("latin-1"))
    assert code in report.codes
    assert {found.code for found in report.at_least(Severity.WARNING)} <= {code}


@pytest.mark.parametrize("code", sorted(KINDS))
def test_each_finding_is_complete(code: str) -> None:
    kind = KINDS[code]
    for found in said(kind):
        assert found.severity is kind.severity
        assert found.message.endswith(".")
        assert found.remedy
        assert found.line > 0 or code in ("empty-file", "missing-group")
        if kind.layer in ("values", "identifiers"):
            assert found.place.jcode
            assert found.place.item
            assert found.place.path
            assert found.column > 0


def test_both_ways_say_the_same_of_the_examples() -> None:
    for kind in KINDS.values():
        data = kind.example.encode("latin-1")
        assert dflow.check(data, fast=False) == dflow.check(data)


def test_the_reference_page_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "write it anew: PYTHONPATH=src python tests/messages/page.py"
    )
