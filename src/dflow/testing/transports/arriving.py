"""Promises of one who receives: what is theirs, until when, in which order, how much.

In: a trial.  Out: nothing, or the words of what is broken.  This module does not know
any network.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing

from dflow.testing.transports.promise import Promise
from dflow.testing.transports.sending import parcel
from dflow.testing.transports.trial import Trial, close, require, stream
from dflow.transport import Arrival, Inbox

__all__ = [
    "PROMISES",
    "a_cancelled_reader_loses_nothing",
    "a_consumer_that_ends_before_done_loses_nothing",
    "a_slow_reader_is_not_flooded",
    "a_waiting_reader_is_woken",
    "once_ends",
    "order_is_kept",
    "several_consumers_share_the_work",
    "twice_or_lost",
    "what_failed_comes_again_to_the_same_inbox",
    "what_failed_is_given_back",
    "what_is_done_does_not_come_again",
]


def twice_or_lost(found: list[bytes], wanted: list[bytes]) -> None:
    """Everything arrived once: nothing is lost, doubled or made up."""
    counts, sent = Counter(found), Counter(wanted)
    lost, extra = sent - counts, counts - sent
    doubled = [one for one in extra if one in sent]
    require(not lost, f"{sum(lost.values())} of {len(wanted)} were lost: {list(lost)[:3]}")
    require(not doubled, f"{len(doubled)} of {len(wanted)} arrived more than once: {doubled[:3]}")
    require(not extra, f"arrived, and never sent: {list(extra)[:3]}")


async def _send(trial: Trial, count: int) -> list[bytes]:
    outbox = trial.outbox()
    for number in range(count):
        await outbox.send(parcel(number))
    return [parcel(number).content for number in range(count)]


async def what_is_done_does_not_come_again(trial: Trial) -> None:
    """Not to the same inbox, and not to another; done twice is no harm."""
    wanted = await _send(trial, 3)
    inbox = trial.inbox()
    found = await trial.take(inbox, 3)
    twice_or_lost([one.content for one in found], wanted)
    await inbox.done(found[0])
    again = await trial.take(inbox, 0)
    require(not again, f"{len(again)} came again to the same inbox after they were done")
    await close(inbox)
    again = await trial.take(trial.inbox(), 0)
    require(not again, f"{len(again)} came again to another inbox after they were done")


async def a_consumer_that_ends_before_done_loses_nothing(trial: Trial) -> None:
    """What it took comes to another; what it had done does not."""
    wanted = await _send(trial, 4)
    inbox = trial.inbox()
    found = await trial.take(inbox, 3, done=False)
    require(len(found) == 3, f"3 of 4 were asked for, and {len(found)} came")
    await inbox.done(found[0])
    await close(inbox)
    twice_or_lost([found[0].content, *await trial.arrived(3)], wanted)


async def what_failed_is_given_back(trial: Trial) -> None:
    """It comes again, and the rest as well."""
    wanted = await _send(trial, 3)
    inbox = trial.inbox()
    taken = await trial.take(inbox, 1, done=False)
    require(len(taken) == 1, "parcels were sent, and none came")
    await inbox.failed(taken[0], "the journal is full")
    await close(inbox)
    twice_or_lost(await trial.arrived(3), wanted)


async def what_failed_comes_again_to_the_same_inbox(trial: Trial) -> None:
    """An exchange that could not record an arrival meets it again."""
    await _send(trial, 1)
    inbox = trial.inbox()
    first = await trial.take(inbox, 1, done=False)
    require(len(first) == 1, "a parcel was sent, and none came")
    await inbox.failed(first[0], "the journal is full")
    second = await trial.take(inbox, 1)
    words = f"what failed came again {len(second)} times in {trial.patience:g} s"
    require([one.content for one in second] == [first[0].content], words)
    require(not await trial.take(inbox, 0), "what failed once came again twice")


async def a_waiting_reader_is_woken(trial: Trial) -> None:
    """Without `once`, an arrival that comes later is handed out when it comes."""
    inbox = trial.inbox()
    async with aclosing(stream(inbox, once=False)) as arrivals:
        waiting = asyncio.ensure_future(anext(arrivals))
        await asyncio.sleep(0.05)
        require(not waiting.done(), "an empty source handed something out, or ended")
        await trial.outbox().send(parcel(1))
        try:
            found = await asyncio.wait_for(waiting, trial.patience)
        except TimeoutError:
            require(kept=False, words=f"a waiting reader got nothing in {trial.patience:g} s")
        require(found.content == parcel(1).content, "a waiting reader got something else")
        await inbox.done(found)


async def once_ends(trial: Trial) -> None:
    """With `once`, an empty source ends, and so does one that was emptied."""
    inbox = trial.inbox()

    async def emptied() -> list[Arrival]:
        found = []
        async with aclosing(stream(inbox, once=True)) as arrivals:
            async for arrival in arrivals:
                await inbox.done(arrival)
                found.append(arrival)
        return found

    for number in (0, 1):
        try:
            found = await asyncio.wait_for(emptied(), trial.patience)
        except TimeoutError:
            require(kept=False, words=f"with once, the arrivals did not end: {number} lay there")
        require(len(found) >= number or number, "an empty source handed something out")
        await trial.outbox().send(parcel(number))


async def several_consumers_share_the_work(trial: Trial) -> None:
    """Three at once: each arrival goes to one of them, and none is lost."""
    count = 60
    found: list[bytes] = []

    async def consume(inbox: Inbox) -> None:
        async with aclosing(stream(inbox, once=False)) as arrivals:
            async for arrival in arrivals:
                found.append(arrival.content)
                await asyncio.sleep(0)
                await inbox.done(arrival)

    tasks = [asyncio.ensure_future(consume(trial.inbox())) for _ in range(3)]
    try:
        outboxes = [trial.outbox() for _ in range(3)]
        await asyncio.gather(
            *(outboxes[number % 3].send(parcel(number)) for number in range(count))
        )
        end = trial.now() + trial.patience
        while len(found) < count and trial.now() < end:
            await asyncio.sleep(0.02)
            for task in tasks:
                if task.done():
                    task.result()
        await asyncio.sleep(0.1)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    twice_or_lost(found, [parcel(number).content for number in range(count)])


async def order_is_kept(trial: Trial) -> None:
    """Parcels sent one after the other are received in that order."""
    wanted = await _send(trial, 30)
    found = [one.content for one in await trial.take(trial.inbox(), 30)]
    twice_or_lost(found, wanted)
    at = next((place for place in range(30) if found[place] != wanted[place]), None)
    require(at is None, f"the order is not kept: {found[at or 0]!r} came as number {at}")


async def a_slow_reader_is_not_flooded(trial: Trial) -> None:
    """One that holds a single arrival leaves the rest to others, but for a few."""
    count = trial.prefetch + 30
    outbox = trial.outbox()
    await asyncio.gather(*(outbox.send(parcel(number)) for number in range(count)))
    slow = trial.inbox()
    async with aclosing(stream(slow, once=False)) as arrivals:
        held = await asyncio.wait_for(anext(arrivals), trial.patience)
        await asyncio.sleep(0.1)
        least = count - 1 - trial.prefetch
        others = await trial.take(trial.inbox(), least)
        words = f"a reader that took one arrival kept {count - len(others)} of {count}"
        require(len(others) >= least, f"{words}; at most {trial.prefetch + 1} may be")
        await slow.done(held)


async def a_cancelled_reader_loses_nothing(trial: Trial) -> None:
    """Cancelled while it waits, at one moment after another; all arrive in the end."""
    wanted = await _send(trial, 5)
    for moment in (0, 1, 2, 3, 5, 8, 13, 21):
        inbox = trial.inbox()
        reading = asyncio.ensure_future(_read(inbox))
        for _ in range(moment):
            await asyncio.sleep(0)
        reading.cancel()
        done, _ = await asyncio.wait([reading], timeout=trial.patience)
        require(done, f"a reader did not end in {trial.patience:g} s after it was cancelled")
        if not reading.cancelled() and (error := reading.exception()):
            require(kept=False, words=f"a cancelled reader raised {type(error).__name__}: {error}")
        await close(inbox)
    twice_or_lost(await trial.arrived(5), wanted)


async def _read(inbox: Inbox) -> None:
    async with aclosing(stream(inbox, once=False)) as arrivals:
        async for _ in arrivals:
            await asyncio.sleep(0)


#: In the order in which they are tried.
PROMISES: tuple[Promise, ...] = (
    Promise(what_is_done_does_not_come_again, ("inbox",)),
    Promise(a_consumer_that_ends_before_done_loses_nothing, ("inbox",)),
    Promise(what_failed_is_given_back, ("inbox",)),
    Promise(what_failed_comes_again_to_the_same_inbox, ("inbox",)),
    Promise(a_waiting_reader_is_woken, ("inbox",)),
    Promise(once_ends, ("inbox",)),
    Promise(several_consumers_share_the_work, ("inbox",)),
    Promise(order_is_kept, ("inbox", "ordered")),
    Promise(a_slow_reader_is_not_flooded, ("inbox",)),
    Promise(a_cancelled_reader_loses_nothing, ("inbox",)),
)
