"""The far ends of a rehearsal: a hub that is down for a while, and a desk that takes answers.

In: parcels, and a set clock.  Out: receipts, and what the hub took and when.  This module
does not know why a message is sent, or whether it should have been.
"""

from __future__ import annotations

from datetime import datetime

from attrs import define, field

from dflow.contingency.running import read_any
from dflow.operation import SetClock
from dflow.transport import Capabilities, Parcel, Presence, Receipt, Unavailable

__all__ = ["Hub", "Sink"]


@define(eq=False)
class Hub:
    """A hub that is down for a while, and notes what it takes.

    Attributes:
        clock: what time it is.
        down: from when until when, the end apart, it refuses everything.
        took: when, which transaction (empty if it cannot be read), and the delivery's key.
        keys: the keys of what it took.
        refused: how many attempts it refused.
    """

    clock: SetClock
    down: tuple[datetime, datetime]
    took: list[tuple[datetime, str, str]] = field(factory=list)
    keys: set[str] = field(factory=set)
    refused: int = 0

    @property
    def capabilities(self) -> Capabilities:
        """It answers questions for a key, and knows what came twice."""
        return Capabilities(probes=True, idempotent=True)

    async def send(self, parcel: Parcel) -> Receipt:
        """Take a parcel.

        Raises:
            Unavailable: it is down.
        """
        now = self.clock.now()
        if self.down[0] <= now < self.down[1]:
            self.refused += 1
            raise Unavailable("the hub is down")
        header, _ = read_any(parcel.content)
        self.took.append((now, "" if header is None else header.file_id, parcel.key))
        repeat = parcel.key in self.keys
        self.keys.add(parcel.key)
        return Receipt(key=parcel.key, repeat=repeat)

    async def probe(self, key: str) -> Presence:
        """Whether it took this key."""
        return Presence.PRESENT if key in self.keys else Presence.ABSENT


@define(eq=False)
class Sink:
    """Where answers go; it takes everything and remembers nothing."""

    @property
    def capabilities(self) -> Capabilities:
        """It cannot say what it took."""
        return Capabilities(probes=False, idempotent=True)

    async def send(self, parcel: Parcel) -> Receipt:
        """Take a parcel."""
        return Receipt(key=parcel.key)

    async def probe(self, key: str) -> Presence:  # noqa: ARG002  the port's signature
        """It does not know."""
        return Presence.UNKNOWN
