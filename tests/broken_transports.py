"""Transports within the process that are broken in one way each, to prove the kit."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

from attrs import evolve

from dflow.transport import (
    Arrival,
    Capabilities,
    MemoryInbox,
    MemoryOutbox,
    Parcel,
    Presence,
    Receipt,
    Unavailable,
)


class Drops(MemoryOutbox):
    """Loses every fifth parcel, and gives a receipt."""

    count = 0

    async def send(self, parcel: Parcel) -> Receipt:
        Drops.count += 1
        return Receipt(key=parcel.key) if Drops.count % 5 == 0 else await super().send(parcel)


class Trims(MemoryOutbox):
    """Takes the blank end off, as a text protocol does."""

    async def send(self, parcel: Parcel) -> Receipt:
        return await super().send(evolve(parcel, content=parcel.content.rstrip(b"\r\n")))


class Truncates(MemoryOutbox):
    """Sends a megabyte at most."""

    async def send(self, parcel: Parcel) -> Receipt:
        return await super().send(evolve(parcel, content=parcel.content[:1_000_000]))


class Doubles(MemoryOutbox):
    """Puts a repeated key again."""

    async def send(self, parcel: Parcel) -> Receipt:
        receipt = await super().send(parcel)
        if receipt.repeat:
            self.queue.put(parcel.content, name=parcel.name)
        return receipt


class SaysNoRepeat(MemoryOutbox):
    """Never says that it was a repeat."""

    async def send(self, parcel: Parcel) -> Receipt:
        return evolve(await super().send(parcel), repeat=False)


class WrongKey(MemoryOutbox):
    """Gives a receipt for its own number."""

    async def send(self, parcel: Parcel) -> Receipt:
        return evolve(await super().send(parcel), key="1")


class FoldsKeys(MemoryOutbox):
    """Keeps keys without regard to case."""

    async def send(self, parcel: Parcel) -> Receipt:
        return evolve(
            await super().send(evolve(parcel, key=parcel.key.lower().strip())), key=parcel.key
        )


class ForgetsKeys(MemoryOutbox):
    """Knows only what still lies there."""

    async def send(self, parcel: Parcel) -> Receipt:
        if not len(self.queue):
            self.queue._places.clear()
        return await super().send(parcel)

    async def probe(self, key: str) -> Presence:
        return await super().probe(key) if len(self.queue) else Presence.ABSENT


class LiesAbsent(MemoryOutbox):
    async def probe(self, key: str) -> Presence:
        return Presence.ABSENT


class LiesPresent(MemoryOutbox):
    async def probe(self, key: str) -> Presence:
        return Presence.PRESENT


class Guesses(MemoryOutbox):
    """Promises no probe, and guesses."""

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(idempotent=True)


class Chokes(MemoryOutbox):
    """Raises what it did not think of for a name that it does not like."""

    async def send(self, parcel: Parcel) -> Receipt:
        parcel.name.encode("ascii")
        return await super().send(parcel)


class Astray(MemoryOutbox):
    """Puts what is named with a slash elsewhere."""

    async def send(self, parcel: Parcel) -> Receipt:
        if "/" in parcel.name:
            return Receipt(key=parcel.key)
        return await super().send(parcel)


class LosesNotes(MemoryOutbox):
    async def send(self, parcel: Parcel) -> Receipt:
        return await super().send(evolve(parcel, notes={"kind": "copy"} if parcel.notes else {}))


class Reorders(MemoryOutbox):
    """The newest first."""

    async def send(self, parcel: Parcel) -> Receipt:
        receipt = await super().send(parcel)
        self.queue._waiting.rotate(1)
        return receipt


class Halves(MemoryOutbox):
    """Writes in two steps, and leaves the first behind when it is cancelled between."""

    async def send(self, parcel: Parcel) -> Receipt:
        half = parcel.content[: len(parcel.content) // 2]
        self.queue.put(half)
        await asyncio.sleep(0)
        self.queue._waiting.pop()
        return await super().send(parcel)


class Shields(MemoryOutbox):
    """Cannot be cancelled."""

    async def send(self, parcel: Parcel) -> Receipt:
        for _ in range(50):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.02)
        return await super().send(parcel)


class OneLoop(MemoryOutbox):
    """Belongs to the event loop that it met first."""

    async def send(self, parcel: Parcel) -> Receipt:
        loop = asyncio.get_running_loop()
        if self.__dict__.setdefault("loop", loop) is not loop:
            raise RuntimeError("attached to a different loop")
        return await super().send(parcel)


class ClosedForGood(MemoryOutbox):
    async def send(self, parcel: Parcel) -> Receipt:
        if self.__dict__.get("closed"):
            raise Unavailable("it is closed")
        return await super().send(parcel)

    async def close(self) -> None:
        self.__dict__["closed"] = True


class LeavesTasks(MemoryOutbox):
    async def send(self, parcel: Parcel) -> Receipt:
        self.__dict__["task"] = asyncio.ensure_future(asyncio.sleep(60))
        return await super().send(parcel)


class LeavesFiles(MemoryOutbox):
    """Opens a file for each outbox, and closes none."""

    async def send(self, parcel: Parcel) -> Receipt:
        OPEN_FILES.append(os.open(os.devnull, os.O_RDONLY))
        return await super().send(parcel)


#: To be closed by the test.
OPEN_FILES: list[int] = []


class CheckSends(MemoryOutbox):
    async def check(self) -> str:
        self.queue.put(b"is anybody there?")
        return "it answers"


class CheckIsMute(MemoryOutbox):
    async def check(self) -> str:
        return ""


class ShowsSecret(MemoryOutbox):
    def __repr__(self) -> str:
        return "ShowsSecret(url='amqp://me:hunter2@host')"


class TakesForGood(MemoryInbox):
    """What it hands out is gone."""

    async def close(self) -> None:
        self._taken.clear()


class NeverDone(MemoryInbox):
    async def done(self, arrival: Arrival) -> None:
        return None


class FailedIsDone(MemoryInbox):
    async def failed(self, arrival: Arrival, reason: str) -> None:
        await self.done(arrival)


class FailedIsNothing(MemoryInbox):
    async def failed(self, arrival: Arrival, reason: str) -> None:
        return None


class Copies(MemoryInbox):
    """Every consumer gets everything that waits when it looks."""

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        seen: set[str] = set()
        while True:
            for arrival in [one for one in self.queue._waiting if one.token not in seen]:
                seen.add(arrival.token)
                yield arrival
            if once:
                return
            await asyncio.sleep(0.01)

    async def done(self, arrival: Arrival) -> None:
        left = [one for one in self.queue._waiting if one.token != arrival.token]
        self.queue._waiting.clear()
        self.queue._waiting.extend(left)


class TakesAll(MemoryInbox):
    """Reads everything before it hands out the first."""

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        while True:
            ahead = []
            while (arrival := self.queue.take()) is not None:
                self._taken[arrival.token] = arrival
                ahead.append(arrival)
            for one in ahead:
                yield one
            if once:
                return
            await self.queue.changed()


class NeverEnds(MemoryInbox):
    """Waits for more although it is asked once."""

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        async for arrival in super().receive(once=False):
            yield arrival


class NeverWakes(MemoryInbox):
    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        async for arrival in super().receive(once=True):
            yield arrival
        if not once:
            await asyncio.sleep(60)


class LosesWhenCancelled(MemoryInbox):
    """Takes, and hands out a moment later."""

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        while (arrival := self.queue.take()) is not None:
            await asyncio.sleep(0)
            self._taken[arrival.token] = arrival
            yield arrival
        if not once:
            await self.queue.changed()


#: Of a transport within the process: what is broken, and the promise that sees it.
HERE: list[tuple[type[MemoryOutbox | MemoryInbox], str]] = [
    (Drops, "any_bytes_arrive_as_they_were"),
    (Drops, "many_senders_at_once_lose_nothing"),
    (Trims, "any_bytes_arrive_as_they_were"),
    (Truncates, "a_large_parcel_arrives_whole"),
    (Doubles, "a_key_sent_twice_arrives_once"),
    (Doubles, "one_key_sent_by_many_at_once_arrives_once"),
    (SaysNoRepeat, "a_key_sent_twice_arrives_once"),
    (WrongKey, "any_bytes_arrive_as_they_were"),
    (FoldsKeys, "keys_that_look_alike_are_different"),
    (ForgetsKeys, "a_key_sent_again_after_it_was_taken_does_not_arrive_again"),
    (ForgetsKeys, "a_probe_knows_before_and_after"),
    (LiesAbsent, "a_probe_knows_before_and_after"),
    (LiesPresent, "a_probe_knows_before_and_after"),
    (Guesses, "a_probe_that_promises_nothing_says_unknown"),
    (Chokes, "a_name_that_attacks_does_no_harm"),
    (Astray, "a_name_that_attacks_does_no_harm"),
    (LosesNotes, "notes_travel_beside_the_bytes"),
    (Reorders, "order_is_kept"),
    (Halves, "a_send_cancelled_at_any_moment_leaves_no_half"),
    (Shields, "a_send_cancelled_at_any_moment_leaves_no_half"),
    (OneLoop, "closed_twice_it_opens_again_in_another_loop"),
    (ClosedForGood, "closed_twice_it_opens_again_in_another_loop"),
    (LeavesTasks, "closing_lets_go_of_everything"),
    (LeavesFiles, "closing_lets_go_of_everything"),
    (CheckSends, "a_check_says_what_was_reached_and_sends_nothing"),
    (CheckIsMute, "a_check_says_what_was_reached_and_sends_nothing"),
    (ShowsSecret, "a_repr_shows_no_secret"),
    (TakesForGood, "a_consumer_that_ends_before_done_loses_nothing"),
    (NeverDone, "what_is_done_does_not_come_again"),
    (FailedIsDone, "what_failed_is_given_back"),
    (FailedIsNothing, "what_failed_comes_again_to_the_same_inbox"),
    (Copies, "several_consumers_share_the_work"),
    (TakesAll, "a_slow_reader_is_not_flooded"),
    (NeverEnds, "once_ends"),
    (NeverWakes, "a_waiting_reader_is_woken"),
    (LosesWhenCancelled, "a_cancelled_reader_loses_nothing"),
]
