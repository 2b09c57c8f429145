"""A contingency while it runs: what may not happen, whatever arrives, fails or dies."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dflow.contingency import ActRefused, Desk, Request, Standing, load_setup, rehearse
from dflow.contingency.figures import queue
from dflow.delivery import State
from dflow.exchange.journal import Query
from dflow.operation import ClockWentBack
from support import CHECKOUT
from support_contingency import MODEL, START, Office, message

EXAMPLE = CHECKOUT / "examples" / "contingency" / "chain.toml"
METERS = ("10000000001", "10000000002", "10000000003")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office.at(tmp_path)
    yield made
    made.close()


def test_reconnections_go_first_oldest_first_and_disconnections_last(office: Office) -> None:
    office.desk.open_failure(2, who="a", why="no receipts")
    office.put("T1", "10000000001", "D05")
    office.put("T2", "10000000002", "E05", at=START - timedelta(minutes=1))
    office.put("T3", "10000000003", "E05", at=START - timedelta(minutes=9))
    office.put("T4", "10000000004", "D01", at=START - timedelta(minutes=99))
    office.round(1)
    office.round(10)
    assert office.hub.names == []
    office.desk.close_failure("F1", who="a", why="receipts")
    office.round()
    assert office.hub.names == ["T3", "T2", "T4", "T1"]
    office.round(1)
    assert len(office.hub.names) == 4


def test_what_failed_before_the_failure_was_opened_goes_in_its_turn(office: Office) -> None:
    office.hub.down = True
    office.put("T1", "10000000001", "E05")
    office.put("T2", "10000000002", "D05")
    office.round()
    office.desk.open_failure(2, who="a", why="no receipts")
    office.put("T3", "10000000003", "E05", at=START)
    office.round(60)
    office.hub.down = False
    office.desk.close_failure("F1", who="a", why="receipts")
    office.round()
    assert office.hub.names == ["T1", "T3", "T2"]


def test_disconnections_wait_while_payments_are_down_and_reconnections_do_not(
    office: Office,
) -> None:
    office.desk.open_failure(1, who="a", why="no files")
    office.put("T1", "10000000001", "D05")
    office.put("T2", "10000000002", "E05")
    office.round()
    assert office.hub.names == ["T2"]
    (row,) = office.journal.deliveries(Query(state=State.DUE))
    assert "payments are down" in row.reason
    office.desk.close_failure("F1", who="a", why="files")
    office.round(1)
    assert office.hub.names == ["T2", "T1"]


def test_a_failure_of_one_meter_point_holds_that_one(office: Office) -> None:
    office.desk.open_failure(2, who="a", why="no answer", mprn="10000000001")
    office.put("T1", "10000000001", "E05")
    office.put("T2", "10000000002", "D05")
    office.round()
    assert office.hub.names == ["T2"]
    office.desk.close_failure("F1", who="a", why="it answers")
    office.round()
    assert office.hub.names == ["T2", "T1"]
    # Every record of its chain has to be looked at.
    assert [one.mprn for one in office.desk.standing.unconfirmed()] == ["10000000001"] * 2


def test_what_is_done_by_hand_is_not_sent_and_its_records_are_to_be_corrected(
    office: Office,
) -> None:
    office.desk.open_failure(2, who="a", why="down")
    office.put("T1", "10000000001", "E05")
    office.put("T2", "10000000001", "D05", at=START - timedelta(minutes=5))
    office.round()
    office.desk.by_hand("T1", who="me", channel="phone", reference="R1")
    office.desk.by_hand(who="me", channel="webform", reference="W1", mprn=METERS[1], reason="E05")
    office.put("T3", "10000000002", "E05", at=START - timedelta(minutes=2))
    office.round(1)
    office.desk.close_failure("F1", who="a", why="up")
    office.round(1)
    # The disconnection came before the reconnection by phone: it would switch it off again.
    assert office.hub.names == []
    said = {one.tx: (one.outcome, one.channel) for one in office.desk.standing.requests.values()}
    assert said == {
        "T1": ("by hand", "phone"),
        "T2": ("cancelled", ""),
        "T3": ("by hand", "webform"),
    }
    rows = {row.state for row in office.journal.deliveries(Query(destination="hub"))}
    assert rows == {State.DELIVERED, State.CANCELLED}
    fixes = office.desk.standing.unconfirmed()
    assert [(one.mprn, one.because) for one in fixes] == [
        ("10000000001", "R1"),
        ("10000000001", "R1"),
        ("10000000002", "W1"),
        ("10000000002", "W1"),
        ("", "F1"),
    ]
    office.desk.confirm([one.id for one in fixes], who="b", reference="seen")
    assert not office.desk.standing.unconfirmed()


def test_a_reconnection_by_hand_cancels_a_disconnection_that_waits(office: Office) -> None:
    office.desk.open_failure(2, who="a", why="down")
    office.put("T1", METERS[0], "D05")
    office.round()
    hand = {"who": "me", "channel": "phone", "reference": "R", "mprn": METERS[0], "reason": "E05"}
    office.desk.by_hand(**hand)
    office.desk.close_failure("F1", who="a", why="up")
    office.round(1)
    assert office.hub.names == []
    assert office.desk.standing.requests["SUP/T1"].outcome == "cancelled"


def test_a_new_request_after_a_switch_between_is_not_what_was_done_by_hand(office: Office) -> None:
    hand = {"who": "me", "channel": "phone", "reference": "R", "mprn": METERS[0], "reason": "E05"}
    office.desk.by_hand(**hand)
    office.put("T1", METERS[0], "E05", at=START + timedelta(minutes=3))
    office.put("T2", METERS[0], "D05", at=START + timedelta(minutes=6))
    office.put("T3", METERS[0], "E05", at=START + timedelta(minutes=9))
    office.put("T4", METERS[0], "E05", at=START + timedelta(minutes=30))
    office.round(31)
    said = {one.tx: one.outcome for one in office.desk.standing.requests.values()}
    assert said == {"T1": "by hand", "T2": "cancelled", "T3": "", "T4": ""}
    assert office.hub.names == ["T3", "T4"]


def test_a_resend_is_one_request_and_a_number_used_twice_is_held(office: Office) -> None:
    content = message("T1", METERS[0], "E05", at=START)
    office.inbox.put(content)
    office.inbox.put(content)
    office.inbox.put(message("T1", METERS[0], "D05", at=START))
    office.inbox.put(message("", METERS[0], "E05", at=START))
    office.inbox.put(message("T5", METERS[0], "X99", at=START))
    office.round()
    office.round(5)
    assert office.hub.names == ["T1"]
    said = sorted(office.desk.standing.unclear.values())
    assert said == [
        "it has no reason that is known",
        "it has no transaction number",
        "its transaction number was used before, with other content",
    ]
    assert sum(1 for _ in office.journal.deliveries(Query(state=State.HELD))) == 3


def test_life_support_is_held_before_it_is_sent(office: Office) -> None:
    office.put("T1", "99999999999", "D05")
    office.put("T2", "99999999999", "E05", at=START - timedelta(minutes=3))
    office.round()
    assert office.hub.names == ["T2"]
    request = office.desk.standing.requests["SUP/T1"]
    assert "life support" in request.held
    assert "99999999999" not in request.held


def test_warnings_come_before_the_backstop_and_stop_when_it_is_done(office: Office) -> None:
    office.desk.open_failure(2, who="a", why="down")
    office.put("T1", METERS[0], "E05")
    office.put("T2", METERS[1], "E05")
    office.put("T3", METERS[2], "D05")
    warned = [office.round(minutes).warned for minutes in (0, 29, 1, 14, 1, 14)]
    assert warned == [1, 0, 1, 0, 2, 0]  # the levels of escalation at 0 and 30, then 45 minutes
    office.desk.by_hand("T2", who="me", channel="phone", reference="R")
    assert [office.round(minutes).warned for minutes in (1, 14, 1, 60)] == [1, 0, 1, 0]
    requests = office.desk.standing.requests
    late = [one.tx for one in requests.values() if one.breached(office.clock.now())]
    assert late == ["T1"]
    assert requests["SUP/T1"].warned_in_time
    assert office.desk.standing.failures["F1"].told == ["desk", "manager"]


def test_who_looks_too_late_is_told_so(office: Office) -> None:
    office.desk.open_failure(2, who="a", why="down")
    office.put("T1", METERS[0], "E05", at=START - timedelta(minutes=80))
    office.round()
    (one,) = office.desk.standing.requests.values()
    assert one.breached(office.clock.now())
    assert not one.warned_in_time


def test_answers_find_their_requests(office: Office) -> None:
    office.put("T1", METERS[0], "E05")
    office.put("T2", METERS[1], "D05")
    office.put("T3", METERS[2], "E05")
    office.round()
    office.inbox.put(message("A1", METERS[0], code="106E"))
    office.inbox.put(message("A2", METERS[1], code="106D"))
    office.inbox.put(message("A3", "10000000009", code="106E"))
    office.inbox.put(message("A4", METERS[2], "T3", code="601"))
    office.inbox.put(message("A5", METERS[0], code="131"))
    office.round(4)
    said = {one.tx: (one.outcome, one.held) for one in office.desk.standing.requests.values()}
    assert said["T1"] == said["T2"] == ("answered", "")
    # Nobody was reconnected: its clock runs on.
    assert said["T3"] == ("", "it was refused: 601")
    assert len(office.desk.standing.noted) == 2
    assert office.round(50).warned == 1


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda d: d.open_failure(9, who="a", why="b"), "the chain has no stage 9; it has 1, 2, 3"),
        (lambda d: d.open_failure(1, who="", why="b"), "say who and why"),
        (lambda d: d.open_failure(1, who="a", why="b", mprn="x"), "written in digits"),
        (
            lambda d: d.open_failure(1, who="a", why="b", since=START + timedelta(hours=1)),
            "which is to come",
        ),
        (lambda d: d.open_failure(2, who="a", why="b"), "F1 is open at stage 2"),
        (lambda d: d.close_failure("F7", who="a", why="b"), "no failure 'F7'; there are F1"),
        (
            lambda d: d.close_failure("F1", who="a", why="b", ended=START - timedelta(days=1)),
            "it cannot end then",
        ),
        (lambda d: d.by_hand("T9", who="a", channel="c", reference="r"), "no request 'T9'"),
        (lambda d: d.by_hand("T1", who="a", channel="", reference="r"), "say the channel"),
        (lambda d: d.by_hand("T1", who="a", channel="c", reference=" "), "say who and why"),
        (lambda d: d.by_hand(who="a", channel="c", reference="r"), "name the transaction"),
        (lambda d: d.confirm(["B1"], who="a", reference="r"), "nothing to correct"),
    ],
)
def test_an_act_that_is_not_possible_changes_nothing(
    office: Office,
    act: object,
    why: str,
) -> None:
    office.desk.open_failure(2, who="a", why="down")
    office.put("T1", METERS[0], "E05")
    office.round()
    before = office.ledger.path.read_bytes()
    assert callable(act)
    with pytest.raises(ActRefused, match=why.replace("(", ".")):
        act(office.desk)
    assert office.ledger.path.read_bytes() == before
    assert Standing.of(office.ledger.read()) == office.desk.standing


def test_a_clock_that_goes_back_stops_everything(office: Office) -> None:
    office.put("T1", METERS[0], "E05")
    office.clock.advance(hours=1)
    office.desk.open_failure(1, who="a", why="b")
    office.clock.set(START)
    with pytest.raises(ClockWentBack, match="set the clock right"):
        office.rounds.round()
    assert office.hub.names == []


def test_an_act_whose_effect_was_lost_has_it_in_the_next_round(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.put("T1", METERS[0], "E05")
    office.put("T2", METERS[1], "E05")

    class Dies(BaseException):
        pass

    def die(_desk: Desk) -> None:
        raise Dies

    office.hub.down = True
    office.round()
    monkeypatch.setattr(Desk, "settle", die)
    with pytest.raises(Dies):
        office.desk.open_failure(2, who="a", why="down")
    office.again()
    with pytest.raises(Dies):
        office.desk.by_hand("T1", who="me", channel="phone", reference="R")
    monkeypatch.undo()
    assert not office.journal.lane("hub").paused
    office.again()
    office.hub.down = False
    office.round(2)
    assert office.journal.lane("hub").paused
    assert office.hub.names == []
    office.desk.close_failure("F1", who="a", why="up")
    office.round(2)
    assert office.hub.names == ["T2"]
    assert not office.journal.lane("hub").paused


def test_a_pause_of_somebody_else_is_left_alone(office: Office) -> None:
    from dflow.exchange import Operations

    Operations(journal=office.journal, who="she", why="maintenance").pause("hub")
    office.desk.open_failure(2, who="a", why="down")
    office.desk.close_failure("F1", who="a", why="up")
    assert office.journal.lane("hub").paused


class Contingency(RuleBasedStateMachine):
    """Requests, failures, acts, crashes in any order; the laws are looked at at the hub."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.office = Office.at(self.folder, MODEL)
        self.number = 0
        self.hands: dict[str, datetime] = {}
        self.failed = False

    def teardown(self) -> None:
        self.office.close()
        shutil.rmtree(self.folder)

    @rule(
        asked=st.lists(
            st.tuples(
                st.sampled_from(METERS),
                st.sampled_from(["E05", "D05", "D01", "E01"]),
                st.sampled_from([0, 3, 50]),
                st.sampled_from([1, 1, 1, 2]),
            ),
            min_size=1,
            max_size=5,
        )
    )
    def request(self, asked: list[tuple[str, str, int, int]]) -> None:
        for meter, reason, old, times in asked:
            self.number += 1
            at = self.office.clock.now() - timedelta(minutes=old)
            content = message(f"T{self.number}", meter, reason, at=at)
            for _ in range(times):
                self.office.inbox.put(content)

    @rule(stage=st.sampled_from([1, 2]), meter=st.sampled_from(["", METERS[0]]))
    def open(self, stage: int, meter: str) -> None:
        try:
            self.office.desk.open_failure(stage, who="a", why="b", mprn=meter)
        except ActRefused:
            assert (stage, meter) in {
                (one.stage, one.mprn) for one in self.office.desk.standing.open_failures()
            }

    @precondition(lambda self: self.office.desk.standing.open_failures())
    @rule()
    def shut(self) -> None:
        one = self.office.desk.standing.open_failures()[0]
        self.office.desk.close_failure(one.id, who="a", why="b")

    @precondition(lambda self: any(True for _ in self.office.desk.standing.waiting()))
    @rule(last=st.booleans())
    def phone(self, last: bool) -> None:
        waiting = list(self.office.desk.standing.waiting())
        one = waiting[-1 if last else 0]
        self.office.desk.by_hand(one.key, who="me", channel="phone", reference=f"R{one.tx}")
        self.hands[one.tx] = self.office.clock.now()

    @rule(
        minutes=st.sampled_from([0, 1, 14, 31]),
        fails=st.sampled_from([[], [], [], [True], [False, True]]),
    )
    def round(self, minutes: int, fails: list[bool]) -> None:
        office, before = self.office, len(self.office.hub.took)
        office.wait(minutes)
        office.hub.fails = list(fails)
        standing = office.desk.standing
        failures = [(one.stage, one.mprn) for one in standing.open_failures()]
        old = set(standing.requests)
        done = {one.tx for one in standing.requests.values() if one.outcome}
        office.rounds.round()
        went = [standing.requests[f"SUP/{tx}"] for _, tx in office.hub.took[before:]]
        assert not {one.tx for one in went} & done
        if (2, "") in failures:
            assert not went
        for one in went:
            assert (2, one.mprn) not in failures
            assert one.kind == "reconnect" or (1, "") not in failures
        self.failed = self.failed or any(fails)
        self._in_order(went, self.failed)
        self._nothing_stays(failures)
        for one in standing.requests.values():
            if one.key in old and minutes < 15 and one.breached(office.clock.now()):
                assert one.warned or one.started < one.recorded - timedelta(minutes=44)

    def _nothing_stays(self, failures: list[tuple[int, str]]) -> None:
        """What nothing stands against has gone; what the hub refused waits for its turn."""
        for one in self.office.desk.standing.waiting():
            against = {(2, ""), (2, one.mprn)}
            if one.kind == "disconnect":
                against |= {(1, ""), (1, one.mprn)}
            assert against & set(failures) or self.failed

    def _in_order(self, went: list[Request], failing: bool) -> None:
        if not failing:
            kinds = [one.kind for one in went]
            assert kinds == sorted(kinds, reverse=True)
            urgent = [one.started for one in went if one.kind == "reconnect"]
            assert urgent == sorted(urgent)

    @rule()
    def crash(self) -> None:
        before = self.office.desk.standing
        self.office.again()
        assert self.office.desk.standing == before

    @invariant()
    def nothing_goes_twice_or_again(self) -> None:
        names = self.office.hub.names
        assert len(names) == len(set(names))
        for at, tx in self.office.hub.took:
            assert tx not in self.hands or at <= self.hands[tx]

    @invariant()
    def no_disconnection_follows_a_later_reconnection(self) -> None:
        sent = {tx: (at, n) for n, (at, tx) in enumerate(self.office.hub.took)}
        requests = self.office.desk.standing.requests.values()
        for one in requests:
            if one.kind == "disconnect" and one.tx in sent:
                for other in requests:
                    later = other.kind == "reconnect" and other.mprn == one.mprn
                    if later and other.started > one.started and other.tx in sent:
                        assert sent[one.tx] < sent[other.tx]


Contingency.TestCase.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
TestContingency = Contingency.TestCase


@pytest.mark.slow
def test_the_laws_hold_in_a_long_campaign() -> None:
    """Run it: pytest -m slow tests/test_contingency_running.py."""
    from hypothesis.stateful import run_state_machine_as_test

    long = settings(max_examples=300, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(Contingency, settings=long)


def test_the_queue_over_time_is_what_waits_at_each_instant(office: Office) -> None:
    office.desk.open_failure(2, who="a", why="down")
    for number in range(6):
        office.put(f"T{number}", f"1000000000{number}", "E05" if number % 2 else "D05")
        office.round(3)
    office.desk.close_failure("F1", who="a", why="up")
    office.round(4)
    instants, lines = queue(office.desk.standing, office.clock.now())
    requests = office.desk.standing.requests.values()
    for place, at in enumerate(instants):
        for kind, values in lines.items():
            there = sum(
                one.kind == kind and one.started <= at and (one.handed is None or one.handed > at)
                for one in requests
            )
            assert values[place] == there


@pytest.mark.parametrize("number", [400, pytest.param(50_000, marks=pytest.mark.slow)])
def test_a_mass_failure_at_the_hub(number: int) -> None:
    """The judged one: pytest -m slow tests/test_contingency_running.py -k mass."""
    seen = rehearse(load_setup(EXAMPLE), datetime(2026, 6, 1, 9, tzinfo=UTC), requests=number)
    standing = seen.standing
    assert len(standing.requests) == number
    assert seen.unwarned == []
    assert (seen.twice, seen.repeated, seen.out_of_order, seen.cut_off) == ((), (), (), ())
    assert seen.differed == 0
    assert seen.replays > 0
    assert all(one.outcome for one in standing.requests.values())
    assert {one.outcome for one in standing.requests.values()} == {
        "answered",
        "by hand",
        "cancelled",
    }
    fixes = standing.back_fixes.values()
    assert fixes
    assert all(one.confirmed is not None or one in standing.unconfirmed() for one in fixes)
    if number > 1000:
        assert len(seen.breaches) > number / 100
