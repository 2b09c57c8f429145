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
from dflow.exchange.health import CANNOT_ASK, COULD_NOT_TELL, GIVEN_UP, NONE_LEFT, answered
from dflow.exchange.journal import DeliveryRow, EventRow, Journal, LeaseLost
from dflow.exchange.lease import Lease
from dflow.exchange.words import kept_words, unthought_of
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

    def hands_on(self, row: DeliveryRow) -> bool:
        """Whether a delivery that is given up here goes to its fallback, and is not dead."""
        return bool(row.fallback) and self.treatment.fallback_after is not None


@frozen(kw_only=True)
class Ended:
    """What came of an attempt or a question.

    Attributes:
        row: the delivery, as it was when it began.
        step: the step that it takes.
        detail: why, in words; empty for nothing to say.
        place: where the destination has it.
        due: when there is more to do; None for at once.
        over: whether no more attempts are allowed, and its fallback is to have it.
        started: when it began.
        at: when it ended.
    """

    row: DeliveryRow
    step: Step
    detail: str = ""
    place: str = ""
    due: float | None = None
    over: bool = False
    started: float
    at: float

    @property
    def up(self) -> bool | None:
        """Whether the destination takes parcels or refuses them, as the next run will know it."""
        return answered(self.step, self.detail)


async def send(
    mount: Mount,
    row: DeliveryRow,
    content: bytes,
    clock: Callable[[], float],
    chance: float,
    *,
    since: float,
    lease: Lease,
) -> Ended:
    """One attempt to deliver; `chance` is from 0 to 1, for the wait after a failure.

    `since` is the instant from which on it is tried, by which it is given up in the end.
    It is given up when the lease is: then others may ask about it.
    """
    started, treatment = clock(), mount.treatment
    parcel = Parcel(
        key=row.key, name=row.name, content=content, address=row.address, notes=row.notes
    )
    step, detail, place, over = Step.LOST, "", "", False
    limit = asyncio.timeout(treatment.timeout if lease.holds else 0.0)
    try:
        with lease.over(limit):
            async with limit:
                receipt = await mount.outbox.send(parcel)
        step, place = Step.ACCEPTED, receipt.place
        detail = "the destination had it already" if receipt.repeat else ""
    except Refused as error:
        step, detail = Step.REFUSED, str(error)
    except Unavailable as error:
        gone = treatment.retry.exhausted(row.attempts, started - since)
        over = gone and mount.hands_on(row)
        step, detail = (Step.EXHAUSTED if gone and not over else Step.FAILED), str(error)
    except TimeoutError:
        detail = f"no answer in {treatment.timeout:g} s"
    except LeaseLost:
        detail = GIVEN_UP
    except TransportError as error:
        detail = str(error)
    except Exception as error:  # noqa: BLE001  what a transport did not think of
        detail = unthought_of(error)
    if step is not Step.ACCEPTED and detail != GIVEN_UP:
        detail = kept_words(detail, content)
    if mount.gate is not None and step in (Step.REFUSED, Step.FAILED, Step.EXHAUSTED):
        # What was certainly not delivered has used nothing of its gate's room.
        mount.gate.give_back(row)
    at = clock()
    due = at + treatment.retry.wait(row.attempts, chance) if step is Step.FAILED else None
    return Ended(
        row=row,
        step=step,
        detail=detail,
        place=place,
        due=due,
        over=over,
        started=started,
        at=at,
    )


async def ask(
    mount: Mount, row: DeliveryRow, clock: Callable[[], float], chance: float, *, since: float
) -> Ended:
    """Ask the destination about an unknown delivery; `chance` and `since` as in `send`."""
    started, treatment = clock(), mount.treatment
    # After one loss, such as by a crash, it goes at once, however long the exchange was down;
    # what is lost again and again waits, and ends.
    gone, again, over = False, None, False
    if row.attempts > 1:
        gone = treatment.retry.exhausted(row.attempts, started - since)
        again = started + treatment.retry.wait(row.attempts - 1, chance)
    able = mount.outbox.capabilities.probes
    step, detail = Step.UNDECIDED, COULD_NOT_TELL if able else CANNOT_ASK
    due: float | None = started + treatment.retry.wait(row.attempts, chance)
    try:
        presence = Presence.UNKNOWN
        if able:
            async with asyncio.timeout(treatment.timeout):
                presence = await mount.outbox.probe(row.key)
    except (TransportError, TimeoutError) as error:
        detail = kept_words(str(error), b"") or type(error).__name__
    except Exception as error:  # noqa: BLE001  what a transport did not think of
        detail = unthought_of(error)
    else:
        if presence is Presence.PRESENT:
            step, detail, due = Step.FOUND, "asked, the destination has it", None
        elif presence is Presence.ABSENT:
            detail = "asked, the destination does not have it"
            step, due = Step.MISSING, again
            over = gone and mount.hands_on(row)
            if gone and not over:
                step, detail, due = Step.EXHAUSTED, NONE_LEFT, None
        elif treatment.unanswered == "again" and not gone:
            step, detail, due = Step.PRESUMED, f"{detail}: sent again", again
        elif treatment.unanswered == "again" or not able:
            detail, due = f"{detail}: a person has to look", NEVER
    return Ended(row=row, step=step, detail=detail, due=due, over=over, started=started, at=clock())


def keep(journal: Journal, one: Ended) -> bool:
    """Write what came of an attempt: the step, and an event if somebody should know.

    False if it came too late: meanwhile a person settled it, or another worker has it.
    """
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
        why = f"{one.step.value} came too late: {str(error).partition(';')[0]}"
        journal.note(event_about(one.row, one.at, "overtaken", why))
        return False
    telling = {
        Step.REFUSED: "dead",
        Step.EXHAUSTED: "dead",
        Step.LOST: "unknown",
    }.get(one.step, "waits for a person" if one.due == NEVER else "")
    if telling:
        journal.note(event_about(one.row, one.at, telling, one.detail))
    return True


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
