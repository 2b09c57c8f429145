"""Mailboxes over TCP that are broken in one way each, to prove the kit."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import ClassVar

from dflow.transport import Arrival, TransportError, Unavailable, Uncertain
from tcp_mailbox import Line, MailInbox, Words

Answer = tuple[Words, bytes]

#: An answer that says no to everything.
NO: Answer = ({"repeat": False, "there": False, "token": ""}, b"")


class _Misheard(Line):
    """Makes something else of a fault: `Uncertain` of a line that broke, or `Unavailable`."""

    caught: ClassVar[tuple[type[TransportError], ...]] = (Uncertain, Unavailable)

    async def ask(self, words: Words, content: bytes = b"") -> Answer:
        try:
            return await super().ask(words, content)
        except self.caught as error:
            return self.heard(error)

    def heard(self, error: TransportError) -> Answer:
        raise NotImplementedError


class FalseReceipt(_Misheard):
    """Takes a broken line for an answer."""

    caught = (Uncertain,)

    def heard(self, error: TransportError) -> Answer:
        return NO


class FalseFailure(_Misheard):
    """Says that nothing was delivered when the line broke."""

    caught = (Uncertain,)

    def heard(self, error: TransportError) -> Answer:
        raise Unavailable(str(error)) from error


class BareFault(_Misheard):
    """Lets the network's own exceptions out."""

    def heard(self, error: TransportError) -> Answer:
        raise ConnectionError("lost") from error


class StaysBroken(Line):
    """Never connects again."""

    def _drop(self) -> None:
        return None


class WaitsForEver(Line):
    """Asks again and again until it is answered, and does not listen to who cancels it."""

    async def ask(self, words: Words, content: bytes = b"") -> Answer:
        task = asyncio.ensure_future(super().ask(words, content))
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task], timeout=2.0)
        return task.result()


class SaysTheSecret(_Misheard):
    """Puts its password into the words."""

    caught = (Unavailable,)

    def heard(self, error: TransportError) -> Answer:
        raise Unavailable(f"{error} (as me:hunter2)") from error


class SaysNothing(_Misheard):
    caught = (Unavailable,)

    def heard(self, error: TransportError) -> Answer:
        raise Unavailable("") from error


class StaysOpen(Line):
    async def close(self) -> None:
        LEFT_OPEN.append(self)


LEFT_OPEN: list[Line] = []


class SendsAgain(Line):
    """Sends again under another key when the line breaks."""

    async def ask(self, words: Words, content: bytes = b"") -> Answer:
        try:
            return await super().ask(words, content)
        except Uncertain:
            return await super().ask({**words, "key": f"{words.get('key')} again"}, content)


class SendsPieces(Line):
    """Gives up a slow peer, and says that it is not there."""

    async def ask(self, words: Words, content: bytes = b"") -> Answer:
        try:
            return await asyncio.wait_for(super().ask(words, content), 0.05)
        except TimeoutError as error:
            raise Unavailable("the mailbox is slow") from error


class Hopes(Line):
    """Takes silence for consent."""

    async def ask(self, words: Words, content: bytes = b"") -> Answer:
        try:
            return await asyncio.wait_for(super().ask(words, content), 0.3)
        except TimeoutError:
            return NO


class DoneAtOnce(MailInbox):
    """Tells the server that it is done before it hands out."""

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        async for arrival in super().receive(once=once):
            await super().done(arrival)
            yield arrival

    async def done(self, arrival: Arrival) -> None:
        return None


class Dozes(MailInbox):
    """Waits for ever when its line breaks."""

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        try:
            async for arrival in super().receive(once=once):
                yield arrival
        except Unavailable:
            await asyncio.sleep(60)


#: Of a transport over a network.
FAR: list[tuple[type[Line | MailInbox], str]] = [
    (FalseReceipt, "a_line_cut_at_any_moment_leaves_the_truth"),
    (FalseFailure, "a_line_cut_at_any_moment_leaves_the_truth"),
    (BareFault, "a_line_cut_at_any_moment_leaves_the_truth"),
    (SendsAgain, "a_line_cut_at_any_moment_leaves_the_truth"),
    (StaysBroken, "after_a_reset_the_same_outbox_works"),
    (StaysBroken, "after_a_reset_the_same_inbox_works"),
    (DoneAtOnce, "a_consumer_that_is_cut_off_loses_nothing"),
    (Dozes, "a_waiting_reader_notices_a_reset"),
    (SendsPieces, "a_slow_peer_is_waited_for"),
    (Hopes, "a_silent_answer_is_uncertain"),
    (WaitsForEver, "a_silent_peer_can_be_given_up"),
    (BareFault, "a_server_that_is_gone_is_unavailable"),
    (SaysNothing, "a_server_that_is_gone_is_unavailable"),
    (SaysTheSecret, "a_server_that_is_gone_is_unavailable"),
    (StaysOpen, "closing_lets_go_of_connections"),
]
