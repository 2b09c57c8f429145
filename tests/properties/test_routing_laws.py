"""Laws of the rule engine, over random small rule sets and headers."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dflow.envelope import Header
from dflow.errors import RefusedText
from dflow.routing import Routes
from dflow.routing.lint import lint
from dflow.routing.match import flow_fits
from dflow.routing.rows import flow_pieces, party_pieces
from dflow.routing.sets import TextSet, VersionSet
from routing_brute import random_rules
from routing_strategies import (
    FLOWS,
    MPIDS,
    ROLES,
    VERSIONS,
    flow_patterns,
    headers,
    instants,
    mpid_patterns,
    rule_sets,
    version_ranges,
)


class TestTextAndValues:
    """Text and values convert both ways without loss; there is one way to lay a file out."""

    @given(rule_sets(bodies=True))
    def test_values_to_text_and_back(self, routes: Routes) -> None:
        text = str(routes)
        again = Routes.parse(text)
        assert again == routes
        assert str(again) == text
        assert again.rules_hash == routes.rules_hash


def same(routes: Routes, header: Header, at: datetime) -> None:
    by_index = routes.decide(header, at=at)
    in_order = routes.decide_in_order(header, at=at)
    assert by_index == in_order
    assert by_index.as_json() == in_order.as_json()


class TestIndex:
    """The index gives the decision that trying the rules in order gives."""

    @given(rule_sets(most=8), st.lists(st.tuples(headers, instants), min_size=1, max_size=6))
    def test_index_is_order(self, routes: Routes, asked: list[tuple[Header, datetime]]) -> None:
        for header, at in asked:
            same(routes, header, at)

    @pytest.mark.slow
    @settings(max_examples=10_000)
    @given(rule_sets(most=8), st.lists(st.tuples(headers, instants), min_size=10, max_size=10))
    def test_index_is_order_a_hundred_thousand_times(
        self, routes: Routes, asked: list[tuple[Header, datetime]]
    ) -> None:
        for header, at in asked:
            assert routes.decide(header, at=at) == routes.decide_in_order(header, at=at)


class TestPurity:
    """The same question has the same answer, whatever was asked between."""

    @given(rule_sets(), st.lists(st.tuples(headers, instants), min_size=2, max_size=4))
    def test_asking_changes_nothing(
        self, routes: Routes, asked: list[tuple[Header, datetime]]
    ) -> None:
        first = [routes.decide(header, at=at) for header, at in asked]
        assert [routes.decide(header, at=at) for header, at in asked] == first

    @given(rule_sets(), headers, instants)
    def test_considered_tells_the_decision(
        self, routes: Routes, header: Header, at: datetime
    ) -> None:
        decision = routes.decide(header, at=at)
        fitting = [one.rule for one in decision.considered() if one.reached and one.miss is None]
        primary = [rule.name for rule in fitting if rule.kind != "clone"]
        assert primary == ([decision.rule] if decision.rule else [])
        assert {rule.name for rule in fitting if rule.kind == "clone"} == {
            copy.rule for copy in decision.copies
        }


class TestSafety:
    """Test files never reach live destinations, nor live files test ones, unless told to."""

    @given(rule_sets(), headers, instants)
    def test_no_file_crosses(self, routes: Routes, header: Header, at: datetime) -> None:
        decision = routes.decide(header, at=at)
        sent = [(decision.rule, one) for one in decision.deliveries]
        sent += [(copy.rule, copy.target) for copy in decision.copies]
        for name, target in sent:
            assert name is not None
            if not routes.rule(name).across_test:
                for place in target.names:
                    assert place.startswith("bench") != header.live


text_sets = st.recursive(
    st.builds(TextSet.pattern, flow_patterns | mpid_patterns),
    lambda inner: st.tuples(inner, inner, st.sampled_from("&|-")).map(
        lambda of: {"&": of[0] & of[1], "|": of[0] | of[1], "-": of[0] - of[1]}[of[2]]
    ),
    max_leaves=6,
)
version_sets = st.recursive(
    st.builds(VersionSet.range, version_ranges),
    lambda inner: st.tuples(inner, inner, st.sampled_from("&|-")).map(
        lambda of: {"&": of[0] & of[1], "|": of[0] | of[1], "-": of[0] - of[1]}[of[2]]
    ),
    max_leaves=5,
)
words = st.sampled_from((*FLOWS, *MPIDS, "", "D00", "D000", "D0001X", "AAA", "AAB", "é"))
versions = st.sampled_from((*VERSIONS, "2", "002.1", "10", "000"))


class TestSets:
    """Sets of texts and versions are closed, and equal sets are equal values."""

    @given(text_sets, text_sets, words)
    def test_texts(self, one: TextSet, two: TextSet, text: str) -> None:
        assert (text in (one & two)) == (text in one and text in two)
        assert (text in (one | two)) == (text in one or text in two)
        assert (text in (one - two)) == (text in one and text not in two)

    @given(text_sets, text_sets)
    def test_equal_texts_are_equal_values(self, one: TextSet, two: TextSet) -> None:
        assert (one == two) == (not (one - two) and not (two - one))
        assert one | two == two | one
        assert one - (one - two) == one & two

    @given(version_sets, version_sets, versions)
    def test_versions(self, one: VersionSet, two: VersionSet, text: str) -> None:
        assert (text in (one & two)) == (text in one and text in two)
        assert (text in (one | two)) == (text in one or text in two)
        assert (text in (one - two)) == (text in one and text not in two)

    @given(version_sets, version_sets)
    def test_equal_versions_are_equal_values(self, one: VersionSet, two: VersionSet) -> None:
        assert (one == two) == (not (one - two) and not (two - one))
        assert one - (one - two) == one & two


class TestPieces:
    """The pieces of a choice hold what the choice holds, and none of them overlap."""

    @given(rule_sets(most=2), st.sampled_from(FLOWS), st.sampled_from(VERSIONS))
    def test_flows(self, routes: Routes, flow: str, version: str) -> None:
        for ready in routes.ready:
            pieces = flow_pieces(ready.flows)
            holding = [one for one in pieces if flow in one[0] and version in one[1]]
            fits = ready.flows is None or flow_fits(ready.flows, flow, version)
            assert len(holding) == int(fits)

    @given(rule_sets(most=2), st.sampled_from(ROLES), st.sampled_from(MPIDS))
    def test_parties(self, routes: Routes, role: str, mpid: str) -> None:
        for ready in routes.ready:
            holding = [
                one for one in party_pieces(ready.sender) if role in one[0] and mpid in one[1]
            ]
            assert len(holding) <= 1


pieces = st.sampled_from(
    (
        *("route", "clone", "hold", "flow", "from", "to", "test", "during", "where", "in"),
        *("deliver", "copy", "else", "except", "because", "owner", "list", "destination"),
        *("x", "y:", "a", ":", ",", "..", "=", "#", '"', '"a"', "\n", "\n  ", "\t", "file"),
        *("D0010", "v002", "v>=002", "X/UDMS", "*", "2019-06-27", "2019-02-30", "J0003", "none"),
        *("across", "only", "matching", "instances", "readdressed", "timezone", "Mars/Olympus"),
        *("0001-01-01", "9999-12-31", "\\", "\x00", "é", "\u2028"),
    )
)


class TestAnyText:
    """Any text is a rule set, or is refused with places that lie in it."""

    @pytest.mark.untraced
    @settings(max_examples=150)
    @given(st.lists(pieces, max_size=30).map(" ".join) | st.text(max_size=40))
    def test_nothing_else_happens(self, text: str) -> None:
        try:
            routes = Routes.parse(text)
        except RefusedText as refused:
            faults = refused.faults
        else:
            assert Routes.parse(str(routes)) == routes
            lint(routes)
            return
        assert faults
        lines = text.split("\n")
        for fault in faults:
            assert 0 <= fault.line <= len(lines)
            assert 0 <= fault.column <= len(lines[fault.line - 1]) + 1
            assert str(fault)


class TestText:
    """The text of a rule set is its values, over the small world of lint."""

    @pytest.mark.slow
    def test_text_is_values_a_hundred_thousand_times(self) -> None:
        for seed in range(100_000):
            routes = random_rules(seed)
            assert Routes.parse(str(routes)) == routes, seed
