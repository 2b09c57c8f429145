"""E-mail as a destination, where nothing better is to be had.

In: parcels.  Out: messages with an attachment.  This module does not know flows.

A mail server cannot be asked what it took, and takes a message twice: so this outbox
does not probe and is not idempotent, and says so.  A receipt means that the server took
the message over, not that anybody read it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from attrs import define, field

from dflow.transport.faults import Refused
from dflow.transport.mail.line import Line
from dflow.transport.mail.message import compose, message_id, text_mistakes
from dflow.transport.mail.server import MailServer
from dflow.transport.parcel import Capabilities, Parcel, Presence, Receipt

__all__ = ["MailOutbox"]

T = TypeVar("T")


def _usable(_: object, __: object, template: str) -> None:
    if mistakes := text_mistakes(template):
        raise ValueError("; ".join(mistakes))


def _address(text: str) -> str:
    name, at, domain = text.rpartition("@")
    if not (name and at and domain) or not text.isascii() or not text.isprintable():
        raise ValueError(f"{text!r} is no e-mail address")
    if set(text) & set(' <>,;:"()[]\\') or "@" in name:
        raise ValueError(f"{text!r} is no plain e-mail address, such as dflow@sender.example")
    return text


def _addresses(_: object, __: object, texts: tuple[str, ...]) -> None:
    if not texts:
        raise ValueError("no recipient")
    for text in texts:
        _address(text)


@define(eq=False, kw_only=True)
class MailOutbox:
    """An outbox that sends each parcel as an e-mail.

    Attributes:
        server: which, as whom, and how the line to it is protected.
        sender: the address it is from.
        recipients: the addresses it goes to: all of them, or it is not sent.
        subject: a template with words of `dflow.transport.names.TEMPLATE_WORDS` in braces.
        body: the same, for the text before the attachment.
        sidecar: whether a parcel's notes are attached too, as NAME.provenance.json.
        largest: bytes; a larger parcel is refused, since mail servers would.
    """

    server: MailServer
    sender: str = field(validator=lambda _, __, text: _address(text) and None)
    recipients: tuple[str, ...] = field(validator=_addresses)
    subject: str = field(default="{flow} {file_id}", validator=_usable)
    body: str = field(default="File {file_id} ({flow}) is attached.\n", validator=_usable)
    sidecar: bool = True
    largest: int = 20_000_000
    _lines: set[Line] = field(factory=set, init=False)

    @property
    def capabilities(self) -> Capabilities:
        """It neither probes nor is idempotent; the server answers for what it took."""
        return Capabilities(durable=True)

    async def send(self, parcel: Parcel) -> Receipt:
        """Send the parcel as an attachment.

        Raises:
            Refused: it is too large, or the server or a recipient will not take it.
            Unavailable: the server did not take it, for certain.
            Uncertain: the connection was lost while it was handed over.
        """
        if len(parcel.content) > self.largest:
            words = f"{len(parcel.content)} bytes, more than the {self.largest} that go by mail"
            raise Refused(f"{words}; send it by another way, or raise `largest`")
        message = compose(
            parcel,
            sender=self.sender,
            recipients=self.recipients,
            subject=self.subject,
            body=self.body,
            at=datetime.now(UTC),
            sidecar=self.sidecar,
        )
        await self._talk(lambda line: line.send(self.sender, self.recipients, message))
        return Receipt(key=parcel.key, place=message_id(parcel.key, self.sender))

    async def probe(self, key: str) -> Presence:  # noqa: ARG002  the Protocol's
        """UNKNOWN: a mail server cannot be asked."""
        return Presence.UNKNOWN

    async def check(self) -> str:
        """What was reached, in words: all of a conversation but the message.

        Raises:
            TransportError: mail cannot be sent, why, and what mends it.
        """
        await self._talk(lambda line: line.greet(self.sender, self.recipients))
        who = f" as {self.server.user}" if self.server.user else ""
        count = len(self.recipients)
        return f"{self.server.place}{who}: takes mail for {count} recipient{'s'[: count > 1]}"

    async def close(self) -> None:
        """Break off what is under way; never raises."""
        for line in list(self._lines):
            line.abort()

    async def _talk(self, talk: Callable[[Line], T]) -> T:
        """Talk in a thread of its own, which ends soon after this call does."""
        line = Line(server=self.server)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def tell(change: Callable[[], None]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop may have ended meanwhile
                loop.call_soon_threadsafe(lambda: None if answer.done() else change())

        def work() -> None:
            try:
                result = talk(line)
            except Exception as error:  # noqa: BLE001  handed on as it is
                caught = error
                tell(lambda: answer.set_exception(caught))
            else:
                tell(lambda: answer.set_result(result))

        self._lines.add(line)
        threading.Thread(target=work, name="dflow-mail", daemon=True).start()
        try:
            return await answer
        finally:
            self._lines.discard(line)
            if not answer.done() or answer.cancelled():
                line.abort()
