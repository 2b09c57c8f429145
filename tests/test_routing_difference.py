"""What a change changes, how much goes where, and what it looks like."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dflow.catalogue import bundled
from dflow.envelope import Header, Party
from dflow.routing import Routes
from dflow.routing.coverage import coverage
from dflow.routing.decision import Decision
from dflow.routing.difference import Asked, changed_files, changed_regions
from dflow.routing.lint import lint
from dflow.routing.page import html_page
from dflow.routing.picture import dot_text, mermaid_text
from dflow.routing.simulation import Sample, simulate
from routing_brute import FLAGS, FLOWS, INSTANTS, RECIPIENTS, SENDERS, VERSIONS, random_rules

OLD = (
    "destination a\ndestination b\n"
    "route x: flow D0010 to X/UDMS deliver a\n"
    "clone c: flow D0086 during 2019-06-01 .. 2019-07-01 copy b\n"
)
NEW = OLD.replace("deliver a", "deliver b").replace("2019-07-01", "2019-08-01")


def header(flow: str, recipient: str = "X/UDMS") -> Header:
    return Header(flow=flow, sender=Party("M", "AAAA"), recipient=Party(*recipient.split("/")))


def test_the_files_that_would_go_elsewhere() -> None:
    at = datetime(2019, 7, 15, tzinfo=UTC)
    files = [
        Asked(name=name, header=header(flow), at=at)
        for name, flow in (("one", "D0010"), ("two", "D0086"), ("three", "D0150"))
    ]
    moves = list(changed_files(Routes.parse(OLD), Routes.parse(NEW), files))
    assert [str(move) for move in moves] == [
        "one: deliver to a by x\n    now deliver to b by x",
        "two: unrouted\n    now unrouted, copy to b by c",
    ]
    assert moves[0].as_json()["file"] == "one"


def test_a_name_is_no_change() -> None:
    old, new = Routes.parse(OLD), Routes.parse(OLD.replace("route x", "route y"))
    asked = [Asked(name="one", header=header("D0010"), at=datetime(2019, 7, 1, tzinfo=UTC))]
    assert list(changed_files(old, new, asked)) == []
    assert list(changed_regions(old, new)) == []


def test_the_regions_that_change_are_stated() -> None:
    found = [str(one) for one in changed_regions(Routes.parse(OLD), Routes.parse(NEW))]
    assert found == [
        (
            "flow D0010; recipient role X; recipient UDMS; test flag none or OPER\n"
            "    was deliver to a\n    now deliver to b"
        ),
        (
            "flow D0086; test flag none or OPER;"
            " time 2019-06-30T23:00:00+00:00 .. 2019-07-31T23:00:00+00:00\n"
            "    was no copy to b\n    now copy to b"
        ),
    ]


def test_a_rule_that_asks_for_items_may_change() -> None:
    more = OLD + "list l = 1212345678902\nhold h: flow D0150 where J0003 in l\n"
    (one,) = changed_regions(Routes.parse(OLD), Routes.parse(more))
    assert not one.sure
    assert one.new == "hold h:  flow D0150"


def effect(decision: Decision) -> object:
    copies = {(one.destination, one.otherwise, one.readdressed) for one in decision.copies}
    return decision.outcome, decision.deliveries, copies


@pytest.mark.untraced
@settings(max_examples=40)
@given(st.integers(0, 10**9))
def test_the_regions_are_exactly_what_changes(seed: int) -> None:
    draw = random.Random(seed)
    old, new = (
        Routes(
            timezone="UTC",
            destinations=one.destinations,
            rules=tuple(rule for rule in one.rules if not rule.where),
        )
        for one in (random_rules(seed), random_rules(seed + 1))
    )
    regions = list(changed_regions(old, new))
    for _ in range(40):
        asked = Header(
            flow=draw.choice(FLOWS),
            version=draw.choice(VERSIONS),
            sender=draw.choice(SENDERS),
            recipient=draw.choice(RECIPIENTS),
            test_flag=draw.choice(FLAGS),
        )
        at = draw.choice(INSTANTS)
        was, now = old.decide(asked, at=at), new.decide(asked, at=at)
        inside = any(one.holds(asked, at) for one in regions)
        if effect(was) != effect(now):
            assert inside
        across = any(
            rule.across_test or len(rule.targets[0].names) > 1
            for rule in (*old.rules, *new.rules)
            if rule.targets
        )
        if inside and not across:  # safety may leave the same of two different targets
            assert effect(was) != effect(now)


def test_volumes_by_destination_and_hour() -> None:
    routes = Routes.parse(OLD)
    samples = [
        Sample(header=header("D0010"), at=datetime(2019, 6, 10, 8, 59, tzinfo=UTC), size=10),
        Sample(header=header("D0010"), at=datetime(2019, 6, 10, 9, 1, tzinfo=UTC), size=20),
        Sample(header=header("D0086"), at=datetime(2019, 6, 10, 9, 1, tzinfo=UTC), size=5),
    ]
    found = simulate(routes, samples)
    assert str(found) == (
        "3 files\n  deliver: 2 files, 30 bytes\n  unrouted: 1 files, 5 bytes\n"
        "a: 2 files, 30 bytes\n"
        "  2019-06-10T09+0100  1 files, 10 bytes\n  2019-06-10T10+0100  1 files, 20 bytes\n"
        "b: 1 files, 5 bytes\n  2019-06-10T10+0100  1 files, 5 bytes\n"
        "temporary clone c adds 1 files, 5 bytes"
    )
    assert found.as_json()["clones"] == {"c": {"files": 1, "bytes": 5, "temporary": True}}


HOSTILE = Routes.parse(
    'destination a "</title><script>alert(1)</script>"\n'
    'route x: flow D0010 test "]] --> <b>" deliver a because "\\"; digraph"\n',
    '<script>"&.routes',
)


def test_pictures_escape_what_people_wrote() -> None:
    assert "<script" not in mermaid_text(HOSTILE)
    assert dot_text(HOSTILE).count("\n") == 8
    page = html_page(HOSTILE, remarks=lint(HOSTILE))
    assert "<script" not in page
    assert "default-src 'none'" in page


def test_the_picture_shows_copies_and_fallbacks() -> None:
    rules = "destination a\ndestination b\nclone c: copy a else b\nhold h: flow D0010\n"
    text = mermaid_text(Routes.parse(rules))
    assert text == (
        "flowchart LR\n"
        '  s0["* → *"]\n'
        '  t0[("a")]\n'
        '  t1[("b")]\n'
        '  t2{{"hold"}}\n'
        '  s0 -.->|"c: every flow"| t0\n'
        '  s0 -.->|"else c: every flow"| t1\n'
        '  s0 -->|"h: D0010"| t2\n'
    )
    assert "style=dashed" in dot_text(Routes.parse(rules))


def test_the_page_shows_coverage() -> None:
    catalogue = bundled()
    routes = Routes.parse(OLD)
    found = coverage(routes, catalogue.release("12.5"), [Party("X", "UDMS")], catalogue=catalogue)
    page = html_page(routes, remarks=lint(routes, at=date(2019, 6, 1)), coverages=[found])
    assert "D0217 v002" in page
    assert 'class="nw missing"' in page
