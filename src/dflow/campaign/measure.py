"""Which meter points of the portfolio the new side has full details for.

In: a campaign, the copies that are where they should be, what was handed over before.
Out: of each meter point when it was complete, or what it lacks.  This module does not
know which flows matter: the campaign says so, by day and by group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

from attrs import field, frozen

from dflow.campaign.config import Campaign, day_of
from dflow.campaign.contents import Contents
from dflow.campaign.copies import Copies
from dflow.campaign.drop import Handed
from dflow.delivery import State
from dflow.exchange.journal import Journal, Query

__all__ = ["Completeness", "measure"]


@frozen(kw_only=True)
class Completeness:
    """How complete the new side's portfolio is.  Capability 28.

    Attributes:
        groups: what makes a meter point complete.
        since: of each complete meter point, since when.
        lacking: of each other, the groups of which it has none.
        portfolio: how many meter points there are.
        share: how many must be complete, from 0 to 1.
        strangers: meter points outside the portfolio that copies are about.
    """

    groups: tuple[tuple[str, ...], ...]
    since: Mapping[str, datetime] = field(repr=False)
    lacking: Mapping[str, tuple[tuple[str, ...], ...]] = field(repr=False)
    portfolio: int
    share: float
    strangers: int = 0

    @property
    def part(self) -> float:
        """How much of the portfolio is complete; 1 if none is measured."""
        return len(self.since) / self.portfolio if self.portfolio and self.groups else 1.0

    @property
    def enough(self) -> bool:
        """Whether so many are complete as must be."""
        if not self.groups or not self.portfolio:
            return True
        return len(self.since) >= self.share * self.portfolio - 1e-9

    def by_day(self, zone: str, until: date) -> list[tuple[date, int]]:
        """How many were complete at the end of each day, from the first that any was."""
        counted = Counter(day_of(one, zone) for one in self.since.values())
        if not counted:
            return []
        found, total, day = [], 0, min(counted)
        while day <= max(until, *counted):
            total += counted[day]
            found.append((day, total))
            day += timedelta(days=1)
        return found


def measure(
    campaign: Campaign, journal: Journal, copies: Copies, handed: Handed, contents: Contents
) -> Completeness:
    """Measure the portfolio by what lies at every destination of the campaign."""
    flows = {flow for group in campaign.complete_when for flow in group}
    had: dict[tuple[str, str, str], datetime] = {}

    def note(destination: str, flow: str, mpan: str, at: datetime) -> None:
        key = (destination, flow, mpan)
        had[key] = min(at, had.get(key, at))

    for where, flow, hash_, at in (*_copied(copies), *_direct(campaign, journal)):
        if flow in flows:
            for mpan in contents.mpans(hash_):
                note(where, flow, mpan, at)
    for destination in campaign.destinations:
        for (flow, mpan), at in handed.has.items():
            if flow in flows:
                note(destination, flow, mpan, at)
    return _measured(campaign, had)


def _copied(copies: Copies) -> Iterator[tuple[str, str, str, datetime]]:
    for one in copies.held:
        if one.delivery is not None:
            at = datetime.fromtimestamp(one.delivery.changed, UTC)
            yield one.destination, one.original.address.get("flow", ""), one.delivery.hash, at


def _direct(campaign: Campaign, journal: Journal) -> Iterator[tuple[str, str, str, datetime]]:
    """What was delivered to the new side as an original: its own traffic counts as well."""
    for destination in campaign.destinations:
        query = Query(destination=destination, kind="original", state=State.DELIVERED)
        for row in journal.deliveries(query):
            at = datetime.fromtimestamp(row.changed, UTC)
            yield destination, row.address.get("flow", ""), row.hash, at


def _measured(campaign: Campaign, had: Mapping[tuple[str, str, str], datetime]) -> Completeness:
    since: dict[str, datetime] = {}
    lacking: dict[str, tuple[tuple[str, ...], ...]] = {}
    for mpan in campaign.portfolio if campaign.complete_when else ():
        latest: list[datetime] = []
        lacks: list[tuple[str, ...]] = []
        for group in campaign.complete_when:
            for destination in campaign.destinations:
                times = [had[key] for f in group if (key := (destination, f, mpan)) in had]
                if times:
                    latest.append(min(times))
                elif group not in lacks:
                    lacks.append(group)
        if lacks:
            lacking[mpan] = tuple(lacks)
        else:
            since[mpan] = max(latest)
    known = set(campaign.portfolio)
    return Completeness(
        groups=campaign.complete_when,
        since=since,
        lacking=lacking,
        portfolio=len(campaign.portfolio),
        share=campaign.share,
        strangers=len({mpan for _, _, mpan in had} - known) if known else 0,
    )
