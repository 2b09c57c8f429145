"""Stateful machines to subclass: an exchange, and an outbox, against a model of each.

In: rules and files, or an outbox.  Out: Hypothesis state machines that arrive, deliver,
fail, crash, wait and swap rules in every order, and compare with what should be.  This
module does not know the code under test beyond what a subclass names.

    class TestMine(ExchangeMachine.TestCase): ...

runs the machine as it is; a subclass changes `rules_text` and `files`, or adds rules.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.strategies import SearchStrategy

from dflow.parse import read
from dflow.routing import Routes
from dflow.testing.doubles import Bench, Crash, FakeClock, Mood
from dflow.testing.strategies import flow_bytes
from dflow.transport import Closing, MemoryOutbox, Outbox, Parcel, Presence

__all__ = ["ExchangeMachine", "OutboxMachine"]

T = TypeVar("T")

#: Longer than any wait between two attempts.
_LONG = 7 * 24 * 3600.0


class ExchangeMachine(RuleBasedStateMachine):
    """A real exchange whose destinations fail, against a model of what each should have.

    Files arrive, destinations fail, time passes, rules change while deliveries wait, and
    the process ends: between two runs, while it sends, wherever it waits.  Whatever happens,
    a destination never has a file twice and never one that the rules of the day did not send
    it; and once all is well again, every one has what it should.

    Attributes:
        rules_text: the first rules; every destination of them records.
        other_rules: rules that may take their place; none leaves them as they are.
        files: what arrives.
    """

    rules_text: ClassVar[str] = """
destination first  "first"
destination second "second"
destination bench  "bench"  test
route trials:      flow *      test TR*, TEST      deliver bench
route readings:    flow D0010  deliver first
clone migration:   flow D0010  test none, OPER     copy second
"""
    other_rules: ClassVar[tuple[str, ...]] = (
        """
destination first  "first"
destination third  "third"
route readings:    flow D0010  deliver third
clone back:        flow *      test none, OPER     copy first
""",
        """
destination first  "first"
discard all:       flow *
""",
    )
    files: ClassVar[SearchStrategy[bytes]] = flow_bytes("D0010", "002", most=4)

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = FakeClock()
        self.bench = Bench(self.rules_text, self.folder / "journal.db", self.clock)
        self.routes = Routes.parse(self.rules_text)
        self.sent: set[bytes] = set()
        self.expected: defaultdict[str, set[bytes]] = defaultdict(set)

    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        """A file arrives, perhaps one that was there before."""
        self.arrived(data)
        self.bench.run()

    def arrived(self, data: st.DataObject) -> None:
        """Put a file into the gateway, and say what should come of it."""
        content = data.draw(self.files)
        self.bench.put(content)
        if content not in self.sent:  # what went nowhere may go somewhere by other rules
            self.decided(content)

    def decided(self, content: bytes) -> None:
        """Add to the model where the rules send a file."""
        flow = read(content)
        if flow.header is None:
            return
        at = datetime.fromtimestamp(self.clock(), UTC)
        decision = self.routes.decide(flow.header, at=at, flow=flow)
        for target in (*decision.deliveries, *(copy.target for copy in decision.copies)):
            self.expected[target.destination].add(content)
            self.sent.add(content)

    @precondition(lambda self: self.other_rules)
    @rule(data=st.data())
    def change_rules(self, data: st.DataObject) -> None:
        """Other rules decide from now on, whatever waits."""
        text = data.draw(st.sampled_from((self.rules_text, *self.other_rules)))
        self.bench.change_rules(text)
        self.routes = Routes.parse(text)

    @rule(data=st.data(), mood=st.sampled_from(("well", "down", "uncertain")))
    def change_mood(self, data: st.DataObject, mood: Mood) -> None:
        """A destination goes down, comes back, or loses its answers."""
        self.bench.destinations[data.draw(self._names())].mood = mood

    def _names(self) -> SearchStrategy[str]:
        return st.sampled_from(sorted(self.bench.destinations))

    @rule(seconds=st.sampled_from((1.0, 60.0, 3600.0, 86400.0)))
    def wait(self, seconds: float) -> None:
        """Time passes, and what is due is tried."""
        self.clock.advance(seconds)
        self.bench.run()

    @rule()
    def crash(self) -> None:
        """The process ends between two runs; another opens the journal again."""
        self.bench.reopen()
        self.bench.run()

    @rule(data=st.data(), mood=st.sampled_from(("crash before", "crash after")))
    def crash_while_sending(self, data: st.DataObject, mood: Mood) -> None:
        """A file arrives, and the process ends when it hands a parcel over."""
        destination = self.bench.destinations[data.draw(self._names())]
        was, destination.mood = destination.mood, mood
        self.arrived(data)
        with contextlib.suppress(Crash):
            self.bench.run()
        destination.mood = was
        self.crash()

    @rule(data=st.data(), milliseconds=st.integers(0, 20))
    def crash_anywhere(self, data: st.DataObject, milliseconds: int) -> None:
        """A file arrives, and the run is cancelled wherever it waits just then."""
        self.arrived(data)
        self.bench.run_cut_short(milliseconds / 1000)
        self.crash()

    @invariant()
    def nothing_twice_and_nothing_astray(self) -> None:
        """No destination has a file twice, or one that it should not have."""
        for name, destination in self.bench.destinations.items():
            often = Counter(destination.contents)
            if any(count > 1 for count in often.values()):
                raise AssertionError(f"{name} has a file twice")
            if not set(often) <= self.expected[name]:
                raise AssertionError(f"{name} has what it should not")

    def teardown(self) -> None:
        """All is well again: after a while every destination has what it should."""
        try:
            for destination in self.bench.destinations.values():
                destination.mood = "well"
            for _ in range(3):
                self.clock.advance(_LONG)
                self.bench.run()
            for name, destination in self.bench.destinations.items():
                if set(destination.contents) != self.expected[name]:
                    raise AssertionError(f"{name} lacks files")
        finally:
            self.bench.close()
            shutil.rmtree(self.folder)


class OutboxMachine(RuleBasedStateMachine):
    """An outbox against a model: what was sent is present, once; what was not is not.

    A subclass overrides `open`, which is also called to open the same place again, and
    `stored`, which says what the destination holds by key.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, bytes] = {}
        self.outbox: Outbox = self.open()

    def open(self) -> Outbox:
        """The outbox under test; the one in memory unless overridden."""
        return MemoryOutbox()

    def _run(self, call: Callable[[], Coroutine[object, object, T]]) -> T:
        """One call in an event loop of its own, closed as an exchange closes it."""

        async def whole() -> T:
            try:
                return await call()
            finally:
                if isinstance(self.outbox, Closing):
                    await self.outbox.close()

        return asyncio.run(whole())

    def stored(self) -> list[bytes] | None:
        """What the destination holds; None if it cannot be looked into."""
        return (
            [one.content for one in self.outbox.parcels]
            if (isinstance(self.outbox, MemoryOutbox))
            else None
        )

    @rule(key=st.integers(0, 9), content=st.binary(max_size=40))
    def send(self, key: int, content: bytes) -> None:
        """A parcel is sent, perhaps again under a key that is known."""
        name = f"key-{key}"
        before = name in self.sent
        known = self.sent.setdefault(name, content)
        parcel = Parcel(key=name, name=f"{name}.usr", content=known)
        receipt = self._run(lambda: self.outbox.send(parcel))
        if receipt.key != name:
            raise AssertionError(f"the receipt is for {receipt.key}, not for {name}")
        if self.outbox.capabilities.idempotent and receipt.repeat is not before:
            raise AssertionError(f"{name} was{'' if before else ' not'} sent before; not so said")

    @rule(key=st.integers(0, 9))
    @precondition(lambda self: self.outbox.capabilities.probes)
    def probe(self, key: int) -> None:
        """The destination says what it has."""
        answer = self._run(lambda: self.outbox.probe(f"key-{key}"))
        if (answer is Presence.PRESENT) != (f"key-{key}" in self.sent):
            raise AssertionError(f"the destination says that key-{key} is {answer.value}")

    @invariant()
    def everything_once(self) -> None:
        """Each key's content is there exactly once, where the transport promises it."""
        held = self.stored()
        if held is None or not self.outbox.capabilities.idempotent:
            return
        if Counter(held) != Counter(self.sent.values()):
            raise AssertionError(f"{len(held)} parcels are held of {len(self.sent)} sent")
