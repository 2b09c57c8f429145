"""The gate before the hub: what may go now, and in which order.

In: deliveries, the standing of the contingency, the instant.  Out: whether each may go.
This module keeps no queue: the journal's is the queue, and says what waits.
Capability 71.

The laws, whatever arrives and whatever dies:

- nothing goes while a stage that closes the destination is down;
- nothing goes that was done by hand, cancelled, or held for a person;
- no disconnection goes while payments are down;
- no disconnection goes while a reconnection that may go waits;
- nothing goes that the standing does not know yet.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from dflow.contingency.cases import Failure, Request
from dflow.contingency.config import Setup
from dflow.contingency.standing import Standing
from dflow.delivery import State
from dflow.exchange.gate import Later
from dflow.exchange.journal import DeliveryRow, Journal, Query

__all__ = ["LATER", "WAITS", "ContingencyGate", "bars", "closed", "paused", "waiting_rows"]

#: How the reason of a delivery begins that this gate has put back.
WAITS = "contingency: "
#: Seconds: a delivery that was put back is looked at by each round long before.
LATER = 3600.0


def closed(setup: Setup, standing: Standing) -> list[Failure]:
    """The failures that close the destination, oldest first."""
    found = []
    for failure in standing.open_failures():
        stage = setup.model.stage(failure.stage)
        if failure.mass and stage is not None and stage.destination:
            found.append(failure)
    return found


def paused(setup: Setup, standing: Standing) -> list[Failure]:
    """The failures that pause disconnections and threshold monitoring, oldest first."""
    found = []
    for failure in standing.open_failures():
        stage = setup.model.stage(failure.stage)
        if failure.mass and stage is not None and stage.pauses:
            found.append(failure)
    return found


def bars(setup: Setup, standing: Standing, request: Request) -> str:
    """Why a request may not go to the hub now, apart from its turn; empty if it may."""
    if request.outcome:
        said = f" ({request.reference})" if request.reference else ""
        return f"it is done: {request.outcome}{said}"
    if request.arrival in standing.unclear:
        return standing.unclear[request.arrival]
    if failures := closed(setup, standing):
        return f"{failures[0].id}: stage {failures[0].stage} is down"
    if why := _bars_meter(setup, standing, request):
        return why
    if request.kind == "disconnect" and (failures := paused(setup, standing)):
        return f"{failures[0].id}: payments are down, disconnections are paused"
    return ""


def _bars_meter(setup: Setup, standing: Standing, request: Request) -> str:
    """What fails for its meter point alone."""
    for failure in standing.open_failures():
        stage = setup.model.stage(failure.stage)
        if stage is None or failure.mprn != request.mprn:
            continue
        if stage.destination:
            return f"{failure.id}: stage {failure.stage} is down for this meter point"
        if stage.pauses and request.kind == "disconnect":
            return f"{failure.id}: its payments are down"
    return ""


def waiting_rows(
    journal: Journal, destination: str, message: str, *, failed_before: float
) -> Iterator[DeliveryRow]:
    """Requests that wait for the destination: those due, and those that a gate put back.

    What failed since `failed_before` waits for its next attempt by its own rule; what failed
    earlier did so in an outage that is over.
    """
    for state in (State.DUE, State.RETRYING):
        asked = Query(destination=destination, state=state, flow=message)
        for row in journal.deliveries(asked):
            if state is State.DUE or row.reason.startswith(WAITS) or row.changed <= failed_before:
                yield row


@define(eq=False, kw_only=True)
class ContingencyGate:
    """Lets requests through in their turn, and everything else untouched.

    Attributes:
        setup: the working model.
        standing: what is known; asked anew for each delivery.
        taking: whether messages are only taken in now, so that no request goes.
    """

    setup: Setup
    standing: Standing
    taking: bool = False
    _first: set[int] = field(factory=set, init=False)

    def begin(self, journal: Journal, destination: str, now: float) -> None:  # noqa: ARG002  the port's signature
        """Learn which reconnections wait: no disconnection goes before them."""
        self._first = set()
        for state in (State.DUE, State.RETRYING):
            asked = Query(destination=destination, state=state, flow=self.setup.meaning.request)
            self._first.update(row.id for row in journal.deliveries(asked) if self._leads(row))

    def _leads(self, row: DeliveryRow) -> bool:
        request = self.standing.of_arrival(row.arrival)
        if request is None or request.kind == "disconnect":
            return False
        return not bars(self.setup, self.standing, request)

    def admit(self, row: DeliveryRow, content: bytes, now: float) -> Later | None:  # noqa: ARG002  the port's signature
        """None if it may go now."""
        if row.address.get("flow") != self.setup.meaning.request:
            return None
        request = self.standing.of_arrival(row.arrival)
        if self.taking:
            why = "its turn comes when all that came is entered"
        elif request is None:
            why = self.standing.unclear.get(row.arrival, "it is not entered so far")
        else:
            why = bars(self.setup, self.standing, request)
        if not why and request is not None and request.kind == "disconnect" and self._first:
            why = f"{len(self._first):,} go before it: reconnections first"
        if why:
            return Later(until=now + LATER, why=WAITS + why)
        self._first.discard(row.id)
        return None

    def give_back(self, row: DeliveryRow) -> None:
        """It was certainly not delivered: it is before disconnections again."""
        if self._leads(row):
            self._first.add(row.id)
