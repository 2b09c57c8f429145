"""Who is on duty: owners with hours of the week, days off, and somebody for the rest.

In: hours as people write them, and an instant.  Out: the owner on duty, or nobody.  This
module does not know stages.  Hours that nobody has decided are unknown, not empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from attrs import frozen

__all__ = ["WEEKDAYS", "Gap", "Hours", "Owner", "chain_of", "gaps", "hours_from", "on_duty"]

#: The days of a week as hours name them.
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60
_WEEK = 7 * _DAY
_WORDS = re.compile(
    r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?\s+"
    r"(?P<from>\d\d):(?P<from_minute>\d\d)-(?P<to>\d\d):(?P<to_minute>\d\d)"
)


@frozen
class Hours:
    """Stretches of a week, in minutes from Monday's midnight by the local clock.

    Attributes:
        stretches: start and end of each, the end left out.
    """

    stretches: tuple[tuple[int, int], ...]

    def cover(self, minute: int) -> bool:
        """Whether a minute of the week lies in them."""
        return any(start <= minute < end for start, end in self.stretches)


#: Day and night.
_ALWAYS = Hours(((0, _WEEK),))


@frozen(kw_only=True)
class Owner:
    """A party or a desk that looks after stages.

    Attributes:
        name: as stages name it.
        hours: None if they are not decided.
        days_off: dates on which its hours do not count.
        out_of_hours: the owner who stands in outside its hours; empty for nobody.
        contact: how to reach it, such as a number; never a secret.
    """

    name: str
    hours: Hours | None = None
    days_off: frozenset[date] = frozenset()
    out_of_hours: str = ""
    contact: str = ""


@frozen
class Gap:
    """A stretch of the week that nobody covers.

    Attributes:
        owner: whose stages have nobody then.
        start: such as ``sat 00:00``.
        end: such as ``mon 08:00``.
    """

    owner: str
    start: str
    end: str

    def __str__(self) -> str:
        return f"{self.start} to {self.end}"


def hours_from(text: str) -> Hours:
    """Hours from words such as ``mon-fri 08:00-18:00, sat 09:00-12:00`` or ``always``.

    A stretch that ends before it begins goes over midnight.

    >>> hours_from("mon 08:00-09:00").stretches
    ((480, 540),)

    Raises:
        ValueError: the words are no hours.
    """
    if text.strip() == "always":
        return _ALWAYS
    found: list[tuple[int, int]] = []
    for part in text.lower().split(","):
        match = _WORDS.fullmatch(part.strip())
        if match is None or not {match["first"], match["last"] or "mon"} <= set(WEEKDAYS):
            raise ValueError(f"{part.strip()!r} is no hours; write mon-fri 08:00-18:00, or always")
        start = int(match["from"]) * 60 + int(match["from_minute"])
        end = int(match["to"]) * 60 + int(match["to_minute"])
        if start >= _DAY or end > _DAY or start == end:
            raise ValueError(f"{part.strip()!r}: hours go from 00:00 to 24:00, and last a while")
        first = WEEKDAYS.index(match["first"])
        last = WEEKDAYS.index(match["last"] or match["first"])
        for number in range((last - first) % 7 + 1):
            midnight = (first + number) % 7 * _DAY
            if start < end:
                found.append((midnight + start, midnight + end))
            else:
                found += [(midnight + start, midnight + _DAY)]
                if end:
                    after = (midnight + _DAY) % _WEEK
                    found.append((after, after + end))
    return Hours(tuple(sorted(found)))


def chain_of(owners: Mapping[str, Owner], name: str) -> Iterator[Owner]:
    """An owner and those who stand in, in order; each once."""
    seen: set[str] = set()
    while name in owners and name not in seen:
        seen.add(name)
        yield owners[name]
        name = owners[name].out_of_hours


def on_duty(owners: Mapping[str, Owner], name: str, at: datetime, zone: str) -> Owner | None:
    """Who looks after what an owner owns, at an instant; None for nobody, or nobody known."""
    local = at.astimezone(ZoneInfo(zone))
    minute = local.weekday() * _DAY + local.hour * 60 + local.minute
    for owner in chain_of(owners, name):
        if owner.hours is None or local.date() in owner.days_off:
            continue
        if owner.hours.cover(minute):
            return owner
    return None


def gaps(owners: Mapping[str, Owner], name: str) -> list[Gap]:
    """The stretches of a week, and of its days off, that nobody of a chain covers."""
    chain = list(chain_of(owners, name))
    stretches = sorted(s for one in chain if one.hours is not None for s in one.hours.stretches)
    found = [Gap(name, _clock(a), _clock(b)) for a, b in _rest(stretches, 0, _WEEK)]
    for day in sorted({day for one in chain for day in one.days_off}):
        midnight = day.weekday() * _DAY
        there = sorted(
            stretch
            for one in chain
            if one.hours is not None and day not in one.days_off
            for stretch in one.hours.stretches
        )
        usual = list(_rest(stretches, midnight, midnight + _DAY))
        rest = [one for one in _rest(there, midnight, midnight + _DAY) if one not in usual]
        found += [
            Gap(name, f"{day} {_clock(a)[4:]}", f"{day} {_clock(b)[4:] if b % _DAY else '24:00'}")
            for a, b in rest
        ]
    return found


def _rest(stretches: list[tuple[int, int]], start: int, end: int) -> Iterator[tuple[int, int]]:
    """What sorted stretches leave of a stretch."""
    for first, last in stretches:
        if first > start and start < end:
            yield start, min(first, end)
        start = max(start, last)
    if start < end:
        yield start, end


def _clock(minute: int) -> str:
    """A minute of the week as people write it; the end of the week is Sunday's."""
    if minute == _WEEK:
        return "sun 24:00"
    day, rest = divmod(minute, _DAY)
    return f"{WEEKDAYS[day]} {rest // 60:02}:{rest % 60:02}"
