"""The machines run, and see what they should see; rules, releases and arrivals are usable."""

from __future__ import annotations

import itertools
import tempfile
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from dflow.catalogue import Release, bundled
from dflow.envelope import Header
from dflow.exchange.intake import Intake
from dflow.exchange.journal import Journal, SqliteJournal, open_journal
from dflow.exchange.journal.sequences import Taken
from dflow.routing import Routes, Rule
from dflow.testing.doubles import Bench, RecordingDestination
from dflow.testing.journals import JournalMachine
from dflow.testing.machines import ExchangeMachine, OutboxMachine
from dflow.testing.strategies import arrivals, flow_bytes, headers, releases, rule_sets, rules
from dflow.transport import Arrival, MemoryOutbox, Parcel, Receipt

#: Files there are not waited for.
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  folders in it have names of their own

FEW = settings(
    max_examples=6,
    stateful_step_count=8,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

#: In memory and on a disk that is waited for: a few long runs say more than many short ones.
JOURNALS = settings(FEW, max_examples=20, stateful_step_count=50)

#: What a mistake is looked for with: the same runs every time, so that it is always found.
SEEING = settings(JOURNALS, max_examples=300, derandomize=True, database=None)


@pytest.fixture(autouse=True)
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machines' journals in memory, where there is such a folder: none loses its power."""
    if SHARED_MEMORY.is_dir():
        monkeypatch.setattr(tempfile, "tempdir", str(SHARED_MEMORY))


def test_an_exchange_stands_the_machine() -> None:
    run_state_machine_as_test(ExchangeMachine, settings=FEW)


def test_an_outbox_stands_the_machine() -> None:
    run_state_machine_as_test(OutboxMachine, settings=FEW)


class Steady(ExchangeMachine):
    """The machine without what a real clock decides: the same choices give the same run."""

    crash_anywhere = None  # type: ignore[assignment]  # so Hypothesis finds no rule there


def test_a_destination_that_keeps_things_twice_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forgetful(self: RecordingDestination, parcel: Parcel) -> Receipt:
        self.parcels += [parcel, parcel]
        return Receipt(key=parcel.key)

    monkeypatch.setattr(RecordingDestination, "send", forgetful)
    with pytest.raises(AssertionError, match="has a file twice"):
        run_state_machine_as_test(Steady, settings=SEEING)


def test_a_crash_that_is_forgotten_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without recovery, what was being sent is neither sent nor asked about."""
    monkeypatch.setattr(SqliteJournal, "recover", lambda self, at: [])
    with pytest.raises(AssertionError, match="lacks files"):
        run_state_machine_as_test(Steady, settings=SEEING)


@pytest.mark.slow
def test_an_exchange_stands_the_machine_for_long() -> None:
    long = settings(FEW, max_examples=1_000, stateful_step_count=30)
    run_state_machine_as_test(ExchangeMachine, settings=long)


def test_a_run_is_cut_short_wherever_it_waits(tmp_path: Path) -> None:
    """From the first moment of a run to its end, in small steps: once is once."""
    rules = 'destination a "a"\nroute all: flow * deliver a\n'
    content = find(flow_bytes("D0010", "002"), lambda _: True)
    for step in itertools.count():
        bench = Bench(rules, tmp_path / f"{step}.db")
        bench.put(content)
        short = bench.run_cut_short(step / 2000)
        bench.reopen()
        bench.run()
        assert bench.destinations["a"].contents == [content]
        bench.close()
        if not short:
            break
    assert step > 2


def test_rules_change_while_deliveries_wait(tmp_path: Path) -> None:
    one, other = 'destination a "a"\nroute all: flow * deliver a\n', 'destination b "b"\n'
    bench = Bench(one, tmp_path / "j.db")
    bench.destinations["a"].mood = "down"
    content = find(flow_bytes("D0010", "002"), lambda _: True)
    bench.put(content)
    bench.run()
    bench.change_rules(other)
    bench.destinations["a"].mood = "well"
    bench.clock.advance(3600)
    bench.run()
    assert bench.destinations["a"].contents == [content]
    assert bench.destinations["b"].contents == []
    bench.close()


class Forgetful(OutboxMachine):
    """An outbox that loses every parcel."""

    def open(self) -> MemoryOutbox:
        class Loses(MemoryOutbox):
            async def send(self, parcel: Parcel) -> Receipt:
                return Receipt(key=parcel.key)

        return Loses()


def test_an_outbox_that_loses_parcels_is_seen() -> None:
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Forgetful, settings=SEEING)


def test_a_bench_in_memory_cannot_be_opened_again() -> None:
    bench = Bench("destination a\nroute all: flow * deliver a\n")
    with pytest.raises(ValueError, match="give the bench a path"):
        bench.reopen()
    bench.close()


@given(routes=rule_sets(), header=headers())
@settings(max_examples=15)
def test_rule_sets_decide_and_are_written_as_they_are_read(routes: Routes, header: Header) -> None:
    decision = routes.decide(header, at=datetime(2025, 1, 1, tzinfo=UTC))
    known = {one.name for one in routes.destinations}
    assert {target.destination for target in decision.deliveries} <= known
    again = Routes.parse(str(routes))
    assert [one.name for one in again.rules] == [one.name for one in routes.rules]
    assert again.decide(header, at=datetime(2025, 1, 1, tzinfo=UTC)).outcome is decision.outcome


@given(one=rules("mine"))
@settings(max_examples=15)
def test_rules_have_the_name_that_is_given(one: Rule) -> None:
    assert one.name == "mine"


@given(one=releases())
def test_releases_are_the_catalogues(one: Release) -> None:
    assert one in bundled().releases


@given(one=arrivals(flow_bytes("D0010", "002")), routes=rule_sets(), data=st.data())
@settings(max_examples=10)
def test_arrivals_are_taken_in(one: Arrival, routes: Routes, data: st.DataObject) -> None:
    new = Intake(routes=routes).consider(one, source="gateway", at=1_600_000_000.0)
    assert new is not None


class InMemory(JournalMachine):
    """A journal that does not outlive its process."""

    lasting = False

    def open(self) -> Journal:
        return open_journal(None)


@pytest.mark.untraced
@pytest.mark.parametrize("machine", [JournalMachine, InMemory])
def test_a_journal_stands_the_machine(machine: type[JournalMachine]) -> None:
    run_state_machine_as_test(machine, settings=JOURNALS)


@pytest.mark.slow
@pytest.mark.parametrize("machine", [JournalMachine, InMemory])
def test_a_journal_stands_the_machine_for_long(machine: type[JournalMachine]) -> None:
    long = settings(JOURNALS, max_examples=1_000, stateful_step_count=60)
    run_state_machine_as_test(machine, settings=long)


@pytest.mark.untraced
@pytest.mark.parametrize(
    ("method", "mistake", "seen"),
    [
        ("recover", lambda self, at: [], "what was being sent"),
        pytest.param(
            "prune",
            lambda self, before, limit=1000: 0,
            "the number pruned",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "next_due",
            lambda self, destination, after: None,
            "is due",
            marks=pytest.mark.slow,
        ),
        (
            "sequence",
            lambda self, source, target, number: Taken.first(source, target, number),
            "the number",
        ),
        ("set_lane", lambda self, lane: None, "the lane of"),
        ("transaction", lambda self: nullcontext(), "the"),
        ("claim", lambda self, destination, now, limit: [], "the number claimed"),
    ],
)
def test_a_journal_that_errs_is_seen(
    monkeypatch: pytest.MonkeyPatch, method: str, mistake: object, seen: str
) -> None:
    monkeypatch.setattr(SqliteJournal, method, mistake)
    with pytest.raises(AssertionError, match=seen):
        run_state_machine_as_test(JournalMachine, settings=SEEING)
