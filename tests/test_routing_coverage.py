"""Coverage of a release, the draft of what is missing, and the example of June 2019."""

from __future__ import annotations

import runpy
from datetime import date
from pathlib import Path

import pytest

from dflow.catalogue import bundled
from dflow.envelope import Header, Party
from dflow.errors import RefusedText
from dflow.routing import Routes
from dflow.routing.changeset import NotApplicable, draft, parse_change_set
from dflow.routing.coverage import Coverage, coverage
from support import CHECKOUT

BEFORE = CHECKOUT / "examples" / "dtc_12_5" / "before.routes"
PARTIES = (Party("P", "XXXX"), Party("X", "UDMS"))
THIRTEEN = {
    *((flow, "002") for flow in ("D0089", "D0091", "D0204", "D0213", "D0217", "D0259", "D0260")),
    *((flow, "002") for flow in ("D0306", "D0307", "D0308", "D0309", "D0312")),
    ("D0386", "001"),
}


def of(routes: Routes, *parties: Party) -> Coverage:
    catalogue = bundled()
    return coverage(routes, catalogue.release("12.5"), parties or PARTIES, catalogue=catalogue)


def test_the_thirteen_missing_routes_are_found_and_drafted() -> None:
    before = Routes.load(BEFORE)
    gaps = of(before)
    assert set(gaps.missing_flows) == THIRTEEN
    after = draft(before, gaps).apply(before)
    assert of(after).missing == ()


def test_a_drafted_route_holds_from_the_day_and_not_before() -> None:
    before = Routes.load(BEFORE)
    after = draft(before, of(before)).apply(before)
    header = Header(
        flow="D0217", version="002", sender=Party("P", "YYYY"), recipient=Party("X", "UDMS")
    )
    on, eve = date(2019, 6, 27), date(2019, 6, 26)
    assert before.decide(header, at=on).outcome == "unrouted"
    decision = after.decide(header, at=on)
    assert decision.rule == "registration-in-d0217-v002"
    assert [to.destination for to in decision.deliveries] == ["supplier-inbox"]
    assert [copy.destination for copy in decision.copies] == ["warehouse"]
    assert after.decide(header, at=eve).outcome == "unrouted"


def test_a_change_set_is_read_back_applied_and_reversed_as_a_whole() -> None:
    before = Routes.load(BEFORE)
    changes = draft(before, of(before))
    again = parse_change_set(str(changes), before)
    assert again == changes
    after = again.apply(before)
    assert after.rules_hash == changes.gives
    assert again.reverse(after) == before
    assert str(again.reverse(after)) == str(before)
    with pytest.raises(NotApplicable):
        again.apply(after)
    with pytest.raises(NotApplicable):
        again.reverse(before)


@pytest.mark.parametrize(
    "text",
    [
        "title = 1",
        'title = "x"\nof = "x"\ngives = "x"\nadd = 1',
        'title = "x"\nof = "x"\ngives = "x"\n[[add]]\nafter = "no-such"\nrule = "hold x: flow *"',
        'title = "x"\nof = "x"\ngives = "x"\n[[add]]\nafter = ""\nrule = "hold x"',
        'title = "x"\nof = "x"\ngives = "x"\n[[add]]\nafter = ""\nrule = ""',
        'title = "x"\nof = "x"\ngives = "x"\n[[add]]\nafter = 1\nrule = ""',
    ],
)
def test_a_broken_change_set_is_refused(text: str) -> None:
    with pytest.raises(RefusedText):
        parse_change_set(text, Routes.load(BEFORE))


def status(rules: str, flow: str = "D0217") -> list[tuple[str, tuple[str, ...]]]:
    routes = Routes.parse("destination a\ndestination b test\n" + rules)
    found = of(routes, Party("X", "UDMS"))
    return [(line.status, line.rules) for line in found.lines if line.flow == flow]


def test_each_status() -> None:
    assert status("") == [("missing", ())]
    assert status("route x: flow D0217 deliver a\n") == [("routed", ("x",))]
    assert status("route x: flow D0217 v001 deliver a\n") == [("missing", ())]
    assert status("route x: from P/XXXX deliver a\n") == [("in part", ("x",))]
    assert status("route x: from P/* deliver a\n") == [("routed", ("x",))]
    assert status("hold x: flow D0217\nroute y: deliver a\n") == [("held", ("x",))]
    assert status("refuse x: flow D0217\n") == [("refused", ("x",))]
    assert status("discard x: to X/*\n") == [("discarded", ("x",))]
    assert status("route x: deliver b\n") == [("missing", ())]  # test files only
    assert status("route x: during .. 2019-06-27 deliver a\n") == [("missing", ())]
    assert status("route x: during 2019-06-27 .. deliver a\n") == [("routed", ("x",))]


def test_what_the_catalogue_does_not_know_is_presumed_or_left_out() -> None:
    nothing = of(Routes.parse(""), Party("X", "UDMS"))
    assert not [line for line in nothing.lines if line.flow in {"D0091", "D0259"}]
    routes = Routes.parse("destination a\nroute x: flow D0091 v001 to X/UDMS deliver a\n")
    lines = [one for one in of(routes, Party("X", "UDMS")).lines if one.flow == "D0091"]
    (line,) = [one for one in lines if one.direction == "receive"]
    assert (line.status, line.sure, line.older_rules) == ("missing", False, ("x",))


def test_rules_for_versions_that_end_are_left_over() -> None:
    routes = Routes.parse(
        "destination a\nroute old: flow D0217 v001 deliver a\nroute all: flow D0217 deliver a\n"
    )
    assert [str(one) for one in of(routes).leftovers] == ["D0217 v001 ends, and old still names it"]


def test_a_release_without_a_day_needs_one() -> None:
    catalogue = bundled()
    release = catalogue.release("15.4")
    routes = Routes.parse("")
    if release.live is None:
        with pytest.raises(ValueError, match="not known"):
            coverage(routes, release, PARTIES, catalogue=catalogue)
    found = coverage(routes, release, PARTIES, catalogue=catalogue, day=date(2026, 6, 25))
    assert len(found.lines) > 50


def test_the_example_tells_the_story(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(Path(BEFORE).with_name("replay.py")), run_name="__main__")
    told = capsys.readouterr().out
    assert "13 flows without a route" in told
    assert "after the draft: 0 flows without a route" in told
    assert "reversed, the rules are as before: True" in told
