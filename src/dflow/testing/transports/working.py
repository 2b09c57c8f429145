"""Promises of long work: many at once, cancelled, closed, opened again, looked at.

In: a trial.  Out: nothing, or the words of what is broken.  This module does not know
any network.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from pathlib import Path

from dflow.testing.transports.arriving import twice_or_lost
from dflow.testing.transports.promise import Promise
from dflow.testing.transports.sending import parcel
from dflow.testing.transports.trial import Trial, close, require
from dflow.transport import Checking, TransportError

__all__ = [
    "PROMISES",
    "a_check_says_what_was_reached_and_sends_nothing",
    "a_repr_shows_no_secret",
    "a_send_cancelled_at_any_moment_leaves_no_half",
    "closed_twice_it_opens_again_in_another_loop",
    "closing_lets_go_of_everything",
    "many_senders_at_once_lose_nothing",
    "one_key_sent_by_many_at_once_arrives_once",
]


async def many_senders_at_once_lose_nothing(trial: Trial) -> None:
    """Four outboxes, twenty parcels each, all at the same time."""
    outboxes = [trial.outbox() for _ in range(4)]
    await asyncio.gather(*(outboxes[number % 4].send(parcel(number)) for number in range(80)))
    twice_or_lost(await trial.arrived(80), [parcel(number).content for number in range(80)])


async def one_key_sent_by_many_at_once_arrives_once(trial: Trial) -> None:
    """Four outboxes send the same parcel at the same time."""
    outboxes = [trial.outbox() for _ in range(4)]
    receipts = await asyncio.gather(
        *(trial.sent(outbox, parcel(1)) for outbox in outboxes), return_exceptions=True
    )
    for one in receipts:
        require(not isinstance(one, BaseException), f"one of four senders raised {one!r}")
    twice_or_lost(await trial.arrived(1), [parcel(1).content])


async def a_send_cancelled_at_any_moment_leaves_no_half(trial: Trial) -> None:
    """It ends soon; the outbox goes on; the same key sent again arrives as it should."""
    outbox, content = trial.outbox(), b"whole " * 5000
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await outbox.send(parcel(0, content + b"0"))
    await outbox.send(parcel(1, content + b"1"))
    usual = (loop.time() - begun) / 2
    parts = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    parcels = [parcel(2 + number, content + b"%d" % (2 + number)) for number in range(24)]
    for number, one in enumerate(parcels):
        sending = asyncio.ensure_future(outbox.send(one))
        if number < 12:
            for _ in range(number):
                await asyncio.sleep(0)
        else:
            await asyncio.sleep(usual * parts[number - 12])
        sending.cancel()
        done, _ = await asyncio.wait([sending], timeout=trial.patience)
        require(done, f"a send did not end in {trial.patience:g} s after it was cancelled")
        error = None if sending.cancelled() else sending.exception()
        require(
            error is None or isinstance(error, TransportError),
            f"a cancelled send raised {type(error).__name__}: {error}",
        )
    for one in parcels:
        await trial.sent(outbox, one)
    wanted = [content + b"%d" % number for number in range(26)]
    found = await trial.arrived(26)
    broken = [one for one in found if one not in wanted]
    require(not broken, f"{len(broken)} arrived in half after their sending was cancelled")
    lost = [one for one in wanted if one not in found]
    require(not lost, f"{len(lost)} of 26 were lost, although there is a receipt for each")
    if outbox.capabilities.idempotent:
        twice_or_lost(found, wanted)


def closed_twice_it_opens_again_in_another_loop(trial: Trial) -> None:
    """As `run_once` does it: each run is an event loop of its own."""
    outbox = trial.rig.outbox()
    inbox = trial.rig.inbox()
    found: Counter[bytes] = Counter()

    async def once(number: int) -> None:
        try:
            await asyncio.wait_for(outbox.send(parcel(number)), trial.patience)
            if inbox is not None:
                for one in await trial.take(inbox, 1):
                    found[one.content] += 1
        finally:
            for end in (outbox, inbox):
                await close(end)
                await close(end)

    for number in range(3):
        try:
            asyncio.run(once(number))
        except Exception as error:  # noqa: BLE001  the transport under trial may raise anything
            words = f"in event loop {number + 1} it raised {type(error).__name__}: {error}"
            require(kept=False, words=words)

    async def rest() -> None:
        left = await trial.arrived(3 - found.total())
        twice_or_lost([*found.elements(), *left], [parcel(number).content for number in range(3)])

    trial.run(rest)


async def closing_lets_go_of_everything(trial: Trial) -> None:
    """No task is left in the event loop, and no threads or open files are heaped up."""
    before = asyncio.all_tasks()
    await _round(trial, 0)
    held = _held()
    for number in range(1, 5):
        await _round(trial, number)
    end = trial.now() + min(2.0, trial.patience)
    while (left := asyncio.all_tasks() - before) and trial.now() < end:
        await asyncio.sleep(0.02)
    names = sorted(str(task.get_coro()) for task in left)
    require(not left, f"after close, {len(left)} tasks still run: {names[:3]}")
    # Of four rounds each would leave one.  Threads may linger a moment for more work.
    end = trial.now() + max(3.0, trial.patience)
    while any(now > then + 3 for now, then in zip(_held(), held, strict=True)):
        threads, files = (now - then for now, then in zip(_held(), held, strict=True))
        words = f"{threads} threads and {files} open files more than before"
        require(trial.now() < end, f"four times opened and closed, there are {words}")
        await asyncio.sleep(0.05)


async def _round(trial: Trial, number: int) -> None:
    outbox, inbox = trial.rig.outbox(), trial.rig.inbox()
    await outbox.send(parcel(number))
    if inbox is not None:
        await trial.take(inbox, 1)
    await close(outbox)
    await close(inbox)


def _held() -> tuple[int, int]:
    """Threads, but for the event loop's own pool, and open files where they can be counted."""
    gc.collect()
    threads = [one for one in threading.enumerate() if not one.name.startswith("asyncio_")]
    folder = Path("/dev/fd")
    return len(threads), len([*folder.iterdir()]) if folder.is_dir() else 0


async def a_check_says_what_was_reached_and_sends_nothing(trial: Trial) -> None:
    """Where there is a check."""
    ends: list[object] = [trial.rig.outbox(), trial.rig.inbox()]
    for end in ends:
        if isinstance(end, Checking):
            words = await asyncio.wait_for(end.check(), trial.patience)
            require(words.strip(), "check says nothing")
            require("\n" not in words, "check says more than a line")
            _secret(trial, words, "the words of check")
        await close(end)
    require(not await trial.arrived(0), "a check sent something")


async def a_repr_shows_no_secret(trial: Trial) -> None:
    """Before and after it was used."""
    outbox, inbox = trial.outbox(), trial.rig.inbox()
    for end in (outbox, inbox):
        _secret(trial, f"{end!r} {end!s}", "a repr")
    await outbox.send(parcel(1))
    _secret(trial, f"{outbox!r} {outbox!s}", "a repr after sending")
    await close(inbox)


def _secret(trial: Trial, text: str, where: str) -> None:
    for secret in trial.secrets:
        require(secret not in text, f"a secret is shown in {where}")


#: In the order in which they are tried.
PROMISES: tuple[Promise, ...] = (
    Promise(many_senders_at_once_lose_nothing),
    Promise(one_key_sent_by_many_at_once_arrives_once, ("idempotent",)),
    Promise(a_send_cancelled_at_any_moment_leaves_no_half),
    Promise(closed_twice_it_opens_again_in_another_loop),
    Promise(closing_lets_go_of_everything),
    Promise(a_check_says_what_was_reached_and_sends_nothing),
    Promise(a_repr_shows_no_secret),
)
