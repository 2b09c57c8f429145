"""Windows in time: half-open, in the time zone of the rules file.

In: days, local times or instants as a person writes them, and a zone.  Out: instants in
UTC, and whether an instant lies between two of them.  This module does not know rules.

A day begins at its first instant in the zone: midnight, or where the clocks skip midnight,
the instant they skip.  A local time that a change of clocks skips, or repeats, is refused
with the advice to write an offset; a day never is.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, tzinfo

from attrs import field, frozen

__all__ = ["Moment", "Span", "Window", "as_instant"]

_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)


@frozen
class Moment:
    """A bound of a window as written: ``2019-06-27``, ``2019-06-27T10:30``, ``...T10:30+01:00``.

    Attributes:
        text: a day, a local time, or an instant with its offset.
    """

    text: str = field()

    @text.validator
    def _check(self, _: object, value: str) -> None:
        if not _MOMENT.fullmatch(value):
            raise ValueError(
                f"{value!r} is not a time; expected such as 2019-06-27, 2019-06-27T10:30"
                " or 2019-06-27T10:30+01:00"
            )
        _parsed(value)

    def instant(self, zone: tzinfo) -> datetime:
        """The instant in UTC.

        Raises:
            ValueError: if the local time is skipped or repeated by a change of clocks, or
                the year cannot be reckoned with.
        """
        when = _parsed(self.text)
        if not isinstance(when, datetime):
            return as_instant(when, zone)
        if when.tzinfo is not None:
            return _utc(when)
        early, late = when.replace(tzinfo=zone, fold=0), when.replace(tzinfo=zone, fold=1)
        if early.utcoffset() == late.utcoffset():
            return _utc(early)
        there = _utc(early).astimezone(zone).replace(tzinfo=None) == when
        what = "happens twice" if there else "does not happen"
        raise ValueError(
            f"{self.text} {what} in {zone}: the clocks change; write it with its offset,"
            f" such as {self.text}{_offset(early)} or {self.text}{_offset(late)}"
        )

    def __str__(self) -> str:
        return self.text


def _parsed(text: str) -> date | datetime:
    try:
        return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text}: {error}") from error


def _offset(when: datetime) -> str:
    text = when.strftime("%z")
    return f"{text[:3]}:{text[3:5]}"


def _utc(when: datetime) -> datetime:
    try:
        return when.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{when.isoformat()} lies outside the years that can be told") from error


def as_instant(at: datetime | date, zone: tzinfo) -> datetime:
    """An instant in UTC from an aware time, or from a day: its first instant in the zone.

    Raises:
        TypeError: for neither a time nor a day.
        ValueError: for a time without a zone, or one outside the years 1 to 9999.
    """
    if not isinstance(at, date):
        raise TypeError(f"an instant is an aware datetime or a date, not {type(at).__name__}")
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise ValueError(f"{at.isoformat()} has no time zone; pass an aware datetime or a date")
        return _utc(at)
    # fold=0: where midnight happens twice the first one counts, and where the clocks skip
    # it the offset before the change leads to the instant of the change.
    return _utc(datetime(at.year, at.month, at.day, tzinfo=zone, fold=0))


@frozen(kw_only=True)
class Window:
    """From `start`, included, to `end`, excluded; None for no bound on that side.

    Raises:
        ValueError: if there is no bound on either side: a rule without a window says so.
    """

    start: Moment | None = None
    end: Moment | None = None

    def __attrs_post_init__(self) -> None:
        if self.start is None and self.end is None:
            raise ValueError("a window needs a start or an end")

    def __str__(self) -> str:
        start = f"{self.start} " if self.start else ""
        end = f" {self.end}" if self.end else ""
        return f"{start}..{end}"

    def span(self, zone: tzinfo) -> Span:
        """The window in UTC.

        Raises:
            ValueError: if a bound is skipped or repeated by a change of clocks.
        """
        return Span(
            self.start.instant(zone) if self.start else None,
            self.end.instant(zone) if self.end else None,
        )


@frozen
class Span:
    """A window in UTC, half-open; None for no bound on that side."""

    start: datetime | None = None
    end: datetime | None = None

    def __contains__(self, at: object) -> bool:
        return (
            isinstance(at, datetime)
            and (self.start is None or self.start <= at)
            and (self.end is None or at < self.end)
        )

    @property
    def empty(self) -> bool:
        """Whether no instant lies in it."""
        return self.start is not None and self.end is not None and self.start >= self.end
