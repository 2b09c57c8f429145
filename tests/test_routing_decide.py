"""Decisions: first match, clones beside it, safety, windows, the body only when asked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from dflow import edit
from dflow.catalogue import bundled
from dflow.envelope import Header, Party
from dflow.errors import StructureError
from dflow.flow import Flow, Group
from dflow.parse import read
from dflow.records import Record
from dflow.routing import Decision, Miss, Routes

RULES = """
timezone Europe/London

destination old-agent  "the agent that leaves"
destination new-agent
destination standby
destination bench  test

list metering = D0149, D0150, D0268, D0313
list movers = "1212345678902"

route meter-works:   flow metering  from X/UDMS  to M/OLDM
                     deliver old-agent else standby
route trials:        flow *  test TR*
                     deliver bench
clone migration:     flow metering, D0086 v002  to M/OLDM, M/OLD2
                     during 2019-06-01 .. 2019-10-01
                     copy new-agent
                     because "change of agent"
hold  early:         flow D0217 v002  during .. 2019-06-27
refuse retired:      flow D0312 v001  to P/*  during 2019-06-27 ..
                     because "withdrawn"
discard noise:       flow D09* except D0999
"""


def header(
    flow: str = "D0150",
    version: str = "001",
    sender: str = "X/UDMS",
    recipient: str = "M/OLDM",
    flag: str = "OPER",
) -> Header:
    return Header(
        flow=flow,
        version=version,
        sender=Party(*sender.split("/")),
        recipient=Party(*recipient.split("/")),
        test_flag=flag,
    )


def decide(of: Header, day: str = "2019-07-01", rules: str = RULES) -> Decision:
    return Routes.parse(rules).decide(of, at=date.fromisoformat(day))


def test_a_route_delivers_and_a_clone_adds_its_copy() -> None:
    decision = decide(header())
    assert (decision.outcome, decision.rule) == ("deliver", "meter-works")
    assert [(to.destination, to.otherwise) for to in decision.deliveries] == [
        ("old-agent", "standby")
    ]
    assert [(copy.rule, copy.destination) for copy in decision.copies] == [
        ("migration", "new-agent")
    ]
    assert decision.copies[0].readdressed is None
    assert decision.copies[0].matching is None


def test_a_clone_copies_whatever_becomes_of_the_original() -> None:
    decision = decide(header(flow="D0086", version="002", recipient="M/OLD2"))
    assert (decision.outcome, decision.rule, decision.deliveries) == ("unrouted", None, ())
    assert len(decision.copies) == 1


@pytest.mark.parametrize(
    ("of", "day", "outcome", "rule"),
    [
        (header(flow="D0217", version="002"), "2019-06-26", "hold", "early"),
        (header(flow="D0217", version="002"), "2019-06-27", "unrouted", None),
        (header(flow="D0312", recipient="P/LOND"), "2019-06-26", "unrouted", None),
        (header(flow="D0312", recipient="P/LOND"), "2019-06-27", "refuse", "retired"),
        (header(flow="D0312", recipient="M/LOND"), "2019-06-27", "unrouted", None),
        (header(flow="D0998"), "2019-06-27", "discard", "noise"),
        (header(flow="D0999"), "2019-06-27", "unrouted", None),
        (header(sender="X/OTHR"), "2019-06-27", "unrouted", None),
    ],
)
def test_the_other_outcomes(of: Header, day: str, outcome: str, rule: str | None) -> None:
    decision = decide(of, day)
    assert (decision.outcome, decision.rule) == (outcome, rule)


def test_the_first_match_wins() -> None:
    rules = "destination a\ndestination b\nroute x: deliver a\nroute y: deliver b\n"
    assert decide(header(), rules=rules).rule == "x"


class TestSafety:
    """A file whose test flag is not OPER or blank never reaches a live destination."""

    def test_a_test_file_passes_by_a_live_route(self) -> None:
        decision = decide(header(flag="TR01"))
        assert (decision.rule, decision.deliveries[0].destination) == ("trials", "bench")
        assert decision.copies == ()  # the clone's destination is live as well

    def test_a_live_file_never_reaches_a_test_destination(self) -> None:
        rules = "destination bench test\nroute x: deliver bench\n"
        assert decide(header(flag="OPER"), rules=rules).outcome == "unrouted"
        assert decide(header(flag=""), rules=rules).outcome == "unrouted"
        assert decide(header(flag="TEST"), rules=rules).outcome == "deliver"

    def test_across_test_lifts_it(self) -> None:
        rules = "destination bench test\nroute x: deliver bench across test\n"
        assert decide(header(flag="OPER"), rules=rules).outcome == "deliver"

    def test_of_mixed_targets_only_the_right_ones_are_used(self) -> None:
        rules = "destination a\ndestination bench test\nroute x: deliver a, bench\n"
        decision = decide(header(flag="TR01"), rules=rules)
        assert [to.destination for to in decision.deliveries] == ["bench"]
        assert decision.barred == ("a",)

    def test_a_fallback_of_the_other_kind_is_not_used(self) -> None:
        rules = "destination a\ndestination bench test\nroute x: deliver a else bench\n"
        live, test = (decide(header(flag=flag), rules=rules) for flag in ("OPER", "TR01"))
        assert [(to.destination, to.otherwise) for to in live.deliveries] == [("a", None)]
        assert [(to.destination, to.otherwise) for to in test.deliveries] == [("bench", None)]

    def test_none_is_live_data(self) -> None:
        rules = "destination a\nroute x: test none deliver a\n"
        outcomes = [decide(header(flag=flag), rules=rules).outcome for flag in ("", "OPER", "TR01")]
        assert outcomes == ["deliver", "deliver", "unrouted"]


class TestWindows:
    """Windows are half-open; days begin at midnight in the file's time zone."""

    RULES = "timezone Europe/London\ndestination a\nroute x: during {} deliver a\n"

    def outcome(self, window: str, at: datetime | date) -> str:
        return Routes.parse(self.RULES.format(window)).decide(header(), at=at).outcome

    def test_midnight_in_summer_is_an_hour_before_utc(self) -> None:
        start = datetime(2019, 6, 26, 23, tzinfo=UTC)
        assert self.outcome("2019-06-27 ..", start) == "deliver"
        assert self.outcome("2019-06-27 ..", start - timedelta(microseconds=1)) == "unrouted"
        assert self.outcome(".. 2019-06-27", start) == "unrouted"
        assert self.outcome(".. 2019-06-27", start - timedelta(microseconds=1)) == "deliver"

    def test_the_day_the_clocks_go_forward_has_23_hours(self) -> None:
        window = "2019-03-31 .. 2019-04-01"
        assert self.outcome(window, datetime(2019, 3, 31, 0, tzinfo=UTC)) == "deliver"
        assert self.outcome(window, datetime(2019, 3, 31, 22, 59, tzinfo=UTC)) == "deliver"
        assert self.outcome(window, datetime(2019, 3, 31, 23, tzinfo=UTC)) == "unrouted"

    def test_the_day_the_clocks_go_back_has_25_hours(self) -> None:
        window = "2019-10-27 .. 2019-10-28"
        assert self.outcome(window, datetime(2019, 10, 26, 22, 59, tzinfo=UTC)) == "unrouted"
        assert self.outcome(window, datetime(2019, 10, 26, 23, tzinfo=UTC)) == "deliver"
        assert self.outcome(window, datetime(2019, 10, 27, 23, 59, tzinfo=UTC)) == "deliver"
        assert self.outcome(window, datetime(2019, 10, 28, 0, tzinfo=UTC)) == "unrouted"

    def test_an_instant_may_carry_its_offset(self) -> None:
        window = "2019-10-27T01:30+01:00 .. 2019-10-27T01:30Z"
        assert self.outcome(window, datetime(2019, 10, 27, 0, 29, tzinfo=UTC)) == "unrouted"
        assert self.outcome(window, datetime(2019, 10, 27, 0, 30, tzinfo=UTC)) == "deliver"
        assert self.outcome(window, datetime(2019, 10, 27, 1, 30, tzinfo=UTC)) == "unrouted"

    def test_the_instant_asked_for_may_be_of_any_zone(self) -> None:
        india = timezone(timedelta(hours=5, minutes=30))
        assert self.outcome("2019-06-27 ..", datetime(2019, 6, 27, 4, 30, tzinfo=india)) == (
            "deliver"
        )

    def test_a_time_without_a_zone_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no time zone"):
            self.outcome("2019-06-27 ..", datetime(2019, 6, 27))  # noqa: DTZ001  the point

    def test_where_midnight_is_skipped_the_day_begins_at_the_change(self) -> None:
        rules = "timezone Asia/Beirut\ndestination a\nroute x: during 2019-03-31 .. deliver a\n"
        routes = Routes.parse(rules)
        start = datetime(2019, 3, 30, 22, tzinfo=UTC)
        assert routes.decide(header(), at=start).outcome == "deliver"
        assert routes.decide(header(), at=start - timedelta(seconds=1)).outcome == "unrouted"


def meter_reading(*mpans: str) -> Flow:
    definition = bundled()["D0010", "002"]
    top = definition.groups[0]
    groups = tuple(
        Group(record=Record(line, f"026|{mpan}|V|".encode()), definition=top)
        for line, mpan in enumerate(mpans, start=2)
    )
    return Flow(header=header(flow="D0010", version="002"), definition=definition, groups=groups)


class TestBody:
    """The body is not asked for unless a rule asks for items."""

    RULES = (
        "destination a\nlist movers = 1212345678902\n"
        "clone some: flow D0010 where J0003 in movers only matching instances copy a\n"
        "route all: flow D01* deliver a\n"
    )

    def test_without_a_tree_the_call_says_what_it_needs(self) -> None:
        routes = Routes.parse(self.RULES)
        assert routes.needs_body(header(flow="D0010"), date(2019, 7, 1))
        with pytest.raises(StructureError, match=r"clone some asks for J0003"):
            routes.decide(header(flow="D0010"), at=date(2019, 7, 1))

    def test_another_flow_needs_no_tree(self) -> None:
        routes = Routes.parse(self.RULES)
        assert not routes.needs_body(header(), date(2019, 7, 1))
        assert routes.decide(header(), at=date(2019, 7, 1)).outcome == "deliver"

    def test_an_instance_with_the_item_in_the_list_matches(self) -> None:
        routes = Routes.parse(self.RULES)
        flow = meter_reading("1098765432106", "1212345678902")
        decision = routes.decide(header(flow="D0010"), at=date(2019, 7, 1), flow=flow)
        (copy,) = decision.copies
        assert copy.matching is not None
        assert [copy.matching(group) for group in flow.groups] == [False, True]

    def test_none_of_them_does_not(self) -> None:
        routes = Routes.parse(self.RULES)
        flow = meter_reading("1098765432106")
        decision = routes.decide(header(flow="D0010"), at=date(2019, 7, 1), flow=flow)
        assert decision.copies == ()
        assert "1 instances, none of which matches" in decision.explain()
        assert "1098765432106" not in decision.explain()

    def test_a_body_of_unknown_structure_does_not_match_and_says_so(self) -> None:
        routes = Routes.parse(self.RULES)
        flow = Flow(header=header(flow="D0010"))
        decision = routes.decide(header(flow="D0010"), at=date(2019, 7, 1), flow=flow)
        assert decision.copies == ()
        assert "structure is not known" in decision.explain()

    def test_conditions_must_hold_in_one_instance(self) -> None:
        rules = (
            "destination a\nlist one = 1212345678902\nlist two = V\n"
            "clone some: where J0003 in one where J0022 in two copy a\n"
        )
        routes = Routes.parse(rules)
        assert routes.decide(
            header(), at=date(2019, 7, 1), flow=meter_reading("1212345678902")
        ).copies


def test_a_predicate_is_asked_last_and_by_name() -> None:
    rules = "destination a\nroute x: flow D0150 when urgent deliver a\n"
    asked: list[str] = []

    def urgent(of: Header, flow: Flow | None) -> bool:
        asked.append(of.flow)
        return of.sender.mpid == "UDMS"

    routes = Routes.parse(rules, predicates={"urgent": urgent})
    at = date(2019, 7, 1)
    assert routes.decide(header(), at=at).outcome == "deliver"
    assert routes.decide(header(flow="D0149"), at=at).outcome == "unrouted"
    assert routes.decide(header(sender="X/NEWS"), at=at).outcome == "unrouted"
    assert asked == ["D0150", "D0150"]


class TestExplanation:
    def test_it_tells_outcome_reason_rules_and_hash(self) -> None:
        decision = decide(header(flow="D0312", recipient="P/LOND"))
        text = decision.explain()
        assert "D0312 v001 from X/UDMS to P/LOND (OPER) at 2019-07-01T00:00:00+01:00" in text
        assert "outcome: refuse, by refuse retired (line 21)" in text
        assert "because withdrawn" in text
        assert "route trials: fails at test TR*: saw OPER" in text
        assert "3 about other flows" in text
        assert decision.rules_hash in text

    def test_json_holds_every_rule(self) -> None:
        json = decide(header()).as_json()
        considered = json["considered"]
        assert isinstance(considered, list)
        assert [one["result"] for one in considered] == [
            "fits",
            "not reached",
            "fits",
            "not reached",
            "not reached",
            "not reached",
        ]

    def test_the_miss_names_clause_and_value(self) -> None:
        routes = Routes.parse(RULES)
        first = routes.consider(header(sender="X/NEWS"), at=date(2019, 7, 1))[0]
        assert first.miss == Miss("from", "X/UDMS", "X/NEWS")


class TestHash:
    def test_layout_and_comments_do_not_count(self) -> None:
        one = Routes.parse("destination a\nroute x: flow D0010 deliver a\n")
        two = Routes.parse(
            "# why\ndestination a 'x'\n".replace("'", '"')
            + "route x:\n  deliver a  # c\n  flow D0010\n"
        )
        assert one.rules_hash == two.rules_hash

    def test_a_list_file_counts(self, tmp_path: Path) -> None:
        rules = tmp_path / "x.routes"
        rules.write_text('destination a\nlist l = file "l.txt"\nroute x: flow l deliver a\n')
        hashes = set()
        for content in ("D0010\n", "D0011\n"):
            (tmp_path / "l.txt").write_text(content)
            hashes.add(Routes.load(rules).rules_hash)
        assert len(hashes) == 2


def test_a_hostile_header_cannot_speak_to_the_terminal() -> None:
    text = decide(header(flow="D\x1b[2J\u202e", flag="\r")).explain()
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\x1b" in text


def test_a_representation_gives_no_values_away() -> None:
    routes = Routes.parse(TestBody.RULES)
    flow = meter_reading("1212345678902")
    decision = routes.decide(header(flow="D0010"), at=date(2019, 7, 1), flow=flow)
    assert "1212345678902" not in repr(decision.copies)


class TestOnlyMatchingInstances:
    """The copy holds the matching instances, counts right; the original is untouched."""

    DATA = (
        b"ZHV|0000000001|D0010002|D|COLL|X|UDMS|20190627103000||||OPER|\r\n"
        b"026|1098765432106|V|\r\n028|K1|C|\r\n030|01|20190601000000|1.0|||T|N|\r\n"
        b"026|1212345678902|V|\r\n028|K2|C|\r\n030|01|20190601000000|2.0|||T|N|\r\n"
        b"ZPT|0000000001|6||2|20190627103000|\r\n"
    )

    def test_by_the_format_engine(self) -> None:
        flow = read(self.DATA)
        assert flow.header is not None
        routes = Routes.parse(TestBody.RULES)
        (copy,) = routes.decide(flow.header, at=date(2019, 7, 1), flow=flow).copies
        assert copy.matching is not None
        kept = edit.keep_instances(flow, copy.matching)
        assert bytes(kept) == (
            b"ZHV|0000000001|D0010002|D|COLL|X|UDMS|20190627103000||||OPER|\r\n"
            b"026|1212345678902|V|\r\n028|K2|C|\r\n030|01|20190601000000|2.0|||T|N|\r\n"
            b"ZPT|0000000001|3||1|20190627103000|\r\n"
        )
        assert bytes(flow) == self.DATA
