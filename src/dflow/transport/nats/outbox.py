"""A JetStream stream as a destination: each key once, on a subject of its own.

In: parcels.  Out: messages in a stream.  This module does not know flows.

How a key is stored at most once.  Its message is published to ``SUBJECT.HASH``, where
HASH is the SHA-256 of the key, under three conditions that the server holds to:

- `Nats-Msg-Id` is the hash: within the stream's window for duplicates (two minutes if
  nobody said otherwise) a second one is acknowledged and dropped;
- the subject's last sequence must be 0: for as long as the stream keeps the message, a
  second one is refused, and that is an answer too: it was there already;
- `Nats-Expected-Stream`: no other stream takes it.

So `probe` asks whether the subject has a message.  That is certain while the stream
keeps what it took, whoever has consumed it: therefore a stream that forgets sooner than
`keep_keys` is not used, unless `keep_keys` is 0, which gives up probing.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from dflow.transport.brokers.link import Link
from dflow.transport.faults import Refused, Unavailable
from dflow.transport.nats import large
from dflow.transport.nats.session import Session, connect, is_answer, words_of
from dflow.transport.parcel import Capabilities, Parcel, Presence, Receipt
from dflow.transport.server import Server
from dflow.transport.wire import headers_of

if TYPE_CHECKING:
    from nats.js.api import StreamInfo

__all__ = ["NatsOutbox"]

#: What a stream looks at before it takes a message.
_ID = "Nats-Msg-Id"
_STREAM = "Nats-Expected-Stream"
_SEQUENCE = "Nats-Expected-Last-Subject-Sequence"
#: JetStream's number for "the subject has a message already".
_KNOWN = 10071
#: ... and for "larger than this stream takes".
_TOO_LARGE = 10054
#: What is left free in a message for the server's own headers.
_SPARE = 1024


@frozen
class _Stream:
    session: Session
    largest: int


@define(eq=False, kw_only=True)
class NatsOutbox:
    """An outbox into a JetStream stream.

    Attributes:
        server: where NATS is.
        stream: the stream's name.
        subject: what the messages' subjects start with; the stream takes ``SUBJECT.*``.
        keep_keys: for how many seconds a key has to be remembered; 0 gives up probing.
        large: the object bucket for contents larger than a message; ``STREAM_large`` if
            not given.
        create: whether a missing stream or bucket is made.
        patience: seconds to wait for an answer.
    """

    server: Server
    stream: str
    subject: str
    keep_keys: float = 7 * 86400.0
    large: str = ""
    create: bool = False
    patience: float = 30.0
    _link: Link[_Stream] = field(init=False)

    @_link.default
    def _make_link(self) -> Link[_Stream]:
        return Link(
            open=self._open,
            shut=lambda held: held.session.close(),
            alive=lambda held: held.session.alive,
        )

    @property
    def capabilities(self) -> Capabilities:
        """Ordered; it probes and is idempotent unless `keep_keys` is 0.

        Not durable: a stream answers before its disk has written, unless the server runs
        with `sync_interval: always`, which it does not tell.
        """
        keeps = self.keep_keys > 0
        return Capabilities(probes=keeps, idempotent=keeps, ordered=True, notes=True)

    async def send(self, parcel: Parcel) -> Receipt:
        """Store the parcel in the stream, once.

        Raises:
            Refused: it is larger than the stream takes.
            Unavailable: it is not stored: unreachable, refused, full.
            Uncertain: no answer came.
        """
        held = await self._link.get()
        hash_ = _hash(parcel.key)
        headers = headers_of(parcel)
        headers[_ID] = hash_
        headers[_STREAM] = self.stream
        if self.keep_keys > 0:
            headers[_SEQUENCE] = "0"
        content = await self._fitted(held, hash_, parcel.content, headers)
        try:
            ack = await held.session.publish(f"{self.subject}.{hash_}", content, headers)
        except Exception as error:
            if not is_answer(error):
                raise
            if getattr(error, "err_code", 0) == _KNOWN:
                return Receipt(key=parcel.key, place=self.stream, repeat=True)
            raise self._refusal(error) from error
        return Receipt(key=parcel.key, place=f"{self.stream} {ack.sequence}", repeat=ack.duplicate)

    async def probe(self, key: str) -> Presence:
        """Whether the stream has the key's message, consumed or not.

        UNKNOWN where it is not there and the stream need not have kept it.

        Raises:
            Unavailable: the server cannot be asked now.
        """
        if self.keep_keys <= 0:
            return Presence.UNKNOWN
        session = (await self._link.get()).session
        subject = f"{self.subject}.{_hash(key)}"
        info = await self._info(session, subject)
        if subject in (info.state.subjects or {}):
            return Presence.PRESENT
        return Presence.UNKNOWN if _forgets(info, self.keep_keys) else Presence.ABSENT

    async def check(self) -> str:
        """What stream was reached; nothing is sent.

        Raises:
            TransportError: it cannot be used, why, and what mends it.
        """
        info = await self._info((await self._link.get()).session)
        kept = f"{info.state.messages} messages"
        storage = (
            "in memory: a restart loses them" if info.config.storage == "memory" else "on disk"
        )
        if self.keep_keys <= 0:
            storage += "; keys are not remembered"
        return f"{self.server.url}: stream {self.stream}, {kept}, {storage}"

    async def close(self) -> None:
        """Let go of the connection."""
        await self._link.close()

    async def _open(self) -> _Stream:
        session = await connect(self.server, patience=self.patience)
        try:
            info = await self._info(session, create=self.create)
            self._remembers(info)
        except BaseException:
            await session.close()
            raise
        largest = info.config.max_msg_size or -1
        limit = session.client.max_payload
        return _Stream(session, min(limit, largest) if largest > 0 else limit)

    def _remembers(self, info: StreamInfo) -> None:
        if self.keep_keys > 0 and (why := _forgets(info, self.keep_keys)):
            raise Unavailable(f"{self.server.url}: stream {self.stream} {why}")

    async def _info(
        self, session: Session, subject: str = "", *, create: bool = False
    ) -> StreamInfo:
        from nats.js.api import DiscardPolicy
        from nats.js.errors import APIError, NotFoundError

        stream = session.stream
        try:
            try:
                return await session.ask(stream.stream_info(self.stream, subject or None))
            except NotFoundError:
                if not create:
                    raise
            return await session.ask(
                stream.add_stream(
                    name=self.stream, subjects=[f"{self.subject}.*"], discard=DiscardPolicy.NEW
                )
            )
        except NotFoundError as error:
            words = f"{self.server.url}: no stream {self.stream}"
            remedy = f'nats stream add {self.stream} --subjects "{self.subject}.*"'
            raise Unavailable(f"{words}: make it: {remedy}, or set create") from error
        except APIError as error:
            raise Unavailable(f"stream {self.stream}: {words_of(error)}") from error

    async def _fitted(
        self, held: _Stream, hash_: str, content: bytes, headers: dict[str, str]
    ) -> bytes:
        """The content, or nothing with a header that points to it in the bucket."""
        head = sum(map(len, headers)) + sum(map(len, headers.values())) + 4 * len(headers) + _SPARE
        if head > held.largest:
            words = f"its name and notes take {head} bytes, and a message at most {held.largest}"
            raise Refused(f"{self.server.url}: {words}")
        if head + len(content) <= held.largest:
            return content
        bucket = self.large or f"{self.stream}_large"
        await large.keep(held.session, bucket, hash_, content, create=self.create)
        headers[large.LARGE] = hash_
        return b""

    def _refusal(self, error: Exception) -> Refused | Unavailable:
        words = f"{self.server.url}: stream {self.stream}: {words_of(error)}"
        if getattr(error, "err_code", 0) == _TOO_LARGE:
            return Refused(f"{words}: raise the stream's max_msg_size")
        if "maximum" in words or "insufficient" in words:
            return Unavailable(f"{words}: it is full: let it be consumed, or raise its limits")
        return Unavailable(words)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _forgets(info: StreamInfo, keep: float) -> str:
    """Why a stream does not remember its keys for so long; empty if it does."""
    config = info.config
    if config.retention != "limits":
        remedy = "use one with retention limits, or set keep_keys to 0 and give up probing"
        return f"drops what was consumed (retention {config.retention}): {remedy}"
    if config.discard == "old" and max(config.max_msgs or 0, config.max_bytes or 0) > 0:
        return "drops its oldest messages when it is full (discard old): set its discard to new"
    age = config.max_age or 0
    if 0 < age < keep:
        return f"forgets after {age:g} s: raise its max_age, or set keep_keys to {age:g}"
    return ""
