"""What if: the same requests under other limits.

In: a plan, its requests, a change.  Out: when it would end, and what it would leave.
This module changes nothing: a changed plan is another value.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from attrs import evolve, field, frozen

from dflow.migration.allocation import Allocation, Request, allocate
from dflow.migration.limits import Limit
from dflow.migration.plan import Plan, Supplier

__all__ = ["Change", "Outlook", "what_if"]


@frozen(kw_only=True)
class Change:
    """What is supposed to be otherwise.

    Attributes:
        name: what it is called.
        industry: factor of the industry's limit.
        networks: factor of every network's limit.
        suppliers: factor of every supplier's limit.
        wanted: factor of what is wanted.
        later: so many days later may anyone be qualified.
        method: another method of allocation; empty for the plan's.
    """

    name: str
    industry: float = 1.0
    networks: float = 1.0
    suppliers: float = 1.0
    wanted: float = 1.0
    later: int = 0
    method: str = ""


@frozen(kw_only=True)
class Outlook:
    """What would come of it.

    Attributes:
        change: what was supposed.
        granted: how many would be migrated within the plan.
        unmet: how many would not.
        last: the day on which the last would begin; None if none would.
        full: days on which the industry's limit would be used up.
        allocation: the whole of it.
    """

    change: Change
    granted: int
    unmet: int
    last: date | None
    full: int
    allocation: Allocation = field(repr=False)


def what_if(
    plan: Plan, requests: Sequence[Request], change: Change, *, method: str, seed: int = 0
) -> Outlook:
    """Allocate the requests under the change.

    Raises:
        KeyError: no such method, or a party that the plan does not know.
    """
    supposed = evolve(
        plan,
        industry=_scaled(plan.industry, change.industry),
        networks={name: _scaled(one, change.networks) for name, one in plan.networks.items()},
        suppliers={mpid: _changed(one, change) for mpid, one in plan.suppliers.items()},
    )
    wanted = [evolve(one, wanted=round(one.wanted * change.wanted)) for one in requests]
    done = allocate(supposed, wanted, change.method or method, seed=seed)
    limits = supposed.industry.over(supposed.days, supposed.calendar)
    used = done.volumes.by_day()
    full = sum(1 for most, number in zip(limits, used, strict=True) if most and number >= most)
    granted = done.volumes.total
    return Outlook(
        change=change,
        granted=granted,
        unmet=done.unmet,
        last=done.last,
        full=full,
        allocation=done,
    )


def _scaled(limit: Limit, factor: float) -> Limit:
    return evolve(limit, daily=None if limit.daily is None else int(limit.daily * factor))


def _changed(supplier: Supplier, change: Change) -> Supplier:
    qualified = supplier.qualified
    if qualified is not None and change.later:
        qualified += timedelta(days=change.later)
    return evolve(supplier, limit=_scaled(supplier.limit, change.suppliers), qualified=qualified)
