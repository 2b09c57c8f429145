"""What is said of a cut-over on paper: what it will do, and what its rules lack.

In: a plan and what was found.  Out: a report.  This module computes nothing that it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from dflow.cutover.contradictions import hours
from dflow.cutover.plan import CutoverPlan
from dflow.cutover.standing import Standing
from dflow.cutover.statuslog import impacted_table
from dflow.report import Block, Fact, Mark, Note, Report, Section, Span, Spans, Table, Tone
from dflow.routing.changeset import ChangeSet
from dflow.routing.coverage import Coverage

__all__ = ["STATE_TONES", "about", "plan_report", "time_line"]

#: The mood of a step's state.
STATE_TONES: dict[str, Tone] = {
    "done": "good",
    "failed": "bad",
    "begun": "warning",
    "open": "warning",
}


def about(plan: CutoverPlan, at: datetime) -> str:
    """The line under a title: which plan, and as of when."""
    version = f"version {plan.version}, " if plan.version else ""
    return f"{plan.path.name}, {version}SHA-256 {plan.digest[:12]}; as of {plan.local(at)}"


def plan_report(
    plan: CutoverPlan,
    at: datetime,
    *,
    gaps: Coverage,
    changes: ChangeSet | None,
    gated: bool,
    over: Sequence[str],
) -> Report:
    """The plan on paper: what it will do, and what its rules lack (capabilities 17 and 37)."""
    missing = [f"{flow} v{version}" for flow, version in gaps.missing_flows]
    tone: Tone = "good"
    if over:
        tone, verdict = "bad", f"The plan cannot begin: {over[0]}."
    elif missing:
        tone = "bad"
        verdict = f"{len(missing)} flows of release {plan.release} have no route on the day."
    elif not gated:
        tone, verdict = "warning", "Every flow has a route; the gate is not in the rules yet."
    else:
        verdict = f"Every flow of release {plan.release} has a route, and the gate is in place."
    sections = [
        Section("What stands in the way", tuple(_plan_notes(plan, missing, over, gated=gated))),
        Section("Time line", (time_line(plan, None),)),
        Section("Steps", (_paper(plan),)),
        Section("Systems", tuple(_systems(plan))),
        Section("Routes", tuple(_coverage(gaps, changes))),
    ]
    return Report(
        title=f"Cut-over: {plan.name}",
        verdict=verdict,
        tone=tone,
        about=about(plan, at),
        facts=(
            Fact("steps", str(len(plan.steps))),
            Fact("gateway closes", plan.local(plan.closure)),
            Fact("flows at the gate", str(len(plan.flows))),
            Fact("without a route", str(len(missing)), "bad" if missing else "good"),
            Fact("parties", str(len(plan.members))),
        ),
        sections=tuple(one for one in sections if one.blocks),
    )


def _plan_notes(
    plan: CutoverPlan, missing: Sequence[str], over: Sequence[str], *, gated: bool
) -> Iterator[Note | Table]:
    for words in over:
        yield Note(
            severity="error",
            what=words,
            where=plan.path.name,
            why="a plan is for days to come",
            remedy="give the plan other days, or say which instant is meant with --at",
        )
    if missing:
        yield Note(
            severity="error",
            what=f"{len(missing)} flows of release {plan.release} would find no route",
            where=plan.config.name,
            why="a route names versions, and these are new",
            remedy=f"dflow cutover plan {plan.path.name} --draft writes the routes and the gate"
            f" to {plan.changes.name}; have them reviewed, and let the step put them in place",
        )
        yield impacted_table(missing, [0] * len(missing))
    elif not gated:
        yield Note(
            severity="warning",
            what="no rule holds what is stamped for the other side of the closure",
            where=plan.config.name,
            remedy=f"dflow cutover plan {plan.path.name} --draft, and the step that puts it in",
        )


def _paper(plan: CutoverPlan) -> Table:
    return Table(
        heads=("Step", "Owner", "From", "To", "After", "What"),
        rows=tuple(
            (
                one.name,
                one.owner,
                plan.local(one.start),
                plan.local(one.end),
                ", ".join(one.after),
                one.what + ("" if one.do == "manual" else f" (dflow: {one.do})"),
            )
            for one in plan.steps
        ),
    )


def _systems(plan: CutoverPlan) -> Iterator[Table]:
    if plan.restrictions:
        yield Table(
            title="Restricted",
            heads=("System", "From", "To", "Offers only", "Does not come back"),
            rows=tuple(
                (
                    one.system,
                    plan.local(one.start),
                    plan.local(one.end),
                    "; ".join(one.allowed),
                    "; ".join(one.gone),
                )
                for one in plan.restrictions
            ),
        )
    if plan.outages:
        yield Table(
            title="Out",
            heads=("System", "While", "From", "At most"),
            rows=tuple(
                (o.system, o.step, plan.local(plan.step(o.step).start), hours(o.limit))
                for o in plan.outages
            ),
        )
    if plan.repoints:
        yield Table(
            title="Re-pointed",
            heads=("Flow", "From", "To", "On"),
            rows=tuple((o.flow, str(o.old), str(o.new), plan.local(o.at)) for o in plan.repoints),
        )


def _coverage(gaps: Coverage, changes: ChangeSet | None) -> Iterator[Block]:
    if gaps.missing:
        yield Table(
            title=f"Release {gaps.release}: who would miss what",
            heads=("Flow", "Party", "Direction", "The version before went by"),
            rows=tuple(
                (
                    f"{one.flow} v{one.version}",
                    str(one.party),
                    one.direction + ("" if one.sure else " (presumed)"),
                    ", ".join(one.older_rules),
                )
                for one in gaps.missing
            ),
        )
    if changes is not None:
        yield Table(
            title="The draft: one change set, put in and taken out as a whole",
            heads=("Kind", "Rule", "After", "Because"),
            rows=tuple(
                (o.rule.kind, o.rule.name, o.after or "the front", o.rule.because)
                for o in changes.additions
            ),
        )


def time_line(plan: CutoverPlan, standing: Standing | None) -> Spans:
    """The steps as planned, or as done."""
    spans = []
    for one in plan.steps:
        doing = standing.of(one.name) if standing else None
        if doing is None or doing.begun is None:
            spans.append(Span(label=one.name, start=one.start, end=one.end, note=one.owner))
            continue
        tone: Tone = "bad" if doing.late else STATE_TONES.get(doing.state, "plain")
        end = doing.ended or (standing.at if standing else None)
        spans.append(Span(label=one.name, start=doing.begun, end=end, tone=tone, note=doing.words))
    spans += [
        Span(
            label=f"{one.system} restricted",
            start=one.start,
            end=one.end,
            tone="warning",
            note="; ".join(one.allowed),
        )
        for one in plan.restrictions
    ]
    marks = [Mark(plan.closure, "gateway closes")]
    if standing is not None and plan.start <= standing.at <= plan.end:
        marks.append(Mark(standing.at, "now"))
    return Spans(title="Steps", spans=tuple(spans), marks=tuple(marks))
