"""What is said of a migration while it is rehearsed, runs, and has run.

In: a setup and what was counted.  Out: reports.  This module counts nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from dflow.migration.config import Setup
from dflow.migration.rehearsal import Rehearsed
from dflow.migration.running import Actual
from dflow.migration.saying import about, thousands, worked
from dflow.migration.volumes import Volumes
from dflow.report import Curve, Fact, Lines, Note, Report, Section, Table, Text, Tone

__all__ = ["progress_report", "rehearsal_report", "status_report"]


def rehearsal_report(setup: Setup, at: datetime, seen: Rehearsed) -> Report:
    """What the rehearsal saw, counted at the destination."""
    if seen.over:
        day, name, went, allowed = seen.over[0]
        verdict = f"On {day}, {went:,} went and {name} allows {allowed:,}: the rehearsal fails."
        tone: Tone = "bad"
    else:
        verdict = (
            f"No limit was passed on any of {len(seen.limits)} days, though files came"
            f" {setup.surge:g} times as fast as they may go."
        )
        tone = "good"
    return Report(
        title=f"Rehearsal: {setup.plan.name}",
        verdict=verdict,
        tone=tone,
        about=about(setup, at),
        facts=(
            Fact("files made up", thousands(seen.files)),
            Fact("reached the destination", thousands(seen.arrived)),
            Fact("still waiting", thousands(seen.left)),
            Fact("limits passed", str(len(seen.over)), "bad" if seen.over else "good"),
            Fact("begun anew", str(seen.crashes)),
            Fact("refused by the destination", str(seen.failures)),
        ),
        sections=(
            Section("By day", (_rehearsed_days(seen),)),
            Section(
                "How",
                (
                    Text(
                        f"The limits were scaled to {seen.scale:.6f} of the plan's. Files came in"
                        " surges, the destination was down now and then, and the exchange was"
                        " begun anew three times a day from its journal. What went was counted at"
                        " the destination, not by the gate."
                    ),
                ),
            ),
        ),
    )


def _rehearsed_days(seen: Rehearsed) -> Lines:
    """What went on each day of the rehearsal, beside what might have."""
    return Lines(
        title="What went, and what the scaled industry limit allows",
        labels=tuple(day.isoformat() for day in seen.limits),
        curves=(
            Curve(
                name="went",
                values=tuple(float(seen.days.get(d, {}).get("industry", 0)) for d in seen.limits),
            ),
            Curve(
                name="allowed",
                values=tuple(
                    None if (most := one["industry"]) is None else float(most)
                    for one in seen.limits.values()
                ),
                dashed=True,
                tone="bad",
            ),
        ),
    )


def _limits_today(setup: Setup, today: date, used: Mapping[str, int]) -> Table:
    plan = setup.plan
    works = plan.calendar.works(today) and plan.start <= today < plan.end
    rows = []
    for limit in (plan.industry, *plan.networks.values(), *map(plan.opens, plan.suppliers)):
        most = limit.on(today) if works else 0
        number = used.get(limit.name, 0)
        left = "any" if most is None else thousands(max(0, most - number))
        rows.append(
            (limit.name, thousands(number), "any" if most is None else thousands(most), left)
        )
    heads = ("Limit", "Went", "Allowed", "Left")
    return Table(heads=heads, rows=tuple(rows), right=(1, 2, 3))


def status_report(
    setup: Setup, at: datetime, went: Actual, interrupted_at: datetime | None
) -> Report:
    """Where a running plan stands today."""
    plan, today = setup.plan, at.astimezone(ZoneInfo(setup.zone)).date()
    used = went.days.get(today, {})
    waiting = sum(number for _, number in went.waiting)
    stuck = went.dead or went.unknown
    verdict = f"{thousands(used.get('industry', 0))} went today, {thousands(waiting)} wait."
    notes = []
    if interrupted_at is not None:
        notes.append(
            Note(
                severity="warning",
                what=f"The run that began {interrupted_at.isoformat()} was interrupted.",
                remedy="run it again: it goes on where the journal stands",
            )
        )
    return Report(
        title=f"Migration: {plan.name}",
        verdict=verdict,
        tone="warning" if stuck or notes else "good",
        about=about(setup, at),
        facts=(
            Fact("delivered in all", thousands(went.delivered)),
            Fact("waiting", thousands(waiting)),
            Fact("unknown", thousands(went.unknown), "warning" if went.unknown else "plain"),
            Fact("dead", thousands(went.dead), "bad" if went.dead else "plain"),
        ),
        sections=(
            *((Section("Interrupted", tuple(notes)),) if notes else ()),
            Section(f"Limits on {today}", (_limits_today(setup, today, used),)),
            Section(
                "Why files wait",
                (
                    Table(
                        heads=("Why", "Files"),
                        rows=tuple((why, thousands(number)) for why, number in went.waiting),
                        right=(1,),
                    ),
                ),
            ),
        ),
    )


def _compared(
    setup: Setup, today: date, done: Mapping[date, int], by_day: Sequence[int]
) -> tuple[Lines, Table]:
    plan = setup.plan
    labels = tuple(day.isoformat() for day in plan.days)
    limit = plan.industry.over(plan.days, plan.calendar)
    actual = tuple(float(done.get(day, 0)) if day <= today else None for day in plan.days)
    rows = tuple(
        (day.isoformat(), f"{number:,}", f"{done.get(day, 0):,}", f"{done.get(day, 0) - number:+,}")
        for day, number in zip(plan.days, by_day, strict=True)
        if day <= today and (number or done.get(day))
    )
    curves = (
        Curve(name="planned", values=worked(setup, by_day), dashed=True),
        Curve(name="went", values=actual),
        Curve(name="industry limit", values=worked(setup, limit), dashed=True, tone="bad"),
    )
    return (
        Lines(title="By day", labels=labels, curves=curves, unit="migrations a day"),
        Table(heads=("Day", "Planned", "Went", "Difference"), rows=rows, right=(1, 2, 3)),
    )


def progress_report(setup: Setup, at: datetime, went: Actual, planned: Volumes) -> Report:
    """Planned against actual, by day, and whether any limit was passed."""
    plan = setup.plan
    over = went.over(setup)
    today = at.astimezone(ZoneInfo(setup.zone)).date()
    done = {day: used.get("industry", 0) for day, used in went.days.items()}
    by_day = planned.by_day() or [0] * len(plan.days)
    due = sum(number for day, number in zip(plan.days, by_day, strict=True) if day <= today)
    total = sum(done.values())
    tone: Tone = "bad" if over else "good" if total >= due else "warning"
    if over:
        day, name, number, allowed = over[0]
        verdict = f"On {day}, {number:,} went and {name} allows {allowed:,}."
    else:
        verdict = f"No limit was passed. {total:,} went, and {due:,} were planned up to {today}."
    return Report(
        title=f"Migration report: {plan.name}",
        verdict=verdict,
        tone=tone,
        about=about(setup, at),
        facts=(
            Fact("went", f"{total:,}"),
            Fact("planned by now", f"{due:,}"),
            Fact("limits passed", str(len(over)), "bad" if over else "good"),
            Fact("needed more than one attempt", f"{went.retried:,}"),
            Fact("dead", f"{went.dead:,}", "bad" if went.dead else "good"),
        ),
        sections=(
            Section(
                "Planned against actual",
                _compared(setup, today, done, by_day),
            ),
            Section(
                "Limits passed",
                (
                    Table(
                        heads=("Day", "Limit", "Went", "Allowed"),
                        rows=tuple(
                            (day.isoformat(), name, f"{number:,}", f"{allowed:,}")
                            for day, name, number, allowed in over
                        ),
                        right=(2, 3),
                    ),
                ),
            ),
        ),
    )
