"""The gate of a migration: no limit is passed, whatever arrives.

In: deliveries, one after the other, and the instant.  Out: whether each may go now, or the
instant at which it may be asked about again.  This module plans nothing: it counts what
has gone, by day, against the industry, the network and the supplier.

What counts is what may have reached the other side on a day: delivered, unknown, or under
way.  What was certainly not delivered is given back.  After a restart the count is read
from the journal, so that a crash gives nobody a second day's room.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from attrs import define, field

from dflow.delivery import State
from dflow.errors import DflowError
from dflow.exchange.gate import Later
from dflow.exchange.journal import DeliveryRow, Journal, Query
from dflow.migration.limits import Limit
from dflow.migration.plan import Plan

__all__ = ["MigrationGate", "PartiesOf"]

#: The supplier and the network of a delivery, from its row and its bytes.
PartiesOf = Callable[[DeliveryRow, bytes], tuple[str, str]]

#: Nothing may go for so long that a person has to look: the plan is over, or a party unknown.
_FAR = timedelta(days=3650)

_MAY_HAVE_GONE = (State.DELIVERED, State.UNKNOWN, State.SENDING)


@define(eq=False)
class MigrationGate:
    """Lets deliveries through as long as every limit of their day has room.

    Attributes:
        plan: the limits.
        parties: who migrates where.
        zone: where days begin.
        used: of each day, how many went, by limit; for reports.
    """

    plan: Plan
    parties: PartiesOf
    zone: str = "Europe/London"
    used: dict[date, dict[str, int]] = field(factory=dict, init=False)
    _went: dict[int, tuple[date, tuple[str, ...]]] = field(factory=dict, init=False)

    def begin(self, journal: Journal, destination: str, now: float) -> None:
        """Count what went today by the journal.

        Raises:
            DflowError: several workers may share the journal: each would count for itself,
                and together they would pass the limits.
        """
        if journal.lease is not None:
            raise DflowError(
                f"the limits of {self.plan.name!r} are counted by one worker, and several may share"
                " this journal; run the plan over a journal of its own, sqlite:///..."
            )
        today = self._day(now)
        midnight = datetime.combine(today, time(), ZoneInfo(self.zone)).timestamp()
        self.used.clear()
        self._went.clear()
        for state in _MAY_HAVE_GONE:
            asked = Query(destination=destination, state=state, changed_since=midnight)
            for row in journal.deliveries(asked):
                supplier, network = self.parties(row, journal.payload(row.hash))
                self._count(row.id, today, self._limits(supplier, network))

    def admit(self, row: DeliveryRow, content: bytes, now: float) -> Later | None:
        """None if every limit of today has room for one more."""
        today = self._day(now)
        if today not in self.used:
            self._turn(today)
        known = self._went.get(row.id)
        if known is not None and known[0] == today:
            return None
        if known is not None:  # it may have gone on an earlier day, and would go again today
            self.give_back(row)
        supplier, network = self.parties(row, content)
        limits = self._limits(supplier, network)
        if limits is None:
            return self._until(today + _FAR, f"the plan has no supplier {supplier} on {network}")
        why = self._stands_against(limits, today)
        if not why:
            self._count(row.id, today, limits)
            return None
        day = max(today + timedelta(days=1), self.plan.start, limits[2].opens or today)
        while day < self.plan.end:
            if not self._stands_against(limits, day):
                return self._until(day, why)
            day += timedelta(days=1)
        return self._until(today + _FAR, f"{why}; no later day of the plan has room")

    def give_back(self, row: DeliveryRow) -> None:
        """It was certainly not delivered."""
        if (known := self._went.pop(row.id, None)) is not None:
            day, names = known
            for name in names:
                self.used[day][name] -= 1

    def _day(self, now: float) -> date:
        return datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(self.zone)).date()

    def _turn(self, today: date) -> None:
        """A new day: what went long ago is not asked about again."""
        self.used.setdefault(today, {})
        old = today - timedelta(days=7)
        self._went = {key: one for key, one in self._went.items() if one[0] >= old}

    def _until(self, day: date, why: str) -> Later:
        opens = datetime.combine(day, time(), ZoneInfo(self.zone))
        return Later(until=opens.timestamp(), why=why)

    def _limits(self, supplier: str, network: str) -> tuple[Limit, ...] | None:
        if supplier not in self.plan.suppliers or network not in self.plan.networks:
            return None
        return self.plan.industry, self.plan.networks[network], self.plan.opens(supplier)

    def _stands_against(self, limits: tuple[Limit, ...], day: date) -> str:
        """What keeps one more from going on a day; empty if nothing does."""
        if not self.plan.start <= day < self.plan.end:
            return f"{day} lies outside the plan"
        if not self.plan.calendar.works(day):
            return f"{day} is a day off"
        used = self.used.get(day, {})
        for limit in limits:
            if limit.opens is not None and day < limit.opens:
                since = "so far" if limit.opens == date.max else f"before {limit.opens}"
                return f"{limit.name}: not qualified {since}"
            most = limit.on(day)
            if most is not None and used.get(limit.name, 0) >= most:
                return f"{limit.name}: {most:,} on {day}, all used"
        sprint = self.plan.sprint_on(day)
        if sprint is not None and sprint.tranches:
            mpid = limits[2].name.removeprefix("supplier ")
            if self.plan.suppliers[mpid].tranche not in sprint.tranches:
                return f"sprint {sprint.name} is not for {mpid}"
        return ""

    def _count(self, delivery: int, day: date, limits: tuple[Limit, ...] | None) -> None:
        names = tuple(one.name for one in limits or ())
        self._went[delivery] = (day, names)
        used = self.used.setdefault(day, {})
        for name in names:
            used[name] = used.get(name, 0) + 1
