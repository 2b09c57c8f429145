"""AMQP 0-9-1 as a transport, as RabbitMQ speaks it: confirmed publishing, acknowledged taking."""

from dflow.transport.amqp.inbox import AmqpInbox
from dflow.transport.amqp.outbox import AmqpOutbox

__all__ = ["AmqpInbox", "AmqpOutbox"]
