"""The reference page of transports names every promise of the kit and every kind there is."""

from __future__ import annotations

import re

from dflow.testing.transports.page import promise_table
from dflow.transport.built_in import BUILT_IN
from support import CHECKOUT

PAGE = CHECKOUT / "docs" / "reference" / "transports.md"


def test_the_promises_are_those_of_the_kit() -> None:
    text = PAGE.read_text("utf-8")
    begin = "<!-- promises: written by dflow.testing.transports.page -->\n"
    found = text[text.index(begin) + len(begin) : text.index("<!-- end -->")].strip()
    assert found == promise_table(), "stale: put the text of promise_table() there"


def test_every_kind_is_in_the_table() -> None:
    named = re.findall(
        r"^\| `(\w+)` \| .* \| .* \| .* \| .* \| .* \| .* \|$", PAGE.read_text(), re.MULTILINE
    )
    assert sorted(named) == sorted(kind.name for kind in BUILT_IN)
