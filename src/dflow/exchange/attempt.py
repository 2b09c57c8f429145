"""One attempt at a delivery, or one question about it, and what came of it.

In: a mount and a delivery.  Out: an `Ended`.  This module does not know queues or health;
whatever a transport does, it is told as a step of the delivery machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from attrs import field, frozen

from dflow.delivery import Step, Treatment, WrongStep
from dflow.exchange.gate import Gate
from dflow.exchange.journal import DeliveryRow, EventRow, Journal
from dflow.exchange.lease import Lease
from dflow.transport import Outbox, Parcel, Presence, Refused, TransportError, Unavailable

__all__ = ["NEVER", "Ended", "Mount", "ask", "event_about", "keep", "send"]

#: A delivery that waits for a person is due then: never by itself.
NEVER = 1e15


@frozen(kw_only=True)
class Mount:
    """A destination of the rules, and how it is reached and treated."""

    name: str
    outbox: Outbox
    treatment: Treatment = field(factory=Treatment)
    gate: Gate | None = None


@frozen(kw_only=True)
class Ended:
    """What came of an attempt or a question.

    Attributes:
        row: the delivery, as it was when it began.
        step: the step that it takes.
        up: whether the destination answered, be it with a refusal.
        detail: why, in words; empty for nothing to say.
        place: where the destination has it.
        due: when there is more to do; None for at once.
        started: when it began.
        at: when it ended.
    """

    row: DeliveryRow
    step: Step
    up: bool
    detail: str = ""
    place: str = ""
    due: float | None = None
    started: float
    at: float


async def send(
    mount: Mount,
    row: DeliveryRow,
    content: bytes,
    clock: Callable[[], float],
    chance: float,
    *,
    lease: Lease,
) -> Ended:
    """One attempt to deliver; `chance` is from 0 to 1, for the wait after a failure.

    It is given up when the lease is: then others may ask about it.
    """
    started, treatment = clock(), mount.treatment
    parcel = Parcel(
        key=row.key, name=row.name, content=content, address=row.address, notes=row.notes
    )
    step, detail, place, up = Step.LOST, "", "", False
    limit = asyncio.timeout(treatment.timeout if lease.holds else 0.0)
    try:
        with lease.over(limit):
            async with limit:
                receipt = await mount.outbox.send(parcel)
        step, place, up = Step.ACCEPTED, receipt.place, True
        detail = "the destination had it already" if receipt.repeat else ""
    except Refused as error:
        step, detail, up = Step.REFUSED, str(error), True
    except Unavailable as error:
        gone = treatment.retry.exhausted(row.attempts, started - row.made)
        step, detail = (Step.EXHAUSTED if gone else Step.FAILED), str(error)
    except TimeoutError:
        detail = f"no answer in {treatment.timeout:g} s"
        if not lease.holds:
            detail = "given up: the journal cannot be reached, and the lease has ended"
    except TransportError as error:
        detail = str(error)
    except Exception as error:  # noqa: BLE001  what a transport did not think of
        detail = f"{type(error).__name__}: {error}"
    if mount.gate is not None and step in (Step.REFUSED, Step.FAILED, Step.EXHAUSTED):
        # What was certainly not delivered has used nothing of its gate's room.
        mount.gate.give_back(row)
    at = clock()
    due = at + treatment.retry.wait(row.attempts, chance) if step is Step.FAILED else None
    return Ended(
        row=row, step=step, up=up, detail=detail, place=place, due=due, started=started, at=at
    )


async def ask(mount: Mount, row: DeliveryRow, clock: Callable[[], float], chance: float) -> Ended:
    """Ask the destination about an unknown delivery; `chance` as in `send`."""
    started, treatment = clock(), mount.treatment
    step, detail, up = Step.UNDECIDED, "", True
    due: float | None = started + treatment.retry.wait(row.attempts, chance)
    try:
        if not mount.outbox.capabilities.probes:
            presence = Presence.UNKNOWN
        else:
            async with asyncio.timeout(treatment.timeout):
                presence = await mount.outbox.probe(row.key)
    except Exception as error:  # noqa: BLE001  what a transport did not think of
        detail, up = str(error) or type(error).__name__, False
    else:
        if presence is Presence.PRESENT:
            step, detail, due = Step.FOUND, "asked, the destination has it", None
        elif presence is Presence.ABSENT:
            step, detail, due = Step.MISSING, "asked, the destination does not have it", None
        elif treatment.unanswered == "again":
            step, detail, due = Step.PRESUMED, "it cannot be asked: sent again", None
        elif not mount.outbox.capabilities.probes:
            detail, due = "it cannot be asked: a person has to look", NEVER
    return Ended(row=row, step=step, up=up, detail=detail, due=due, started=started, at=clock())


def keep(journal: Journal, one: Ended) -> None:
    """Write what came of an attempt: the step, and an event if somebody should know."""
    try:
        journal.step(
            one.row.id,
            one.step,
            at=one.at,
            detail=one.detail,
            place=one.place,
            due=one.due,
            started=one.started,
            lease=one.row.lease,
        )
    except WrongStep as error:
        # Meanwhile a person settled it, or another worker has taken it over.
        why = f"{one.step.value}: {error}"
        journal.note(event_about(one.row, one.at, "overtaken", why))
        return
    telling = {
        Step.REFUSED: "dead",
        Step.EXHAUSTED: "dead",
        Step.LOST: "unknown",
    }.get(one.step, "waits for a person" if one.due == NEVER else "")
    if telling:
        journal.note(event_about(one.row, one.at, telling, one.detail))


def event_about(row: DeliveryRow, at: float, kind: str, why: str) -> EventRow:
    """An event about a delivery."""
    return EventRow(
        at=at,
        kind=kind,
        destination=row.destination,
        arrival=row.arrival,
        delivery=row.id,
        why=why,
    )
