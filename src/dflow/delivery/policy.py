"""How a destination is treated: retries, rest after failures, quotas, closed hours.

In: numbers from a configuration, and instants.  Out: waits, allowances and times to look
again.  This module does no I/O and reads no clock: instants are POSIX seconds, given by
the caller, and chance is a number from 0 to 1, given too.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from attrs import evolve, field, frozen
from attrs.validators import ge, gt

__all__ = [
    "Allowance",
    "Breaker",
    "Closed",
    "Health",
    "Order",
    "Quota",
    "Retry",
    "Spent",
    "Treatment",
    "Unanswered",
]

#: Which deliveries to one destination wait for each other.
Order = Literal["none", "sender", "sender and flow", "all"]

#: What to do with an unknown delivery that its destination cannot be asked about.
Unanswered = Literal["person", "again"]


@frozen(kw_only=True)
class Retry:
    """Waits between attempts: exponential, capped, with jitter.

    Attributes:
        first: seconds after the first failure.
        factor: each wait is so many times the one before.
        cap: no wait is longer, jitter aside.
        jitter: part of the wait by which it may be longer or shorter, 0 to 1.
        attempts: after so many the delivery is dead; None for no limit.
        give_up: seconds after its first attempt, after which it is dead; None for no limit.
    """

    first: float = field(default=5.0, validator=gt(0))
    factor: float = field(default=2.0, validator=gt(0))
    cap: float = field(default=900.0, validator=gt(0))
    jitter: float = field(default=0.2, validator=ge(0))
    attempts: int | None = None
    give_up: float | None = 7 * 86400.0

    @property
    def longest(self) -> float:
        """Seconds that no wait exceeds."""
        return self.cap * (1.0 + self.jitter)

    def wait(self, attempts: int, chance: float) -> float:
        """Seconds to wait after so many attempts; `chance` is from 0 to 1.

        >>> Retry(first=5, cap=60, jitter=0).wait(3, 0.5)
        20.0
        """
        # The exponent is bounded, so that a year of attempts does not overflow.
        exact = min(self.cap, self.first * self.factor ** min(attempts - 1, 64))
        return exact * (1.0 + self.jitter * (2.0 * chance - 1.0))

    def exhausted(self, attempts: int, age: float) -> bool:
        """Whether no more attempts are allowed, after so many, so many seconds after the first."""
        if self.attempts is not None and attempts >= self.attempts:
            return True
        return self.give_up is not None and age >= self.give_up


@frozen(kw_only=True)
class Health:
    """What is known of a destination's health; changes by `Breaker` only.

    Attributes:
        failures: in a row.
        down_since: instant of the first of them; None if it is up.
        rest_until: nothing is sent before; None if the breaker is closed.
        trial: whether one attempt is under way to see if it is back.
    """

    failures: int = 0
    down_since: float | None = None
    rest_until: float | None = None
    trial: bool = False


@frozen(kw_only=True)
class Breaker:
    """Rest after failures in a row, then one trial at a time until the destination is back.

    Attributes:
        after: failures in a row that open it.
        rest: seconds of the first rest; each later one is twice as long.
        cap: no rest is longer.
    """

    after: int = field(default=5, validator=gt(0))
    rest: float = field(default=30.0, validator=gt(0))
    cap: float = field(default=600.0, validator=gt(0))

    def failed(self, health: Health, now: float) -> Health:
        """The health after an attempt that the destination could not take.

        What ends during a rest was under way when it began: it makes it no longer.
        """
        rest_until = health.rest_until
        if rest_until is not None and now < rest_until:
            return evolve(health, trial=False)
        failures = health.failures + 1
        if failures >= self.after:
            longer = min(failures - self.after, 32)
            rest_until = now + min(self.cap, self.rest * 2.0**longer)
        since = now if health.down_since is None else health.down_since
        return Health(failures=failures, down_since=since, rest_until=rest_until)

    @staticmethod
    def answered(_health: Health) -> Health:
        """The health after the destination answered, be it a receipt or a refusal."""
        return Health()

    @staticmethod
    def started(health: Health) -> Health:
        """The health after an attempt began: during a rest it is the one trial."""
        return evolve(health, trial=True) if health.rest_until is not None else health


@frozen(kw_only=True)
class Spent:
    """What was used of a quota.

    Attributes:
        tokens: attempts that may start at once, at `at`.
        at: the instant of `tokens`.
        day: the day of `count`, as its number.
        count: attempts started on that day.
    """

    tokens: float = 0.0
    at: float = 0.0
    day: int = 0
    count: int = 0


@frozen(kw_only=True)
class Quota:
    """How many attempts may start, by the second and by the day; None for no limit.

    Attributes:
        per_second: on average; as many (at least one) may start at once.
        per_day: in one calendar day of `zone`.
        zone: name of the time zone in which days begin.
    """

    per_second: float | None = None
    per_day: int | None = None
    zone: str = "UTC"

    def _day(self, now: float) -> datetime:
        local = datetime.fromtimestamp(now, ZoneInfo(self.zone))
        # Where midnight is shown twice, as in the Azores, the first of them.
        return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)

    def day(self, now: float) -> int:
        """The number of the day of `now`."""
        return self._day(now).toordinal()

    def day_start(self, now: float) -> float:
        """The instant at which the day of `now` began."""
        return self._day(now).timestamp()

    def fresh(self, now: float, *, used_today: int = 0) -> Spent:
        """A full allowance, less what the day has used already."""
        burst = max(1.0, self.per_second or 0.0)
        return Spent(tokens=burst, at=now, day=self._day(now).toordinal(), count=used_today)

    def _refilled(self, spent: Spent, now: float) -> Spent:
        if self.per_second is not None:
            burst = max(1.0, self.per_second)
            # A clock that was set back gives nothing, and takes nothing away.
            gained = max(0.0, now - spent.at) * self.per_second
            spent = evolve(spent, tokens=min(burst, spent.tokens + gained), at=now)
        if self.per_day is not None and (day := self._day(now).toordinal()) != spent.day:
            spent = evolve(spent, day=day, count=0)
        return spent

    def room(self, spent: Spent, now: float) -> tuple[int | None, float | None]:
        """How many may start now (None for any number); if none, when to look again."""
        spent = self._refilled(spent, now)
        room: int | None = None
        if self.per_second is not None:
            room = int(spent.tokens + 1e-9)
            if not room:
                return 0, now + (1.0 - spent.tokens) / self.per_second
        if self.per_day is not None:
            left = self.per_day - spent.count
            if left <= 0:
                return 0, (self._day(now) + timedelta(days=1)).timestamp()
            room = left if room is None else min(room, left)
        return room, None

    def used(self, spent: Spent, now: float, number: int) -> Spent:
        """What is spent after so many more attempts started."""
        spent = self._refilled(spent, now)
        return evolve(spent, tokens=spent.tokens - number, count=spent.count + number)


_TICK = timedelta(microseconds=1)
_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _shown(end: time | datetime) -> time | datetime:
    """A time of day as a clock shows it: which of two in a night is no matter of the time."""
    return end if isinstance(end, datetime) else end.replace(fold=0)


@frozen(kw_only=True)
class Closed:
    """Hours in which nothing is sent, half-open: weekly by the clock, or once.

    Attributes:
        start: local time of day, or an instant for a single window.
        end: as `start`; a time of day not after `start` is on the next day.
        days: weekdays on which it starts, such as ``sun``; empty for every day.
        zone: name of the time zone of times of day.
    """

    start: time | datetime = field(converter=_shown)
    end: time | datetime = field(converter=_shown)
    days: tuple[str, ...] = ()
    zone: str = "UTC"

    def __attrs_post_init__(self) -> None:
        if isinstance(self.start, datetime) is not isinstance(self.end, datetime):
            raise ValueError("both ends are times of day, or both are instants")
        if unknown := [day for day in self.days if day not in _WEEK]:
            raise ValueError(f"{unknown[0]!r} is no day; expected {', '.join(_WEEK)}")
        if isinstance(self.start, datetime) and isinstance(self.end, datetime):
            if self._instant(self.end) <= self._instant(self.start):
                raise ValueError("the window ends before it starts")
        elif self.start == self.end:
            raise ValueError("the window is empty")

    def _instant(self, moment: datetime) -> float:
        zone = ZoneInfo(self.zone)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()

    def until(self, now: float) -> float | None:
        """When the window that `now` lies in ends; None if it lies in none."""
        if isinstance(self.start, datetime) and isinstance(self.end, datetime):
            start, end = self._instant(self.start), self._instant(self.end)
            return end if start <= now < end else None
        if isinstance(self.start, datetime) or isinstance(self.end, datetime):
            return None
        zone = ZoneInfo(self.zone)
        local = datetime.fromtimestamp(now, UTC).astimezone(zone)
        for day in (local.date(), local.date() - timedelta(days=1)):
            if self.days and _WEEK[day.weekday()] not in self.days:
                continue
            last = day if self.end > self.start else day + timedelta(days=1)
            opens, shuts = datetime.combine(day, self.start), datetime.combine(last, self.end)
            # Where the clock shows an hour twice, from the first start until the end has been
            # shown for the last time.  What the clock shows counts too: where it skips an
            # hour, a start or an end in it never comes.
            begins = opens.replace(tzinfo=zone).timestamp()
            within = (shuts - _TICK).replace(tzinfo=zone, fold=1)
            ends = (within.astimezone(UTC) + _TICK).timestamp()
            if begins <= now < ends or opens <= local.replace(tzinfo=None) < shuts:
                return ends if ends > now else shuts.replace(tzinfo=zone).timestamp()
        return None


@frozen(kw_only=True)
class Allowance:
    """How many attempts may start now.

    Attributes:
        number: that many, at most.
        again: when to look again, if `number` is 0 and time alone may change it.
        why: what stands in the way, if `number` is 0.
    """

    number: int
    again: float | None = None
    why: str = ""


@frozen(kw_only=True)
class Treatment:
    """Everything that is said about one destination, apart from how to reach it.

    Attributes:
        concurrency: attempts under way at once.
        timeout: seconds after which an attempt is given up, as lost.
        order: which deliveries wait for each other.
        retry: waits between attempts.
        breaker: rest after failures in a row.
        quota: limits by the second and the day.
        closed: maintenance windows.
        fallback_after: seconds of being down after which deliveries with a fallback are
            diverted to it; None for only when a person says so.
        unanswered: what to do when the destination cannot be asked about an unknown
            delivery: wait for a person, or send again with the same key.
    """

    concurrency: int = field(default=4, validator=gt(0))
    timeout: float = field(default=60.0, validator=gt(0))
    order: Order = "none"
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    quota: Quota = Quota()
    closed: tuple[Closed, ...] = ()
    fallback_after: float | None = 600.0
    unanswered: Unanswered = "person"

    def allowance(self, *, now: float, under_way: int, health: Health, spent: Spent) -> Allowance:
        """How many attempts may start now, and if none, why and until when."""
        for window in self.closed:
            if (ends := window.until(now)) is not None:
                return Allowance(number=0, again=ends, why="closed for maintenance")
        room = self.concurrency - under_way
        if health.rest_until is not None:
            if health.trial or under_way:
                return Allowance(number=0, why="resting after failures, one trial under way")
            if now < health.rest_until:
                return Allowance(number=0, again=health.rest_until, why="resting after failures")
            room = 1
        if room <= 0:
            return Allowance(number=0, why="as many attempts under way as allowed")
        left, again = self.quota.room(spent, now)
        if left is not None:
            if not left:
                return Allowance(number=0, again=again, why="quota used up")
            room = min(room, left)
        return Allowance(number=room)

    def diverts(self, health: Health, now: float) -> bool:
        """Whether the destination has been down for so long that fallbacks take over."""
        if self.fallback_after is None or health.down_since is None:
            return False
        return health.rest_until is not None and now - health.down_since >= self.fallback_after
