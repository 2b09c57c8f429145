"""Lint: what is wrong, or doubtful, in a rule set that is well written.

In: a rule set, an instant for "now" and a catalogue if there is one.  Out: remarks, in the
order of the rules.  This module does not decide where a file goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from dflow.catalogue import Catalogue
from dflow.routing.geometry import Geometry
from dflow.routing.known import known_remarks
from dflow.routing.remark import Remark
from dflow.routing.resolve import list_names
from dflow.routing.routes import Routes
from dflow.routing.window import as_instant

__all__ = ["lint"]


def lint(
    routes: Routes, *, at: datetime | date | None = None, catalogue: Catalogue | None = None
) -> tuple[Remark, ...]:
    """All remarks about a rule set, in order of line, then code.

    Args:
        routes: the rule set.
        at: "now", to tell which windows are over; None to leave that out.
        catalogue: to tell unknown flows, versions not live in the window, and roles that
            may not exchange a flow; None to leave that out.

    Raises:
        ValueError: if `at` is a time without a zone.
    """
    geometry = Geometry(routes.ready)
    found = [*geometry.remarks(), *geometry.gaps(), *geometry.loops(), *_plain(routes)]
    if at is not None:
        found += _over(routes, as_instant(at, routes.zone))
    if catalogue is not None:
        found += known_remarks(routes, catalogue)
    return tuple(sorted(found, key=lambda one: (one.line, one.rule, one.code, one.others)))


def _plain(routes: Routes) -> Iterator[Remark]:
    """What can be seen of each statement alone."""
    used = {name for rule in routes.rules for target in rule.targets for name in target.names}
    for place in routes.destinations:
        if place.name not in used:
            yield Remark(
                code="unused-destination",
                rule=place.name,
                line=place.line,
                message=f"no rule sends to destination {place.name}",
            )
    asked = {name for rule in routes.rules for name in list_names(rule)}
    for one in routes.lists:
        if one.name not in asked:
            yield Remark(
                code="unused-list",
                rule=one.name,
                line=one.line,
                message=f"no rule asks for list {one.name}",
            )
    for ready in routes.ready:
        rule = ready.rule
        if rule.kind == "clone" and (rule.window is None or rule.window.end is None):
            yield Remark(
                code="endless-clone",
                rule=rule.name,
                line=rule.line,
                message=f"clone {rule.name} has no end: add during .. and a day",
            )
        if rule.targets and ready.live and ready.tests and not rule.across_test:
            yield Remark(
                code="test-live-mixed",
                rule=rule.name,
                line=rule.line,
                message=f"{rule.kind} {rule.name} sends to live and to test destinations;"
                " each file reaches only its own kind",
            )
        if rule.predicate:
            yield Remark(
                code="opaque",
                rule=rule.name,
                line=rule.line,
                message=f"{rule.kind} {rule.name} asks the predicate {rule.predicate},"
                " and is left out of the analysis",
            )


def _over(routes: Routes, at: datetime) -> Iterator[Remark]:
    for ready in routes.ready:
        if ready.span.end is not None and ready.span.end <= at:
            yield Remark(
                code="window-over",
                rule=ready.rule.name,
                line=ready.rule.line,
                message=f"{ready.rule.kind} {ready.rule.name} is over: {ready.rule.window}",
            )
