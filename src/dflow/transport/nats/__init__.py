"""NATS JetStream as a transport: streams, durable consumers, deduplication by key."""

from dflow.transport.nats.inbox import NatsInbox
from dflow.transport.nats.outbox import NatsOutbox

__all__ = ["NatsInbox", "NatsOutbox"]
