"""Redis streams as a transport: each key once by a script, consumer groups, claims that expire."""

from dflow.transport.redis.inbox import RedisInbox
from dflow.transport.redis.outbox import RedisOutbox

__all__ = ["RedisInbox", "RedisOutbox"]
