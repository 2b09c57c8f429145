"""What is said of a migration plan: on paper, rehearsed, running, and done.

In: a setup and what was found.  Out: reports.  This module computes nothing that it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from dflow.identifiers import known_distributor
from dflow.migration.allocation import Allocation
from dflow.migration.config import Setup
from dflow.migration.fairness import SizeTest
from dflow.migration.plan import Breach
from dflow.migration.reverse import Reverse
from dflow.migration.versions import Difference
from dflow.migration.volumes import Volumes
from dflow.migration.whatif import Outlook
from dflow.report import (
    Bars,
    Curve,
    Fact,
    Lines,
    Note,
    Report,
    Section,
    Span,
    Spans,
    Table,
    Text,
    Tone,
)

__all__ = ["about", "plan_report", "thousands", "worked"]


def about(setup: Setup, at: datetime) -> str:
    """The line under a title: which plan, and as of when."""
    plan = setup.plan
    return (
        f"{setup.path.name}, version {plan.version}, SHA-256 {setup.digest[:12]};"
        f" {plan.start} to {plan.end}; as of {at:%Y-%m-%d %H:%M %Z}"
    )


def thousands(number: float) -> str:
    """A number as people read it."""
    return f"{number:,.0f}"


def plan_report(
    setup: Setup,
    at: datetime,
    *,
    breaches: Sequence[Breach],
    allocation: Allocation | None,
    tests: Sequence[SizeTest],
    outlooks: Sequence[Outlook],
    reverses: Sequence[Reverse],
    changed: Sequence[Difference] | None = None,
) -> Report:
    """The plan on paper: whether it fits, and if not, the first day and limit that break."""
    plan = setup.plan
    volumes = plan.volumes or (allocation.volumes if allocation else Volumes(plan.start, 0))
    tone: Tone = "good"
    if breaches:
        tone, verdict = "bad", f"The plan is refused. {breaches[0]}."
    elif allocation is not None and allocation.unmet:
        tone = "warning"
        verdict = (
            f"The plan fits its limits; {thousands(allocation.unmet)} of"
            f" {thousands(allocation.unmet + volumes.total)} that were asked for find no day."
        )
    else:
        verdict = f"The plan fits every limit on each of its {len(plan.days):,} days."
    facts = (
        Fact("migrations planned", thousands(volumes.total)),
        Fact("breaches", thousands(len(breaches)), "bad" if breaches else "good"),
        Fact("suppliers", str(len(plan.suppliers))),
        Fact("networks", str(len(plan.networks))),
        Fact("worked days", str(sum(map(plan.calendar.works, plan.days)))),
    )
    sections = [
        Section("What stands in the way", tuple(_breach_notes(breaches))),
        Section("By day", tuple(_day_plots(setup, volumes))),
        Section("Suppliers and sprints", tuple(_party_blocks(setup, volumes))),
    ]
    if allocation is not None:
        sections.append(Section("Allocation", tuple(_allocation(setup, allocation, tests))))
    if outlooks:
        sections.append(Section("What if", tuple(_outlooks(outlooks))))
    if reverses:
        sections.append(Section("Reverse migration", tuple(_reverses(reverses))))
    sections.append(Section("Said and decided", tuple(_comments(setup, at))))
    if changed is not None:
        sections.append(Section("What changed", (_changed(changed),)))
    return Report(
        title=f"Migration plan: {plan.name}",
        verdict=verdict,
        tone=tone,
        about=about(setup, at),
        facts=facts,
        sections=tuple(one for one in sections if one.blocks),
    )


def _breach_notes(breaches: Sequence[Breach]) -> Iterator[Note | Table]:
    if not breaches:
        return
    first = breaches[0]
    yield Note(
        severity="error",
        what=str(first),
        where=first.day.isoformat(),
        why=first.why or f"{first.limit} is {first.allowed:,} that day",
        remedy=f"move {first.excess:,} to days with room, or have the limit changed",
    )
    yield Table(
        title="Every breach",
        heads=("Day", "Limit", "Planned", "Allowed", "Excess", "Why"),
        rows=tuple(
            (b.day.isoformat(), b.limit, f"{b.planned:,}", f"{b.allowed:,}", f"{b.excess:,}", b.why)
            for b in breaches
        ),
        right=(2, 3, 4),
        most=50,
    )


def _day_plots(setup: Setup, volumes: Volumes) -> Iterator[Lines]:
    plan = setup.plan
    labels = tuple(day.isoformat() for day in plan.days)
    limit = plan.industry.over(plan.days, plan.calendar)
    planned = volumes.by_day() or [0] * len(labels)
    yield Lines(
        title="Migrations a day, planned and allowed over all",
        labels=labels,
        unit="a day; days off are left out",
        curves=(
            Curve(name="planned", values=worked(setup, planned)),
            Curve(name="industry limit", values=worked(setup, limit), dashed=True, tone="bad"),
        ),
    )
    total, summed = 0, []
    for number in planned:
        total += number
        summed.append(float(total))
    yield Lines(
        title="Migrated in all",
        labels=labels,
        curves=(Curve(name="planned", values=tuple(summed)),),
    )


def worked(setup: Setup, values: Sequence[int | None]) -> tuple[float | None, ...]:
    """The values of worked days, each day off with the value before it: one line, no comb."""
    shown: list[float | None] = []
    for day, value in zip(setup.plan.days, values, strict=True):
        if setup.plan.calendar.works(day):
            shown.append(None if value is None else float(value))
        else:
            shown.append(shown[-1] if shown else None)
    return tuple(shown)


def _party_blocks(setup: Setup, volumes: Volumes) -> Iterator[Table | Spans | Note]:
    plan = setup.plan
    zone = ZoneInfo(setup.zone)
    rows = []
    for mpid, one in plan.suppliers.items():
        planned = volumes.by_day(supplier=mpid)
        days = [day for day, number in zip(plan.days, planned, strict=False) if number]
        rows.append(
            (
                mpid,
                one.qualified.isoformat() if one.qualified else "not so far",
                str(one.tranche or ""),
                thousands(one.portfolio) if one.portfolio is not None else "not said",
                thousands(sum(planned)),
                days[0].isoformat() if days else "",
                days[-1].isoformat() if days else "",
            )
        )
    heads = ("Supplier", "Qualified", "Tranche", "Portfolio", "Planned", "First day", "Last day")
    yield Table(heads=heads, rows=tuple(rows), right=(2, 3, 4))
    if plan.sprints:

        def midnight(day: date) -> datetime:
            return datetime(day.year, day.month, day.day, tzinfo=zone)

        spans = tuple(
            Span(label=one.name, start=midnight(one.start), end=midnight(one.end))
            for one in plan.sprints
        )
        yield Spans(title="Sprints", spans=spans)
    for name in plan.networks:
        if not (len(name) == 2 and known_distributor(name + "0" * 11)):
            yield Note(
                severity="advice",
                what=f"{name} is no distributor's number that is known.",
                where=f"network {name}",
                remedy="look at the number; the plan is not refused for it",
            )


def _allocation(
    setup: Setup, allocation: Allocation, tests: Sequence[SizeTest]
) -> Iterator[Text | Table]:
    yield Text(f"Requests were filled by the method: {allocation.method}.")
    yield _grants(allocation)
    if setup.tranches:
        yield Table(
            title="Tranches",
            heads=("Supplier", "Tranche", "Why"),
            rows=tuple((a.supplier, str(a.tranche or "none"), a.why) for a in setup.tranches),
        )
    yield Text(
        "Whether a method favours size was tried on made-up rounds in which the order of requests"
        " has nothing to do with size: 0 is no connection, 1 means that the larger always comes"
        " first, -1 the smaller."
    )
    yield _size_tests(tests)


def _grants(allocation: Allocation) -> Table:
    """What was asked for, and what of it was granted."""
    rows = []
    for grant in allocation.grants:
        asked = grant.request
        rows.append(
            (
                asked.received.isoformat(timespec="minutes"),
                asked.supplier,
                asked.network,
                thousands(asked.wanted),
                thousands(grant.granted),
                thousands(grant.unmet),
                grant.first.isoformat() if grant.first else "",
                grant.last.isoformat() if grant.last else "",
            )
        )
    heads = ("Received", "Supplier", "Network", "Wanted", "Granted", "Unmet", "First", "Last")
    tones: tuple[Tone, ...] = tuple(
        "warning" if one.unmet else "plain" for one in allocation.grants
    )
    return Table(
        title="Requests", heads=heads, rows=tuple(rows), right=(3, 4, 5), tones=tones, most=60
    )


def _size_tests(tests: Sequence[SizeTest]) -> Table:
    """Each method's verdict, with the numbers behind it."""
    return Table(
        title="Does the method favour size?",
        heads=("Method", "Begins earlier", "Chance", "Met halfway", "Chance", "Verdict"),
        rows=tuple(
            (
                one.method,
                f"{one.start:+.2f}",
                f"{one.start_chance:.3f}",
                f"{one.met:+.2f}",
                f"{one.met_chance:.3f}",
                one.verdict,
            )
            for one in tests
        ),
        right=(1, 2, 3, 4),
        tones=tuple("plain" if "not" in one.verdict else "warning" for one in tests),
    )


def _outlooks(outlooks: Sequence[Outlook]) -> Iterator[Table | Bars]:
    yield Table(
        heads=("Supposed", "Migrated", "Left over", "Last day", "Full days"),
        rows=tuple(
            (
                one.change.name,
                thousands(one.granted),
                thousands(one.unmet),
                one.last.isoformat() if one.last else "",
                thousands(one.full),
            )
            for one in outlooks
        ),
        right=(1, 2, 4),
        tones=tuple("warning" if one.unmet else "plain" for one in outlooks),
    )
    yield Bars(
        title="Left over at the plan's end",
        labels=tuple(one.change.name for one in outlooks),
        values=tuple(float(one.unmet) for one in outlooks),
        tones=tuple("bad" if one.unmet else "good" for one in outlooks),
        unit="migrations",
    )


def _reverses(reverses: Sequence[Reverse]) -> Iterator[Table]:
    rows = tuple(
        (
            one.move.day.isoformat(),
            _masked(one.move.mpan),
            one.move.old,
            one.move.new,
            one.outcome,
            one.why,
        )
        for one in reverses
    )
    yield Table(
        heads=("Day", "Meter point", "From", "To", "Outcome", "Why"),
        rows=rows,
        tones=tuple("warning" if one.outcome == "reverse" else "plain" for one in reverses),
        most=60,
    )


def _masked(mpan: str) -> str:
    """The distributor and the last digit: enough to find it, not to know whose it is."""
    return f"{mpan[:2]}…{mpan[-1:]}" if len(mpan) > 4 else "…"


def _changed(changed: Sequence[Difference]) -> Text | Table:
    if not changed:
        return Text("Nothing: the two versions say the same.")
    rows = tuple((one.what, one.old or "", one.new or "") for one in changed)
    return Table(heads=("What", "Was", "Is"), rows=rows, most=1000)


def _comments(setup: Setup, at: datetime) -> Iterator[Text | Note]:
    for one in setup.plan.comments:
        yield Text(one)
    if setup.plan.start <= at.date():
        yield Note(
            severity="warning",
            what=f"The plan began on {setup.plan.start}, and that day is past.",
            why="a plan is checked against the days that are left only when it runs",
            remedy="run it, or move its start",
        )
