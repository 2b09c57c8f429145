"""The exchange against a model: crashes, repeats, reordering, clocks that jump, people.

The rule it checks: every content that arrived is kept; no destination that can be asked
gets a delivery twice, at any moment; and once all is well, everything is delivered that no
person settled otherwise.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dflow.delivery import Breaker, Retry, State, Step, Treatment, steps_from
from dflow.exchange import Mount, Operations
from dflow.exchange.journal import DeliveryRow, Outcome, Query
from support_exchange import Crash, Moody, World, file

NAMES = ("old", "new", "spare")
MOODS = ("well", "down", "refuses", "lies", "breaks", "crash before", "crash after")

#: What the journal keeps of a question; every other attempt is a sending.
ANSWERS = frozenset({Step.FOUND, Step.MISSING, Step.PRESUMED, Step.UNDECIDED})


class ExchangeMachine(RuleBasedStateMachine):
    @initialize(
        order=st.sampled_from(["none", "sender", "sender and flow", "all"]),
        concurrency=st.integers(1, 3),
        fallback=st.sampled_from([None, 30.0]),
    )
    def begin(self, order: str, concurrency: int, fallback: float | None) -> None:
        self.boxes = {name: Moody() for name in NAMES}
        treatment = Treatment(
            order=order,  # type: ignore[arg-type]  # one of the words
            concurrency=concurrency,
            retry=Retry(first=1, cap=20, jitter=0.5, give_up=None),
            breaker=Breaker(after=3, rest=5, cap=20),
            timeout=5,
            fallback_after=fallback,
        )
        self.world = World(
            mounts=tuple(
                Mount(name=name, outbox=box, treatment=treatment)
                for name, box in self.boxes.items()
            )
        )
        self.sent: list[bytes] = []
        self.settled: set[int] = set()

    def acting(self) -> Operations:
        return Operations(
            journal=self.world.journal, who="ann", why="a test", clock=self.world.clock
        )

    def rows(self) -> list[DeliveryRow]:
        return list(self.world.journal.deliveries(Query()))

    @rule(number=st.integers(0, 5), flow=st.sampled_from(["D0010", "D0010", "D0150", "D0004"]))
    def arrive(self, number: int, flow: str) -> None:
        content = file(number, flow=flow)
        self.sent.append(content)
        self.world.inbox.put(content, name=f"{len(self.sent)}.usr")

    @rule(content=st.binary(max_size=40))
    def arrive_anything(self, content: bytes) -> None:
        self.sent.append(content)
        self.world.inbox.put(content)

    @rule(name=st.sampled_from(NAMES), moods=st.lists(st.sampled_from(MOODS), max_size=6))
    def moods(self, name: str, moods: list[str]) -> None:
        self.boxes[name].moods = moods

    @rule(name=st.sampled_from(NAMES), up=st.booleans())
    def up_or_down(self, name: str, up: bool) -> None:
        self.boxes[name].mood = "well" if up else "down"

    @rule(seconds=st.sampled_from([-3600.0, -1.0, 0.5, 2.0, 30.0, 86400.0]))
    def clock_jumps(self, seconds: float) -> None:
        self.world.clock.now += seconds

    @rule(
        numbers=st.lists(st.integers(0, 30), min_size=1, max_size=4),
        old=st.lists(st.sampled_from(MOODS), max_size=5),
        new=st.lists(st.sampled_from(MOODS), max_size=5),
    )
    def work(self, numbers: list[int], old: list[str], new: list[str]) -> None:
        for number in numbers:
            self.arrive(number, "D0010")
        self.boxes["old"].moods, self.boxes["new"].moods = old, new
        self.run()
        self.clock_jumps(30.0)
        self.run()

    @rule()
    def run(self) -> None:
        try:
            self.world.run()
        except Crash:
            # What was handed out and not done comes again, as it would to a new process.
            asyncio.run(self.world.inbox.close())

    @rule(name=st.sampled_from(NAMES), pause=st.booleans())
    def pause(self, name: str, pause: bool) -> None:
        act = self.acting()
        act.pause(name) if pause else act.resume(name)

    # Numbers, not choices of what is there: which row stands where is a matter of threads,
    # and Hypothesis wants the same kinds of choices whenever it tries an example again.
    @rule(which=st.integers(0, 1_000), how=st.integers(0, 1_000))
    def a_person(self, which: int, how: int) -> None:
        rows = [row for row in self.rows() if row.state not in {State.SENDING, State.UNKNOWN}]
        if not rows:
            return
        row = rows[which % len(rows)]
        able = set(steps_from(row.state)) & {
            Step.HOLD,
            Step.RELEASE,
            Step.RETRY,
            Step.CANCEL,
            Step.EVIDENCE,
        }
        if not able:
            return
        step = sorted(able, key=lambda one: one.value)[how % len(able)]
        act = self.acting()
        match step:
            case Step.HOLD:
                act.hold([row.id])
            case Step.RELEASE:
                act.let_go([row.id])
            case Step.RETRY:
                act.retry([row.id])
            case Step.CANCEL:
                act.cancel([row.id])
                self.settled.add(row.id)
            case _:
                act.mark_delivered([row.id], evidence="a call")
                self.settled.add(row.id)

    @invariant()
    def nothing_is_doubled(self) -> None:
        if hasattr(self, "boxes"):
            for box in self.boxes.values():
                assert not [key for key, count in box.times.items() if count > 1]

    @invariant()
    def nothing_is_lost(self) -> None:
        if not hasattr(self, "boxes"):
            return
        kept = Counter(row.hash for row in self.world.journal.arrivals(Query()))
        waiting = Counter(
            hashlib.sha256(one.content).hexdigest() for one in self.world.inbox.queue._waiting
        )
        for hash_, count in Counter(hashlib.sha256(one).hexdigest() for one in self.sent).items():
            assert kept[hash_] + waiting[hash_] >= count

    @invariant()
    def what_is_not_certain_is_asked_about_first(self) -> None:
        """No attempt follows one that was lost, unless an answer lies between them."""
        if not hasattr(self, "boxes"):
            return
        for row in self.rows():
            certain = True
            for attempt in self.world.journal.attempts(row.id):
                step = Step(attempt.step)
                if step in ANSWERS:
                    certain = certain or step in {Step.FOUND, Step.MISSING, Step.PRESUMED}
                else:
                    assert certain, f"delivery {row.id} was sent again unasked: {step.value}"
                    certain = step is not Step.LOST
            assert certain or row.state is not State.DUE

    @invariant()
    def what_is_delivered_is_there(self) -> None:
        if not hasattr(self, "boxes"):
            return
        for row in self.rows():
            there = row.key in self.boxes[row.destination].kept
            if row.state is State.DELIVERED and row.id not in self.settled:
                assert there
            if there and row.id not in self.settled:
                assert row.state in {State.DELIVERED, State.SENDING, State.UNKNOWN}

    def teardown(self) -> None:
        if not hasattr(self, "boxes"):
            return
        act = self.acting()
        for name, box in self.boxes.items():
            box.moods, box.mood = [], "well"
            act.resume(name)
        for _ in range(6):
            self.world.clock.now += 10_000
            self.run()
            act.let_go([row.id for row in self.rows() if row.state is State.HELD])
            act.retry([row.id for row in self.rows() if row.state is State.DEAD])
        self.nothing_is_doubled()
        self.nothing_is_lost()
        self.what_is_delivered_is_there()
        assert {row.state for row in self.rows()} <= {State.DELIVERED, State.CANCELLED}
        routed = {
            row.hash
            for row in self.world.journal.arrivals(Query())
            if row.outcome is Outcome.ROUTED
        }
        assert {hashlib.sha256(one).hexdigest() for one in self.sent if b"|D0010" in one} <= routed
        assert self.world.inbox.waiting == 0
        self.world.journal.close()


TestExchange = ExchangeMachine.TestCase
TestExchange.settings = settings(max_examples=30, stateful_step_count=15, deadline=None)
