"""The effects that a desk's acts have on the exchange's journal.

In: a standing, and the requests that acts touched.  Out: a journal that agrees with it: what
was done by hand or cancelled is not sent any more, what is unclear is held, and the
destination is paused while a failure closes it.  This module enters nothing into the ledger,
and does not know who acted: it brings the journal to what the standing says, as often as it
is asked.  Capabilities 69, 71.
"""

from __future__ import annotations

from attrs import define, field

from dflow.contingency.cases import Request
from dflow.contingency.config import Setup
from dflow.contingency.gate import closed
from dflow.contingency.standing import Standing
from dflow.delivery import State
from dflow.exchange import Operations
from dflow.exchange.journal import DeliveryRow, Journal, Query
from dflow.operation import Clock

__all__ = ["OURSELVES", "Effects"]

#: Who acts where nobody is named: in the ledger, and in the journal's events.
OURSELVES = "dflow contingency"

_CAN_END = (State.DUE, State.RETRYING, State.UNKNOWN, State.DEAD, State.HELD)
_WAITS = (State.DUE, State.RETRYING)
_MAY_HAVE_GONE = (State.DELIVERED, State.SENDING, State.UNKNOWN)


@define(eq=False, kw_only=True)
class Effects:
    """What follows from a standing, in a journal.

    Attributes:
        setup: the working model.
        clock: what time it is.
        standing: what the ledger says.
        journal: the exchange's; None for a model on paper.
    """

    setup: Setup
    clock: Clock
    standing: Standing = field(repr=False)
    journal: Journal | None = field(default=None, repr=False)
    _settled: bool = field(default=False, init=False)
    _touched: set[str] = field(factory=set, init=False)

    def touch(self, *keys: str) -> None:
        """`settle` has to look at these requests."""
        self._touched.update(keys)

    def may_have_gone(self, request: Request) -> bool:
        """Whether a request was sent, or is being sent, as far as the journal knows."""
        if self.journal is None or not request.arrival:
            return False
        rows = self.journal.deliveries(Query(arrival=request.arrival))
        return any(row.state in _MAY_HAVE_GONE for row in rows)

    def settle(self) -> None:
        """Bring the journal to what the ledger says.

        Raises:
            JournalError: it cannot be used; call again.
        """
        journal, running = self.journal, self.setup.running
        if journal is None or running is None:
            return
        self._align(journal, running.destination)
        for row in self._rows(journal, running.destination):
            if row.state in _CAN_END:
                self._end(journal, row)
        self._settled = True

    def _rows(self, journal: Journal, destination: str) -> list[DeliveryRow]:
        """The deliveries to look at: at first all that can end, later those touched."""
        if not self._settled:
            return [
                row
                for state in _CAN_END
                for row in journal.deliveries(Query(destination=destination, state=state))
            ]
        keys, self._touched = self._touched, set()
        return [
            row
            for key in keys
            if self.standing.requests[key].arrival
            for row in journal.deliveries(Query(arrival=self.standing.requests[key].arrival))
        ]

    def _end(self, journal: Journal, row: DeliveryRow) -> None:
        """End or hold a delivery, if the standing says so."""
        request = self.standing.of_arrival(row.arrival)
        if request is None:
            if row.arrival in self.standing.unclear and row.state in _WAITS:
                self._operations(journal, self.standing.unclear[row.arrival]).hold([row.id])
        elif request.outcome == "by hand":
            act = self._operations(journal, "contingency: done by hand")
            act.mark_delivered([row.id], evidence=f"{request.channel} {request.reference}")
        elif request.outcome == "cancelled":
            self._operations(journal, "contingency: a reconnection came later").cancel([row.id])

    def _operations(self, journal: Journal, why: str) -> Operations:
        return Operations(
            journal=journal, who=OURSELVES, why=why, clock=lambda: self.clock.now().timestamp()
        )

    def _align(self, journal: Journal, destination: str) -> None:
        """The destination is paused while a failure closes it, and resumed if we paused it."""
        failures = closed(self.setup, self.standing)
        lane = journal.lane(destination)
        if failures and not lane.paused:
            why = f"contingency {failures[0].id}: stage {failures[0].stage} is down"
            self._operations(journal, why).pause(destination)
        elif not failures and lane.paused:
            ours = [one for one in journal.events(kind="paused") if one.destination == destination]
            if ours and ours[-1].who == OURSELVES:
                self._operations(journal, "contingency: it works again").resume(destination)
