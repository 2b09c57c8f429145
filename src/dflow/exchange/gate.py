"""A gate before a destination: what may be sent now, and what has to wait until when.

In: a delivery and the instant.  Out: whether it may go.  This module does not know what is
counted; a lane asks its gate in the transaction that claims a delivery, so that what the
gate puts back was never under way.

Quotas of a destination (`dflow.delivery.Quota`) count all that goes to it.  A gate is for
what they cannot say: limits by network or supplier, on days that differ.
"""

from __future__ import annotations

from typing import Protocol

from attrs import frozen

from dflow.exchange.journal import DeliveryRow, Journal

__all__ = ["Gate", "Later"]


@frozen(kw_only=True)
class Later:
    """Not now.

    Attributes:
        until: the instant, POSIX seconds, at which it may be asked about again.
        why: what stands in the way, without a sensitive value.
    """

    until: float
    why: str


class Gate(Protocol):
    """Lets deliveries of one destination through, or says until when they wait."""

    def begin(self, journal: Journal, destination: str, now: float) -> None:
        """A run begins: learn from the journal what has gone through already."""
        ...

    def admit(self, row: DeliveryRow, content: bytes, now: float) -> Later | None:
        """None if it may be sent now, and then it counts; asked twice, it counts once."""
        ...

    def give_back(self, row: DeliveryRow) -> None:
        """It was certainly not delivered: it does not count."""
        ...
