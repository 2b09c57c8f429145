"""The rules of a campaign: its clones, and the re-pointing that ends the old side's receipt.

In: a campaign and the rules there are.  Out: a change set, and what stands in its way.
This module writes no file, and decides where no file goes: the rules do.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo

from attrs import evolve, frozen

from dflow.campaign.config import Campaign
from dflow.catalogue import bundled
from dflow.envelope import Party
from dflow.errors import DflowError, near_or_known
from dflow.findings import Severity
from dflow.routing import (
    FlowChoice,
    FlowPattern,
    PartyChoice,
    PartyPattern,
    Routes,
    Rule,
    Target,
    Window,
    WordChoice,
    WordPattern,
)
from dflow.routing.changeset import Addition, ChangeSet
from dflow.routing.lint import lint
from dflow.routing.remark import Remark
from dflow.routing.resolve import ReadyRule
from dflow.routing.rows import Row, rows_of
from dflow.routing.selectors import fits
from dflow.routing.window import Moment, Span

__all__ = ["CampaignRefused", "Proposal", "clone_names", "propose", "switch_names", "without"]


class CampaignRefused(DflowError):
    """The campaign cannot do that as things stand; the message says why and what helps."""


@frozen(kw_only=True)
class Proposal:
    """What a campaign would change in the rules.

    Attributes:
        before: the rules without the campaign.
        changes: the rules it adds, as one reversible set.
        after: the rules with it.
        obstacles: why that cannot be done, in sentences; empty if it can.
        remarks: what lint says of it all the same.
    """

    before: Routes
    changes: ChangeSet
    after: Routes
    obstacles: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()


def clone_names(campaign: Campaign) -> tuple[str, ...]:
    """The names of the campaign's clones."""
    sides = {"received": ("to",), "sent": ("from",), "both": ("to", "from")}
    return tuple(f"{campaign.slug}-copies-{side}" for side in sides[campaign.direction])


def switch_names(campaign: Campaign, routes: Routes) -> tuple[str, ...]:
    """The names of the campaign's routes among those there are."""
    start = f"{campaign.slug}-instead-of-"
    return tuple(rule.name for rule in routes.rules if rule.name.startswith(start))


def without(campaign: Campaign, routes: Routes) -> Routes:
    """The rules without those of the campaign, whatever else has changed in them."""
    ours = {*clone_names(campaign), *switch_names(campaign, routes)}
    return evolve(routes, rules=tuple(one for one in routes.rules if one.name not in ours))


def propose(
    campaign: Campaign,
    routes: Routes,
    *,
    at: datetime,
    refuse_on: Severity | None = None,
    switched: datetime | None = None,
) -> Proposal:
    """What the campaign would change, and what stands in its way.

    Args:
        campaign: the campaign.
        routes: the rules there are, with or without the campaign's own.
        at: now.
        refuse_on: the exchange refuses rules of which lint remarks this or worse.
        switched: the instant at which the old side's receipt ends; None while it goes on.
    """
    before = without(campaign, routes)
    lost = list(_unknown(campaign, before))
    if lost:
        nothing = ChangeSet(title="", of=before.rules_hash, gives=before.rules_hash, additions=())
        return Proposal(before=before, changes=nothing, after=before, obstacles=tuple(lost))
    clones = tuple(_clones(campaign, before, switched))
    additions = [Addition(rule=rule, after="") for rule in clones]
    bare = evolve(before, rules=(*clones, *before.rules))
    if switched is not None:
        additions += _switches(campaign, before, bare, switched)
    title = f"{campaign.name}: copies" + (" until the switch-off" if switched else "")
    draft = ChangeSet(title=title, of=before.rules_hash, gives="", additions=tuple(additions))
    after = draft.apply(before)
    changes = evolve(draft, gives=after.rules_hash)
    remarks = lint(after, at=at, catalogue=bundled())
    obstacles = [
        *_already(campaign, before, bare),
        *_doubled(campaign, before, bare),
        *_remarked(campaign, before, after, remarks, refuse_on),
    ]
    ours = {one.rule.name for one in additions}
    told = tuple(one for one in remarks if one.rule in ours)
    return Proposal(
        before=before, changes=changes, after=after, obstacles=tuple(obstacles), remarks=told
    )


def _unknown(campaign: Campaign, routes: Routes) -> Iterator[str]:
    names = [one.name for one in routes.destinations]
    wanted = [*campaign.destinations, *([campaign.old] if campaign.old else [])]
    for name in wanted:
        if name not in names:
            yield f"the rules have no destination {name!r}; {near_or_known(name, names)}"


def _clones(campaign: Campaign, routes: Routes, end: datetime | None) -> Iterator[Rule]:
    parties = PartyChoice(tuple(PartyPattern(one.role, one.mpid) for one in campaign.parties))
    tests = {one.name for one in routes.destinations if one.test}
    live = not set(campaign.destinations) & tests
    flows = tuple(FlowPattern(flow) for flow in campaign.flows or ("*",))
    last = campaign.end if end is None else min(end, campaign.end or end)
    for name in clone_names(campaign):
        yield Rule(
            kind="clone",
            name=name,
            flows=FlowChoice(flows),
            sender=parties if name.endswith("-from") else None,
            recipient=parties if name.endswith("-to") else None,
            test=WordChoice((WordPattern("", "none"),)) if live else None,
            window=_window(campaign.start, last, routes.zone),
            targets=tuple(Target(one) for one in campaign.destinations),
            readdressed=campaign.readdressed_to,
            because=campaign.because,
            owner=campaign.owner,
        )


def _switches(campaign: Campaign, before: Routes, bare: Routes, at: datetime) -> Iterator[Addition]:
    """Each route that takes files of the scope to the old side, again, to the new one."""
    scope = [ready for ready in bare.ready if ready.rule.name == f"{campaign.slug}-copies-to"]
    rows = [evolve(row, span=Span(at, None)) for ready in scope for row in rows_of(ready)]
    last = ""
    for ready in before.ready:
        rule, place = ready.rule, last
        last = rule.name
        if rule.kind != "route" or campaign.old not in {t.destination for t in rule.targets}:
            continue
        if not any(_meet(one, other) for one in rows_of(ready) for other in rows):
            continue
        kept = tuple(one for one in rule.targets if one.destination != campaign.old)
        new = tuple(
            Target(name)
            for name in campaign.destinations
            if name not in {one.destination for one in kept}
        )
        end = rule.window.end if rule.window else None
        yield Addition(
            after=place,
            rule=evolve(
                rule,
                name=f"{campaign.slug}-instead-of-{rule.name}",
                flows=_narrow_flows(campaign, ready),
                recipient=_narrow_parties(campaign, ready),
                window=Window(start=_moment(at, before.zone), end=end),
                targets=(*kept, *new),
                because=f"{campaign.because}: {campaign.old} no longer receives",
                owner=campaign.owner,
                comments=(),
                line=0,
            ),
        )


def _narrow_flows(campaign: Campaign, ready: ReadyRule) -> FlowChoice | None:
    """The flows of a route that are in the scope, with the route's own versions."""
    if not campaign.flows or ready.flows is None:
        wanted = tuple(FlowPattern(one) for one in campaign.flows)
        return FlowChoice(wanted) if wanted else ready.rule.flows
    found = {
        FlowPattern(flow, one.versions): None
        for flow in campaign.flows
        for one in ready.flows.include
        if isinstance(one.flow, str) and fits(one.flow, flow)
    }
    return FlowChoice(tuple(found), ready.flows.exclude)


def _narrow_parties(campaign: Campaign, ready: ReadyRule) -> PartyChoice:
    """The parties of the scope that a route is about."""

    def in_it(party: Party) -> bool:
        choice = ready.recipient
        if choice is None:
            return True
        found = [
            any(isinstance(one, PartyPattern) and one.matches(party) for one in patterns)
            for patterns in (choice.include, choice.exclude)
        ]
        return found[0] and not found[1]

    return PartyChoice(
        tuple(PartyPattern(one.role, one.mpid) for one in campaign.parties if in_it(one))
    )


def _meet(one: Row, other: Row) -> bool:
    """Whether some header at some instant lies in both."""
    starts = [span.start for span in (one.span, other.span) if span.start is not None]
    ends = [span.end for span in (one.span, other.span) if span.end is not None]
    return (
        bool(one.flow & other.flow)
        and bool(one.version & other.version)
        and all(mine & theirs for mine, theirs in zip(one.texts, other.texts, strict=True))
        and not (starts and ends and max(starts) >= min(ends))
    )


def _doubled(campaign: Campaign, before: Routes, bare: Routes) -> Iterator[str]:
    """Clones and routes that send the same files to the same place already."""
    ours = set(clone_names(campaign))
    rows = [row for ready in bare.ready if ready.rule.name in ours for row in rows_of(ready)]
    for ready in before.ready:
        shared = {t.destination for t in ready.rule.targets} & set(campaign.destinations)
        if shared and any(_meet(one, other) for one in rows_of(ready) for other in rows):
            verb = "copies" if ready.rule.kind == "clone" else "delivers"
            yield (
                f"{ready.rule.kind} {ready.rule.name} {verb} files of the scope to"
                f" {', '.join(sorted(shared))} already: they would come twice; end it first"
            )


def _already(campaign: Campaign, before: Routes, bare: Routes) -> Iterator[str]:
    """What is wrong with the rules as they are: nothing is built on that."""
    ours = set(clone_names(campaign))
    rows = [row for ready in bare.ready if ready.rule.name in ours for row in rows_of(ready)]
    ready_of = {ready.rule.name: ready for ready in before.ready}
    for one in lint(before):
        about = [ready_of[name] for name in (one.rule, *one.others) if name in ready_of]
        met = about and all(
            any(_meet(mine, theirs) for mine in rows for theirs in rows_of(ready))
            for ready in about
        )
        if one.severity >= Severity.ERROR or (one.code == "conflict" and met):
            yield f"the rules conflict already: {one.message} [{one.code}]; mend them first"


def _remarked(
    campaign: Campaign,
    before: Routes,
    after: Routes,
    remarks: tuple[Remark, ...],
    refuse_on: Severity | None,
) -> Iterator[str]:
    """What lint says that it did not say before, and that weighs enough."""
    known = {(one.code, one.rule, one.others) for one in lint(before)}
    for one in remarks:
        if (one.code, one.rule, one.others) in known or one.code == "window-over":
            continue
        if one.code == "endless-clone" and campaign.kind.permanent:
            if refuse_on is not None and one.severity >= refuse_on:
                yield f"{one.message}: the exchange refuses that by its refuse_on [{one.code}]"
            continue
        if one.rule in {rule.name for rule in after.rules} - {rule.name for rule in before.rules}:
            weighs = one.code not in ("role-pair", "not-live", "unknown-version", "redundant")
            if one.severity >= Severity.WARNING and weighs:
                yield f"{one.message} [{one.code}]"


def _window(start: datetime, end: datetime | None, zone: tzinfo) -> Window:
    return Window(start=_moment(start, zone), end=None if end is None else _moment(end, zone))


def _moment(instant: datetime, zone: tzinfo) -> Moment:
    """An instant as rules write it: a day where it is one."""
    local = instant.astimezone(zone).replace(microsecond=0)
    if (local.hour, local.minute, local.second) == (0, 0, 0):
        return Moment(local.date().isoformat())
    return Moment(local.isoformat(timespec="seconds"))
