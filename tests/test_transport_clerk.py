"""The clerk: every call is answered, batches share work, threads end by themselves."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from dflow.transport import clerk as clerk_module
from dflow.transport.clerk import Clerk


def doubled(values: Sequence[int]) -> list[int | Exception]:
    return [ValueError(f"{one} is odd") if one % 2 else 2 * one for one in values]


def test_every_call_gets_its_own_answer() -> None:
    async def scenario() -> list[int | BaseException]:
        desk = Clerk(doubled, most=7)
        calls = [desk.ask(number) for number in range(100)]
        found = await asyncio.gather(*calls, return_exceptions=True)
        desk.stop()
        return found

    for number, answer in enumerate(asyncio.run(scenario())):
        if number % 2:
            assert str(answer) == f"{number} is odd"
        else:
            assert answer == 2 * number


def test_what_waits_is_taken_together_in_order() -> None:
    batches: list[list[int]] = []
    go = threading.Event()

    def work(values: Sequence[int]) -> list[None]:
        go.wait(5)
        batches.append(list(values))
        return [None] * len(values)

    async def scenario() -> None:
        desk = Clerk(work, most=4)
        calls = [asyncio.ensure_future(desk.ask(number)) for number in range(11)]
        await asyncio.sleep(0.05)
        go.set()
        await asyncio.gather(*calls)
        desk.stop()

    asyncio.run(scenario())
    assert [one for batch in batches for one in batch] == list(range(11))
    assert len(batches) <= 4


def test_one_that_gave_up_before_its_turn_is_left_out() -> None:
    seen: list[int] = []
    go = threading.Event()

    def work(values: Sequence[int]) -> list[int]:
        go.wait(5)
        seen.extend(values)
        return list(values)

    async def scenario() -> None:
        desk = Clerk(work, most=1)
        calls = [asyncio.ensure_future(desk.ask(number)) for number in range(3)]
        await asyncio.sleep(0.05)
        calls[1].cancel()
        await asyncio.sleep(0)
        go.set()
        assert await calls[2] == 2
        desk.stop()

    asyncio.run(scenario())
    assert seen == [0, 2]


def test_work_that_breaks_is_told_to_all_of_its_batch() -> None:
    def broken(_: Sequence[int]) -> list[int]:
        raise RuntimeError("broken")

    async def scenario() -> None:
        desk = Clerk(broken)
        found = await asyncio.gather(desk.ask(1), desk.ask(2), return_exceptions=True)
        assert [str(one) for one in found] == ["broken", "broken"]
        desk.stop()

    asyncio.run(scenario())


def test_an_idle_thread_ends_and_a_later_call_starts_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clerk_module, "_LINGER", 0.01)
    desk = Clerk(doubled, name="idle-one")

    def threads() -> list[str]:
        return [one.name for one in threading.enumerate() if one.name == "idle-one"]

    for number in (2, 4):
        assert asyncio.run(desk.ask(number)) == 2 * number
        until = time.monotonic() + 5
        while threads() and time.monotonic() < until:
            time.sleep(0.005)
        assert not threads()


def test_stop_waits_for_what_came_before_it() -> None:
    done: list[int] = []

    def slow(values: Sequence[int]) -> list[None]:
        time.sleep(0.02)
        done.extend(values)
        return [None] * len(values)

    async def scenario() -> None:
        desk = Clerk(slow, most=2)
        calls = [asyncio.ensure_future(desk.ask(number)) for number in range(5)]
        await asyncio.sleep(0)
        desk.stop()
        assert done == list(range(5))
        await asyncio.gather(*calls)

    asyncio.run(scenario())


def test_several_event_loops_share_a_desk() -> None:
    desk = Clerk(doubled)
    found: list[int] = []

    def one(start: int) -> None:
        async def many() -> list[int]:
            return await asyncio.gather(*(desk.ask(start + 2 * n) for n in range(50)))

        found.extend(asyncio.run(many()))

    threads = [threading.Thread(target=one, args=(start,)) for start in (0, 1000, 2000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    desk.stop()
    assert sorted(found) == [2 * (start + 2 * n) for start in (0, 1000, 2000) for n in range(50)]
