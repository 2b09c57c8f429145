"""What a configuration may say of Redis streams.

In: options as plain values, already checked.  Out: an outbox or an inbox.  This module
imports no library of the network.
"""

from __future__ import annotations

from collections.abc import Mapping

from dflow.transport.brokers.options import server_of, server_options
from dflow.transport.kinds import Option, Setting, TransportKind
from dflow.transport.options import count_of, keep_keys, largest, number_of, prefetch, text_of
from dflow.transport.ports import Inbox, Outbox

__all__ = ["KIND"]

_SERVER = server_options("redis", "rediss", example="redis://redis.example:6379/0")
_STREAM = Option(
    name="stream", kind="text", required=True, meaning="The stream's key; made if it is missing."
)

_OUT = (
    *_SERVER,
    _STREAM,
    keep_keys(7, least=1),
    Option(
        name="most",
        kind="count",
        default=0,
        meaning="Entries that the stream may hold; 0 for any number. At so many it is full.",
    ),
    Option(
        name="durable",
        kind="flag",
        default=False,
        meaning="Whether to use only a server that writes to its disk before it answers "
        "(`appendonly yes`, `appendfsync always`).",
    ),
)

_INTO = (
    *_SERVER,
    _STREAM,
    Option(
        name="group",
        kind="text",
        required=True,
        meaning="The consumer group; made if it is missing, from the stream's beginning.",
    ),
    Option(
        name="wait",
        kind="seconds",
        default=30.0,
        least=1,
        meaning="After so long without word from a reader its entries go to another.",
    ),
    prefetch(16, "So many are taken ahead of the journal, each of them whole in memory."),
    Option(
        name="delete",
        kind="flag",
        default=False,
        meaning="Whether an entry that is done is deleted from the stream, for all groups.",
    ),
    largest("content"),
)


def _outbox(settings: Mapping[str, Setting]) -> Outbox:
    from dflow.transport.redis.outbox import RedisOutbox

    return RedisOutbox(
        server=server_of(settings),
        stream=text_of(settings["stream"]),
        keep_keys=number_of(settings["keep_keys"]),
        most=count_of(settings["most"]),
        durable=bool(settings["durable"]),
    )


def _inbox(settings: Mapping[str, Setting]) -> Inbox:
    from dflow.transport.redis.inbox import RedisInbox

    return RedisInbox(
        server=server_of(settings),
        stream=text_of(settings["stream"]),
        group=text_of(settings["group"]),
        wait=number_of(settings["wait"]),
        prefetch=count_of(settings["prefetch"]),
        delete=bool(settings["delete"]),
        largest=count_of(settings["largest"]),
    )


#: Redis streams.
KIND = TransportKind(name="redis", out=_OUT, into=_INTO, outbox=_outbox, inbox=_inbox)
