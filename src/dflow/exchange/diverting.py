"""One delivery that goes to its rule's fallback instead.

In: the journal, in a transaction, and a delivery that waits.  Out: it is cancelled, and a
delivery to its fallback is due.  This module does not judge whether it is time.
"""

from __future__ import annotations

from collections.abc import Mapping

from dflow.delivery import Order, State, Step
from dflow.exchange.attempt import Ended, event_about
from dflow.exchange.intake import delivery_key, line_of
from dflow.exchange.journal import DeliveryRow, Journal, JournalError, NewDelivery, Query

__all__ = ["Line", "divert", "divert_given_up", "fallback_line"]

#: A line at a fallback.
Line = tuple[str, str]

#: The states from which a delivery may yet be diverted.
_MAY_FOLLOW = (State.DUE, State.RETRYING, State.SENDING, State.UNKNOWN)


def fallback_line(row: DeliveryRow, orders: Mapping[str, Order]) -> Line:
    """Where a delivery would wait at its fallback; `orders` are those of all destinations."""
    return row.fallback, line_of(orders.get(row.fallback, "none"), row.address)


def divert(
    journal: Journal, row: DeliveryRow, orders: Mapping[str, Order], *, at: float, reason: str
) -> bool:
    """Divert one that waits; False if its bytes are damaged: it is dead once it is claimed."""
    try:
        content = _own_bytes(journal, row)
    except JournalError:
        return False
    why = f"diverted to {row.fallback}: {reason}"
    journal.step(row.id, Step.DIVERT, at=at, detail=why)
    fallback, line = fallback_line(row, orders)
    journal.add(
        row.arrival,
        NewDelivery(
            destination=fallback,
            kind=row.kind,
            key=delivery_key(row.key, "fallback", fallback),
            rule=row.rule,
            line=line,
            address=row.address,
            notes={**row.notes, "diverted_from": row.destination},
            content=content,
        ),
        at=at,
    )
    journal.note(event_about(row, at, "diverted", why))
    return True


def divert_given_up(journal: Journal, one: Ended, orders: Mapping[str, Order]) -> bool:
    """Divert what was tried for the last time; False if it is tried again all the same.

    Lines at a fallback keep their order: while one before it may yet follow, it does not go.
    """
    line = fallback_line(one.row, orders)
    if all(line):
        for state in _MAY_FOLLOW:
            for row in journal.deliveries(Query(destination=one.row.destination, state=state)):
                if row.id < one.row.id and fallback_line(row, orders) == line:
                    return False
    reason = f"{one.row.destination} did not take it, and no more attempts are allowed"
    return divert(journal, one.row, orders, at=one.at, reason=reason)


def _own_bytes(journal: Journal, row: DeliveryRow) -> bytes | None:
    """A delivery's bytes where they are not its arrival's: a copy that was cut, or an edit."""
    arrival = next(iter(journal.arrivals(Query(arrival=row.arrival))), None)
    same = arrival is not None and arrival.hash == row.hash
    return None if same else journal.payload(row.hash)
