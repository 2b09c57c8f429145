"""Clones and holds that start and end by themselves, and say so in an event.

In: rules, the journal's events, an instant.  Out: events, one for each start and end, also
across restarts, and the instant of the next.  This module decides nothing: the rules do,
whether or not anybody was told.

What was told last stands in the journal: the newest event of a rule, whose name is the
event's `detail`.  So a start that passed while nothing ran is told by the next run, and
none is told twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from functools import partial

from attrs import define, field

from dflow.exchange.journal import EventRow, Journal, JournalError
from dflow.exchange.scribe import Scribe
from dflow.routing import Routes
from dflow.routing.resolve import ReadyRule

__all__ = ["Calendar", "Told", "next_change", "turns"]

#: Kinds of rule whose windows are told.
_KINDS = ("clone", "hold")
#: Seconds after which the clock is looked at again, should it have been set.
_LONGEST = 60.0

#: Whether a rule was told to have started, by its kind and name.
Told = dict[tuple[str, str], bool]


def _told(journal: Journal) -> Told:
    """What the journal's events say: the newest of each rule counts."""
    found = [
        (event.id, (kind, event.detail), word == "started")
        for kind in _KINDS
        for word in ("started", "ended")
        for event in journal.events(kind=f"{kind} {word}")
    ]
    return {key: started for _, key, started in sorted(found)}


def _bounds(ready: ReadyRule) -> tuple[datetime | None, datetime | None]:
    return ready.span.start, ready.span.end


def next_change(routes: Routes, now: float) -> float | None:
    """The first instant after `now` at which a clone or a hold starts or ends."""
    bounds = (
        bound.timestamp()
        for ready in routes.ready
        if ready.rule.kind in _KINDS
        for bound in _bounds(ready)
        if bound is not None
    )
    return min((bound for bound in bounds if bound > now), default=None)


def turns(routes: Routes, told: Told, now: float) -> Iterator[EventRow]:
    """The events that are due: who started or ended since it was last told."""
    instant = datetime.fromtimestamp(now, UTC)
    there: set[tuple[str, str]] = set()
    for ready in routes.ready:
        rule = ready.rule
        if rule.kind not in _KINDS:
            continue
        key = (rule.kind, rule.name)
        there.add(key)
        started = told.get(key, False)
        if rule.window is None and not started:
            continue  # it is always there: no news
        active = instant in ready.span
        if active != started:
            word = "started" if active else "ended"
            yield EventRow(
                at=now,
                kind=f"{rule.kind} {word}",
                why=_why(ready, instant, routes.zone),
                detail=rule.name,
            )
    for kind, name in sorted(key for key, started in told.items() if started and key not in there):
        why = f"{name}: it is no longer in the rules"
        yield EventRow(at=now, kind=f"{kind} ended", why=why, detail=name)


def _why(ready: ReadyRule, instant: datetime, zone: tzinfo) -> str:
    rule = ready.rule
    start, end = _bounds(ready)
    words = f"{rule.name}: {rule.because}" if rule.because else rule.name
    if rule.owner:
        words += f" (owner {rule.owner})"
    if start is not None and instant < start:
        return f"{words}; it starts {_local(start, zone)}"
    if end is None:
        return f"{words}; it has no end"
    return f"{words}; it {'ends' if instant < end else 'ended'} {_local(end, zone)}"


def _local(instant: datetime, zone: tzinfo) -> str:
    return instant.astimezone(zone).isoformat(timespec="minutes")


def _note_swap(journal: Journal, swap: EventRow) -> None:
    """Note a change of rules, unless another worker that follows the same file has just done so."""
    _in_turn(journal)
    newest = journal.events(kind="rules changed")[-1:]
    if not any(one.detail == swap.detail and abs(swap.at - one.at) < _LONGEST for one in newest):
        journal.note(swap)


def _in_turn(journal: Journal) -> None:
    """Several workers may share the journal: the number is what they wait for each other at.

    It is always the same, so that none is missing.
    """
    journal.sequence("dflow", "windows of rules", 0)


@define(eq=False, kw_only=True)
class Calendar:
    """Notes starts and ends while an exchange runs; sleeps in between.

    Attributes:
        scribe: writes the journal.
        clock: POSIX seconds.
        routes: the rules of now.
    """

    scribe: Scribe
    clock: Callable[[], float]
    routes: Callable[[], Routes]
    _changed: asyncio.Event = field(factory=asyncio.Event, init=False)
    _told: Told | None = field(default=None, init=False)
    _swaps: list[EventRow] = field(factory=list, init=False)

    def rules_changed(self, before: str) -> None:
        """Note that others decide than those of hash `before`, and look at them."""
        after = self.routes().rules_hash
        if after != before:
            why = f"other rules decide from now on: {after[:12]} in place of {before[:12]}"
            words = f"from {before} to {after}"
            self._swaps.append(
                EventRow(at=self.clock(), kind="rules changed", why=why, detail=words)
            )
        self._changed.set()

    async def turn(self) -> None:
        """Note what has changed, started or ended."""
        while self._swaps:
            await self.scribe.do(partial(_note_swap, swap=self._swaps[0]))
            del self._swaps[0]
        if self._told is None:
            self._told = await self.scribe.do(_told)
        routes, now = self.routes(), self.clock()
        if not list(turns(routes, self._told, now)):
            return

        def write(journal: Journal) -> Told:
            # Others may have woken at the same instant: the journal is asked again.
            _in_turn(journal)
            told = _told(journal)
            for event in turns(routes, told, now):
                journal.note(event)
            return _told(journal)

        self._told = await self.scribe.do(write)

    async def run(self) -> None:
        """Note starts and ends when they come, until cancelled."""
        while True:
            self._changed.clear()
            wait = 1.0
            with contextlib.suppress(JournalError):
                await self.turn()
                now = self.clock()
                change = next_change(self.routes(), now)
                wait = _LONGEST if change is None else min(_LONGEST, change - now)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), max(wait, 0.001))
