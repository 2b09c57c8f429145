"""The reference pages of flow versions."""

from __future__ import annotations

from html import escape
from xml.etree import ElementTree as ET

import pytest

from dflow.catalogue import FlowDef, FlowRoute, bundled
from dflow.grammar import grammar_text
from dflow.typed.diagram import routes_svg
from dflow.typed.names import module_name
from dflow.typed.page import flow_index, flow_page, flow_pages

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.untraced
@pytest.mark.parametrize("definition", list(bundled()), ids=str)
def test_a_page_holds_what_the_catalogue_holds(definition: FlowDef) -> None:
    page = flow_page(definition)
    lines = page.split("\n")
    assert sum(line.startswith("```") for line in lines) % 2 == 0
    for group in definition.walk():
        assert any(line.strip().startswith(group.code) for line in lines)
        for place in group.items:
            assert any(place.jcode in line and place.name in line for line in lines)
    if definition.structured:
        assert escape(grammar_text(definition).rstrip()) in page
    else:
        assert "Not known" in page
    for route in definition.routes:
        assert f"- {route.sender} to " in page


def test_the_index_leads_to_every_page() -> None:
    known = list(bundled())
    pages = flow_pages(known)
    assert len(pages) == len(known) + 1
    for definition in known:
        assert f"]({module_name(definition)}.md)" in pages["index.md"]
    assert flow_index(known) == pages["index.md"]


def test_the_drawing_names_every_role_once_a_side_and_draws_every_route() -> None:
    routes = bundled()["D0010", "002"].routes
    root = ET.fromstring(routes_svg(routes, "D0010"))  # noqa: S314  our own
    boxes = [one.text for one in root.iter(f"{SVG}text")]
    senders = {route.sender for route in routes}
    recipients = {route.recipient for route in routes}
    assert sorted(filter(None, boxes)) == sorted([*senders, *recipients])
    assert len(list(root.iter(f"{SVG}path"))) == len(routes)


def test_a_drawing_escapes_and_calls_nothing() -> None:
    drawn = routes_svg([FlowRoute(sender="A<b>&", recipient="C")], 'a "title" <x>')
    assert "<b>" not in drawn
    assert drawn.count("http") == 1  # the namespace, which nothing fetches
    assert "script" not in drawn
    assert ET.fromstring(drawn).find(f"{SVG}title") is not None  # noqa: S314  our own
    assert routes_svg([], "none") == ""
