"""The calendar of releases: on which days a new catalogue goes live.

In: a year or a day.  Out: days.  This module does not know what any release holds.

The rule (facts, market section 2): the last Thursday of February, the last Thursday of
June, the first Thursday of November.  It fits every known day; it is a custom and not a
promise, so a release's own date, where it is known, is data and stands above it.
"""

from __future__ import annotations

from datetime import date, timedelta

__all__ = ["is_release_day", "next_release_day", "release_days"]

_THURSDAY = 3


def _last_thursday(year: int, month: int) -> date:
    day = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    return day - timedelta(days=(day.weekday() - _THURSDAY) % 7)


def release_days(year: int) -> tuple[date, date, date]:
    """The three release days of a year by the rule, in order.

    >>> [day.isoformat() for day in release_days(2019)]
    ['2019-02-28', '2019-06-27', '2019-11-07']
    """
    november = date(year, 11, 1)
    november += timedelta(days=(_THURSDAY - november.weekday()) % 7)
    return (_last_thursday(year, 2), _last_thursday(year, 6), november)


def is_release_day(day: date) -> bool:
    """Whether the rule makes this day a release day."""
    return day in release_days(day.year)


def next_release_day(after: date) -> date:
    """The first release day by the rule that comes after a day."""
    days = (*release_days(after.year), *release_days(after.year + 1))
    return next(day for day in days if day > after)
