"""The rules of a campaign: what they change is exactly its scope, and nothing before its day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dflow.campaign import Campaign, load_campaign, propose
from dflow.campaign.rules import without
from dflow.envelope import Header, Party
from dflow.findings import Severity
from dflow.routing import Routes
from dflow.routing.changeset import parse_change_set
from support_campaign import EXAMPLE, prepared

SWITCH = datetime(2026, 5, 1, tzinfo=UTC)

HEAD = """timezone Europe/London
destination old-agent
destination new-agent
destination others
list some = D0142, D0150
"""

#: Each of these takes some files to the old side in its own way.
ROUTES = (
    "route versions:  flow D0150 v002, D0149  to M/OLDM\n    deliver old-agent",
    "route lists:  flow some  to M/*  test none\n    deliver old-agent else others",
    "route both:  flow D0151  to M/OLDM, M/ELSE\n    deliver old-agent, others",
    "route windowed:  flow D0155  to M/OLDM\n    during .. 2026-06-15\n    deliver old-agent",
    "route senders:  flow *  from X/SUPA  to M/OLDM  test none\n    deliver old-agent",
    "route barring:  flow * except D0010  to M/O* except M/OTHR\n    deliver old-agent",
    "hold stop:  flow D0149  from X/STOP",
    "route rest:  flow *\n    deliver others",
)

HEADERS = [
    Header(
        flow=flow,
        version=version,
        sender=sender,
        recipient=Party("M", mpid),
        file_id="0000000001",
        created="20260501060000",
        test_flag=flag,
    )
    for flow in ("D0010", "D0142", "D0149", "D0150", "D0151", "D0155")
    for version in ("001", "002")
    for sender in (Party("X", "SUPA"), Party("X", "STOP"))
    for mpid in ("OLDM", "OTHR", "ELSE")
    for flag in ("OPER", "TR01")
]
INSTANTS = [SWITCH + timedelta(days=days) for days in (-90, -1, 0, 30, 60)]
PARTIES = [(Party("M", "OLDM"),), (Party("M", "OLDM"), Party("M", "OTHR"))]


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    folder = prepared(tmp_path_factory.mktemp("campaign"), 3)
    return load_campaign(folder / "campaign.toml")


@pytest.mark.untraced
@settings(max_examples=20, deadline=None)
@given(
    chosen=st.lists(st.sampled_from(ROUTES), min_size=1, unique=True),
    flows=st.sampled_from([(), ("D0149", "D0150", "D0151"), ("D0155", "D0142")]),
    parties=st.sampled_from(PARTIES),
)
@example(chosen=[ROUTES[0]], flows=("D0149", "D0150", "D0151"), parties=PARTIES[0])
@example(chosen=[ROUTES[5]], flows=(), parties=PARTIES[1])
def test_a_switch_re_points_the_scope_from_its_day_on_and_nothing_else(
    campaign: Campaign, chosen: list[str], flows: tuple[str, ...], parties: tuple[Party, ...]
) -> None:
    one = evolve(campaign, flows=flows, parties=parties)
    routes = Routes.parse(HEAD + "\n".join(chosen) + "\n")
    # Whether lint likes the rules is another matter: what they decide is looked at here.
    proposal = propose(one, routes, at=SWITCH, switched=SWITCH)
    for header, at in product(HEADERS, INSTANTS):
        before, after = (rules.decide(header, at=at) for rules in (routes, proposal.after))
        scope = header.recipient in parties and (not flows or header.flow in flows)
        went = [target.destination for target in before.deliveries]
        if at >= SWITCH and scope and "old-agent" in went:
            expected = [name for name in went if name != "old-agent"] + ["new-agent"]
            assert sorted(target.destination for target in after.deliveries) == sorted(expected)
        else:
            assert (after.outcome, after.deliveries) == (before.outcome, before.deliveries)
        copied = one.start <= at < SWITCH and scope and header.live
        assert [copy.destination for copy in after.copies] == (["new-agent"] if copied else [])
    # And all of it can be taken out again, by the change set and by name.
    assert proposal.changes.reverse(proposal.after).rules_hash == routes.rules_hash
    assert without(one, proposal.after).rules_hash == routes.rules_hash


def test_the_change_set_is_a_text_that_can_be_read_again(campaign: Campaign) -> None:
    routes = Routes.load(EXAMPLE / "market.routes")
    changes = propose(campaign, routes, at=SWITCH, switched=SWITCH).changes
    again = parse_change_set(str(changes), routes)
    assert again.apply(routes).rules_hash == changes.gives
    assert [one.rule.owner for one in changes.additions] == ["data migration"] * 2


def test_an_endless_clone_is_refused_if_the_exchange_says_so(campaign: Campaign) -> None:
    routes = Routes.load(EXAMPLE / "market.routes")
    kind = evolve(campaign.kind, permanent=True)
    for_good = evolve(campaign, kind=kind, end=None, cut_over=None, old="")
    assert propose(for_good, routes, at=SWITCH).obstacles == ()
    (obstacle,) = propose(for_good, routes, at=SWITCH, refuse_on=Severity.WARNING).obstacles
    assert "endless-clone" in obstacle
