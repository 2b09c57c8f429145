"""A stateful machine for a journal: whatever keeps an exchange's memory, against a model.

In: how to open the journal under test.  Out: a Hypothesis state machine that records,
claims, steps, prunes, breaks transactions off and crashes in every order, and compares
what the journal then says with `JournalModel`.  This module does not know databases.

    class MyJournalMachine(JournalMachine):
        def open(self) -> Journal:
            return open_mine(self.folder / "mine")

    TestMyJournal = MyJournalMachine.TestCase
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dflow.delivery import Step, WrongStep, steps_from
from dflow.exchange import open_journal
from dflow.exchange.journal import (
    Backlog,
    EventRow,
    Journal,
    JournalError,
    LaneRow,
    NewArrival,
    NewDelivery,
    Outcome,
    Query,
    content_hash,
)
from dflow.testing.journal_model import JournalModel, Known

__all__ = ["JournalMachine"]

_DESTINATIONS = ("new", "old")
_STEPS = st.sampled_from(Step)
_SECONDS = st.sampled_from((0.0, 1.0, 60.0, 3600.0))
_CONTENTS = st.integers(0, 30).map(b"file %d".__mod__)
# In the order of the class: a set's differs from process to process, and so would the runs.
_OUTCOMES = st.sampled_from(
    [*[Outcome.ROUTED] * 8, *(one for one in Outcome if one is not Outcome.REPEAT)]
)
_DELIVERIES = st.lists(
    st.builds(
        NewDelivery,
        destination=st.sampled_from(_DESTINATIONS),
        kind=st.sampled_from(("original", "copy", "copy")),
        key=st.integers(0, 200).map("key-{}".format),
        line=st.sampled_from(("", "a", "b")),
        fallback=st.sampled_from(("", "new")),
        content=st.sampled_from((None, None, b"another")),
        held=st.sampled_from(("", "", "", "wait")),
    ),
    max_size=3,
    unique_by=lambda one: one.key,
)


class _Stop(BaseException):
    """What ends a process in the middle of something."""


class JournalMachine(RuleBasedStateMachine):
    """A journal and a model of it are told the same, and must say the same.

    What was committed is there after a crash; what was not is not; a claim hands a delivery
    out once; the head of a line holds back those behind it; only the table of
    `dflow.delivery` moves a delivery; numbers are not used again; what is not finished is
    never pruned.

    A subclass overrides `open`, and `discard` if something is left outside `folder`.  To see
    what stands where, it may add rules of its own: `journal` and `model` are there for them.

    Attributes:
        lasting: whether what was committed outlives `close`; a journal in memory says no.
        folder: an empty folder for this run, removed at its end.
        journal: the journal under test, open.
        model: what it should hold.
        now: POSIX seconds; never goes back.
    """

    lasting: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.now = 1_600_000_000.0
        self.model = JournalModel()
        self.journal: Journal = self.open()

    def open(self) -> Journal:
        """Open the journal under test, the same one at every call; SQLite's by default."""
        return open_journal(self.folder / "journal.db")

    def crash(self) -> None:
        """The process ends.  By default the journal is closed; nothing is tidied up."""
        self.journal.close()

    def discard(self) -> None:
        """Remove what is left outside `folder`, such as a schema of a database."""

    @initialize(deliveries=_DELIVERIES, data=st.data())
    def begin(self, deliveries: list[NewDelivery], data: st.DataObject) -> None:
        """Some files have arrived already, so that there is something to do."""
        for number in range(data.draw(st.integers(0, 4))):
            again = [evolve(one, key=f"{one.key}-{number}") for one in deliveries]
            self.record(b"first %d" % number, again, Outcome.ROUTED)

    # -- what an exchange does -----------------------------------------------------------

    @rule(seconds=_SECONDS)
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @rule(content=st.none() | _CONTENTS, deliveries=_DELIVERIES, outcome=_OUTCOMES)
    def record(
        self, content: bytes | None, deliveries: list[NewDelivery], outcome: Outcome
    ) -> None:
        """A file arrives, perhaps one that was there before."""
        new = self._arrival(content, deliveries, outcome)
        was = self.model.expected(new)
        recorded = self.journal.record(new)
        _same("the outcome", recorded.outcome, was.outcome)
        _same("the first of this content", recorded.repeat_of, was.repeat_of)
        _same("the number of deliveries", len(recorded.deliveries), len(was.deliveries))
        self.model.record(new, recorded)

    @rule(data=st.data(), deliveries=_DELIVERIES.filter(bool))
    def add(self, data: st.DataObject, deliveries: list[NewDelivery]) -> None:
        """A delivery is added to an arrival that is there; a known key is not taken again."""
        numbers = sorted(one for one, arrival in self.model.arrivals.items() if arrival.hash)
        if not numbers:
            return
        arrival = data.draw(st.sampled_from(numbers))
        new = _keyed(deliveries[0], self.model.arrivals[arrival].hash)
        number = self.journal.add(arrival, new, at=self.now)
        _same("whether the key was new", bool(number), new.key not in self.model.known_keys())
        if number:
            self.model.add(arrival, number, new, self.now)

    @rule(destination=st.sampled_from(_DESTINATIONS), limit=st.integers(1, 4))
    def claim(self, destination: str, limit: int) -> None:
        """What is due is handed out, as far as the limit goes, and is being sent by then."""
        free, heads = self.model.claimable(destination, self.now)
        rows = self.journal.claim(destination, now=self.now, limit=limit)
        given = [row.id for row in rows]
        _same("the number claimed", len(given), min(limit, len(free) + len(heads)))
        # Which of the two kinds comes first is the journal's choice; within each, it is not.
        for kind, queue in (("without a line", free), ("of lines", heads)):
            mine = [number for number in given if number in queue]
            _same(f"the deliveries claimed {kind}", mine, queue[: len(mine)])
        for number in given:
            self.model.step(number, Step.START, self.now)
        for row in rows:
            _same(f"delivery {row.id} as handed out", Known.of(row), self.model.deliveries[row.id])

    @rule(data=st.data(), step=_STEPS, wait=st.sampled_from((None, 30.0)), kept=st.booleans())
    def step(self, data: st.DataObject, step: Step, wait: float | None, *, kept: bool) -> None:
        """A delivery takes a step that it can take, or one that it cannot."""
        if not self.model.deliveries:
            return
        number = data.draw(st.sampled_from(sorted(self.model.deliveries)))
        able = steps_from(self.model.deliveries[number].state)
        if able and (often := data.draw(st.integers(0, 99))) % 5:
            step = able[often % len(able)]
        due = None if wait is None else self.now + wait
        started = self.now if kept else None

        def call() -> None:
            self.journal.step(number, step, at=self.now, due=due, started=started)

        if step in able:
            call()
            self.model.step(number, step, self.now, due=due, started=started)
        else:
            _raises(WrongStep, call)

    @rule(data=st.data(), outcome=st.sampled_from((Outcome.DISCARDED, Outcome.ROUTED)))
    def settle(self, data: st.DataObject, outcome: Outcome) -> None:
        """A person settles an arrival."""
        if self.model.arrivals:
            number = data.draw(st.sampled_from(sorted(self.model.arrivals)))
            self.journal.settle(number, at=self.now, outcome=outcome, reason="by hand")
            self.model.settle(number, outcome)

    @rule(destination=st.sampled_from(_DESTINATIONS), paused=st.booleans(), diverted=st.booleans())
    def set_lane(self, destination: str, *, paused: bool, diverted: bool) -> None:
        """Something is remembered of a destination."""
        lane = LaneRow(destination=destination, paused=paused, diverted=diverted)
        self.journal.set_lane(lane)
        self.model.lanes[destination] = lane

    @rule(sender=st.sampled_from("ab"), to=st.sampled_from("cd"), number=st.integers(0, 99))
    def sequence(self, sender: str, to: str, number: int) -> None:
        """It is remembered which numbers came, and so which are missing."""
        standing = self.model.sequence(sender, to, number)
        _same("the number", self.journal.sequence(sender, to, number).standing, standing)

    @rule(kind=st.sampled_from(("paused", "dead")))
    def note(self, kind: str) -> None:
        """An event is kept under a higher number than any before."""
        newest = self.journal.last_event()
        number = self.journal.note(EventRow(at=self.now, kind=kind))
        if number <= newest:
            raise AssertionError(f"event {number} comes after event {newest}")
        _same("the newest event", [one.id for one in self.journal.events(after=newest)], [number])

    @rule(age=st.sampled_from((-1.0, -1.0, 0.0, 60.0)), limit=st.sampled_from((1, 1000)))
    def prune(self, age: float, limit: int) -> None:
        """What is finished and old is forgotten, and nothing else."""
        old = self.model.finished(before=self.now - age)[:limit]
        pruned = self.journal.prune(before=self.now - age, limit=limit)
        _same("what was pruned", evolve(pruned, size=0), self.model.forget(old))

    # -- what goes wrong -----------------------------------------------------------------

    @rule(content=_CONTENTS, deliveries=_DELIVERIES, end=st.sampled_from((_Stop, RuntimeError)))
    def break_off(
        self, content: bytes | None, deliveries: list[NewDelivery], end: type[BaseException]
    ) -> None:
        """A transaction ends in the middle: nothing of it happened."""

        def half() -> None:
            with self.journal.transaction():
                self.journal.record(self._arrival(content, deliveries, Outcome.ROUTED))
                for destination in _DESTINATIONS:
                    self.journal.claim(destination, now=self.now, limit=2)
                self.journal.note(EventRow(at=self.now, kind="never"))
                raise end

        _raises(end, half)
        _same("events of what never happened", self.journal.events(kind="never"), [])

    @precondition(lambda self: self.lasting)
    @rule(recovers=st.booleans())
    def crash_and_reopen(self, *, recovers: bool) -> None:
        """The process ends, and another opens the journal again."""
        self.crash()
        self.journal = self.open()
        if recovers:
            lost = self.journal.recover(at=self.now)
            _same("what was being sent", sorted(lost), self.model.recover(self.now))

    @rule()
    def nothing_is_there(self) -> None:
        """What the journal does not have is refused by name."""
        _raises(JournalError, lambda: self.journal.step(10**9, Step.START, at=self.now))
        _raises(JournalError, lambda: self.journal.payload(content_hash(b"never seen")))

    # -- what must hold ------------------------------------------------------------------

    @invariant()
    def it_says_what_the_model_says(self) -> None:
        """Arrivals, deliveries, attempts, lanes and counts are the model's."""
        journal, model = self.journal, self.model
        found = {row.id: (row.hash, row.outcome, row.at) for row in journal.arrivals(Query())}
        held = {key: (one.hash, one.outcome, one.at) for key, one in model.arrivals.items()}
        _same("the arrivals", found, held)
        rows = {row.id: Known.of(row) for row in journal.deliveries(Query())}
        _same("the deliveries", rows, model.deliveries)
        for number in rows:
            steps = [one.step for one in journal.attempts(number)]
            _same(f"the attempts at {number}", steps, model.attempts.get(number, []))
        counts = {
            outcome: sum(one.outcome is outcome for one in model.arrivals.values())
            for outcome in {one.outcome for one in model.arrivals.values()}
        }
        _same("the counts of outcomes", journal.outcomes(), counts)
        missing = {
            (one.source, one.target): [
                number for span in one.missing for number in range(span.first, span.last + 1)
            ]
            for one in journal.missing()
        }
        _same("the numbers that are missing", missing, model.missing())
        _same("the backlog", sorted(journal.backlog(), key=_by_name), model.backlog())

    @invariant()
    def every_queue_is_the_models(self) -> None:
        """What waits at a destination, and when to look again."""
        for name in _DESTINATIONS:
            asked = [row.id for row in self.journal.unknown(name, now=self.now, limit=99)]
            _same(f"what is unknown at {name}", asked, self.model.unknown(name, self.now))
            waiting = [row.id for row in self.journal.waiting(name, limit=99)]
            _same(f"what may be diverted from {name}", waiting, self.model.waiting(name))
            due = self.journal.next_due(name, after=self.now)
            _same(f"when {name} is due", due, self.model.next_due(name, self.now))
            lane = self.model.lanes.get(name, LaneRow(destination=name))
            _same(f"the lane of {name}", self.journal.lane(name), lane)

    @invariant()
    def every_payload_is_there(self) -> None:
        """No arrival and no delivery has lost its bytes."""
        for hash_ in self.model.contents():
            _same(f"payload {hash_[:12]}", content_hash(self.journal.payload(hash_)), hash_)

    def teardown(self) -> None:
        """Close it, and leave nothing behind."""
        try:
            self.journal.close()
        finally:
            self.discard()
            shutil.rmtree(self.folder)

    def _arrival(
        self, content: bytes | None, deliveries: list[NewDelivery], outcome: Outcome
    ) -> NewArrival:
        made: list[NewDelivery] = []
        if outcome is Outcome.ROUTED and content is not None:
            made = [_keyed(one, content_hash(content)) for one in deliveries]
        return NewArrival(
            at=self.now,
            source="gateway",
            name="made-up.usr",
            content=content,
            outcome=outcome,
            deliveries=tuple(made),
        )


def _keyed(new: NewDelivery, hash_: str) -> NewDelivery:
    """The same with a key that no other content has, as the port promises."""
    return evolve(new, key=f"{new.key} of {hash_[:12]}")


def _same(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{what}: the journal says {found}, it should be {expected}")


def _raises(kind: type[BaseException], call: Callable[[], object]) -> None:
    try:
        call()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was not raised")


def _by_name(one: Backlog) -> tuple[str, str]:
    return one.destination, one.state.value
