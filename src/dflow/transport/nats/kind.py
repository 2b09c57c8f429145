"""What a configuration may say of NATS JetStream.

In: options as plain values, already checked.  Out: an outbox or an inbox.  This module
imports no library of the network.
"""

from __future__ import annotations

from collections.abc import Mapping

from dflow.transport.brokers.options import server_of, server_options
from dflow.transport.kinds import Option, Setting, TransportKind
from dflow.transport.options import count_of, largest, number_of, prefetch, text_of
from dflow.transport.ports import Inbox, Outbox

__all__ = ["KIND"]

_SERVER = server_options("nats", "tls", example="nats://broker.example:4222")
_STREAM = Option(name="stream", kind="text", required=True, meaning="The stream's name.")
_LARGE = Option(
    name="large",
    kind="text",
    default="",
    meaning="Object bucket for contents larger than a message; `STREAM_large` if left out.",
)

_OUT = (
    *_SERVER,
    _STREAM,
    Option(
        name="subject",
        kind="text",
        required=True,
        meaning="What subjects start with; the stream takes `SUBJECT.*`.",
    ),
    Option(
        name="keep_keys",
        kind="seconds",
        default=7 * 86400.0,
        meaning="For how long the stream has to remember a key; 0 gives up probing, for a "
        "stream that drops what was consumed.",
    ),
    Option(
        name="create",
        kind="flag",
        default=False,
        meaning="Whether a missing stream or bucket is made, without limits.",
    ),
    _LARGE,
)

_INTO = (
    *_SERVER,
    _STREAM,
    Option(
        name="consumer",
        kind="text",
        required=True,
        meaning="The durable consumer's name; made if it is missing.",
    ),
    Option(
        name="subject",
        kind="text",
        default="",
        meaning="Of a consumer that is made: which subjects it takes; all if left out.",
    ),
    Option(
        name="wait",
        kind="seconds",
        default=30.0,
        least=1,
        meaning="Of a consumer that is made: after so long without word from a reader its "
        "messages go to another.",
    ),
    Option(
        name="in_flight",
        kind="count",
        default=1000,
        least=1,
        meaning="Of a consumer that is made: so many are taken and not done at most.",
    ),
    prefetch(64, "So many are pulled ahead of the journal."),
    largest("content"),
    _LARGE,
)


def _outbox(settings: Mapping[str, Setting]) -> Outbox:
    from dflow.transport.nats.outbox import NatsOutbox

    return NatsOutbox(
        server=server_of(settings),
        stream=text_of(settings["stream"]),
        subject=text_of(settings["subject"]),
        keep_keys=number_of(settings["keep_keys"]),
        large=text_of(settings["large"]),
        create=bool(settings["create"]),
    )


def _inbox(settings: Mapping[str, Setting]) -> Inbox:
    from dflow.transport.nats.inbox import NatsInbox

    return NatsInbox(
        server=server_of(settings),
        stream=text_of(settings["stream"]),
        consumer=text_of(settings["consumer"]),
        subject=text_of(settings["subject"]),
        wait=number_of(settings["wait"]),
        in_flight=count_of(settings["in_flight"]),
        prefetch=count_of(settings["prefetch"]),
        large=text_of(settings["large"]),
        largest=count_of(settings["largest"]),
    )


#: NATS JetStream.
KIND = TransportKind(name="nats", out=_OUT, into=_INTO, outbox=_outbox, inbox=_inbox)
