"""What people do to an exchange: each act does what it says, and leaves an event."""

from __future__ import annotations

import pytest

from dflow.delivery import Retry, State, Treatment, WrongStep
from dflow.exchange import Mount, OperationRefused, Operations, foresight
from dflow.exchange.journal import Outcome, Query
from support_exchange import Moody, World, file


def world(*moods: str, treatment: Treatment | None = None) -> tuple[World, Moody, Moody]:
    old, new = Moody(moods=list(moods)), Moody()
    quick = treatment or Treatment(retry=Retry(first=1, jitter=0, attempts=1), timeout=0.2)
    here = World(
        mounts=tuple(
            Mount(name=name, outbox=box, treatment=quick)
            for name, box in (("old", old), ("new", new), ("spare", Moody()))
        )
    )
    return here, old, new


def acting(here: World) -> Operations:
    return Operations(journal=here.journal, who="ann", why="ticket 7", clock=here.clock)


def state(here: World, number: int) -> State:
    return next(here.journal.deliveries(Query(after=number - 1, limit=1))).state


def events(here: World) -> list[tuple[str, str, str]]:
    return [(one.kind, one.who, one.why) for one in here.journal.events() if one.who != "dflow"]


def test_who_and_why_must_be_said() -> None:
    here, _, _ = world()
    with pytest.raises(ValueError, match="who and why"):
        Operations(journal=here.journal, who="ann", why=" ")


def test_pause_and_resume_drain_in_order() -> None:
    here, old, new = world(treatment=Treatment(order="all"))
    acting(here).pause("old")
    here.put(*[file(n) for n in range(5)])
    here.run()
    assert (len(old.kept), len(new.kept)) == (0, 5)
    acting(here).resume("old")
    here.run()
    assert old.order == [f"{n}.usr" for n in range(5)]
    assert events(here) == [("paused", "ann", "ticket 7"), ("resumed", "ann", "ticket 7")]


def test_a_dead_delivery_is_retried_edited_or_settled_with_evidence() -> None:
    here, old, _ = world("refuses", "refuses", "refuses", "refuses")
    here.put(*[file(n) for n in range(4)])
    here.run()
    dead = [one.id for one in here.journal.deliveries(Query(state=State.DEAD))]
    act = acting(here)
    act.retry(dead[:1])
    new = act.replace(dead[1], b"ZHV|edited|\n")
    act.mark_delivered(dead[2:3], evidence="webform 4711, 09:30")
    act.cancel(dead[3:])
    here.run()
    assert [state(here, n) for n in dead] == [
        State.DELIVERED,
        State.CANCELLED,
        State.DELIVERED,
        State.CANCELLED,
    ]
    assert state(here, new) is State.DELIVERED
    contents = [parcel.content for parcel in old.kept.values()]
    assert contents == [file(0), b"ZHV|edited|\n"]
    assert {kind for kind, _, _ in events(here)} == {
        "retried",
        "edited",
        "marked delivered",
        "cancelled",
    }
    settled = here.journal.events(kind="marked delivered")[0]
    assert settled.detail == "webform 4711, 09:30"
    with pytest.raises(OperationRefused, match="only a dead or held one"):
        act.replace(dead[0], b"x")
    with pytest.raises(OperationRefused, match="evidence"):
        act.mark_delivered([dead[0]], evidence="")


def test_all_take_a_step_or_none() -> None:
    here, _, _ = world("down")
    here.put(file(1))
    here.run()
    before = [one.state for one in here.journal.deliveries(Query())]
    with pytest.raises(WrongStep):
        acting(here).cancel([one.id for one in here.journal.deliveries(Query())])
    assert [one.state for one in here.journal.deliveries(Query())] == before
    assert events(here) == []


def test_hold_and_release_of_deliveries() -> None:
    here, old, _ = world()
    acting(here).pause("old")
    here.put(file(1))
    here.run()
    number = next(here.journal.deliveries(Query(destination="old"))).id
    assert acting(here).hold([number]) == 1
    acting(here).resume("old")
    here.run()
    assert not old.kept
    acting(here).let_go([number])
    here.run()
    assert len(old.kept) == 1


def test_release_of_what_is_held_unrouted_or_no_flow() -> None:
    here, old, new = world()
    here.put(file(1, flow="D0150"), file(2, flow="D0004"), b"no flow at all")
    here.run()
    act, intake = acting(here), here.exchange().intake
    with pytest.raises(OperationRefused, match="would be held now"):
        act.release(1, intake)
    with pytest.raises(OperationRefused, match="no address"):
        act.release(3, intake)
    with pytest.raises(OperationRefused, match="no destination elsewhere; known: old, "):
        act.release(1, intake, to="elsewhere")
    here.rules = here.rules.replace("hold early: flow D0150", "hold early: flow D0151")
    here.rules += "route late: flow D0150 deliver old\n"
    act.release(1, here.exchange().intake)
    act.release(2, intake, to="new")
    act.settle(3)
    here.run()
    assert [parcel.content for parcel in old.kept.values()] == [file(1, flow="D0150")]
    assert [parcel.content for parcel in new.kept.values()] == [file(2, flow="D0004")]
    assert [one.outcome for one in here.journal.arrivals(Query())] == [
        Outcome.ROUTED,
        Outcome.ROUTED,
        Outcome.DISCARDED,
    ]
    with pytest.raises(OperationRefused, match="nothing waits"):
        act.release(1, intake)
    with pytest.raises(OperationRefused, match="no arrival 9"):
        act.settle(9)


def test_a_file_that_the_check_held_is_released_with_its_copies() -> None:
    here, old, new = world()
    exchange = here.exchange()
    exchange.check = lambda content: "counts differ" if b"0000000001" in content else ""
    here.put(file(1), file(2))
    exchange.run_once()
    assert (len(old.kept), len(new.kept)) == (1, 1)
    held = next(here.journal.arrivals(Query(outcome=Outcome.HELD)))
    assert held.reason == "counts differ"
    acting(here).release(held.id, exchange.intake)
    here.run()
    assert (len(old.kept), len(new.kept)) == (2, 2)


def test_replay_under_the_rules_of_then_and_of_now() -> None:
    here, old, new = world()
    here.put(file(1), file(1), file(2))
    here.run()
    made = acting(here).replay(Query(file_id="0000000001"))
    assert len(made) == 2, "one original and one copy; the repeat is not sent"
    here.run()
    assert (len(old.order), len(new.order)) == (3, 3)
    assert {one.kind for one in here.journal.deliveries(Query(kind="replay"))} == {"replay"}
    here.rules = here.rules.replace("deliver old else spare", "deliver new")
    again = acting(here).replay(Query(), here.exchange().intake, destination="new")
    here.run()
    assert len(again) == 4
    assert (len(old.order), len(new.order)) == (3, 7)
    replays = here.journal.events(kind="replay")
    hash_ = here.exchange().routes.rules_hash[:12]
    assert [one.detail for one in replays] == [
        "file_id 0000000001, rules of then: 2 deliveries of arrivals 1",
        f"rules of now ({hash_}): 4 deliveries of arrivals 1 to 3",
    ]


def test_a_replay_is_kept_in_parts_each_with_its_event(monkeypatch: pytest.MonkeyPatch) -> None:
    here, _, _ = world()
    here.put(*map(file, range(3)))
    here.run()
    monkeypatch.setattr(foresight, "_PART", 3)
    act = acting(here)
    parts = act.replay_in_parts(Query())
    assert len(next(parts)) == 4, "an arrival is not torn apart"
    other = acting(here)
    other.pause("old")  # as a running exchange writes: nobody holds the journal in between
    assert [len(part) for part in parts] == [2]
    assert [one.detail for one in here.journal.events(kind="replay")] == [
        "rules of then: 4 deliveries of arrivals 1 to 2",
        "rules of then: 2 deliveries of arrivals 3",
    ]


def test_what_is_released_while_a_replay_runs_is_not_sent_a_second_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, old, _ = world()
    here.put(*(file(number, flow="D0004") for number in range(2)))
    here.run()
    here.rules += "route late: flow D0004 deliver old\n"
    intake = here.exchange().intake
    monkeypatch.setattr(foresight, "_PART", 1)
    left: list[str] = []
    parts = acting(here).replay_in_parts(Query(), intake, left=lambda _row, why: left.append(why))
    assert len(next(parts)) == 1
    acting(here).release(2, intake)
    assert [len(part) for part in parts] == [0]
    here.run()
    assert (len(old.order), left) == (2, ["was released meanwhile"])


def test_a_replay_says_nothing_of_the_text_it_searched_for() -> None:
    here, _, _ = world()
    here.put(file(1))
    here.run()
    acting(here).replay(Query(text="1012345678901"))
    assert "1012345678901" not in str(here.journal.events())


def test_what_did_not_go_there_is_not_replayed_there() -> None:
    here, old, new = world()
    here.put(file(1))
    here.run()
    copy = next(row for row in here.journal.deliveries(Query()) if row.kind == "copy")
    acting(here).pause("new")
    acting(here).replay(Query(arrival=1), destination="new")
    here.put(file(2))
    here.run()
    waiting = [row.id for row in here.journal.deliveries(Query(arrival=2, destination="new"))]
    acting(here).cancel(waiting)
    made = acting(here).replay(Query(arrival=2))
    replayed = [row.destination for row in here.journal.deliveries(Query()) if row.id in made]
    assert replayed == ["old"], "the cancelled copy is not sent by a replay"
    assert copy.state is State.DELIVERED
    assert len(old.kept) == 2
    assert len(new.kept) == 1


def test_what_was_diverted_away_is_replayed_to_where_it_was_to_go() -> None:
    here, old, _ = world()
    acting(here).divert("old")
    here.put(file(1))
    here.run()
    acting(here).undivert("old")
    made = acting(here).replay(Query(), destination="old")
    here.run()
    assert (len(made), len(old.kept)) == (1, 1)
    again = acting(here).replay(Query())
    went = [row.destination for row in here.journal.deliveries(Query()) if row.id in again]
    assert sorted(went) == ["new", "spare"], "where it went then, and nowhere twice"


def test_a_live_file_is_not_sent_to_a_test_destination_by_a_slip() -> None:
    here, _, new = world()
    here.rules = here.rules.replace('destination new "the new agent"', 'destination new "n" test')
    here.put(file(1, flow="D0004"))
    here.run()
    intake = here.exchange().intake
    with pytest.raises(OperationRefused, match="arrival 1 is live and new is for tests"):
        acting(here).release(1, intake, to="new")
    acting(here).release(1, intake, to="new", across_test=True)
    here.run()
    assert len(new.kept) == 1
