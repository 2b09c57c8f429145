"""What is said of a campaign before it runs, and while it does.

In: a campaign and what was seen.  Out: reports.  This module measures nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from dflow.campaign.config import Campaign
from dflow.campaign.rehearsal import Rehearsed
from dflow.campaign.rules import Proposal
from dflow.campaign.seeing import Seen
from dflow.operation import Entry
from dflow.report import (
    Curve,
    Fact,
    Lines,
    Mark,
    Note,
    Report,
    Section,
    Span,
    Spans,
    Table,
    Text,
    Tone,
)
from dflow.routing import Rule
from dflow.routing.layout import rule_text

__all__ = [
    "about",
    "diary",
    "local",
    "plan_report",
    "rehearsal_report",
    "status_report",
    "time_line",
]


def local(campaign: Campaign, instant: datetime) -> str:
    """An instant as people of the campaign read it."""
    return instant.astimezone(ZoneInfo(campaign.zone)).strftime("%Y-%m-%d %H:%M")


def about(campaign: Campaign, at: datetime) -> str:
    """The words under a title."""
    return (
        f"{campaign.kind.name}, {campaign.path.name} ({campaign.digest[:12]}),"
        f" owner {campaign.owner}, seen {local(campaign, at)}"
    )


def time_line(campaign: Campaign, at: datetime, switched: datetime | None = None) -> Spans:
    """The campaign in time."""
    if switched is not None:
        switched = switched.astimezone(ZoneInfo(campaign.zone))
    end = min(filter(None, (campaign.end, switched)), default=None)
    spans = [
        Span(label="copies", start=campaign.start, end=end, tone="good", note=campaign.because)
    ]
    if campaign.old:
        spans.append(Span(label=f"{campaign.old} receives", start=campaign.start, end=switched))
    if campaign.backfill_since is not None:
        spans.insert(
            0,
            Span(
                label="backfilled",
                start=campaign.backfill_since,
                end=campaign.start,
                note="what passed before the clone existed",
            ),
        )
    marks = [Mark(at, "now")]
    if campaign.drop is not None:
        marks.append(Mark(campaign.drop.cut_at, "drop cut"))
    if campaign.cut_over is not None:
        marks.append(Mark(campaign.cut_over, "cut-over"))
    return Spans(title="The campaign in time", spans=tuple(spans), marks=tuple(marks))


def _scope(campaign: Campaign) -> Table:
    complete = "; ".join(" or ".join(group) for group in campaign.complete_when)
    rows = [
        ("kind", f"{campaign.kind.name}: {campaign.kind.about}"),
        ("because", campaign.because),
        ("owner", campaign.owner),
        ("flows", ", ".join(campaign.flows) or "all"),
        ("parties", ", ".join(map(str, campaign.parties)) + f" ({campaign.direction})"),
        ("copies go to", ", ".join(campaign.destinations)),
        ("portfolio", f"{len(campaign.portfolio):,} meter points" if campaign.portfolio else "-"),
        ("complete when", f"it has {complete}" if complete else "not measured by meter point"),
        ("accepted when", f"{campaign.share:.0%} of the portfolio is complete, no copy missing"),
    ]
    if campaign.readdressed_to is not None:
        rows.insert(6, ("readdressed to", str(campaign.readdressed_to)))
    if campaign.old:
        rows.append(("switched off then", campaign.old))
    return Table(heads=("What", "As the file says"), rows=tuple(rows))


def plan_report(
    campaign: Campaign,
    at: datetime,
    proposal: Proposal,
    *,
    switch: Proposal | None,
    past: int,
    is_set: bool,
) -> Report:
    """What the campaign will change, before it does."""
    obstacles = _obstacles(campaign, at, proposal)
    notes = [
        Note(severity="error", what=one, where=campaign.path.name, remedy="mend that, plan again")
        for one in obstacles
    ]
    notes += [
        Note(severity="warning", what=one.message, where=f"rule {one.rule}", why=one.code)
        for one in proposal.remarks
    ]
    number = len(proposal.changes.additions)
    rules = "1 rule" if number == 1 else f"{number} rules"
    if obstacles:
        verdict, tone = f"The campaign is refused: {obstacles[0]}", "bad"
    elif is_set:
        verdict, tone = f"The campaign is set: its {rules} stand in the rules.", "good"
    else:
        verdict, tone = f"It can begin: {rules} will be added, and nothing else changes.", "good"
    adds = tuple(_rule(one.rule) for one in proposal.changes.additions)
    sections = [
        Section("The campaign", (_scope(campaign), time_line(campaign, at))),
        Section("What stands in the way" if obstacles else "What is remarked", tuple(notes)),
        Section("What it adds to the rules", adds),
    ]
    if switch is not None:
        sections.append(Section("What acceptance will change", _switch_blocks(campaign, switch)))
    sections.append(Section("Whose word for it", _provenance(campaign)))
    return Report(
        title=f"Plan: {campaign.name}",
        verdict=verdict,
        tone=tone,  # type: ignore[arg-type]  # one of two literals above
        about=about(campaign, at),
        facts=(
            Fact("rules to add", str(number)),
            Fact("files to backfill", f"{past:,}"),
            Fact("meter points", f"{len(campaign.portfolio):,}"),
            Fact("in the way", str(len(obstacles)), "bad" if obstacles else "good"),
        ),
        sections=tuple(one for one in sections if one.blocks),
    )


def _obstacles(campaign: Campaign, at: datetime, proposal: Proposal) -> list[str]:
    """What stands in the way: of the proposal, and of the campaign's days."""
    obstacles = list(proposal.obstacles)
    if campaign.end is not None and campaign.end <= at:
        obstacles.insert(0, f"its window is past: it ended {local(campaign, campaign.end)}")
    if campaign.drop is not None and campaign.drop.cut_at > at:
        obstacles.append(f"the drop is to be cut {local(campaign, campaign.drop.cut_at)}, later")
    return obstacles


def _rule(rule: Rule) -> Table:
    """A rule as it will stand in the rules."""
    lines = rule_text(rule).splitlines()
    return Table(heads=(f"{rule.kind} {rule.name}",), rows=tuple((one.strip(),) for one in lines))


def _switch_blocks(campaign: Campaign, switch: Proposal) -> tuple[Table | Note, ...]:
    routes = [one.rule for one in switch.changes.additions if one.rule.kind == "route"]
    if not routes:
        return (
            Note(
                severity="warning",
                what=f"No route takes files of the scope to {campaign.old}.",
                why="acceptance re-points routes, and there is none to re-point",
                remedy="look at `old` and `parties`",
            ),
        )
    return tuple(_rule(one) for one in routes)


def _provenance(campaign: Campaign) -> tuple[Text, ...]:
    made_up = "examples only: " if campaign.pairs.made_up else ""
    return (
        Text(
            "When a meter point is complete is this campaign's choice, not a rule of the"
            " market. Pairs of questions and answers: "
            f"{made_up}{campaign.pairs.provenance}. Gain, loss and meter works:"
            f" {campaign.classes.provenance}."
        ),
    )


def diary(campaign: Campaign, entries: Sequence[Entry]) -> Table:
    """The ledger as a table."""
    runs = ("run begun", "run ended")  # there are many, and the others say what they did
    rows = tuple(
        (
            local(campaign, one.at),
            one.kind,
            one.who,
            "; ".join(filter(None, (one.why, _data(one.data)))),
        )
        for one in entries
        if one.kind not in runs or one.why
    )
    return Table(heads=("When", "What", "Who", "Why, and what came of it"), rows=rows, most=500)


def _data(data: Mapping[str, object]) -> str:
    shown = {k: v for k, v in data.items() if k not in ("campaign", "of", "gives") and v != []}
    return ", ".join(
        f"{name} {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in shown.items()
    )


def status_report(
    campaign: Campaign,
    seen: Seen,
    entries: Sequence[Entry],
    broken: datetime | None,
    unfinished: str = "",
) -> Report:
    """Where a campaign stands, and what comes next."""
    missing = seen.missing()
    done, number = len(seen.completeness.since), seen.completeness.portfolio
    switched = seen.standing.switched
    notes = _interruptions(campaign, broken, unfinished)
    notes += [Note(severity="advice", what=f"{one[:1].upper()}{one[1:]}.") for one in missing]
    if seen.at < campaign.start:
        verdict = f"Copies begin {local(campaign, campaign.start)}."
    elif switched is not None:
        verdict = f"{campaign.old} no longer receives from {local(campaign, switched)}."
    elif missing:
        verdict = f"It goes on: {missing[0]}."
    else:
        verdict = "Complete: it can be accepted."
    tone: Tone = "bad" if seen.copies.gaps else "warning" if notes else "good"
    return Report(
        title=f"Status: {campaign.name}",
        verdict=verdict,
        tone=tone,
        about=about(campaign, seen.at),
        facts=(
            Fact("complete", f"{done:,} of {number:,}" if number else "not measured"),
            Fact("copies", f"{len(seen.copies.owed):,}"),
            Fact("missing", f"{len(seen.copies.gaps):,}", "bad" if seen.copies.gaps else "good"),
            Fact("on their way", f"{len(seen.copies.waiting):,}"),
        ),
        sections=(
            Section("To know", (*notes, time_line(campaign, seen.at, switched))),
            Section("Diary", (diary(campaign, entries),)),
        ),
    )


def _interruptions(campaign: Campaign, broken: datetime | None, unfinished: str) -> list[Note]:
    """What was begun and not ended, and how it goes on."""
    notes = []
    if broken is not None:
        notes.append(
            Note(
                severity="warning",
                what=f"The run that began {local(campaign, broken)} was interrupted.",
                remedy="run it again: it goes on where rules and journal stand",
            )
        )
    if unfinished:
        notes.append(
            Note(
                severity="warning",
                what=f"It was interrupted after {unfinished!r}: the rules may not be changed yet.",
                remedy="do it again: what is done already is not done twice",
            )
        )
    return notes


def rehearsal_report(campaign: Campaign, at: datetime, seen: Rehearsed) -> Report:
    """What the rehearsal saw, counted at the destinations."""
    wrong = seen.wrong(campaign)
    verdict = (
        f"The rehearsal fails: {wrong[0]}."
        if wrong
        else f"All went well: {seen.taken} of {len(seen.copies.owed)} copies were taken away"
        " behind its back, and exactly those were found missing and copied again."
    )
    notes = tuple(
        Note(severity="error", what=f"{one}.", remedy="look at scope, rules and acceptance")
        for one in wrong
    )
    days = seen.first.by_day(campaign.zone, at.date())[:60]
    plot = Lines(
        title="Complete meter points by day, on the copy",
        labels=tuple(day.isoformat() for day, _ in days),
        curves=(
            Curve(name="complete", values=tuple(float(n) for _, n in days), tone="good"),
            Curve(name="all", values=(float(seen.points),) * len(days), dashed=True),
        ),
    )
    return Report(
        title=f"Rehearsal: {campaign.name}",
        verdict=verdict,
        tone="bad" if wrong else "good",
        about=about(campaign, at),
        facts=(
            Fact("meter points", f"{seen.points:,}"),
            Fact("files", f"{seen.files:,}"),
            Fact("copies", f"{len(seen.copies.owed):,}"),
            Fact("backfilled", f"{seen.backfilled:,}"),
            Fact("new side down", f"{seen.failures:,} times"),
            Fact("taken away, found", f"{seen.taken:,}, {seen.found:,}"),
        ),
        sections=(
            *((Section("What went wrong", notes),) if notes else ()),
            *((Section("By day", (plot,)),) if days else ()),
            Section("How", (_how_rehearsed(seen),)),
        ),
    )


def _how_rehearsed(seen: Rehearsed) -> Text:
    """What was done to the copy, in the order it was done."""
    proof = seen.originals
    went = ", ".join(f"{n} went to {to}" for to, n in sorted(seen.after.items()))
    return Text(
        "Made-up files about a part of the portfolio ran through the real rules and the real"
        " exchange, with a clock that ran ahead; journal and destinations were in memory. The"
        f" new side was down for one attempt in ten: {proof.copy_failed:,} originals had a copy"
        f" that failed, and {proof.went_first:,} of them were delivered before it. Then one copy"
        " in ten was taken away, the audit had to name exactly those, and they were copied"
        " again. At last the old side was switched off while files still came:"
        f" {went or 'nobody is, with this kind'}."
    )
