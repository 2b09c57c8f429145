"""A working model: the chain's stages, who owns them, what is done when one fails.

In: values.  Out: a model, its hash, and what differs between two versions.  This module
reads no file and knows no failure.  What a document leaves open is None here, and never
filled in.  Capabilities 66 and 75.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise
from typing import Literal

from attrs import field, frozen

from dflow.contingency.hours import Owner
from dflow.operation import Difference, differences_of

__all__ = [
    "Backstop",
    "Difference",
    "Kind",
    "Level",
    "Model",
    "Part",
    "Stage",
    "ascending",
    "differences",
]

#: What a request does to a meter point.
Kind = Literal["reconnect", "disconnect", "other"]


@frozen(kw_only=True)
class Stage:
    """One stage of the chain.

    Attributes:
        number: its place, from 1.
        name: what happens there.
        system: empty if not known.
        owner: of `Model.owners`; empty if not decided.
        fallback: what is done while it is down; None if not decided.
        channel: the way of that fallback, ``webform`` or ``phone`` or another; empty if
            it is none.
        pauses: whether disconnections and the monitoring of thresholds stand still while
            the stage is down for the mass.
        destination: the exchange's destination that is closed while the stage is down for
            the mass; empty for none.
        records: the records downstream that are wrong after a meter point was done by
            hand, each to be confirmed.
        once: the records that are to be confirmed once, after it was down for the mass.
    """

    number: int
    name: str
    system: str = ""
    owner: str = ""
    fallback: str | None = None
    channel: str = ""
    pauses: bool = False
    destination: str = ""
    records: tuple[str, ...] = ()
    once: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Number and name."""
        return f"{self.number} {self.name}"


@frozen
class Part:
    """A share of the backstop: whose it is, and how many minutes."""

    owner: str
    minutes: float


@frozen(kw_only=True)
class Backstop:
    """The time in which a reconnection has to be done.

    Attributes:
        minutes: in all.
        parts: who has how much of it, in order.
        warn: shares of the first part at which is warned.
        source: where the numbers come from.
    """

    minutes: float = 75.0
    parts: tuple[Part, ...] = (Part("supplier", 60.0), Part("networks", 15.0))
    warn: tuple[float, ...] = (0.75, 1.0)
    source: str = ""

    @property
    def alarms(self) -> tuple[float, ...]:
        """Minutes after the start at which is warned; the last is the backstop itself."""
        first = self.parts[0].minutes if self.parts else self.minutes
        early = sorted({share * first for share in self.warn if share * first < self.minutes})
        return (*early, self.minutes)


@frozen(kw_only=True)
class Level:
    """A step of escalation.

    Attributes:
        name: such as ``duty manager``.
        after: minutes after a failure was opened.
        owner: of `Model.owners`, who is told.
        mass: whether it is for mass failures only.
    """

    name: str
    after: float
    owner: str
    mass: bool = False


@frozen(kw_only=True)
class Model:
    """A working model, as agreed.

    Attributes:
        name: of the chain.
        version: as the parties call it.
        agreed: when; None if it is not.
        agreed_by: the parties.
        zone: of the hours.
        stages: in order.
        owners: by name.
        levels: of escalation, earliest first.
        backstop: how long a reconnection may take.
        comments: what was said and decided, each beginning with a version.
    """

    name: str
    version: str = "1"
    agreed: date | None = None
    agreed_by: tuple[str, ...] = ()
    zone: str = "Europe/Dublin"
    stages: tuple[Stage, ...]
    owners: Mapping[str, Owner] = field(factory=dict)
    levels: tuple[Level, ...] = ()
    backstop: Backstop = field(factory=Backstop)
    comments: tuple[str, ...] = ()

    def stage(self, number: int) -> Stage | None:
        """A stage by its number."""
        return next((one for one in self.stages if one.number == number), None)

    @property
    def digest(self) -> str:
        """SHA-256 of all that it says: equal models have equal hashes, wherever they lie."""
        text = json.dumps(dict(_leaves(self)), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


def differences(old: Model, new: Model) -> list[Difference]:
    """What differs, in the order in which the new version says it; equal models have none."""
    return differences_of(dict(_leaves(old)), dict(_leaves(new)))


def _leaves(model: Model) -> Iterator[tuple[str, str]]:
    """Everything that a model says, as names and words."""
    yield "name", model.name
    yield "version", model.version
    yield "agreed", _said(model.agreed)
    yield "agreed by", _said(model.agreed_by)
    yield "zone", model.zone
    for stage in model.stages:
        for name in ("name", "system", "owner", "fallback", "channel", "pauses", "destination"):
            yield f"stage {stage.number} {name}", _said(getattr(stage, name))
        yield f"stage {stage.number} records", _said(stage.records)
        yield f"stage {stage.number} once", _said(stage.once)
    for name, owner in sorted(model.owners.items()):
        hours = None if owner.hours is None else owner.hours.stretches
        yield f"owner {name} hours", _said(hours)
        yield f"owner {name} days off", _said(tuple(sorted(owner.days_off)))
        yield f"owner {name} out of hours", owner.out_of_hours
        yield f"owner {name} contact", owner.contact
    for place, level in enumerate(model.levels, start=1):
        words = (level.name, level.after, level.owner, level.mass)
        yield f"level {place}", _said(words)
    yield "backstop minutes", _said(model.backstop.minutes)
    yield "backstop parts", _said(tuple((p.owner, p.minutes) for p in model.backstop.parts))
    yield "backstop warnings", _said(model.backstop.warn)
    yield "backstop source", model.backstop.source
    for place, words_ in enumerate(model.comments, start=1):
        yield f"comment {place}", words_


def _said(value: object) -> str:
    if value is None:
        return "not decided"
    if isinstance(value, tuple):
        inner = (f"({_said(one)})" if isinstance(one, tuple) else _said(one) for one in value)
        return ", ".join(inner)
    return str(value)


def ascending(levels: tuple[Level, ...]) -> bool:
    """Whether each level comes after the one before it."""
    return all(one.after < other.after for one, other in pairwise(levels))
