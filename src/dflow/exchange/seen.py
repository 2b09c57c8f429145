"""What a running exchange shows to those who watch it, as values.

In: what was just done and is durable.  Out: frozen values.  This module does not know who
watches.  No value holds a payload's bytes in its repr; who watches decides what to tell on.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from dflow.delivery import Step
from dflow.exchange.journal import Backlog, DeliveryRow, EventRow, NewArrival, Recorded

__all__ = ["Arrived", "Attempted", "Depths", "Seen", "Watcher"]


@frozen(kw_only=True)
class Arrived:
    """A file was considered and recorded.

    Attributes:
        new: what was recorded; it arrived at `new.at`.
        recorded: its number and outcome.
        ended: when it was durable.
    """

    new: NewArrival
    recorded: Recorded
    ended: float


@frozen(kw_only=True)
class Attempted:
    """An attempt at a delivery, or a question about it, has ended.

    Attributes:
        delivery: as it stood when the attempt began.
        step: what came of it.
        started: when it began.
        ended: when its result was to be kept.
        detail: in words.
    """

    delivery: DeliveryRow
    step: Step
    started: float
    ended: float
    detail: str = ""


@frozen(kw_only=True)
class Depths:
    """What is not finished, by destination and state, at an instant."""

    at: float
    backlog: tuple[Backlog, ...]


#: What a watcher is told.
Seen = Arrived | Attempted | Depths | EventRow

#: Called in the exchange's own thread, so it returns at once; what it raises is logged.
Watcher = Callable[[Seen], None]
