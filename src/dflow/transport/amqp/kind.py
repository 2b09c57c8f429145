"""What a configuration may say of AMQP.

In: options as plain values, already checked.  Out: an outbox or an inbox.  This module
imports no library of the network.
"""

from __future__ import annotations

from collections.abc import Mapping

from dflow.transport.brokers.options import server_of, server_options
from dflow.transport.kinds import Option, Setting, TransportKind
from dflow.transport.options import count_of, largest, prefetch, text_of
from dflow.transport.ports import Inbox, Outbox

__all__ = ["KIND"]

_SERVER = server_options("amqp", "amqps", example="amqp://broker.example:5672/vhost")
_CREATE = Option(
    name="create", kind="flag", default=False, meaning="Whether the queue is declared, durable."
)
_TYPE = Option(
    name="queue_type",
    kind="text",
    default="quorum",
    choices=("quorum", "classic"),
    meaning="Of a queue that is declared.",
)

_OUT = (
    *_SERVER,
    Option(
        name="routing_key",
        kind="text",
        required=True,
        meaning="Where messages go; with the default exchange, the queue's name.",
    ),
    Option(
        name="exchange",
        kind="text",
        default="",
        meaning="The exchange; the broker's default one if left out.",
    ),
    _CREATE,
    _TYPE,
    Option(
        name="largest",
        kind="count",
        default=134_217_728,
        meaning="Bytes; a larger content is refused. RabbitMQ's own limit is the same.",
    ),
)

_INTO = (
    *_SERVER,
    Option(name="queue", kind="text", required=True, meaning="The queue's name."),
    prefetch(32, "So many are taken and not done at most."),
    _CREATE,
    _TYPE,
    largest("content"),
)


def _outbox(settings: Mapping[str, Setting]) -> Outbox:
    from dflow.transport.amqp.outbox import AmqpOutbox

    return AmqpOutbox(
        server=server_of(settings),
        routing_key=text_of(settings["routing_key"]),
        exchange=text_of(settings["exchange"]),
        create=bool(settings["create"]),
        queue_type=text_of(settings["queue_type"]),
        largest=count_of(settings["largest"]),
    )


def _inbox(settings: Mapping[str, Setting]) -> Inbox:
    from dflow.transport.amqp.inbox import AmqpInbox

    return AmqpInbox(
        server=server_of(settings),
        queue=text_of(settings["queue"]),
        prefetch=count_of(settings["prefetch"]),
        create=bool(settings["create"]),
        queue_type=text_of(settings["queue_type"]),
        largest=count_of(settings["largest"]),
    )


#: AMQP 0-9-1, as RabbitMQ speaks it.
KIND = TransportKind(name="amqp", out=_OUT, into=_INTO, outbox=_outbox, inbox=_inbox)
