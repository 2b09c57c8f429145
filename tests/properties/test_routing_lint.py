"""Lint says what brute force finds, no more and no less, over a small world."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dflow.routing.lint import lint
from routing_brute import blocks, dead_and_crossing, gaps, random_rules, rings

_DEAD = {"never-fires", "redundant"}


def agree(seed: int) -> None:
    routes = random_rules(seed)
    remarks = lint(routes)
    told = {
        (
            "dead" if one.code in _DEAD else one.code,
            one.rule,
            () if one.code in _DEAD else one.others,
        )
        for one in remarks
        if one.code in {*_DEAD, "empty-selector", "conflict"}
    }
    assert told == dead_and_crossing(routes), seed
    for one in remarks:
        if one.code in _DEAD:
            assert blocks(routes, one.rule, one.others), seed
            for needless in one.others:
                rest = [other for other in one.others if other != needless]
                assert not blocks(routes, one.rule, rest), seed
            ours = routes.rule(one.rule)
            theirs = [routes.rule(other) for other in one.others]
            same = all(
                (rule.kind, rule.targets, rule.across_test)
                == (ours.kind, ours.targets, ours.across_test)
                for rule in theirs
            )
            assert (one.code == "redundant") == same == (not one.differs), seed
    found = {(one.code, one.rule, one.others) for one in remarks if one.code == "window-gap"}
    assert found == gaps(routes), seed
    assert {one.rule for one in remarks if one.code == "clone-loop"} == rings(routes), seed


@settings(max_examples=100)
@given(st.integers(0, 10**9))
def test_lint_is_brute_force(seed: int) -> None:
    agree(seed)


@pytest.mark.slow
def test_lint_is_brute_force_a_hundred_thousand_times() -> None:
    for seed in range(100_000):
        agree(seed)


def test_the_small_world_shows_every_kind() -> None:
    seen = {one.code for seed in range(300) for one in lint(random_rules(seed))}
    assert {
        "never-fires",
        "redundant",
        "empty-selector",
        "conflict",
        "window-gap",
        "clone-loop",
        "test-live-mixed",
        "endless-clone",
    } <= seen
