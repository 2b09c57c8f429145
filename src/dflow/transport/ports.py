"""The two Protocols that a transport implements: a way out and a way in.

In: parcels.  Out: receipts and arrivals.  This module does not know flows, journals or
rules; a transport knows bytes and a name.

The guarantees, which the exchange relies on and `dflow.testing.check_transport` tries, but
for a loss of power:

- **Durability.** `send` returns only when the destination has the parcel; with the
  capability `durable`, so that it survives a loss of power there.  Otherwise it raises, and
  the kind of the exception says what is certain (`dflow.transport.faults`).  There is no
  receipt that is not true, and no `Unavailable` for what may have arrived.
- **Idempotency.** `send` may be called again with the same key after anything that went
  wrong, by this outbox or another.  With the capability `idempotent` that leaves one parcel,
  not two, also when the recipient has taken the first away.  Keys are compared whole: case,
  blanks and length count.
- **What unknown means.** `probe` is asked only when nobody knows.  It answers PRESENT or
  ABSENT only for certain, for as long as keys are kept and also when the recipient took the
  parcel, and UNKNOWN otherwise: UNKNOWN is an answer, never a guess.
- **Order.** With the capability `ordered`, parcels that are sent one after the other, each
  when the one before has its receipt, are received in that order by one reader.
- **Cancellation.** Any call may be cancelled at any await, and ends soon.  A cancelled
  `send` counts as uncertain; a cancelled reader loses nothing; the object goes on.
- **Whose an arrival is.** It stays the source's until `done`: if the reader dies before it,
  or closes, the same arrival is received again, by this inbox or another.  `failed` gives it
  back, to be received again later.  `done` may be called twice.  Of several readers each
  arrival goes to one.
- **Backpressure.** An inbox hands out the next arrival when it is asked for it, and holds no
  more ahead than a fixed, small number, so that a slow reader is not flooded.
- **Secrets.** No password is in a `repr`, in the words of an exception, or in a log.

Three Protocols of one call are optional, for a transport that has something to say:
`Checking`, `Tracking` for a place that its recipient empties, and `Closing` for what
holds connections.  A closed transport opens again at
its next call, of another event loop if need be.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable

from dflow.transport.parcel import Arrival, Capabilities, Parcel, Presence, Receipt

__all__ = ["Checking", "Closing", "Inbox", "Outbox", "Tracking"]


@runtime_checkable
class Outbox(Protocol):
    """A way to one destination."""

    @property
    def capabilities(self) -> Capabilities:
        """What this outbox promises."""
        ...

    async def send(self, parcel: Parcel) -> Receipt:
        """Deliver a parcel, or raise.

        Raises:
            Refused: not delivered, and never will be as it is.
            Unavailable: not delivered, for certain; try later.
            Uncertain: it may have been delivered.
        """
        ...

    async def probe(self, key: str) -> Presence:
        """Whether the destination has the parcel of this key.

        Raises:
            Unavailable: the destination cannot be asked now.
        """
        ...


@runtime_checkable
class Inbox(Protocol):
    """A way in from one source."""

    def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        """The arrivals, oldest first as far as the source knows.

        With `once`, those that are there now, and then the end.

        Raises:
            Unavailable: the source cannot be read now.
        """
        ...

    async def done(self, arrival: Arrival) -> None:
        """The arrival is recorded for good; the source need not keep it."""
        ...

    async def failed(self, arrival: Arrival, reason: str) -> None:
        """The arrival could not be recorded: give it back, to be received again."""
        ...


@runtime_checkable
class Checking(Protocol):
    """An outbox or inbox that can be tried without sending or taking anything."""

    async def check(self) -> str:
        """What was reached, in words; nothing is sent, taken or changed.

        Raises:
            TransportError: it cannot be used, why, and what mends it.
        """
        ...


@runtime_checkable
class Closing(Protocol):
    """An outbox or inbox that holds connections."""

    async def close(self) -> None:
        """Let go of them; never raises, and may be called twice."""
        ...


@runtime_checkable
class Tracking(Protocol):
    """An outbox that sees whether its recipient has taken a parcel away."""

    async def taken(self, place: str) -> bool:
        """Whether nothing lies any more where a receipt said that a parcel is.

        Args:
            place: `Receipt.place` of this outbox.

        Raises:
            Unavailable: the destination cannot be asked now.
        """
        ...
