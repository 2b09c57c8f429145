"""What a transport's author gives the kit: a place of its own, and ways out and in.

In: nothing.  Out: the Protocol of a rig.  This module does not know any promise.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from attrs import frozen

from dflow.transport import Inbox, Outbox

__all__ = ["Endpoint", "MakeRig", "Rig"]


@frozen
class Endpoint:
    """Where a server listens."""

    host: str
    port: int


class Rig(Protocol):
    """One fresh and empty place to send to, for one promise.

    Attributes:
        server: the real server; None if there is no network between.
    """

    @property
    def server(self) -> Endpoint | None:
        """The real server; None if there is no network between."""
        ...

    def outbox(self, via: Endpoint | None = None) -> Outbox:
        """A new way out, independent of the others; by way of a proxy if one is given."""
        ...

    def inbox(self, via: Endpoint | None = None) -> Inbox | None:
        """A new way in to what outboxes send: one more consumer of the same queue.

        None if nothing can be received, as of e-mail.
        """
        ...

    def delivered(self) -> list[tuple[str, bytes]]:
        """The names and contents that lie at the destination now.

        It is asked in a thread of its own, and may raise `NotImplementedError` where
        there is an inbox.
        """
        ...


class MakeRig(Protocol):
    """Makes rigs: each a context, that takes away what it made when it is left."""

    def __call__(self) -> AbstractContextManager[Rig]:
        """A rig whose place nobody has used before."""
        ...
