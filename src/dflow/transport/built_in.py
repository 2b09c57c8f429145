"""The kinds of transport that come with dflow.

In: the kinds of this package.  Out: one tuple.  This module imports no library of a
network: a kind only knows how its ends are made.
"""

from __future__ import annotations

from dflow.transport import directory_kind
from dflow.transport.amqp import kind as amqp
from dflow.transport.http import kind as http
from dflow.transport.kinds import TransportKind
from dflow.transport.mail import kind as mail
from dflow.transport.nats import kind as nats
from dflow.transport.objects import kind as objects
from dflow.transport.redis import kind as redis
from dflow.transport.sftp import kind as sftp

__all__ = ["BUILT_IN"]

#: Every kind, in the order of the reference page.  Memory is for code, not for configurations.
BUILT_IN: tuple[TransportKind, ...] = (
    directory_kind.KIND,
    amqp.KIND,
    http.KIND,
    mail.KIND,
    nats.KIND,
    objects.KIND,
    redis.KIND,
    sftp.KIND,
)
