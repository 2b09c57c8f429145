"""What in a cut-over plan cannot be meant, told before anything is moved.

In: a plan.  Out: contradictions.  This module asks no clock: windows that are over are
`CutoverPlan.over`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from attrs import frozen

from dflow.cutover.plan import CutoverPlan, Restriction, Step

__all__ = ["Contradiction", "contradictions", "counted", "hours"]


@frozen
class Contradiction:
    """Something that cannot be meant.

    Attributes:
        about: the step's name, or the system's.
        words: one sentence.
    """

    about: str
    words: str


def contradictions(plan: CutoverPlan) -> Iterator[Contradiction]:
    """Every contradiction of a plan with itself."""
    yield from _dependencies(plan)
    yield from _overlaps(plan)
    yield from _outages(plan)
    yield from _closure(plan)


def _dependencies(plan: CutoverPlan) -> Iterator[Contradiction]:
    names = {one.name: one for one in plan.steps}
    for one in plan.steps:
        for before in one.after:
            if before in names and names[before].start > one.start:
                words = (
                    f"step {one.name} begins {plan.local(one.start)}, before {before}, which it"
                    f" depends on and which begins {plan.local(names[before].start)}"
                )
                yield Contradiction(one.name, words)
    done: set[str] = set()
    while fresh := [o.name for o in plan.steps if o.name not in done and {*o.after} <= done]:
        done.update(fresh)
    ring = [one.name for one in plan.steps if one.name not in done and {*one.after} <= {*names}]
    if ring:
        yield Contradiction(ring[0], f"steps wait for each other, for ever: {', '.join(ring)}")


def _overlaps(plan: CutoverPlan) -> Iterator[Contradiction]:
    for number, one in enumerate(plan.steps):
        for other in plan.steps[number + 1 :]:
            shared = sorted({*one.uses} & {*other.uses})
            if shared and (one.alone or other.alone) and _meet(one, other):
                words = (
                    f"steps {one.name} and {other.name} both use {shared[0]}, and one of them"
                    " wants it alone: their windows overlap"
                )
                yield Contradiction(other.name, words)
    for place, first in enumerate(plan.restrictions):
        for second in plan.restrictions[place + 1 :]:
            if first.system == second.system and _meet(first, second):
                words = f"two restrictions of {first.system} overlap: which functions are left?"
                yield Contradiction(first.system, words)


def _outages(plan: CutoverPlan) -> Iterator[Contradiction]:
    names = {one.name: one for one in plan.steps}
    for one in plan.outages:
        step = names.get(one.step)
        if step is None:
            words = f"the outage of {one.system} is for step {one.step}, and there is none"
            yield Contradiction(one.system, words)
            continue
        if step.end - step.start > one.limit:
            words = (
                f"step {step.name} may last {hours(step.end - step.start)}, and {one.system} may"
                f" be out for {hours(one.limit)} only"
            )
            yield Contradiction(step.name, words)
        for other in plan.steps:
            if other.name != step.name and one.system in other.uses and _meet(step, other):
                words = (
                    f"step {other.name} uses {one.system}, which is out while {step.name} lasts:"
                    " their windows overlap"
                )
                yield Contradiction(other.name, words)


def _closure(plan: CutoverPlan) -> Iterator[Contradiction]:
    for one in plan.steps:
        if one.do in ("release early", "release late") and one.start < plan.closure:
            words = (
                f"step {one.name} releases what the gate holds, and begins before the gateway"
                f" closes, {plan.local(plan.closure)}"
            )
            yield Contradiction(one.name, words)
        if one.do == "routes" and one.end > plan.closure:
            words = (
                f"step {one.name} puts the gate in place, and may last until"
                f" {plan.local(one.end)}, after the gateway closes"
            )
            yield Contradiction(one.name, words)


def _meet(one: Step | Restriction, other: Step | Restriction) -> bool:
    return one.start < other.end and other.start < one.end


def counted(number: int, what: str) -> str:
    """A number of things: one file, 2 files."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def hours(length: timedelta) -> str:
    """A length of time in hours and minutes, as people say it."""
    minutes = round(length.total_seconds() / 60)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
