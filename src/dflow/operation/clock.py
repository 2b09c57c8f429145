"""Clocks: the machine's, and one that is set, so that a future day can be run today.

In: instants.  Out: instants with an offset, always.  This module does not sleep.
"""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

from attrs import define, field

from dflow.errors import DflowError

__all__ = ["Clock", "SetClock", "SystemClock", "instant_from"]


class Clock(Protocol):
    """Tells the instant."""

    def now(self) -> datetime:
        """Now, with an offset."""
        ...


@define
class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC)


@define
class SetClock:
    """A clock that stands still until it is moved.

    >>> clock = SetClock(datetime(2019, 6, 27, tzinfo=UTC))
    >>> clock.advance(hours=6)
    >>> clock.now().isoformat()
    '2019-06-27T06:00:00+00:00'
    """

    _now: datetime = field()

    @_now.validator
    def _aware(self, _attribute: object, value: datetime) -> None:
        if value.tzinfo is None:
            raise ValueError("an instant needs an offset")

    def now(self) -> datetime:
        """The instant it is set to."""
        return self._now

    def advance(self, *, seconds: float = 0, hours: float = 0, days: float = 0) -> None:
        """Move it on."""
        self._now += timedelta(seconds=seconds, hours=hours, days=days)

    def set(self, instant: datetime) -> None:
        """Set it, forward or back: to see what a clock that jumps does."""
        self._aware(None, instant)
        self._now = instant


def instant_from(value: str | datetime | date, zone: str = "Europe/London") -> datetime:
    """An instant from what a person wrote: a date is its midnight in the zone.

    >>> instant_from("2019-06-27").isoformat()
    '2019-06-27T00:00:00+01:00'

    Raises:
        DflowError: it is neither a date nor an instant.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise DflowError(
                f"{value!r} is no instant; write 2019-06-27 or 2019-06-27T18:00+01:00"
            ) from None
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    return value if value.tzinfo is not None else value.replace(tzinfo=zoneinfo.ZoneInfo(zone))
