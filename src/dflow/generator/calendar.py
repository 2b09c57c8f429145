"""Days and times as the files write them, quickly.

In: a day's ordinal, a number.  Out: ``ccyymmdd``, ``hhmmss``.  This module does not know
which day is meant.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

__all__ = ["EPOCH", "LAST_DAY", "day_text", "time_text"]

#: The simplest day of a file: 1 January 2020, a Wednesday.
EPOCH = date(2020, 1, 1).toordinal()

#: The last day on which a file is made up.
LAST_DAY = date(2035, 12, 31).toordinal()


@lru_cache(maxsize=65536)
def day_text(ordinal: int) -> str:
    """A day as ``ccyymmdd``.

    >>> day_text(EPOCH)
    '20200101'
    """
    return date.fromordinal(ordinal).strftime("%Y%m%d")


def time_text(number: int) -> str:
    """A time of day as ``hhmmss``; zero is midnight, every eighth a second before the next.

    Half-hours come first, because most times in the files are theirs.

    >>> time_text(0), time_text(3), time_text(7)
    ('000000', '013000', '235959')
    """
    if number % 8 == 7:
        return "235959"
    if number < 384:
        half_hour = number % 48
        return f"{half_hour // 2:02d}{'30' if half_hour % 2 else '00'}00"
    return f"{number % 24:02d}{number // 24 % 60:02d}{number // 1440 % 60:02d}"
