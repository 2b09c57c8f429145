"""The state of an exchange at a glance: depths, ages, what waits for a person.

In: a journal and an instant.  Out: a value with its lines and its JSON.  This module
counts what is not finished, so it stays quick however much was delivered.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from dflow.delivery import State
from dflow.exchange.journal import Backlog, Journal, LaneRow, Outcome, SequenceRow
from dflow.exchange.journal.sequences import spans_text
from dflow.exchange.masking import masked

__all__ = ["Status", "age_text", "status_of"]


def age_text(seconds: float) -> str:
    """An age in one or two units.

    >>> age_text(59), age_text(3725), age_text(200_000)
    ('59 s', '1 h 2 min', '2 d 7 h')
    """
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


@frozen(kw_only=True)
class Status:
    """An exchange at an instant.

    Attributes:
        now: the instant.
        lanes: what is remembered of each destination.
        backlog: what is not finished, by destination and state.
        outcomes: how many arrivals had each outcome.
        unmounted: destinations with a backlog and without a mount, which nobody sends.
        missing: the sources and targets of which file sequence numbers are missing.
    """

    now: float
    lanes: tuple[LaneRow, ...]
    backlog: tuple[Backlog, ...]
    outcomes: dict[Outcome, int]
    unmounted: frozenset[str] = frozenset()
    missing: tuple[SequenceRow, ...] = ()

    @property
    def waiting(self) -> dict[Outcome, int]:
        """The arrivals that wait for a person, by outcome."""
        return {
            outcome: n
            for outcome, n in self.outcomes.items()
            if not outcome.settled and outcome is not Outcome.REFUSED
        }

    @property
    def needs_a_person(self) -> bool:
        """Whether something will not be finished unless somebody looks at it."""
        odd = {State.DEAD, State.UNKNOWN, State.HELD}
        return bool(self.waiting or self.unmounted) or any(one.state in odd for one in self.backlog)

    def lines(self) -> list[str]:
        """For a person."""
        lines: list[str] = []
        for lane in self.lanes:
            words = ["no mount"] * (lane.destination in self.unmounted)
            words += ["paused"] * lane.paused + ["fallback on"] * lane.diverted
            if lane.down_since is not None:
                words.append(f"down for {age_text(self.now - lane.down_since)}")
            mine = [one for one in self.backlog if one.destination == lane.destination]
            words += [
                f"{one.number} {one.state.value} (oldest {age_text(self.now - one.oldest)})"
                for one in mine
            ]
            lines.append(f"{lane.destination}: {', '.join(words) or 'nothing waits'}")
        for outcome, number in self.waiting.items():
            lines.append(f"arrivals {outcome.value}: {number}")
        lines += [
            masked(f"{one.source} to {one.target}: numbers missing: {spans_text(one.missing)}")
            for one in self.missing
        ]
        total = sum(self.outcomes.values())
        lines.append(f"arrivals in the journal: {total}")
        return lines

    def as_json(self) -> dict[str, object]:
        """As the JSON object that `--json` prints."""
        return {
            "destinations": [
                {
                    "destination": lane.destination,
                    "mounted": lane.destination not in self.unmounted,
                    "paused": lane.paused,
                    "fallback": lane.diverted,
                    "down_seconds": None
                    if lane.down_since is None
                    else round(self.now - lane.down_since, 3),
                    "backlog": {
                        one.state.value: {
                            "number": one.number,
                            "oldest_seconds": round(self.now - one.oldest, 3),
                        }
                        for one in self.backlog
                        if one.destination == lane.destination
                    },
                }
                for lane in self.lanes
            ],
            "arrivals": {outcome.value: n for outcome, n in self.outcomes.items()},
            "missing": [
                {
                    "source": masked(one.source),
                    "target": masked(one.target),
                    "numbers": [[span.first, span.last] for span in one.missing],
                }
                for one in self.missing
            ],
            "needs_a_person": self.needs_a_person,
        }


def status_of(journal: Journal, destinations: Iterable[str], *, now: float) -> Status:
    """The status of an exchange, with every destination that has a mount or a backlog.

    Args:
        journal: of the exchange.
        destinations: the names of the mounts.
        now: the instant.
    """
    # A database tells them in any order; people and scripts compare one time with another.
    places = {state: place for place, state in enumerate(State)}
    backlog = tuple(sorted(journal.backlog(), key=lambda one: (one.destination, places[one.state])))
    counted = journal.outcomes()
    mounted = list(destinations)
    names = dict.fromkeys([*mounted, *(one.destination for one in backlog)])
    return Status(
        now=now,
        lanes=tuple(journal.lane(name) for name in names),
        backlog=backlog,
        outcomes={outcome: counted[outcome] for outcome in Outcome if outcome in counted},
        unmounted=frozenset(names).difference(mounted),
        missing=tuple(journal.missing()),
    )
