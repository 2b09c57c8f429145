"""Volumes: what a rule set would send where, hour by hour, over real files.

In: a rule set, and files with their headers, sizes and instants.  Out: counts and bytes
for each destination and hour, for each outcome, and for what each clone adds.  This
module does not send anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from attrs import define, field, frozen

from dflow.envelope import Header
from dflow.flow import Flow
from dflow.routing.routes import Routes

__all__ = ["Sample", "Simulation", "Volume", "simulate"]


@frozen(kw_only=True)
class Sample:
    """A file to simulate.

    Attributes:
        header: its address.
        at: the instant it would arrive.
        size: its length in bytes.
        flow: its tree, where a rule may ask for items; else None.
    """

    header: Header
    at: datetime
    size: int
    flow: Flow | None = None


@define
class Volume:
    """Files and bytes."""

    files: int = 0
    size: int = 0

    def add(self, size: int) -> None:
        """Count one file more."""
        self.files += 1
        self.size += size

    def as_json(self) -> dict[str, int]:
        """The volume as a JSON object."""
        return {"files": self.files, "bytes": self.size}


@define
class Simulation:
    """What a rule set would have done.

    Attributes:
        files: how many were asked about.
        outcomes: volumes by outcome.
        hours: volumes by destination, then by hour in the rules' time zone.
        clones: what each clone adds, by its name; an upper bound where it copies only
            matching instances.
        temporary: the names of the clones that have an end.
    """

    files: int = 0
    outcomes: dict[str, Volume] = field(factory=dict)
    hours: dict[str, dict[str, Volume]] = field(factory=dict)
    clones: dict[str, Volume] = field(factory=dict)
    temporary: frozenset[str] = frozenset()

    def total(self, destination: str) -> Volume:
        """All hours of a destination together."""
        hours = self.hours.get(destination, {}).values()
        return Volume(sum(one.files for one in hours), sum(one.size for one in hours))

    def as_json(self) -> dict[str, object]:
        """The simulation as a JSON object."""
        return {
            "files": self.files,
            "outcomes": {name: one.as_json() for name, one in self.outcomes.items()},
            "destinations": {
                name: {hour: one.as_json() for hour, one in sorted(hours.items())}
                for name, hours in self.hours.items()
            },
            "clones": {
                name: {**one.as_json(), "temporary": name in self.temporary}
                for name, one in self.clones.items()
            },
        }

    def __str__(self) -> str:
        lines = [f"{self.files} files"]
        lines += [f"  {name}: {_told(one)}" for name, one in sorted(self.outcomes.items())]
        for name in sorted(self.hours):
            lines.append(f"{name}: {_told(self.total(name))}")
            lines += [f"  {hour}  {_told(one)}" for hour, one in sorted(self.hours[name].items())]
        for name, one in sorted(self.clones.items()):
            kind = "temporary clone" if name in self.temporary else "clone"
            lines.append(f"{kind} {name} adds {_told(one)}")
        return "\n".join(lines)


def _told(volume: Volume) -> str:
    return f"{volume.files} files, {volume.size} bytes"


def simulate(routes: Routes, samples: Iterable[Sample]) -> Simulation:
    """What a rule set would have done with some files.

    Raises:
        StructureError: if a rule asks for items and a file came without its tree.
    """
    clones = [rule for rule in routes.rules if rule.kind == "clone"]
    found = Simulation(
        clones={rule.name: Volume() for rule in clones},
        temporary=frozenset(rule.name for rule in clones if rule.window and rule.window.end),
    )
    for one in samples:
        decision = routes.decide(one.header, at=one.at, flow=one.flow)
        hour = one.at.astimezone(routes.zone).strftime("%Y-%m-%dT%H%z")
        found.files += 1
        found.outcomes.setdefault(decision.outcome, Volume()).add(one.size)
        for target in decision.deliveries:
            _hour(found, target.destination, hour).add(one.size)
        for copy in decision.copies:
            _hour(found, copy.destination, hour).add(one.size)
            found.clones[copy.rule].add(one.size)
    return found


def _hour(found: Simulation, destination: str, hour: str) -> Volume:
    return found.hours.setdefault(destination, {}).setdefault(hour, Volume())
