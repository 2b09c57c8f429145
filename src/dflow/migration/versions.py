"""Two versions of a migration plan: what one says and the other does not.

In: two setups.  Out: differences, in words.  Everything that a plan's file says counts, the
comments too; where it lies and its own hash do not.  Customers' moves are meter points, so
they are counted and not told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TypeGuard

from attrs import AttrsInstance, fields, has

from dflow.migration.config import Setup
from dflow.migration.reverse import Move
from dflow.migration.volumes import Volumes
from dflow.operation import Difference, differences_of

__all__ = ["Difference", "differences"]

#: Fields of which nothing is told: where a file lies, and what is told with the suppliers.
_APART = frozenset({"path", "digest", "tranches", "volumes"})
#: What names a part of a plan, best first; else its place does.
_NAMES = ("name", "why")


def differences(old: Setup, new: Setup) -> list[Difference]:
    """What differs, in the order in which the new version says it; equal plans have none."""
    found = differences_of(dict(_leaves(old)), dict(_leaves(new)))
    return [*found, *_replanned(old.plan.volumes, new.plan.volumes)]


def _leaves(setup: Setup) -> Iterator[tuple[str, str]]:
    """Everything that a plan says but its volumes, as names and words."""
    for name, value in _fields(setup):
        yield from _told("" if name == "plan" else name, value)


def _fields(value: AttrsInstance) -> Iterator[tuple[str, object]]:
    for one in fields(type(value)):
        if one.name not in _APART or (one.name == "tranches" and not isinstance(value, Setup)):
            yield one.name, getattr(value, one.name)


def _is_attrs(value: object) -> TypeGuard[AttrsInstance]:
    return has(type(value))


def _told(name: str, value: object) -> Iterator[tuple[str, str]]:
    if _is_attrs(value):
        for inner, below in _fields(value):
            # A limit's own name says nothing that its place does not.
            if not (name and inner in ("name", "mpid")):
                yield from _told(f"{name} {inner.replace('_', ' ')}".strip(), below)
    elif isinstance(value, Mapping):
        for key in sorted(value):
            yield from _told(f"{_one(name)} {key}", value[key])
    elif isinstance(value, tuple) and value and isinstance(value[0], Move):
        digest = hashlib.sha256("\n".join(map(repr, value)).encode()).hexdigest()
        yield name, f"{len(value):,}, SHA-256 {digest[:12]}"
    elif isinstance(value, tuple) and (name == "comments" or (value and has(type(value[0])))):
        for label, below in zip(_labels(value), value, strict=True):
            yield from _told(f"{_one(name)} {label}", below)
    elif value is None:
        yield name, "not said"
    elif isinstance(value, (tuple, frozenset)):
        told = [str(one) for one in value]
        yield name, ", ".join(sorted(told) if isinstance(value, frozenset) else told) or "none"
    elif isinstance(value, Path):
        yield name, value.name
    else:
        yield name, f"{value:,}" if type(value) is int else str(value)


def _labels(parts: Sequence[object]) -> list[str]:
    """The parts' own names, if each has another one; else their places."""
    named = [next((str(getattr(one, n)) for n in _NAMES if hasattr(one, n)), "") for one in parts]
    if "" in named or len(set(named)) < len(named):
        return [str(place) for place in range(1, len(parts) + 1)]
    return named


def _one(name: str) -> str:
    """The name of one of several."""
    return name.removesuffix("s")


def _replanned(old: Volumes | None, new: Volumes | None) -> Iterator[Difference]:
    """Suppliers and networks of which other numbers, or other days, are planned."""
    before, after = _by_day(old), _by_day(new)
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key, {}), after.get(key, {})
        if was == now:
            continue
        days = sum(was.get(day) != now.get(day) for day in was.keys() | now.keys())
        what = f"planned of {key[0]} on network {key[1]} ({days:,} days differ)"
        yield Difference(what, _sum(was) if was else None, _sum(now) if now else None)


def _by_day(volumes: Volumes | None) -> dict[tuple[str, str], dict[date, int]]:
    """The numbers by supplier and network, and by day; days without any are left out."""
    if volumes is None:
        return {}
    found = {
        key: {volumes.start + timedelta(days=n): number for n, number in enumerate(row) if number}
        for key, row in volumes.cells.items()
    }
    return {key: days for key, days in found.items() if days}


def _sum(days: Mapping[date, int]) -> str:
    return f"{sum(days.values()):,} from {min(days)} to {max(days)}"
