"""What a working model leaves open: stages without fallback, hours without anybody.

In: a setup.  Out: remarks.  This module refuses nothing: what contradicts itself was
refused when the file was read.  Capabilities 66 and 74.
"""

from __future__ import annotations

from collections.abc import Iterator

from dflow.contingency.config import Setup
from dflow.contingency.hours import chain_of, gaps
from dflow.contingency.model import Stage
from dflow.report import Note

__all__ = ["remarks"]


def remarks(setup: Setup) -> Iterator[Note]:
    """What is not decided, and what nobody covers, in the order of the chain."""
    model = setup.model
    for stage in model.stages:
        yield from _stage(setup, stage)
    for name in dict.fromkeys(
        [*(one.owner for one in model.stages), *(one.owner for one in model.levels)]
    ):
        if name:
            yield from _cover(setup, name)
    if not model.levels:
        yield Note(
            severity="warning",
            what="No level of escalation is decided.",
            where="escalation",
            remedy="add [[level]] with after, in minutes, and owner",
        )
    if model.agreed is None:
        yield Note(
            severity="advice",
            what=f"Version {model.version} is not agreed.",
            where="model",
            remedy="set agreed and agreed_by when the parties have agreed",
        )
    if not model.backstop.source:
        yield Note(
            severity="advice",
            what="The backstop says no source.",
            where="backstop",
            remedy="say where the minutes come from, in source",
        )
    if not setup.life_support:
        yield Note(
            severity="advice",
            what="No meter point is known as life-support: no disconnection is held for it.",
            where="life_support",
            why="networks reject such disconnections; a list holds them before they are sent",
            remedy="name a list in [life_support]",
        )


def _stage(setup: Setup, stage: Stage) -> Iterator[Note]:
    where = f"stage {stage.title}"
    if stage.fallback is None:
        yield Note(
            severity="warning",
            what="What is done while it is down is not decided.",
            where=where,
            why="the working model says nothing, and nothing is made up",
            remedy="agree a fallback with its owner; until then a failure is escalated",
        )
    if not stage.owner:
        yield Note(
            severity="warning",
            what="It has no owner.",
            where=where,
            remedy="name an [owner.NAME]",
        )
    if not stage.system:
        yield Note(
            severity="advice", what="Its system is not known.", where=where, remedy="name it"
        )
    if setup.running is None and stage.destination:
        yield Note(
            severity="advice",
            what=f"It closes {stage.destination}, and there is no [exchange] to close it in.",
            where=where,
            remedy="add [exchange], or leave destination out",
        )


def _cover(setup: Setup, name: str) -> Iterator[Note]:
    model = setup.model
    unknown = [one.name for one in chain_of(model.owners, name) if one.hours is None]
    found = gaps(model.owners, name)
    if not found:
        return
    if unknown:
        yield Note(
            severity="warning",
            what=f"The hours of {', '.join(unknown)} are not decided: cover is not known.",
            where=f"owner {name}",
            remedy="agree the hours, and who stands in outside them",
        )
        return
    yield Note(
        severity="warning",
        what=f"Nobody is on duty {'; '.join(map(str, found))}.",
        where=f"owner {name}",
        why="a backstop runs day and night",
        remedy="name an out_of_hours owner who covers it",
    )
