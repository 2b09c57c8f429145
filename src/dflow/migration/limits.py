"""Daily limits: a number a day, ramped up and down, nothing on days off.

In: dates and numbers of a plan.  Out: what is allowed on each day.  This module knows no
parties, and no limit of any programme: the numbers are configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from attrs import field, frozen

__all__ = ["Calendar", "Limit", "Ramp", "days_between"]

_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def days_between(start: date, end: date) -> tuple[date, ...]:
    """Every day from `start` up to, not including, `end`."""
    return tuple(start + timedelta(days=n) for n in range((end - start).days))


@frozen(kw_only=True)
class Calendar:
    """Which days are worked.

    Attributes:
        days_off: weekdays, such as ``sat``.
        holidays: single days.
    """

    days_off: tuple[str, ...] = ("sat", "sun")
    holidays: frozenset[date] = frozenset()

    def works(self, day: date) -> bool:
        """Whether the day is worked.

        >>> Calendar().works(date(2026, 6, 6)), Calendar().works(date(2026, 6, 8))
        (False, True)
        """
        return day not in self.holidays and _WEEK[day.weekday()] not in self.days_off


@frozen(kw_only=True)
class Ramp:
    """A stretch of days in which a limit grows or shrinks by the day, in a straight line.

    Attributes:
        start: its first day.
        end: the day after its last.
        first: the part of the limit on the first day, 0 to 1.
        last: the part on the last day.
    """

    start: date
    end: date
    first: float
    last: float

    def part(self, day: date) -> float | None:
        """The part of the limit on a day; None outside the ramp.

        >>> up = Ramp(start=date(2026, 6, 1), end=date(2026, 6, 6), first=0.2, last=1.0)
        >>> up.part(date(2026, 6, 3)), up.part(date(2026, 6, 6))
        (0.6, None)
        """
        if not self.start <= day < self.end:
            return None
        steps = (self.end - self.start).days - 1
        if steps == 0:
            return self.last
        return round(self.first + (self.last - self.first) * (day - self.start).days / steps, 9)


@frozen(kw_only=True)
class Limit:
    """A limit on migrations begun a day.

    Attributes:
        name: what it is called in reports, such as ``network 12``.
        daily: on a full day; None for no limit.
        ramps: stretches with less; outside them a day is full.
        opens: the first day with any, None from the start: a qualification, say.
    """

    name: str
    daily: int | None
    ramps: tuple[Ramp, ...] = field(default=())
    opens: date | None = None

    def on(self, day: date) -> int | None:
        """What is allowed on a worked day; None for any number.  Rounded down."""
        if self.opens is not None and day < self.opens:
            return 0
        if self.daily is None:
            return None
        parts = [part for ramp in self.ramps if (part := ramp.part(day)) is not None]
        # The epsilon keeps 0.3 of 10 at 3, which floats would make 2.
        return int(self.daily * min(parts, default=1.0) + 1e-9)

    def over(self, days: Sequence[date], calendar: Calendar) -> list[int | None]:
        """What is allowed on each of the days; nothing on days off."""
        return [self.on(day) if calendar.works(day) else 0 for day in days]
