"""Promises kept when the network breaks: cut, reset, slow, silent, gone.

In: a trial with a server, before which a real proxy stands.  Out: nothing, or the words
of what is broken.  This module does not know any protocol.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager

from attrs import define, field

from dflow.testing.proxy import Direction, FaultProxy
from dflow.testing.transports.arriving import twice_or_lost
from dflow.testing.transports.promise import Promise
from dflow.testing.transports.sending import parcel
from dflow.testing.transports.trial import Trial, close, require, stream
from dflow.transport import Outbox, Parcel, Presence, TransportError, Unavailable, Uncertain

__all__ = [
    "PROMISES",
    "a_consumer_that_is_cut_off_loses_nothing",
    "a_line_cut_at_any_moment_leaves_the_truth",
    "a_server_that_is_gone_is_unavailable",
    "a_silent_answer_is_uncertain",
    "a_silent_peer_can_be_given_up",
    "a_slow_peer_is_waited_for",
    "a_waiting_reader_notices_a_reset",
    "after_a_reset_the_same_inbox_works",
    "after_a_reset_the_same_outbox_works",
    "closing_lets_go_of_connections",
]

#: What came of a sending: a receipt, certainly nothing, or nobody knows.
_RECEIPT, _NOTHING, _UNKNOWN = "a receipt", "Unavailable", "Uncertain"


async def _outcome(trial: Trial, outbox: Outbox, one: Parcel) -> str:
    """What one sending says of itself."""
    try:
        await asyncio.wait_for(outbox.send(one), trial.patience)
    except Unavailable:
        return _NOTHING
    except (Uncertain, TimeoutError):
        return _UNKNOWN
    except Exception as error:  # noqa: BLE001  the transport under trial may raise anything
        words = f"{type(error).__name__}: {error}"
        require(kept=False, words=f"the line was cut, and send raised {words}; not a fault of it")
    return _RECEIPT


async def a_line_cut_at_any_moment_leaves_the_truth(trial: Trial) -> None:
    """Also between what the server took and its answer: no false receipt, no false failure.

    Asked or sent again afterwards, each is there, and once if the outbox is idempotent.
    """
    content = b"0123456789" * 3000
    outcomes: dict[int, str] = {}

    def one(number: int) -> Parcel:
        return parcel(number, content + b"%d" % number)

    with trial.proxy() as (proxy, via):
        outbox = trial.outbox(via)
        await trial.sent(outbox, one(0))
        before = _passed(proxy)
        await trial.sent(outbox, one(1))
        after = _passed(proxy)
        outcomes |= {0: _RECEIPT, 1: _RECEIPT}
        for direction in before:
            usual = max(1, after[direction] - before[direction])
            parts = {0, usual // 4, usual // 2, usual * 3 // 4, usual - 1}
            for part in sorted(parts):
                number = len(outcomes)
                proxy.cut(direction, after=part)
                outcomes[number] = await _outcome(trial, outbox, one(number))
                proxy.mend()
                await trial.sent(outbox, one(len(outcomes)))
                outcomes[len(outcomes)] = _RECEIPT
        sure = [number for number, came in outcomes.items() if came == _RECEIPT]
        found = Counter(await trial.arrived(len(sure)))
        _judge(outcomes, {number: found[one(number).content] for number in outcomes})
        await _afterwards(trial, outbox, outcomes, found, one)


def _passed(proxy: FaultProxy) -> dict[Direction, int]:
    return {"up": proxy.passed("up"), "down": proxy.passed("down")}


def _judge(outcomes: dict[int, str], arrived: dict[int, int]) -> None:
    """What was said of each sending is true."""
    for number, came in outcomes.items():
        count = arrived[number]
        if came == _RECEIPT:
            require(count, "the line was cut; there is a receipt, and nothing arrived")
        if came == _NOTHING:
            require(not count, "the line was cut; send raised Unavailable, and yet it arrived")
        require(count <= 1, f"the line was cut, and one sending arrived {count} times")


async def _afterwards(
    trial: Trial,
    outbox: Outbox,
    outcomes: dict[int, str],
    found: Counter[bytes],
    one: Callable[[int], Parcel],
) -> None:
    """A probe tells what arrived, and sending again mends what did not."""
    unsure = [number for number, came in outcomes.items() if came != _RECEIPT]
    missing = []
    for number in unsure:
        there = bool(found[one(number).content])
        if outbox.capabilities.probes:
            answer = await outbox.probe(one(number).key)
            want = Presence.PRESENT if there else Presence.ABSENT
            words = f"it {'arrived' if there else 'did not arrive'}, and probe says {answer.value}"
            require(answer is want, f"after the line was cut {words}")
        if outbox.capabilities.idempotent or not there:
            await trial.sent(outbox, one(number))
        if not there:
            missing.append(one(number).content)
    if trial.rig.inbox() is None:
        missing += [*found.elements()]
    twice_or_lost(await trial.arrived(len(missing)), missing)


async def after_a_reset_the_same_outbox_works(trial: Trial) -> None:
    """Its connection is reset while it rests; it connects again by itself."""
    with trial.proxy() as (proxy, via):
        outbox = trial.outbox(via)
        for number in range(4):
            await trial.sent(outbox, parcel(number))
            proxy.reset()
        wanted = [parcel(number).content for number in range(4)]
        _once_if_promised(outbox, await trial.arrived(4), wanted)


async def after_a_reset_the_same_inbox_works(trial: Trial) -> None:
    """Its connection is reset; it connects again when it is asked again."""
    with trial.proxy() as (proxy, via):
        outbox, inbox = trial.outbox(), trial.inbox(via)
        for number in range(3):
            await outbox.send(parcel(number))
            found = await trial.take(inbox, 1)
            words = f"after {number} resets, {len(found)} came of 1"
            require([one.content for one in found] == [parcel(number).content], words)
            proxy.reset()
        require(not await trial.take(inbox, 0), "after a reset, what was done came again")


async def a_consumer_that_is_cut_off_loses_nothing(trial: Trial) -> None:
    """It took arrivals and vanished without a word; they come to another."""
    outbox = trial.outbox()
    for number in range(3):
        await outbox.send(parcel(number))
    with trial.proxy() as (proxy, via):
        lost = trial.inbox(via)
        found = await trial.take(lost, 2, done=False)
        require(len(found) == 2, f"2 of 3 were asked for, and {len(found)} came")
        proxy.refuse()
        twice_or_lost(await trial.arrived(3), [parcel(number).content for number in range(3)])


async def a_waiting_reader_notices_a_reset(trial: Trial) -> None:
    """It goes on by itself, or says Unavailable; it does not wait for ever."""
    with trial.proxy() as (proxy, via):
        inbox = trial.inbox(via)

        async def one() -> bytes:
            while True:
                try:
                    async with aclosing(stream(inbox, once=False)) as arrivals:
                        async for arrival in arrivals:
                            await inbox.done(arrival)
                            return arrival.content
                except Unavailable:
                    await asyncio.sleep(0.05)

        reading = asyncio.ensure_future(one())
        await asyncio.sleep(0.3)
        proxy.reset()
        await asyncio.sleep(0.1)
        await trial.outbox().send(parcel(1))
        done, _ = await asyncio.wait([reading], timeout=trial.patience)
        if not done:
            reading.cancel()
            await asyncio.wait([reading])
        words = f"a reader whose connection was reset got nothing in {trial.patience:g} s"
        require(done, words)
        require(reading.result() == parcel(1).content, "a reader got something else")


async def a_slow_peer_is_waited_for(trial: Trial) -> None:
    """Delays and a thin line change nothing but time."""
    with trial.proxy() as (proxy, via):
        proxy.slow(delay=0.01, rate=400_000)
        one = parcel(1, b"slow " * 12_000)
        await trial.sent(trial.outbox(via), one)
        if trial.rig.inbox() is None:
            found = await trial.arrived(1)
        else:
            found = [arrival.content for arrival in await trial.take(trial.inbox(via), 1)]
        twice_or_lost(found, [one.content])


async def a_silent_peer_can_be_given_up(trial: Trial) -> None:
    """A send that hangs ends when it is cancelled; the outbox goes on when all is well."""
    with trial.proxy() as (proxy, via):
        outbox = trial.outbox(via)
        for number in range(2):
            proxy.swallow()
            await _given_up(trial, outbox.send(parcel(number)))
            if outbox.capabilities.probes:
                await _given_up(trial, outbox.probe(parcel(number).key))
            proxy.mend()
            await trial.sent(outbox, parcel(number))
        wanted = [parcel(number).content for number in range(2)]
        _once_if_promised(outbox, await trial.arrived(2), wanted)


async def a_silent_answer_is_uncertain(trial: Trial) -> None:
    """The server takes everything and its answers are lost: never a receipt."""
    with trial.proxy() as (proxy, via):
        outbox = trial.outbox(via)
        await trial.sent(outbox, parcel(0))
        proxy.swallow("down")
        try:
            await asyncio.wait_for(outbox.send(parcel(1)), 0.6)
        except (TimeoutError, TransportError) as error:
            unavailable = isinstance(error, Unavailable)
        else:
            require(kept=False, words="no answer came from the server, and there is a receipt")
        proxy.mend()
        wanted = [parcel(0).content, parcel(1).content]
        if unavailable:
            await asyncio.sleep(0.2)
            found = await trial.arrived(1)
            words = "no answer came, send raised Unavailable, and yet it arrived"
            require(parcel(1).content not in found, words)
            return
        await trial.sent(outbox, parcel(1))
        _once_if_promised(outbox, await trial.arrived(2), wanted)


async def _given_up(trial: Trial, call: Awaitable[object]) -> None:
    task = asyncio.ensure_future(call)
    await asyncio.wait([task], timeout=0.25)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=trial.patience)
    require(done, f"a call to a silent peer did not end in {trial.patience:g} s after its cancel")
    if not task.cancelled():
        error = task.exception()
        words = f"a silent peer let it raise {type(error).__name__}: {error}"
        require(error is not None, "a silent peer let it end as if all were well")
        require(isinstance(error, TransportError | TimeoutError), words)


def _once_if_promised(outbox: Outbox, found: list[bytes], wanted: list[bytes]) -> None:
    """Everything arrived, and once if that is promised: sending again is no crime otherwise."""
    if outbox.capabilities.idempotent:
        twice_or_lost(found, wanted)
    else:
        twice_or_lost([*set(found)], wanted)


async def a_server_that_is_gone_is_unavailable(trial: Trial) -> None:
    """Sending, asking and receiving say so, in a line of words, and show no secret."""
    with trial.proxy() as (proxy, via), _log() as log:
        outbox = trial.outbox(via)
        proxy.refuse()
        said = [await _unavailable(trial, "send", outbox.send(parcel(1)))]
        if outbox.capabilities.probes:
            said.append(await _unavailable(trial, "probe", outbox.probe(parcel(1).key)))
        if trial.rig.inbox() is not None:
            inbox = trial.inbox(via)
            async with aclosing(stream(inbox, once=True)) as arrivals:
                said.append(await _unavailable(trial, "receive", anext(arrivals)))
            said.append(repr(inbox))
        for secret in trial.secrets:
            shown = [text for text in (*said, repr(outbox), *log.lines) if secret in text]
            require(not shown, "a secret is shown in an error, a repr or the log")
        proxy.mend()
        await trial.sent(outbox, parcel(2))
        _once_if_promised(outbox, await trial.arrived(1), [parcel(2).content])


async def _unavailable(trial: Trial, what: str, call: Awaitable[object]) -> str:
    try:
        await asyncio.wait_for(call, trial.patience)
    except Unavailable as error:
        words = str(error)
        require(words.strip(), f"{what}: Unavailable without a word")
        require("\n" not in words, f"{what}: Unavailable says more than a line: {words!r}")
        return words
    except BaseException as error:  # noqa: BLE001  the transport under trial may raise anything
        words = f"{type(error).__name__}: {error}"
        require(kept=False, words=f"the server is gone, and {what} raised {words}")
    require(kept=False, words=f"the server is gone, and {what} ended as if all were well")
    return ""


@define(eq=False)
class _Lines(logging.Handler):
    """What was logged."""

    lines: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        super().__init__(logging.DEBUG)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(record.getMessage())


@contextmanager
def _log() -> Iterator[_Lines]:
    """What is logged meanwhile, by anybody, at any level."""
    root, handler = logging.getLogger(), _Lines()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


async def closing_lets_go_of_connections(trial: Trial) -> None:
    """None is open at the server after close, of an outbox or of an inbox."""
    with trial.proxy() as (proxy, via):
        outbox, inbox = trial.rig.outbox(via), trial.rig.inbox(via)
        await trial.sent(outbox, parcel(1))
        if inbox is not None:
            await trial.take(inbox, 1)
        await close(outbox)
        await close(inbox)
        end = trial.now() + min(3.0, trial.patience)
        while proxy.open_connections and trial.now() < end:
            await asyncio.sleep(0.02)
        require(not proxy.open_connections, f"{proxy.open_connections} connections are left open")


#: In the order in which they are tried.
PROMISES: tuple[Promise, ...] = (
    Promise(a_line_cut_at_any_moment_leaves_the_truth, ("network",)),
    Promise(after_a_reset_the_same_outbox_works, ("network",)),
    Promise(after_a_reset_the_same_inbox_works, ("network", "inbox")),
    Promise(a_consumer_that_is_cut_off_loses_nothing, ("network", "inbox")),
    Promise(a_waiting_reader_notices_a_reset, ("network", "inbox")),
    Promise(a_slow_peer_is_waited_for, ("network",)),
    Promise(a_silent_peer_can_be_given_up, ("network",)),
    Promise(a_silent_answer_is_uncertain, ("network",)),
    Promise(a_server_that_is_gone_is_unavailable, ("network",)),
    Promise(closing_lets_go_of_connections, ("network",)),
)
