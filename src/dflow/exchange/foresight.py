"""What a replay would send: foreseen, before anything is made of it.

In: a journal, which arrivals, and maybe the rules of now.  Out: deliveries to be, each with
its arrival.  This module changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attrs import evolve

from dflow.delivery import State
from dflow.errors import DflowError, StructureError
from dflow.exchange.intake import Intake, delivery_key, undecided
from dflow.exchange.journal import (
    ArrivalRow,
    DeliveryRow,
    Journal,
    JournalError,
    NewArrival,
    NewDelivery,
    Outcome,
    Query,
)
from dflow.exchange.search import searched

__all__ = ["Foreseen", "OperationRefused", "again", "decided_now", "foresee", "is_full"]

#: An arrival, the rule that settles it, and a delivery.
Foreseen = tuple[ArrivalRow, str, NewDelivery]

#: So many deliveries, or about so many bytes made for them, are made in one transaction.
_PART, _PART_BYTES = 200, 1 << 23


class OperationRefused(DflowError):
    """What was asked cannot be done as things stand; the message says why."""


def is_full(part: Sequence[Foreseen]) -> bool:
    """Whether it is enough for one transaction."""
    return len(part) >= _PART or sum(len(new.content or b"") for _, _, new in part) > _PART_BYTES


def foresee(
    journal: Journal,
    query: Query,
    intake: Intake | None,
    now: Callable[[], float],
    *,
    destination: str,
    left: Callable[[ArrivalRow, str], None],
) -> Iterator[Foreseen]:
    """What a replay would send.

    Args:
        journal: of the exchange.
        query: which arrivals.
        intake: the rules of now; None for the deliveries of then.
        now: POSIX seconds.
        destination: only what goes there; empty for all.
        left: told which arrivals are left out by the rules of now, and why.
    """
    for row in list(searched(journal, query, left)):
        if row.outcome is Outcome.REPEAT or not row.hash:
            continue
        if intake is not None and row.outcome is Outcome.HELD:
            left(row, "is held: release it")
            continue
        try:
            if intake is None:
                rule, news = row.rule, _of_then(journal, row, destination)
            else:
                content = journal.payload(row.hash)
                decided = decided_now(intake, row, content, now())
                rule, news = decided.rule, list(decided.deliveries)
                if decided.outcome is not Outcome.ROUTED:
                    left(row, f"would be {decided.outcome.value} now")
        except (OperationRefused, StructureError, JournalError) as error:
            # One poisoned file, or one whose bytes are lost, must not stop the others.
            left(row, str(error))
            continue
        for new in news:
            if destination in ("", new.destination):
                yield row, rule, new


def _of_then(journal: Journal, row: ArrivalRow, destination: str) -> list[NewDelivery]:
    found: list[NewDelivery] = []
    then = list(journal.deliveries(Query(arrival=row.id)))
    went = {one.key for one in then if one.state is not State.CANCELLED}
    for one in then:
        if one.kind not in {"original", "copy", "backfill"}:
            continue
        # A person cancelled it, or the fallback has it: then it goes there only if asked to.
        diverted = delivery_key(one.key, "fallback", one.fallback) in went
        if one.state is State.CANCELLED and not (diverted and one.destination == destination):
            continue
        content_or_none = None if one.hash == row.hash else journal.payload(one.hash)
        found.append(evolve(again(one), content=content_or_none))
    return found


def again(row: DeliveryRow) -> NewDelivery:
    """A delivery as it was made, to be made once more."""
    return NewDelivery(
        destination=row.destination,
        kind=row.kind,
        key=row.key,
        rule=row.rule,
        fallback=row.fallback,
        line=row.line,
        address=row.address,
        notes=row.notes,
    )


def decided_now(intake: Intake, row: ArrivalRow, content: bytes, now: float) -> NewArrival:
    """An arrival decided anew.

    Raises:
        OperationRefused: if it has no address.
    """
    header, why = intake.read_header(content)
    if header is None:
        raise OperationRefused(
            f"arrival {row.id} has no address: {why.rstrip('.')}; release it to a destination"
        )
    return intake.decided(undecided(row, content, now), header, checked=True)
