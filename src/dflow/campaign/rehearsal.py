"""A rehearsal: the whole campaign on a small copy, with made-up files and a clock that runs.

In: a campaign and the rules of its exchange.  Out: what was seen at the destinations.
Nothing of the real exchange is touched: journal, inbox and destinations are in memory.

The worst is let happen: the new side is down now and then, copies are taken away behind
the campaign's back, and the old side is switched off while files still come.  A proof that
does not see what was taken away proves nothing: the rehearsal fails then.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from attrs import define, evolve, field, frozen

from dflow.campaign.config import Campaign, day_of
from dflow.campaign.contents import Contents
from dflow.campaign.copies import Copies, reconcile
from dflow.campaign.drop import Handed
from dflow.campaign.measure import Completeness, measure
from dflow.campaign.originals import Originals, prove
from dflow.campaign.rules import CampaignRefused, Proposal, propose
from dflow.campaign.running import copy_past, mend
from dflow.campaign.traffic import Made, made_up_points, made_up_traffic
from dflow.delivery import Breaker, Retry, Treatment
from dflow.exchange import Exchange, Journal, Mount, Source, load_wiring, open_journal
from dflow.exchange.intake import read_address
from dflow.operation import SetClock
from dflow.parse import read
from dflow.routing import Routes
from dflow.transport import Capabilities, MemoryInbox, Parcel, Presence, Receipt, Unavailable

__all__ = ["Rehearsed", "rehearse"]

#: Days of made-up traffic, and how many of them before copies begin.
_DAYS, _BEFORE = 24, 4


@frozen(kw_only=True)
class Rehearsed:
    """What a rehearsal saw.

    Attributes:
        points: meter points of the copy.
        files: files that were let arrive, those after the switch-off included.
        backfilled: copies of what passed before.
        failures: how often the new side was down.
        first: the portfolio before anything was taken away.
        copies: the copies then.
        originals: the proof then.
        taken: copies that were taken away.
        found: how many of them the audit found.
        needless: how many it called missing that were there.
        mended: whether all were there in the end.
        after: files of the scope after the switch-off, by destination; empty if nobody is
            switched off.
    """

    points: int
    files: int
    backfilled: int
    failures: int
    first: Completeness
    copies: Copies
    originals: Originals
    taken: int
    found: int
    needless: int
    mended: bool
    after: dict[str, int]

    def wrong(self, campaign: Campaign) -> tuple[str, ...]:
        """What did not go as it should, in sentences."""
        said = []
        if not self.first.enough:
            said.append(f"only {len(self.first.since)} of {self.points} meter points were complete")
        if self.copies.gaps or self.copies.waiting:
            said.append(f"{len(self.copies.gaps) + len(self.copies.waiting)} copies were missing")
        if self.originals.exceptions:
            said.append(f"{self.originals.exceptions[0].what}")
        if (self.found, self.needless) != (self.taken, 0):
            said.append(f"of {self.taken} copies taken away {self.found} were found missing")
        if not self.mended:
            said.append("what was taken away was not all copied again")
        if self.after.get(campaign.old):
            said.append(f"{campaign.old} received after its switch-off")
        return tuple(said)


@define
class _Side:
    """A destination in memory, which is down for some attempts if it is the new side."""

    chance: random.Random
    down: float
    took: dict[str, bytes] = field(factory=dict)
    failures: int = 0

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(probes=True, idempotent=True)

    async def send(self, parcel: Parcel) -> Receipt:
        if self.chance.random() < self.down:
            self.failures += 1
            raise Unavailable("down, as destinations are now and then")
        repeat = parcel.key in self.took
        self.took.setdefault(parcel.key, parcel.content)
        return Receipt(key=parcel.key, repeat=repeat)

    async def probe(self, key: str) -> Presence:
        return Presence.PRESENT if key in self.took else Presence.ABSENT


@define
class _Copy:
    """The exchange on a copy."""

    journal: Journal
    clock: SetClock
    sides: dict[str, _Side]
    inbox: MemoryInbox = field(factory=MemoryInbox)

    @property
    def mounts(self) -> list[Mount]:
        treatment = Treatment(
            retry=Retry(first=60, jitter=0, give_up=None), breaker=Breaker(after=10_000)
        )
        return [
            Mount(name=name, outbox=side, treatment=treatment) for name, side in self.sides.items()
        ]

    def exchange(self, routes: Routes) -> Exchange:
        return Exchange(
            routes=routes,
            journal=self.journal,
            mounts=self.mounts,
            sources=[Source(name="in", inbox=self.inbox)],
            read_flow=read,
            clock=lambda: self.clock.now().timestamp(),
        )

    def run(self, routes: Routes, instant: datetime) -> None:
        """What waits is taken; an hour later what failed goes again."""
        for hours in (0, 1, 2):
            self.clock.set(max(self.clock.now(), instant + timedelta(hours=hours)))
            self.exchange(routes).run_once()


def rehearse(campaign: Campaign, *, points: int = 40, seed: int = 1) -> Rehearsed:
    """Run the campaign on a copy; the same seed gives the same rehearsal.

    Raises:
        CampaignRefused: the rules do not allow the campaign.
        DflowError: the exchange's configuration cannot be read.
    """
    routes = load_wiring(campaign.exchange).routes
    zone = ZoneInfo(campaign.zone)
    first = day_of(campaign.start, campaign.zone) - timedelta(days=_BEFORE)
    some = campaign.portfolio[:points] or made_up_points(points)
    small = evolve(
        campaign, portfolio=some, backfill=True, backfill_since=None, look="marks", drop=None
    )
    proposal = propose(small, routes, at=datetime.combine(first, time(), zone))
    if proposal.obstacles:
        raise CampaignRefused(f"{campaign.path}: " + "\n".join(proposal.obstacles))
    chance = random.Random(seed)  # noqa: S311  a rehearsal that can be repeated
    clock = SetClock(datetime.combine(first, time(1), zone).astimezone(UTC))
    sides = {
        one.name: _Side(chance, 0.1 if one.name in campaign.destinations else 0.0)
        for one in routes.destinations
    }
    copy = _Copy(open_journal(None), clock, sides)
    try:
        return _rehearsed(small, proposal, copy, chance, first=first)
    finally:
        copy.journal.close()


def _arrive(copy: _Copy, files: Sequence[Made], routes: Routes, day: date, zone: ZoneInfo) -> None:
    for one in files:
        copy.inbox.put(one.content, name=one.name)
    copy.run(routes, datetime.combine(day, time(6), zone).astimezone(UTC))


def _rehearsed(
    small: Campaign, proposal: Proposal, copy: _Copy, chance: random.Random, *, first: date
) -> Rehearsed:
    zone = ZoneInfo(small.zone)
    before, after = proposal.before, proposal.after
    files = list(made_up_traffic(small, small.portfolio, start=first, days=_DAYS, batch=3))
    past = 0
    for number in range(_DAYS + 2):
        day = first + timedelta(days=number)
        rules = before if number < _BEFORE else after
        if number == _BEFORE:
            copy.clock.set(small.start)
            intake = copy.exchange(after).intake
            now = copy.clock.now()
            past = copy_past(small, copy.journal, intake, now=now, who="rehearsal", why="the past")
        _arrive(copy, [one for one in files if one.day == day], rules, day, zone)
    exchange, now = copy.exchange(after), copy.clock.now()
    intake = exchange.intake
    seen = reconcile(small, copy.journal, intake, copy.mounts, now=now)
    complete = measure(small, copy.journal, seen, Handed(), Contents(copy.journal))
    proof = prove(small, copy.journal, intake, now=now)
    taken = _take_away(small, copy, seen, chance)
    gaps = reconcile(small, copy.journal, intake, copy.mounts, now=now).gaps
    missed = {one.delivery.key for one in gaps if one.delivery is not None}
    mend(small, copy.journal, intake, copy.mounts, now=now, who="rehearsal", why="taken away")
    copy.run(after, now + timedelta(hours=1))
    left = reconcile(small, copy.journal, intake, copy.mounts, now=copy.clock.now())
    switched, more = _after_switch(small, proposal, copy)
    return Rehearsed(
        points=len(small.portfolio),
        files=len(files) + more,
        backfilled=past,
        failures=sum(side.failures for side in copy.sides.values()),
        first=complete,
        copies=seen,
        originals=proof,
        taken=len(taken),
        found=len(taken & missed),
        needless=len(missed - taken),
        mended=not left.gaps and not left.waiting,
        after=switched,
    )


def _take_away(small: Campaign, copy: _Copy, seen: Copies, chance: random.Random) -> set[str]:
    """Take some copies away at the destination; their keys."""
    keys = {
        one.delivery.key: copy.sides[one.destination]
        for one in seen.held
        if one.delivery is not None and one.destination in small.destinations
    }
    taken = set(chance.sample(sorted(keys), k=max(1, len(keys) // 10))) if keys else set()
    for key in taken:
        del keys[key].took[key]
    return taken


def _after_switch(small: Campaign, proposal: Proposal, copy: _Copy) -> tuple[dict[str, int], int]:
    """Switch the old side off, let files come, and count where they went."""
    if not small.old:
        return {}, 0
    now = (copy.clock.now() + timedelta(days=1)).replace(microsecond=0)
    longer = evolve(small, end=max(filter(None, (small.end, now + timedelta(days=30)))))
    switch = propose(longer, proposal.after, at=now, switched=now)
    had = {name: set(side.took) for name, side in copy.sides.items()}
    start = day_of(now, small.zone) + timedelta(days=1)
    files = list(made_up_traffic(small, small.portfolio[:10], start=start, days=3, seed=7, batch=3))
    for one in files:
        copy.inbox.put(one.content, name=one.name)
    copy.run(switch.after, now + timedelta(days=5))
    where: Counter[str] = Counter()
    for name, side in copy.sides.items():
        for key in set(side.took) - had[name]:
            header, _ = read_address(side.took[key])
            if header is not None and header.recipient in small.parties:
                where[name] += 1
    return dict(where), len(files)
