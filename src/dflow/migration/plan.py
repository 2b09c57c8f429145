"""A migration plan: parties, limits, sprints and volumes, checked against each other.

In: values.  Out: breaches, all of them, in the order of days.  This module reads no files
and knows no limit of any programme.

A plan is in volumes: how many migrations each supplier begins on each network on each
day.  Four things bound it: the industry, the network, the supplier, and whether the
supplier is qualified by then.  Nothing is planned on a day off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from attrs import field, frozen

from dflow.migration.limits import Calendar, Limit, days_between
from dflow.migration.volumes import Volumes

__all__ = ["Breach", "Plan", "Sprint", "Supplier", "check"]


@frozen(kw_only=True)
class Supplier:
    """A supplier of the plan.

    Attributes:
        mpid: its identifier.
        limit: its own daily limit.
        qualified: the first day on which it may migrate; None while it is not qualified.
        portfolio: how many meter points it has to migrate; None if not said.
        tranche: the wave it was assigned to; None if there are none.
    """

    mpid: str
    limit: Limit
    qualified: date | None = None
    portfolio: int | None = None
    tranche: int | None = None


@frozen(kw_only=True)
class Sprint:
    """A stretch of days that plans are made in.

    Attributes:
        name: such as ``S1``.
        start: its first day.
        end: the day after its last.
        tranches: the waves that may migrate in it; empty for all.
        most: how many migrations at most, None for no limit.
    """

    name: str
    start: date
    end: date
    tranches: tuple[int, ...] = ()
    most: int | None = None

    def holds(self, day: date) -> bool:
        """Whether the day lies in it."""
        return self.start <= day < self.end


@frozen(kw_only=True)
class Breach:
    """A day on which a plan is over a limit.

    Attributes:
        day: the day.
        limit: what is broken, in words.
        planned: how many.
        allowed: how many there may be.
        why: the reason for the limit, where it is not a number.
    """

    day: date
    limit: str
    planned: int
    allowed: int
    why: str = ""

    @property
    def excess(self) -> int:
        """By how many it is broken."""
        return self.planned - self.allowed

    def __str__(self) -> str:
        return (
            f"{self.day.isoformat()}: {self.limit} allows {self.allowed:,}, planned are"
            f" {self.planned:,}, {self.excess:,} too many"
        )


@frozen(kw_only=True)
class Plan:
    """A migration plan.

    Attributes:
        name: what it is called.
        start: its first day.
        end: the day after its last.
        calendar: which days are worked.
        industry: the limit over all.
        networks: the limit of each network, by its identifier.
        suppliers: by MPID.
        sprints: in order, not overlapping.
        volumes: what is planned; None before it is allocated.
        version: which version of the plan this is.
        comments: what was said and decided about which version.
    """

    name: str
    start: date
    end: date
    calendar: Calendar
    industry: Limit
    networks: Mapping[str, Limit]
    suppliers: Mapping[str, Supplier]
    sprints: tuple[Sprint, ...] = ()
    volumes: Volumes | None = field(default=None, repr=False)
    version: str = "1"
    comments: tuple[str, ...] = ()

    @property
    def days(self) -> tuple[date, ...]:
        """Every day of the plan."""
        return days_between(self.start, self.end)

    def opens(self, mpid: str) -> Limit:
        """A supplier's limit, with its qualification as a gate."""
        supplier = self.suppliers[mpid]
        gate = supplier.qualified or date.max
        return Limit(
            name=supplier.limit.name,
            daily=supplier.limit.daily,
            ramps=supplier.limit.ramps,
            opens=gate,
        )

    def sprint_on(self, day: date) -> Sprint | None:
        """The sprint that a day lies in."""
        return next((one for one in self.sprints if one.holds(day)), None)


def check(plan: Plan, volumes: Volumes | None = None) -> tuple[Breach, ...]:
    """Every breach of a plan's volumes, by day, the widest limit first; empty if it fits."""
    volumes = volumes or plan.volumes
    if volumes is None:
        return ()
    days = plan.days
    works = [plan.calendar.works(day) for day in days]
    found = list(_over(plan.industry, volumes.by_day(), days, works))
    for name in volumes.networks:
        limit = plan.networks.get(name)
        if limit is not None:
            found += _over(limit, volumes.by_day(network=name), days, works)
    for mpid in volumes.suppliers:
        if mpid in plan.suppliers:
            planned = volumes.by_day(supplier=mpid)
            found += _over(plan.suppliers[mpid].limit, planned, days, works)
            found += _gate(plan.suppliers[mpid], planned, days)
            found += _tranche(plan, plan.suppliers[mpid], planned, days)
    found += _sprints(plan, volumes.by_day(), days)
    rank = {"industry": 0, "day off": 1}
    return tuple(sorted(found, key=lambda one: (one.day, rank.get(one.limit, 2), one.limit)))


def _over(
    limit: Limit, planned: Sequence[int], days: Sequence[date], works: Sequence[bool]
) -> Iterator[Breach]:
    for day, number, works_then in zip(days, planned, works, strict=True):
        if not number:
            continue
        if not works_then:
            if limit.name == "industry":
                yield Breach(day=day, limit="day off", planned=number, allowed=0)
            continue
        allowed = limit.on(day)
        if allowed is not None and number > allowed:
            yield Breach(day=day, limit=limit.name, planned=number, allowed=allowed)


def _gate(supplier: Supplier, planned: Sequence[int], days: Sequence[date]) -> Iterator[Breach]:
    """The qualification: nothing before it.  Only the first day and the sum are told."""
    early = [
        (day, number)
        for day, number in zip(days, planned, strict=True)
        if number and (supplier.qualified is None or day < supplier.qualified)
    ]
    if early:
        until = supplier.qualified.isoformat() if supplier.qualified else "never so far"
        yield Breach(
            day=early[0][0],
            limit=f"qualification of {supplier.mpid}",
            planned=sum(number for _, number in early),
            allowed=0,
            why=f"qualified: {until}",
        )


def _tranche(
    plan: Plan, supplier: Supplier, planned: Sequence[int], days: Sequence[date]
) -> Iterator[Breach]:
    for sprint in plan.sprints:
        if not sprint.tranches or supplier.tranche in sprint.tranches:
            continue
        inside = [
            (day, number)
            for day, number in zip(days, planned, strict=True)
            if number and sprint.holds(day)
        ]
        if inside:
            yield Breach(
                day=inside[0][0],
                limit=f"tranches of sprint {sprint.name}",
                planned=sum(number for _, number in inside),
                allowed=0,
                why=f"{supplier.mpid} is in tranche {supplier.tranche or 'none'}",
            )


def _sprints(plan: Plan, planned: Sequence[int], days: Sequence[date]) -> Iterator[Breach]:
    for sprint in plan.sprints:
        if sprint.most is None:
            continue
        total = 0
        for day, number in zip(days, planned, strict=True):
            if not sprint.holds(day):
                continue
            total += number
            if total > sprint.most:
                whole = sum(n for d, n in zip(days, planned, strict=True) if sprint.holds(d))
                yield Breach(
                    day=day, limit=f"sprint {sprint.name}", planned=whole, allowed=sprint.most
                )
                break
