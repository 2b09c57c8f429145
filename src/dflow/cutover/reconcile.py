"""The reconciliation: what came, what went, what is held, what was rejected and why.

In: a journal and a window.  Out: counts for each party and fate, which add up.  This
module changes nothing.

Every arrival has exactly one fate and belongs to exactly one party: its recipient if that
is of the plan, else its sender if that is, else ``others``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from attrs import field, frozen

from dflow.catalogue import Catalogue, bundled
from dflow.cutover.classify import Classified, Rejection, classify
from dflow.cutover.gate import EARLY, LATE
from dflow.cutover.plan import CutoverPlan
from dflow.delivery import State
from dflow.exchange.journal import ArrivalRow, Journal, Outcome, Query

__all__ = ["FATES", "Reconciliation", "Rejected", "party_of", "reconcile"]

#: What can have become of an arrival.
FATES: tuple[str, ...] = (
    "delivered",
    "under way",
    "not delivered",
    "held early",
    "held late",
    "held by a rule",
    "rejected",
    "discarded",
    "repeat",
)

_WAITING = {State.DUE, State.SENDING, State.RETRYING, State.HELD, State.UNKNOWN}


@frozen(kw_only=True)
class Rejected:
    """One arrival that was not taken.

    Attributes:
        arrival: its number.
        name: the name it came with.
        flow: flow and version.
        sender: who sent it.
        recipient: whom it is for.
        file_id: its file identifier.
        classified: why, and what mends it.
    """

    arrival: int
    name: str
    flow: str
    sender: str
    recipient: str
    file_id: str
    classified: Classified


@frozen(kw_only=True)
class Reconciliation:
    """What became of everything that arrived in a window.

    Attributes:
        since: start of the window.
        until: its end.
        counts: of each party, how many had each fate.
        classes: of each party, how many were rejected in each class.
        rejected: each of them.
        flows: of each flow version, how many had each fate.
        released: how many arrivals were released in the window.
        came: how many arrived, counted apart.
        overtaken: how many deliveries were made after one of a later arrival, of the same
            sender and flow version to the same destination.
    """

    since: datetime
    until: datetime
    counts: Mapping[str, Mapping[str, int]]
    classes: Mapping[str, Mapping[Rejection, int]]
    rejected: tuple[Rejected, ...] = field(repr=False)
    flows: Mapping[str, Mapping[str, int]]
    released: int
    came: int
    overtaken: int = 0

    def total(self, fate: str) -> int:
        """How many had a fate, over all parties."""
        return sum(counted.get(fate, 0) for counted in self.counts.values())

    @property
    def adds_up(self) -> bool:
        """Whether every arrival is counted once, and every rejection has its class."""
        return (
            sum(sum(counted.values()) for counted in self.counts.values()) == self.came
            and sum(sum(one.values()) for one in self.classes.values()) == self.total("rejected")
            and len(self.rejected) == self.total("rejected")
        )

    @property
    def undelivered(self) -> tuple[str, ...]:
        """The flow versions of which a file found no route, in order (capability 20)."""
        return tuple(
            sorted(
                {
                    one.flow
                    for one in self.rejected
                    if one.classified.rejection is Rejection.NO_ROUTE
                }
            )
        )


def party_of(plan: CutoverPlan, row: ArrivalRow) -> str:
    """The party an arrival belongs to, such as ``X/UDMS``, or ``others``."""
    known = {str(one) for one in plan.parties}
    for side in ("recipient", "sender"):
        party = f"{row.address.get(f'{side}_role', '')}/{row.address.get(side, '')}"
        if party in known:
            return party
    return "others"


def reconcile(
    plan: CutoverPlan,
    journal: Journal,
    *,
    since: datetime,
    until: datetime,
    catalogue: Catalogue | None = None,
) -> Reconciliation:
    """Count what arrived in a window, and what became of it."""
    catalogue, since = catalogue or bundled(), min(since, until)
    counts: dict[str, Counter[str]] = {str(one): Counter() for one in plan.parties}
    classes: dict[str, Counter[Rejection]] = {}
    flows: dict[str, Counter[str]] = {}
    rejected: list[Rejected] = []
    asked = Query(since=since.timestamp(), until=until.timestamp())
    states = _states(journal)
    for row in journal.arrivals_in_pages(asked):
        fate, party = _fate(row, states.get(row.id, frozenset())), party_of(plan, row)
        counts.setdefault(party, Counter())[fate] += 1
        flows.setdefault(row.flow or "no header", Counter())[fate] += 1
        if fate == "rejected":
            at = datetime.fromtimestamp(row.at, UTC)
            classified = classify(plan, row, at, catalogue)
            classes.setdefault(party, Counter())[classified.rejection] += 1
            rejected.append(_rejected(row, classified))
    return Reconciliation(
        since=since,
        until=until,
        counts=counts,
        classes=classes,
        rejected=tuple(rejected),
        flows=dict(sorted(flows.items())),
        released=sum(1 for _ in _released(journal, since, until)),
        came=_came(journal, since) - _came(journal, until),
        overtaken=_overtaken(journal, since),
    )


def _came(journal: Journal, since: datetime) -> int:
    """How many arrived since, by the journal's own count: apart from the walk over them."""
    return sum(journal.outcomes(since=since.timestamp()).values())


def _states(journal: Journal) -> dict[int, frozenset[State]]:
    """The states of each arrival's own deliveries; copies go beside, not instead."""
    found: dict[int, set[State]] = {}
    for one in journal.deliveries(Query()):
        if one.kind not in ("copy", "backfill"):
            found.setdefault(one.arrival, set()).add(one.state)
    return {arrival: frozenset(states) for arrival, states in found.items()}


def _fate(row: ArrivalRow, states: frozenset[State]) -> str:
    match row.outcome:
        case Outcome.HELD:
            by_gate = {EARLY: "held early", LATE: "held late"}
            return by_gate.get(row.rule, "held by a rule" if row.rule else "rejected")
        case Outcome.ROUTED:
            if states & _WAITING:
                return "under way"
            return "delivered" if State.DELIVERED in states else "not delivered"
        case Outcome.DISCARDED:
            return "discarded"
        case Outcome.REPEAT:
            return "repeat"
        case _:
            return "rejected"


def _rejected(row: ArrivalRow, classified: Classified) -> Rejected:
    words = row.address
    return Rejected(
        arrival=row.id,
        name=row.name,
        flow=row.flow,
        sender=f"{words.get('sender_role', '')}/{words.get('sender', '')}",
        recipient=f"{words.get('recipient_role', '')}/{words.get('recipient', '')}",
        file_id=words.get("file_id", ""),
        classified=classified,
    )


def _released(journal: Journal, since: datetime, until: datetime) -> Iterator[int]:
    for event in journal.events(kind="released"):
        if event.arrival is not None and since.timestamp() <= event.at < until.timestamp():
            yield event.arrival


def _overtaken(journal: Journal, since: datetime) -> int:
    """How many deliveries were made before those of an earlier arrival of their line.

    A line is what one sender sends of one flow version to one destination.
    """
    last: dict[tuple[str, ...], int] = {}
    number = 0
    for one in journal.deliveries(Query(since=since.timestamp())):
        if one.kind != "original":
            continue
        words = one.address
        line = (
            one.destination,
            *(words.get(word, "") for word in ("flow", "version", "sender_role", "sender")),
        )
        number += one.arrival < last.get(line, 0)
        last[line] = max(last.get(line, 0), one.arrival)
    return number
