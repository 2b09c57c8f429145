"""The gate of a cut-over: it holds and rejects nothing, and lets go in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from dflow.catalogue import bundled
from dflow.cutover import (
    Rejection,
    affected,
    classify,
    confirmations,
    reconcile,
    release_side,
    reprocess,
    side_of,
)
from dflow.cutover.gate import EARLY, LATE, coverage_of, has_gate, without_gate
from dflow.cutover.plan import Reprocessing
from dflow.delivery import State
from dflow.envelope import Party, read_header
from dflow.exchange.journal import Journal, LaneRow, Outcome, Query, open_journal
from dflow.operation import instant_from
from dflow.routing import Routes
from dflow.routing.changeset import parse_change_set
from dflow.routing.coverage import coverage
from support_cutover import AFTER, BEFORE, CHANGES, PLAN, UDMS, XXXX, Gateway, file

THIRTEEN = [
    ("D0089", "002"),
    ("D0091", "002"),
    ("D0204", "002"),
    ("D0213", "002"),
    ("D0217", "002"),
    ("D0259", "002"),
    ("D0260", "002"),
    ("D0306", "002"),
    ("D0307", "002"),
    ("D0308", "002"),
    ("D0309", "002"),
    ("D0312", "002"),
    ("D0386", "001"),
]


def test_the_old_rules_lack_the_thirteen_flows_and_the_repaired_ones_none() -> None:
    assert list(coverage_of(PLAN, BEFORE).missing_flows) == THIRTEEN
    # The next day nothing is early any more, and the gate stands in nobody's way.
    release, day = bundled().release("12.5"), PLAN.closure.date() + timedelta(days=1)
    parties = PLAN.parties
    found = coverage(AFTER, release, parties, catalogue=bundled(), day=day)
    assert found.missing_flows == ()


def test_the_change_set_goes_in_and_comes_out_as_a_whole() -> None:
    assert has_gate(AFTER)
    assert not has_gate(BEFORE)
    assert CHANGES.reverse(AFTER) == BEFORE
    again = parse_change_set(str(CHANGES), BEFORE)
    assert again.apply(BEFORE).rules_hash == AFTER.rules_hash
    # Read beside the rules that it made, as when it is taken out.
    assert parse_change_set(str(CHANGES), AFTER).reverse(AFTER) == BEFORE


@given(
    st.sampled_from([*THIRTEEN, ("D0217", "001"), ("D0089", "001"), ("D0055", "001")]),
    st.integers(-3 * 86400, 3 * 86400),
)
def test_the_rules_hold_what_the_plan_calls_early_or_late(key: tuple[str, str], off: int) -> None:
    at = PLAN.closure + timedelta(seconds=off)
    header = read_header(file(1, *key).split(b"\n")[0]).header
    assert header is not None
    decision = AFTER.decide(header, at=at)
    side = side_of(PLAN, *key, at)
    by = {None: None, "early": EARLY, "late": LATE}[side]
    assert (decision.rule if decision.outcome == "hold" else None) == by
    if side is None and key != ("D0055", "001") and key[0] not in ("D0306", "D0386"):
        assert decision.outcome == "deliver" or key[0] == "D0312"
    assert without_gate(AFTER).decide(header, at=at).outcome != "hold"


arrivals = st.lists(
    st.tuples(
        st.sampled_from([("D0217", "002"), ("D0217", "001"), ("D0089", "002"), ("D0306", "002")]),
        st.sampled_from([-7200, -3600, -1, 0, 1, 3600]),
    ),
    max_size=14,
)


@pytest.mark.untraced
@settings(max_examples=30)
@given(arrivals, st.integers(0, 6))
def test_what_comes_too_early_is_held_and_released_in_order(
    coming: list[tuple[tuple[str, str], int]], dies_after: int
) -> None:
    journal = open_journal(None)
    gateway = Gateway(journal)
    early = []
    for off in sorted({one for _, one in coming}):
        gateway.clock.set(PLAN.closure + timedelta(seconds=off))
        if off >= 0:
            _release_dying(gateway, dies_after)
        for number, (key, when) in enumerate(coming, start=1):
            if when == off:
                gateway.inbox.put(file(number, *key), name=f"{number:010d}")
                if side_of(PLAN, *key, gateway.clock.now()) == "early":
                    early.append(f"{number:010d}")
        gateway.exchange().run_once()
        if off < 0:
            held = list(journal.arrivals(Query(outcome=Outcome.HELD)))
            assert [row.address["file_id"] for row in held] == early
    gateway.clock.set(PLAN.closure + timedelta(hours=2))
    _release_dying(gateway, dies_after)
    gateway.exchange().run_once()

    rejected = {Outcome.UNROUTED, Outcome.REFUSED, Outcome.UNPARSABLE}
    assert not [row for row in journal.arrivals(Query()) if row.outcome in rejected]
    assert not list(journal.arrivals(Query(outcome=Outcome.HELD, rule=EARLY)))
    went = list(journal.deliveries(Query(state=State.DELIVERED)))
    ids = [one.address["file_id"] for one in went if one.kind == "original"]
    assert [one for one in ids if one in early] == early
    assert len(ids) == len(set(ids))
    order = [one for one in gateway.boxes["supplier-inbox"].order if one in early]
    assert order == [one for one in early if one in order]
    found = reconcile(
        PLAN,
        journal,
        since=PLAN.start,
        until=gateway.clock.now() + timedelta(seconds=1),
    )
    assert found.adds_up
    assert found.came == len(coming)
    assert found.total("held early") == 0
    assert found.released == len(early)


class _Died(Exception):
    """The process dies between two releases."""


def _release_dying(gateway: Gateway, after: int) -> None:
    """Release, die after some, and go on: nothing is released twice, nothing is left."""
    left = after

    def seconds() -> float:
        nonlocal left
        if left == 0:
            raise _Died
        left -= 1
        return gateway.seconds()

    intake = gateway.exchange().intake
    why = "step release"
    try:
        release_side(gateway.journal, intake, "early", who="w", why=why, clock=seconds)
    except _Died:
        release_side(gateway.journal, intake, "early", who="w", why=why, clock=gateway.seconds)


def _arrive(gateway: Gateway, at: str, *contents: bytes) -> None:
    gateway.clock.set(instant_from(at))
    for one in contents:
        gateway.inbox.put(one)
    gateway.exchange().run_once()


def test_what_is_late_is_held_and_goes_where_it_would_have_gone() -> None:
    journal = open_journal(None)
    gateway = Gateway(journal)
    _arrive(gateway, "2019-06-27T18:00", file(1, "D0217", "001"))
    assert next(iter(journal.arrivals(Query()))).rule == LATE
    freed = release_side(
        journal, gateway.exchange().intake, "late", who="w", why="x", clock=gateway.seconds
    )
    assert freed.arrivals == (1,)
    gateway.exchange().run_once()
    assert len(gateway.boxes["supplier-inbox"].kept) == 1


def test_a_flow_is_refused_at_its_old_address_from_its_day_on() -> None:
    journal = open_journal(None)
    gateway = Gateway(journal)
    meter, old = Party("M", "METR"), Party("L", "ENQS")
    _arrive(gateway, "2019-06-27T17:59", file(1, "D0312", "001", meter, old))
    _arrive(gateway, "2019-06-27T18:00", file(2, "D0312", "002", meter, old))
    _arrive(gateway, "2019-06-27T18:01", file(3, "D0312", "002", meter, XXXX))
    outcomes = [row.outcome.value for row in journal.arrivals(Query())]
    assert outcomes == ["routed", "refused", "routed"]
    refused = next(iter(journal.arrivals(Query(outcome=Outcome.REFUSED))))
    assert refused.reason == "D0312 goes to P/XXXX now, and no longer to L/*"
    found = classify(PLAN, refused, gateway.clock.now(), bundled())
    assert found.rejection is Rejection.BY_RULE


CLASSES = [
    ("D9999", "001", "2019-06-28", Rejection.UNKNOWN, "the catalogue has no D9999"),
    ("D0217", "077", "2019-06-28", Rejection.UNKNOWN, "no v077"),
    ("D0217", "002", "2019-06-27T17:59", Rejection.NOT_YET, "hold it until Thu 27 Jun 2019 18:00"),
    ("D0217", "002", "2019-06-27T18:00", Rejection.NO_ROUTE, "add a route"),
    ("D0217", "001", "2019-06-27T17:59", Rejection.NO_ROUTE, "add a route"),
    ("D0217", "001", "2019-06-27T18:00", Rejection.RETIRED, "ask the sender for v002"),
    ("D0312", "003", "2019-06-27T19:00", Rejection.NOT_YET, "not yet live"),
    ("D0312", "003", "2019-06-28", Rejection.NO_ROUTE, "presumed live"),
    ("D0055", "001", "2019-06-28", Rejection.NO_ROUTE, "no rule takes it"),
]


@pytest.mark.parametrize(("flow", "version", "at", "rejection", "words"), CLASSES)
def test_every_rejection_has_its_class_and_its_remedy(
    flow: str, version: str, at: str, rejection: Rejection, words: str
) -> None:
    journal = open_journal(None)
    gateway = Gateway(journal, routes=evolve(BEFORE, rules=BEFORE.rules[:0]))
    _arrive(gateway, at, file(1, flow, version))
    row = next(iter(journal.arrivals(Query())))
    assert row.outcome is Outcome.UNROUTED
    found = classify(PLAN, row, datetime.fromtimestamp(row.at, UTC), bundled())
    assert found.rejection is rejection
    assert words in f"{found.why}; {found.remedy}"


def test_content_and_unreadable_files_are_classes_of_their_own() -> None:
    journal = open_journal(None)
    gateway = Gateway(journal)
    exchange = gateway.exchange()
    exchange.check = lambda content: "wrong-count: line 2" if b"0000000001" in content else ""
    gateway.clock.set(instant_from("2019-06-28"))
    for one in (file(1), b"not a flow", b""):
        gateway.inbox.put(one)
    exchange.run_once()
    found = reconcile(PLAN, journal, since=PLAN.start, until=PLAN.end)
    classes = [one.classified.rejection for one in found.rejected]
    assert classes == [Rejection.CONTENT, Rejection.UNREADABLE, Rejection.UNREADABLE]
    assert found.adds_up


def test_reprocessing_keeps_the_reference_and_confirms_to_each_party(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "journal.db")
    gateway = Gateway(journal, routes=BEFORE)
    _arrive(gateway, "2019-06-27T19:00", file(7), file(8, recipient=Party("X", "OTHR")))
    _arrive(gateway, "2019-06-27T19:01", file(9, "D9999", "001"))
    # Now the routes are there, and a file that went already is to go again.
    gateway.routes = without_gate(AFTER)
    again = Reprocessing(
        destination="supplier-inbox",
        start=instant_from("2019-06-27"),
        end=instant_from("2019-06-28"),
    )
    gateway.clock.set(instant_from("2019-06-30"))
    for _ in range(2):  # twice is as once
        intake = gateway.exchange().intake
        freed = reprocess(
            journal,
            intake,
            since=PLAN.start,
            again=again,
            who="w",
            why="wrong version",
            clock=gateway.seconds,
        )
    assert {number for number, _ in freed.still} == {2, 3}
    gateway.exchange().run_once()
    done = affected(journal)
    assert [(one.arrival, one.row.address["file_id"]) for one in done] == [(1, "0000000007")]
    assert done[0].row.hash == next(iter(journal.arrivals(Query()))).hash
    told = confirmations(PLAN, done)
    assert [one.party for one in told] == [XXXX, UDMS]
    assert b"0000000007,D0217,002,P/XXXX,X/UDMS" in told[1].csv
    assert b"no market flow" in told[1].json
    journal.close()


def test_what_was_sent_is_sent_again_once(tmp_path: Path) -> None:
    journal: Journal = open_journal(None)
    gateway = Gateway(journal)
    _arrive(gateway, "2019-06-27T19:00", file(1), file(2, "D0089", "002"))
    again = Reprocessing(
        destination="supplier-inbox",
        start=instant_from("2019-06-27"),
        end=instant_from("2019-06-28"),
        flows=("D0217",),
    )
    numbers = []
    for _ in range(2):
        intake = gateway.exchange().intake
        freed = reprocess(
            journal, intake, since=PLAN.start, again=again, who="w", why="x", clock=gateway.seconds
        )
        numbers.append(freed.arrivals)
        gateway.exchange().run_once()
    assert numbers == [(1,), ()]
    assert [one.how for one in affected(journal)] == ["sent again"]
    assert len(gateway.boxes["supplier-inbox"].order) == 3
    again_ids = [one.arrival for one in journal.deliveries(Query(kind="replay"))]
    assert again_ids == [1]


def test_what_went_to_a_fallback_was_not_sent_and_is_not_sent_again() -> None:
    journal: Journal = open_journal(None)
    gateway = Gateway(journal)
    gateway.routes = Routes.parse(
        'destination supplier-inbox "it"\ndestination spare "the spare"\n'
        "route all: flow D0217 deliver supplier-inbox else spare\n"
    )
    journal.set_lane(LaneRow(destination="supplier-inbox", diverted=True))
    _arrive(gateway, "2019-06-27T19:00", file(1))
    assert len(gateway.boxes["spare"].order) == 1
    again = Reprocessing(
        destination="supplier-inbox",
        start=instant_from("2019-06-27"),
        end=instant_from("2019-06-28"),
    )
    intake = gateway.exchange().intake
    freed = reprocess(
        journal, intake, since=PLAN.start, again=again, who="w", why="x", clock=gateway.seconds
    )
    assert freed.arrivals == ()


fates = st.lists(
    st.tuples(
        st.sampled_from(
            [
                ("D0217", "002"),
                ("D0217", "001"),
                ("D0312", "001"),
                ("D9999", "001"),
                ("D0010", "002"),
                ("D0055", "001"),
            ]
        ),
        st.sampled_from([UDMS, XXXX, Party("L", "ENQS"), Party("X", "OTHR")]),
        st.sampled_from([-3600, 3600]),
        st.sampled_from(["well", "refuses", "down"]),
    ),
    max_size=12,
)


@settings(max_examples=25)
@given(fates)
def test_the_totals_add_up_whatever_comes(
    coming: list[tuple[tuple[str, str], Party, int, str]],
) -> None:
    journal = open_journal(None)
    gateway = Gateway(journal)
    for number, (key, to, off, mood) in enumerate(sorted(coming, key=lambda one: one[2])):
        gateway.clock.set(PLAN.closure + timedelta(seconds=off))
        exchange = gateway.exchange()
        for box in gateway.boxes.values():
            box.moods = [mood]
        gateway.inbox.put(file(number // 2, *key, recipient=to))
        exchange.run_once()
    found = reconcile(PLAN, journal, since=PLAN.start, until=PLAN.end)
    assert found.adds_up
    assert found.came == len(coming)
    flows = sum(sum(counted.values()) for counted in found.flows.values())
    assert flows == len(coming)


def test_who_overtakes_is_counted() -> None:
    journal = open_journal(None)
    gateway = Gateway(journal)
    _arrive(gateway, "2019-06-27T17:00", file(1), file(2))
    _arrive(gateway, "2019-06-27T18:05", file(3))  # before anyone has released the first two
    intake = gateway.exchange().intake
    release_side(journal, intake, "early", who="w", why="x", clock=gateway.seconds)
    gateway.exchange().run_once()
    found = reconcile(PLAN, journal, since=PLAN.start, until=PLAN.end)
    assert (found.overtaken, found.released, found.total("delivered")) == (2, 2, 3)
