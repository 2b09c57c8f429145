"""Letting go what the gate held, and processing again what was not taken or went wrong.

In: a journal, the rules of now, and who says so.  Out: which arrivals were released, and
which still wait and why.  This module sends nothing: it makes deliveries due.

Everything keeps its reference: the arrival and its number, the file identifier in its
header, and its bytes.  Arrivals are released in the order in which they came, each by an
act of its own, so that an interrupted release goes on where it stood.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from attrs import evolve, frozen

from dflow.cutover.gate import EARLY, LATE, Side, without_gate
from dflow.cutover.plan import Reprocessing
from dflow.delivery import State
from dflow.exchange import OperationRefused, Operations
from dflow.exchange.intake import Intake
from dflow.exchange.journal import ArrivalRow, Journal, Outcome, Query

__all__ = ["Affected", "Freed", "affected", "release_side", "reprocess"]

#: The words that these acts begin with in the journal, by which they are found again.
_MARK = "cut-over: "


@frozen(kw_only=True)
class Freed:
    """What an act did.

    Attributes:
        arrivals: those that were let go, in order.
        still: those that wait still, and why.
    """

    arrivals: tuple[int, ...] = ()
    still: tuple[tuple[int, str], ...] = ()


@frozen(kw_only=True)
class Affected:
    """A file that was processed again, under its original reference (capability 40).

    Attributes:
        arrival: the number it has had since it came.
        row: the arrival.
        how: ``released`` or ``sent again``.
        at: when.
        why: said then.
        states: of its deliveries, as words.
    """

    arrival: int
    row: ArrivalRow
    how: str
    at: datetime
    why: str
    states: tuple[str, ...]


def release_side(
    journal: Journal,
    intake: Intake,
    side: Side,
    *,
    who: str,
    why: str,
    clock: Callable[[], float] = time.time,
) -> Freed:
    """Release what the gate holds of one side, in order of arrival (capability 38).

    What is early goes by the rules of now; what is late goes where it would have gone
    without the gate, since its version's routes are those of before.
    """
    rule = EARLY if side == "early" else LATE
    if side == "late":
        intake = evolve(intake, routes=without_gate(intake.routes))
    waiting = list(journal.arrivals(Query(outcome=Outcome.HELD, rule=rule)))
    return _released(journal, intake, waiting, who=who, why=why, clock=clock)


def reprocess(
    journal: Journal,
    intake: Intake,
    *,
    since: datetime,
    again: Reprocessing | None,
    who: str,
    why: str,
    clock: Callable[[], float] = time.time,
) -> Freed:
    """Take again, by the rules of now, what no rule took; and send again what is asked for.

    What the check or the gate holds is left alone, and so is what the rules still refuse.
    An arrival that was sent again once is not sent again by the next call.
    """
    asked = Query(since=since.timestamp())
    waiting = [
        row for row in journal.arrivals(asked) if row.outcome in (Outcome.UNROUTED, Outcome.REFUSED)
    ]
    freed = _released(journal, intake, waiting, who=who, why=why, clock=clock)
    if again is None:
        return freed
    operations = Operations(journal=journal, who=who, why=_MARK + why, clock=clock)
    sent = []
    query = Query(
        since=again.start.timestamp(), until=again.end.timestamp(), destination=again.destination
    )
    for row in list(journal.arrivals(query)):
        if again.flows and row.address.get("flow") not in again.flows:
            continue
        there = list(journal.deliveries(Query(arrival=row.id, destination=again.destination)))
        # What was cancelled, such as since a fallback has it, was not sent there.
        sent_once = any(one.state is not State.CANCELLED for one in there)
        if not sent_once or any(one.kind == "replay" for one in there):
            continue
        one = Query(arrival=row.id)
        if operations.replay(one, destination=again.destination):
            sent.append(row.id)
    return Freed(arrivals=(*freed.arrivals, *sent), still=freed.still)


def _released(
    journal: Journal,
    intake: Intake,
    waiting: Sequence[ArrivalRow],
    *,
    who: str,
    why: str,
    clock: Callable[[], float],
) -> Freed:
    operations = Operations(journal=journal, who=who, why=_MARK + why, clock=clock)
    let_go, still = [], []
    for row in sorted(waiting, key=lambda one: one.id):
        try:
            operations.release(row.id, intake)
        except OperationRefused as refused:
            still.append((row.id, str(refused)))
        else:
            let_go.append(row.id)
    return Freed(arrivals=tuple(let_go), still=tuple(still))


def affected(journal: Journal) -> tuple[Affected, ...]:
    """Every arrival that a cut-over has processed again, by the journal, in order."""
    acts: dict[int, tuple[str, float, str]] = {}
    for event in journal.events(kind="released"):
        if event.arrival is not None and event.why.startswith(_MARK):
            acts[event.arrival] = ("released", event.at, event.why)
    marks = {
        str(event.id): event
        for event in journal.events(kind="replay")
        if event.why.startswith(_MARK)
    }
    states: dict[int, list[str]] = {}
    for one in journal.deliveries(Query()):
        if one.kind in ("copy", "backfill"):
            continue
        states.setdefault(one.arrival, []).append(one.state.value)
        if one.kind == "replay" and (mark := marks.get(one.notes.get("replay", ""))):
            acts[one.arrival] = ("sent again", mark.at, mark.why)
    found = []
    for number, (how, at, why) in sorted(acts.items()):
        row = next(iter(journal.arrivals(Query(arrival=number))), None)
        if row is not None:
            found.append(
                Affected(
                    arrival=number,
                    row=row,
                    how=how,
                    at=datetime.fromtimestamp(at, UTC),
                    why=why.removeprefix(_MARK),
                    states=tuple(states.get(number, ())),
                )
            )
    return tuple(found)
