"""The version gate of a cut-over, as rules: it holds, and rejects nothing.

In: a plan and a rule set.  Out: dated rules, and one reversible change set with them and
the drafted routes.  This module decides nothing itself: the rules do, and a person
reviews them before they are put in place.

Two hold rules stand at the front.  One holds files of the new versions until the gateway
closes, the other holds files of the old versions from then on.  A flow that is re-pointed
is refused at its old address from its day on, before either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from attrs import evolve

from dflow.catalogue import Catalogue, bundled
from dflow.cutover.plan import CutoverPlan, Repoint
from dflow.routing import (
    FlowChoice,
    FlowPattern,
    Moment,
    PartyChoice,
    Routes,
    Rule,
    Target,
    VersionRange,
    Window,
)
from dflow.routing.changeset import Addition, ChangeSet, draft
from dflow.routing.coverage import Coverage, coverage
from dflow.routing.selectors import version_key

__all__ = [
    "EARLY",
    "LATE",
    "Side",
    "coverage_of",
    "cutover_changes",
    "gate_rules",
    "has_gate",
    "side_of",
    "without_gate",
]

#: The names of the hold rules.
EARLY, LATE = "cutover-early", "cutover-late"

#: How the rules begin that refuse a flow at its old address, and send it to the new one.
_REFUSES, _SENDS = "cutover-repointed-", "cutover-to-new-"

#: On which side of the closure a file's version belongs, when it came on the other.
Side = Literal["early", "late"]


def _moment(instant: datetime) -> Moment:
    """A bound of a window in the language of rules, with its offset."""
    return Moment(instant.isoformat(timespec="seconds" if instant.second else "minutes"))


def gate_rules(plan: CutoverPlan, *, catalogue: Catalogue | None = None) -> tuple[Rule, ...]:
    """The rules of the gate and of what is re-pointed (capabilities 21 and 38)."""
    catalogue = catalogue or bundled()
    closes = _moment(plan.closure)
    rules = [rule for one in plan.repoints for rule in _repointed(one)]
    new = tuple(FlowPattern(flow, VersionRange("=", version)) for flow, version in plan.flows)
    rules.append(
        Rule(
            kind="hold",
            name=EARLY,
            flows=FlowChoice(new),
            window=Window(end=closes),
            because="stamped for after the closure of the gateway: released when it has closed",
            owner=plan.name,
        )
    )
    old = tuple(
        FlowPattern(flow, VersionRange("<", version))
        for flow, version in plan.flows
        if _has_older(catalogue, flow, version)
    )
    if old:
        rules.append(
            Rule(
                kind="hold",
                name=LATE,
                flows=FlowChoice(old),
                window=Window(start=closes),
                because="of a version that ended when the gateway closed: a person decides",
                owner=plan.name,
            )
        )
    return tuple(rules)


def _has_older(catalogue: Catalogue, flow: str, version: str) -> bool:
    mine = version_key(version)
    return any(version_key(one) < mine for one in catalogue.versions(flow))


def _repointed(one: Repoint) -> Iterator[Rule]:
    flows = FlowChoice((FlowPattern(one.flow),))
    window = Window(start=_moment(one.at))
    yield Rule(
        kind="refuse",
        name=f"{_REFUSES}{one.flow.lower()}",
        flows=flows,
        recipient=PartyChoice((one.old,)),
        window=window,
        because=f"{one.flow} goes to {one.new} now, and no longer to {one.old}",
    )


def _sends(one: Repoint, start: Moment) -> Rule:
    return Rule(
        kind="route",
        name=f"{_SENDS}{one.flow.lower()}",
        flows=FlowChoice((FlowPattern(one.flow),)),
        recipient=PartyChoice((one.new,)),
        window=Window(start=start),
        targets=(Target(one.deliver),),
        because=f"{one.flow} went to {one.old} before",
    )


def has_gate(routes: Routes) -> bool:
    """Whether the gate's rules stand in a rule set."""
    return any(rule.name == EARLY for rule in routes.rules)


def without_gate(routes: Routes) -> Routes:
    """The rule set as if there were no gate: where a held file would have gone."""
    kept = tuple(rule for rule in routes.rules if rule.name not in (EARLY, LATE))
    return evolve(routes, rules=kept)


def side_of(plan: CutoverPlan, flow: str, version: str, at: datetime) -> Side | None:
    """Whether a file is early or late at an instant; None if it is neither."""
    starts = [one for name, one in plan.flows if name == flow]
    if not starts:
        return None
    mine = version_key(version)
    if at < plan.closure:
        return "early" if version in starts else None
    return "late" if mine < min(map(version_key, starts)) else None


def coverage_of(
    plan: CutoverPlan, routes: Routes, *, catalogue: Catalogue | None = None
) -> Coverage:
    """Where the release's files go for the parties of the plan, the gate left out."""
    catalogue = catalogue or bundled()
    return coverage(
        without_gate(routes),
        catalogue.release(plan.release),
        plan.parties,
        catalogue=catalogue,
        day=plan.closure.astimezone(plan.zone).date(),
    )


def cutover_changes(
    plan: CutoverPlan, routes: Routes, *, catalogue: Catalogue | None = None
) -> ChangeSet:
    """The gate, what is re-pointed, and the drafted routes: one change set (capability 18).

    Raises:
        RefusedText: a name of the plan's rules is taken, or a destination is not known.
    """
    catalogue = catalogue or bundled()
    ways = [one for one in plan.repoints if one.deliver]
    sends = [_sends(one, _moment(one.at)) for one in ways]
    front = [*gate_rules(plan, catalogue=catalogue), *sends]
    # Coverage asks about the first instant of the day; what the plan sends later that day has
    # its way, and needs no draft.
    day = Moment(plan.closure.astimezone(plan.zone).date().isoformat())
    earlier = [_sends(one, day) for one in ways if one.at <= plan.closure]
    with_sends = evolve(routes, rules=(*earlier, *routes.rules))
    drafted = draft(with_sends, coverage_of(plan, with_sends, catalogue=catalogue))
    additions = _placed(front, drafted.additions, {one.name for one in sends})
    made = _applied(routes, additions)
    return ChangeSet(
        title=f"{plan.name}: {drafted.title}",
        of=routes.rules_hash,
        gives=made.rules_hash,
        additions=additions,
    )


def _placed(
    front: Sequence[Rule], drafted: Sequence[Addition], ours: set[str]
) -> tuple[Addition, ...]:
    """All additions; a draft after one of the plan's own rules stands at the front too."""
    placed = [evolve(one, after="") if one.after in ours else one for one in drafted]
    return (*(Addition(rule=rule, after="") for rule in front), *placed)


def _applied(routes: Routes, additions: Sequence[Addition]) -> Routes:
    """What the change set will make."""
    trial = ChangeSet(title="", of=routes.rules_hash, gives="", additions=tuple(additions))
    return trial.apply(routes)
