"""The transport within one process."""

from __future__ import annotations

import asyncio

from dflow.transport import Inbox, MemoryInbox, MemoryOutbox, Outbox, Parcel, Presence


def test_the_protocols_are_kept() -> None:
    assert isinstance(MemoryOutbox(), Outbox)
    assert isinstance(MemoryInbox(), Inbox)


def test_a_key_is_kept_once() -> None:
    async def scenario() -> None:
        outbox = MemoryOutbox()
        assert await outbox.probe("k") is Presence.ABSENT
        first = await outbox.send(Parcel(key="k", name="a", content=b"1"))
        second = await outbox.send(Parcel(key="k", name="a", content=b"1"))
        assert (first.repeat, second.repeat) == (False, True)
        assert [parcel.content for parcel in outbox.parcels] == [b"1"]

    asyncio.run(scenario())


def test_what_is_given_back_comes_again_first() -> None:
    async def scenario() -> None:
        inbox = MemoryInbox()
        for content in (b"1", b"2"):
            inbox.put(content)
        seen = []
        async for arrival in inbox.receive(once=True):
            seen.append(arrival.content)
            if len(seen) == 1:
                await inbox.failed(arrival, "not now")
            else:
                await inbox.done(arrival)
        assert seen == [b"1", b"1", b"2"]
        assert inbox.waiting == 0

    asyncio.run(scenario())


def test_a_waiting_reader_is_woken() -> None:
    async def scenario() -> None:
        inbox = MemoryInbox()
        reader = inbox.receive()
        task = asyncio.ensure_future(anext(reader))
        await asyncio.sleep(0)
        inbox.put(b"late")
        assert (await asyncio.wait_for(task, 1)).content == b"late"

    asyncio.run(scenario())
