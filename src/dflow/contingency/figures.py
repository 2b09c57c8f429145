"""Figures of a contingency: how long requests took, how many waited, who was late.

In: a standing and an instant.  Out: numbers.  This module judges nothing.
Capability 73, performance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from attrs import frozen

from dflow.contingency.cases import Request
from dflow.contingency.model import Kind, Model
from dflow.contingency.standing import Standing

__all__ = ["Figures", "by_channel", "by_stage", "figures", "percentile", "queue", "shares"]


@frozen(kw_only=True)
class Figures:
    """How a group of requests fared.

    Attributes:
        name: of the group.
        requests: how many.
        resolved: how many are done.
        breaches: how many passed their backstop.
        median: minutes from the start until they were done; None if none is.
        p90: within which nine of ten were done.
        p99: within which ninety-nine of a hundred were done.
        longest: of all.
    """

    name: str
    requests: int
    resolved: int
    breaches: int
    median: float | None
    p90: float | None
    p99: float | None
    longest: float | None


def percentile(values: Sequence[float], share: float) -> float | None:
    """The least value that a share of the values does not pass; None if there are none.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5)
    2.0
    """
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def figures(name: str, requests: Iterable[Request], at: datetime) -> Figures:
    """The figures of a group; cancelled requests took no time."""
    group = list(requests)
    done = [one for one in group if one.resolved is not None and one.outcome != "cancelled"]
    minutes = [
        (one.resolved - one.started) / timedelta(minutes=1)
        for one in done
        if one.resolved is not None
    ]
    return Figures(
        name=name,
        requests=len(group),
        resolved=len(done),
        breaches=sum(one.breached(at) for one in group),
        median=percentile(minutes, 0.5),
        p90=percentile(minutes, 0.9),
        p99=percentile(minutes, 0.99),
        longest=max(minutes, default=None),
    )


def by_channel(standing: Standing, at: datetime) -> list[Figures]:
    """Reconnections by the channel that did them; those that none did so far last."""
    groups: dict[str, list[Request]] = {}
    for one in standing.requests.values():
        if one.kind == "reconnect" and one.outcome != "cancelled":
            groups.setdefault(one.channel if one.resolved else "", []).append(one)
    return [figures(name or "not done", groups[name], at) for name in sorted(groups, reverse=True)]


def by_stage(standing: Standing, model: Model, at: datetime) -> list[Figures]:
    """Reconnections by the stages that were down while they waited."""
    found: list[Figures] = []
    reconnections = [one for one in standing.requests.values() if one.kind == "reconnect"]
    for stage in model.stages:
        failures = [one for one in standing.failures.values() if one.stage == stage.number]
        group = [
            one
            for one in reconnections
            if any(
                failure.mprn in ("", one.mprn)
                and one.started <= (failure.ended or at)
                and (one.resolved or at) >= failure.since
                for failure in failures
            )
        ]
        if group:
            found.append(figures(stage.title, group, at))
    return found


def shares(standing: Standing, model: Model) -> list[tuple[str, float, int, float | None]]:
    """Of each part of the backstop: its owner, its minutes, how many passed it, nine of ten.

    The first part ends when networks have the request, the last when it is done.
    """
    parts = model.backstop.parts
    if len(parts) != 2:
        return []
    first: list[float] = []
    last: list[float] = []
    for one in standing.requests.values():
        if one.kind != "reconnect" or one.outcome == "cancelled" or one.handed is None:
            continue
        first.append((one.handed - one.started) / timedelta(minutes=1))
        if one.resolved is not None:
            last.append((one.resolved - one.handed) / timedelta(minutes=1))
    return [
        (part.owner, part.minutes, sum(v > part.minutes for v in values), percentile(values, 0.9))
        for part, values in zip(parts, (first, last), strict=True)
    ]


def queue(
    standing: Standing, at: datetime, *, most: int = 200
) -> tuple[list[datetime], dict[Kind, list[int]]]:
    """How many requests waited, by kind, at instants from the first request to `at`.

    A request waits from its start until networks have it, or it is cancelled.
    """
    requests = list(standing.requests.values())
    if not requests:
        return [], {}
    begin = min(one.started for one in requests)
    ends = [one.handed or one.resolved for one in requests]
    last = at if None in ends else max(one for one in ends if one is not None)
    last = max(last, begin + timedelta(minutes=1))
    minutes = math.ceil((last - begin) / timedelta(minutes=1)) + 1
    step = max(1, math.ceil(minutes / most))
    places = list(range(0, minutes + step, step))
    steps: dict[Kind, list[int]] = {}
    for one in requests:
        line = steps.setdefault(one.kind, [0] * (len(places) + 1))
        line[_place(one.started, begin, step)] += 1
        gone = one.handed or one.resolved
        if gone is not None:
            line[min(_place(max(gone, one.started), begin, step), len(places))] -= 1
    counted: dict[Kind, list[int]] = {}
    for kind, line in steps.items():
        total, values = 0, []
        for number in line[: len(places)]:
            total += number
            values.append(total)
        counted[kind] = values
    return [begin + timedelta(minutes=place) for place in places], counted


def _place(instant: datetime, begin: datetime, step: int) -> int:
    return math.ceil((instant - begin) / timedelta(minutes=step))
