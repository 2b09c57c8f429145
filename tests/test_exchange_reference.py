"""The pages made from tables are fresh, and name every option and transition."""

from __future__ import annotations

import re
import runpy

from dflow.delivery import TABLE
from dflow.exchange.options import OPTIONS
from dflow.exchange.reference import configuration_page, states_part
from support import CHECKOUT

STALE = "stale; run: python -m dflow.exchange.reference docs"


def test_the_configuration_page_is_fresh_and_whole() -> None:
    page = (CHECKOUT / "docs/reference/configuration.md").read_text("utf-8")
    assert page == configuration_page(), STALE
    for options in OPTIONS.values():
        for option in options:
            assert f"| `{option.name}` |" in page


def test_the_states_are_drawn_from_the_table() -> None:
    page = (CHECKOUT / "docs/explanation/delivery.md").read_text("utf-8")
    assert states_part() in page, STALE


def test_the_picture_of_the_states_is_fresh_and_whole() -> None:
    """Without Graphviz: the picture says which text it was drawn from."""
    drawn = runpy.run_path(str(CHECKOUT / "docs" / "delivery_picture.py"))
    picture = drawn["PICTURE"].read_text("utf-8")
    assert drawn["mark"]() in picture, "stale; run: python docs/delivery_picture.py"
    words = re.findall(r"<text[^>]*>([^<]*)</text>", picture)
    for row in TABLE:
        assert row.state.value in words
        assert row.to.value in words
        assert row.step.value in words
