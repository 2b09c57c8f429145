"""The parts that the brokers share: one connection for many, claims, writes joined."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from dflow.transport.amqp.gathering import Gathering
from dflow.transport.brokers import Holding, Link
from dflow.transport.faults import Unavailable


class Opened:
    """Something open, that can be lost."""

    def __init__(self) -> None:
        self.lost = False
        self.shut = False


class Place:
    """Opens and counts; a failure is raised once."""

    def __init__(self) -> None:
        self.opened: list[Opened] = []
        self.attempts = 0
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def open(self) -> Opened:
        self.attempts += 1
        await self.gate.wait()
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        self.opened.append(Opened())
        return self.opened[-1]

    async def shut(self, held: Opened) -> None:
        held.shut = True

    def link(self) -> Link[Opened]:
        return Link(open=self.open, shut=self.shut, alive=lambda held: not held.lost)


def test_many_who_ask_at_once_share_one_attempt_and_its_failure() -> None:
    async def work() -> None:
        place = Place()
        link = place.link()
        place.failure = Unavailable("away")
        answers = await asyncio.gather(*(link.get() for _ in range(5)), return_exceptions=True)
        assert [str(one) for one in answers] == ["away"] * 5
        assert place.attempts == 1
        assert link.held is None
        found = await asyncio.gather(*(link.get() for _ in range(5)))
        assert place.attempts == 2
        assert set(map(id, found)) == {id(place.opened[0])}
        await link.close()

    asyncio.run(work())


def test_who_gives_up_does_not_end_the_attempt_of_the_others() -> None:
    async def work() -> None:
        place = Place()
        place.gate.clear()
        link = place.link()
        first, second = asyncio.ensure_future(link.get()), asyncio.ensure_future(link.get())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        place.gate.set()
        assert await second is place.opened[0]
        assert first.cancelled()
        assert place.attempts == 1
        await link.close()

    asyncio.run(work())


def test_what_was_lost_is_shut_and_opened_again() -> None:
    async def work() -> None:
        place = Place()
        link = place.link()
        first = await link.get()
        first.lost = True
        assert link.held is None
        second = await link.get()
        assert second is not first
        assert first.shut
        await link.close()
        await link.close()
        assert [one.shut for one in place.opened] == [True, True]
        assert await link.get() is place.opened[2]
        await link.close()

    asyncio.run(work())


def test_closing_ends_an_attempt_that_is_under_way() -> None:
    async def work() -> None:
        place = Place()
        place.gate.clear()
        link = place.link()
        asking = asyncio.ensure_future(link.get())
        await asyncio.sleep(0.01)
        await link.close()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert not place.opened

    asyncio.run(work())


def test_another_event_loop_opens_its_own() -> None:
    place = Place()
    link = place.link()
    first = asyncio.run(link.get())
    second = asyncio.run(link.get())
    assert second is not first
    assert not first.shut, "what belongs to an ended loop cannot be closed"
    asyncio.run(link.close())
    assert link.held is None


def test_claims_are_renewed_again_and_again_also_after_a_failure() -> None:
    seen: list[Sequence[str]] = []

    async def renew(tokens: Sequence[str]) -> None:
        seen.append(tokens)
        if len(seen) == 1:
            raise Unavailable("away")

    async def work() -> None:
        holding = Holding(renew=renew, every=0.01)
        holding.add("a")
        holding.add("b")
        async with asyncio.timeout(10):
            while len(seen) < 3:
                await asyncio.sleep(0.005)
        assert seen[0] == seen[1] == ("a", "b")
        assert holding.drop("a")
        assert not holding.drop("a")
        assert await holding.close() == ("b",)
        assert not holding.tokens
        count = len(seen)
        await asyncio.sleep(0.05)
        assert len(seen) == count
        assert await holding.close() == ()

    asyncio.run(work())


def test_nothing_is_renewed_when_nothing_is_held() -> None:
    seen: list[Sequence[str]] = []

    async def renew(tokens: Sequence[str]) -> None:
        seen.append(tokens)

    async def work() -> None:
        holding = Holding(renew=renew, every=0.01)
        holding.add("a")
        holding.drop("a")
        await asyncio.sleep(0.05)
        assert seen == []
        holding.add("b")  # it begins anew
        async with asyncio.timeout(10):
            while not seen:
                await asyncio.sleep(0.005)
        assert seen[0] == ("b",)
        await holding.close()

    asyncio.run(work())


def test_frames_of_one_turn_are_one_write_in_their_order() -> None:
    from aiormq.abc import ChannelFrame

    async def work() -> None:
        queue: asyncio.Queue[ChannelFrame] = asyncio.Queue(1)
        gathering = Gathering(queue)
        waiting = asyncio.get_running_loop().create_future()

        def frame(text: bytes) -> ChannelFrame:
            return ChannelFrame(payload=text, should_close=False)

        await asyncio.gather(*(gathering.put(frame(b"%d" % number)) for number in range(5)))
        first = await queue.get()
        assert first.payload == b"01234"
        # The line is full: what comes now waits, and is one write.
        gathering.put_nowait(frame(b"a"))
        gathering.put_nowait(ChannelFrame(b"b", should_close=False, drain_future=waiting))
        await asyncio.sleep(0.01)
        assert queue.empty()
        first.drain()
        second = await queue.get()
        assert second.payload == b"ab"
        assert not waiting.done()
        second.drain()
        await waiting
        gathering.put_nowait(frame(b"never drained"))
        await queue.get()
        await gathering.close()
        await gathering.close()

    asyncio.run(work())
