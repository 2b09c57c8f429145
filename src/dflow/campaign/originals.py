"""That no original was changed, delayed or lost, and nobody else was touched.

In: a campaign, a journal, the rules.  Out: what was counted, and every exception.  This
module compares; it sends and repairs nothing.

Five things are looked at for each original of the scope.  It was delivered.  Its bytes are
those that arrived.  The rules without the campaign would have sent it to the same places.
How long it took, with and without a copy.  And where its copy failed, whether it waited.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from attrs import field, frozen

from dflow.campaign.config import Campaign
from dflow.campaign.copies import in_scope, since_of
from dflow.campaign.rules import clone_names, switch_names, without
from dflow.delivery import State
from dflow.envelope import Party
from dflow.exchange.intake import Intake
from dflow.exchange.journal import ArrivalRow, DeliveryRow, Journal, Outcome, Query
from dflow.routing import Routes

__all__ = ["Delays", "Flaw", "Originals", "prove"]


@frozen(kw_only=True)
class Delays:
    """How long originals took from their arrival to their delivery, in seconds.

    Attributes:
        number: how many were delivered.
        median: half of them took no longer.
        high: nineteen in twenty took no longer.
        most: the longest.
    """

    number: int = 0
    median: float = 0.0
    high: float = 0.0
    most: float = 0.0

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Delays:
        """Of a list of durations."""
        found = sorted(seconds)
        if not found:
            return cls()
        last = len(found) - 1
        return cls(
            number=len(found),
            median=found[last // 2],
            high=found[min(last, (len(found) * 95) // 100)],
            most=found[-1],
        )


@frozen(kw_only=True)
class Flaw:
    """An original or a copy that is not as it should be.

    Attributes:
        original: the arrival.
        what: what is so.
        weight: ``lost``, ``changed``, ``moved``, ``outside`` or ``unmarked``.
    """

    original: ArrivalRow
    what: str
    weight: str


@frozen(kw_only=True)
class Originals:
    """What was counted of the originals.  Capabilities 27 and 33.

    Attributes:
        seen: originals of the scope since copying began.
        delivered: those that were delivered.
        waiting: those on their way, or held by rule, check or person.
        exceptions: everything that is not as it should be.
        with_copy: how long originals with a copy took.
        without_copy: how long those without took: before, or outside the scope.
        copy_failed: originals of which a copy failed at least once.
        went_first: how many of those were delivered before their copy was, or without it.
        copies: copies of the campaign, of which all were looked at for marks and recipients.
    """

    seen: int
    delivered: int
    waiting: int
    exceptions: tuple[Flaw, ...] = field(repr=False)
    with_copy: Delays
    without_copy: Delays
    copy_failed: int
    went_first: int
    copies: int

    def of(self, weight: str) -> tuple[Flaw, ...]:
        """The exceptions of one weight."""
        return tuple(one for one in self.exceptions if one.weight == weight)


def prove(campaign: Campaign, journal: Journal, intake: Intake, *, now: datetime) -> Originals:
    """Look at every original of the scope since copying began, and at every copy."""
    names = set(clone_names(campaign))
    copies = [one for name in sorted(names) for one in journal.deliveries(Query(rule=name))]
    copied: dict[int, list[DeliveryRow]] = defaultdict(list)
    for one in copies:
        copied[one.arrival].append(one)
    sent: dict[int, list[DeliveryRow]] = defaultdict(list)
    for one in journal.deliveries(Query(kind="original")):
        sent[one.arrival].append(one)
    rows = {
        row.id: row
        for row in in_scope(campaign, journal, since=since_of(campaign), until=now.timestamp() + 1)
    }
    plain = without(campaign, intake.routes)
    ours = set(switch_names(campaign, intake.routes))
    exceptions: list[Flaw] = []
    waiting = 0
    for row in rows.values():
        if row.at >= campaign.start.timestamp() and row.rule not in ours:
            exceptions += _moved(row, journal, intake, plain, ours)
        said, waits = _delivered(row, sent.get(row.id, []))
        exceptions += said
        waiting += waits
    exceptions += _outside(campaign, rows, copies, journal)
    failed, first = _failed(rows, sent, copied)
    took, others = _delays(sent, copied, journal)
    done = sum(
        all(one.state is State.DELIVERED for one in sent[number]) for number in rows if sent[number]
    )
    return Originals(
        seen=len(rows),
        delivered=done,
        waiting=waiting,
        exceptions=tuple(exceptions),
        with_copy=took,
        without_copy=others,
        copy_failed=failed,
        went_first=first,
        copies=len(copies),
    )


def _delivered(row: ArrivalRow, sent: Sequence[DeliveryRow]) -> tuple[list[Flaw], bool]:
    """Whether an original went out whole; its exceptions, and whether it waits."""
    if row.outcome is not Outcome.ROUTED:
        return [], not row.outcome.settled
    if not sent:
        what = "the journal has no delivery of the original"
        return [Flaw(original=row, what=what, weight="lost")], False
    found = [
        Flaw(original=row, what=f"the original is {one.state.value}", weight="lost")
        for one in sent
        if one.state in (State.DEAD, State.CANCELLED)
    ]
    found += [
        Flaw(original=row, what="it was delivered with other bytes", weight="changed")
        for one in sent
        if one.hash != row.hash
    ]
    open_ = (State.DUE, State.RETRYING, State.SENDING, State.UNKNOWN, State.HELD)
    return found, any(one.state in open_ for one in sent)


def _moved(
    row: ArrivalRow, journal: Journal, intake: Intake, plain: Routes, ours: set[str]
) -> list[Flaw]:
    """Whether the rules without the campaign would have sent the original elsewhere."""
    content = journal.payload(row.hash)
    header, _ = intake.read_header(content)
    if header is None:
        return []
    at, flow = datetime.fromtimestamp(row.at, UTC), None
    if intake.read_flow is not None and intake.routes.needs_body(header, at):
        flow = intake.read_flow(content)
    now = intake.routes.decide(header, at=at, flow=flow)
    then = plain.decide(header, at=at, flow=flow)
    same = (now.outcome, now.rule, now.deliveries) == (then.outcome, then.rule, then.deliveries)
    if same or now.rule in ours:
        return []
    what = f"without the campaign, {then.rule or 'no rule'} would have decided, not {now.rule}"
    return [Flaw(original=row, what=what, weight="moved")]


def _outside(
    campaign: Campaign,
    rows: dict[int, ArrivalRow],
    copies: Sequence[DeliveryRow],
    journal: Journal,
) -> list[Flaw]:
    """Copies to anyone but the campaign's destinations, of anything but its scope, unmarked."""
    found: list[Flaw] = []
    fallbacks = set(campaign.destinations)
    for one in copies:
        row = rows.get(one.arrival)
        if row is None:
            row = next(iter(journal.arrivals(Query(arrival=one.arrival))), None)
            if row is None or row.at < since_of(campaign):
                continue  # of an earlier backfill by hand: none of the campaign's window
            what = "a copy was made of a file outside the scope"
            found.append(Flaw(original=row, what=what, weight="outside"))
            continue
        if one.destination not in fallbacks and "diverted_from" not in one.notes:
            what = f"a copy went to {one.destination}, which is no destination of the campaign"
            found.append(Flaw(original=row, what=what, weight="outside"))
        bears = Party(one.address.get("recipient_role", ""), one.address.get("recipient", ""))
        meant = campaign.readdressed_to or Party(
            row.address.get("recipient_role", ""), row.address.get("recipient", "")
        )
        if bears != meant:
            what = f"a copy bears the recipient {bears}, not {meant}"
            found.append(Flaw(original=row, what=what, weight="outside"))
        if one.notes.get("kind") not in ("copy", "backfill") and "replay" not in one.notes:
            what = "a copy bears no mark beside its bytes"
            found.append(Flaw(original=row, what=what, weight="unmarked"))
        if one.hash != row.hash and campaign.readdressed_to is None:
            what = "a copy was sent with other bytes"
            found.append(Flaw(original=row, what=what, weight="changed"))
    return found


def _failed(
    rows: dict[int, ArrivalRow],
    sent: dict[int, list[DeliveryRow]],
    copied: dict[int, list[DeliveryRow]],
) -> tuple[int, int]:
    """How many copies failed at least once, and how many of their originals went first."""
    failed = first = 0
    for number in rows:
        bad = [
            one
            for one in copied.get(number, [])
            if one.attempts > 1 or one.state in (State.DEAD, State.RETRYING, State.UNKNOWN)
        ]
        if not bad:
            continue
        failed += 1
        done = [one.changed for one in sent.get(number, []) if one.state is State.DELIVERED]
        first += bool(done) and max(done) <= max(one.changed for one in bad)
    return failed, first


def _delays(
    sent: dict[int, list[DeliveryRow]],
    copied: dict[int, list[DeliveryRow]],
    journal: Journal,
) -> tuple[Delays, Delays]:
    """How long originals took, with a copy made at the same time, and without.

    Only to destinations that got originals with a copy: others may be nearer or farther.
    """
    same = {
        one.destination
        for number, copies in copied.items()
        if any(copy.kind == "copy" for copy in copies)
        for one in sent.get(number, [])
    }
    with_copy: list[float] = []
    without_copy: list[float] = []
    for row in journal.arrivals_in_pages(Query(outcome=Outcome.ROUTED)):
        at_once = [one for one in copied.get(row.id, []) if one.kind == "copy"]
        for one in sent.get(row.id, []):
            if one.state is State.DELIVERED and one.destination in same:
                (with_copy if at_once else without_copy).append(max(0.0, one.changed - row.at))
    return Delays.of(with_copy), Delays.of(without_copy)
