"""Parts of a contingency's reports: time line, queue, figures, breaches, back-fixing, counts.

In: a setup and a standing.  Out: blocks of a report.  This module reads nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from dflow.contingency.config import Setup
from dflow.contingency.counts import Counted
from dflow.contingency.figures import Figures, by_channel, by_stage, figures, queue, shares
from dflow.contingency.message import masked
from dflow.contingency.saying import local
from dflow.contingency.standing import Standing
from dflow.report import Bars, Curve, Lines, Mark, Note, Span, Spans, Table, Text, Tone

__all__ = [
    "back_fix_blocks",
    "breach_blocks",
    "by_hand_blocks",
    "count_blocks",
    "figure_blocks",
    "queue_block",
    "time_line",
]


def time_line(setup: Setup, standing: Standing, at: datetime) -> Iterator[Spans]:
    """Failures in rows, and the instants that matter through them."""
    if not standing.failures:
        return
    zone = ZoneInfo(setup.model.zone)
    spans = []
    marks = []
    for one in list(standing.failures.values())[:40]:
        stage = setup.model.stage(one.stage)
        what = "mass" if one.mass else f"meter {masked(one.mprn)}"
        tone: Tone = "bad" if one.closed is None else "warning"
        spans.append(
            Span(
                label=f"{stage.title if stage else one.stage}, {what}",
                start=one.since.astimezone(zone),
                end=None if one.ended is None else one.ended.astimezone(zone),
                tone=tone,
                note=f"{one.id}, {one.who}: {one.why}",
            )
        )
        if one.mass:
            marks.append(Mark(one.opened.astimezone(zone), f"{one.id} opened"))
            if one.closed is not None:
                marks.append(Mark(one.closed.astimezone(zone), f"{one.id} closed"))
    late = [one for one in standing.requests.values() if one.breached(at)]
    if late:
        begins = min(one.backstop or at for one in late)
        spans.append(
            Span(
                label="past the backstop",
                start=begins.astimezone(zone),
                end=max(one.resolved or at for one in late).astimezone(zone),
                tone="bad",
                note=f"{len(late):,} reconnections, from the first to the last",
            )
        )
    yield Spans(title="Failures", spans=tuple(spans), marks=tuple(marks))


def queue_block(setup: Setup, standing: Standing, at: datetime) -> Iterator[Lines]:
    """How many waited, over time."""
    instants, lines = queue(standing, at)
    if not instants:
        return
    names = {"reconnect": "reconnections", "disconnect": "disconnections", "other": "others"}
    yield Lines(
        title="Requests that wait for networks to have them",
        labels=tuple(local(setup, one)[11:16] for one in instants),
        curves=tuple(
            Curve(name=names[kind], values=tuple(map(float, values)))
            for kind, values in sorted(lines.items(), reverse=True)
        ),
        unit="requests",
    )


def _minutes(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"


def _row(one: Figures) -> tuple[str, ...]:
    numbers = (one.requests, one.resolved, one.breaches)
    times = (one.median, one.p90, one.p99, one.longest)
    return (one.name, *(f"{n:,}" for n in numbers), *map(_minutes, times))


def figure_blocks(setup: Setup, standing: Standing, at: datetime) -> Iterator[Table | Text]:
    """Times to resolution, by channel and by stage, and the parts of the backstop."""
    group = [
        one
        for one in standing.requests.values()
        if one.kind == "reconnect" and one.outcome != "cancelled"
    ]
    if not group:
        yield Text("No reconnection was asked for.")
        return
    every = [figures("all", group, at), *by_channel(standing, at)]
    heads = ("Reconnections", "Asked", "Done", "Late", "Half in", "9 of 10", "99 of 100", "Longest")
    for title, some in (
        ("By channel, in minutes", every),
        ("By the stage that was down, in minutes", by_stage(standing, setup.model, at)),
    ):
        if some:
            yield Table(
                title=title,
                heads=heads,
                rows=tuple(map(_row, some)),
                tones=tuple("warning" if one.breaches else "good" for one in some),
                right=(1, 2, 3, 4, 5, 6, 7),
            )
    if parts := shares(standing, setup.model):
        yield Table(
            title="Parts of the backstop",
            heads=("Whose", "Allowed", "Passed it", "9 of 10"),
            rows=tuple(
                (owner, f"{minutes:g}", f"{number:,}", _minutes(most))
                for owner, minutes, number, most in parts
            ),
            right=(1, 2, 3),
        )


def breach_blocks(setup: Setup, standing: Standing, at: datetime) -> Iterator[Table | Text]:
    """Every reconnection that passed its backstop."""
    late = sorted(
        (one for one in standing.requests.values() if one.breached(at)),
        key=lambda one: (one.warned_in_time, one.started, one.key),
    )
    if not late:
        yield Text("No reconnection passed its backstop.")
        return
    yield Table(
        heads=("Request", "Meter", "Began", "Backstop", "Done", "How", "First warning"),
        rows=tuple(
            (
                one.key,
                masked(one.mprn),
                local(setup, one.started)[11:],
                local(setup, one.backstop)[11:],
                local(setup, one.resolved)[11:] or "open",
                one.outcome,
                local(setup, one.warned[0])[11:] if one.warned_in_time else "none in time",
            )
            for one in late
        ),
        tones=tuple("warning" if one.warned_in_time else "bad" for one in late),
        most=20,
    )


def by_hand_blocks(setup: Setup, standing: Standing) -> Iterator[Table]:
    """What was done by webform and phone."""
    if not standing.by_hand:
        return
    yield Table(
        heads=("When", "Who", "Channel", "Reference", "Request", "Meter", "Reason"),
        rows=tuple(
            (
                local(setup, one.at),
                one.who,
                one.channel,
                one.reference,
                one.key or "before it came",
                masked(one.mprn),
                one.reason,
            )
            for one in standing.by_hand
        ),
        most=20,
    )


def back_fix_blocks(
    setup: Setup, standing: Standing, *, open_only: bool = False
) -> Iterator[Table | Bars]:
    """Records to be corrected, by stage, and those that nobody has confirmed."""
    fixes = list(standing.back_fixes.values())
    if not fixes:
        return
    still = standing.unconfirmed()
    if not open_only:
        stages = sorted({one.stage for one in fixes})
        labels, values, tones = [], [], []
        for number in stages:
            stage = setup.model.stage(number)
            name = stage.title if stage else str(number)
            done = sum(one.stage == number and one.confirmed is not None for one in fixes)
            left = sum(one.stage == number for one in still)
            labels += [f"{name}: confirmed", f"{name}: open"]
            values += [float(done), float(left)]
            tones += ["good", "warning"]
        yield Bars(
            title="Records to be corrected",
            labels=tuple(labels),
            values=tuple(values),
            tones=tuple("good" if tone == "good" else "warning" for tone in tones),
            unit="records",
        )
    if still:
        yield Table(
            title=f"Not confirmed: {len(still):,}",
            heads=("Number", "Stage", "Record", "Meter", "Because of", "Since"),
            rows=tuple(
                (
                    one.id,
                    str(one.stage),
                    one.record,
                    masked(one.mprn) if one.mprn else "the stage",
                    one.because,
                    local(setup, one.made),
                )
                for one in still
            ),
            right=(1,),
            most=20,
        )


def count_blocks(counted: Sequence[Counted] | None) -> Iterator[Table | Note]:
    """Our counts against the hub's; what may explain a difference."""
    if counted is None:
        return
    yield Table(
        heads=("Day", "Message", "Ours", "Theirs", "Difference"),
        rows=tuple(
            (
                one.day.isoformat(),
                one.type,
                f"{one.ours:,}",
                "not said" if one.theirs is None else f"{one.theirs:,}",
                "" if one.theirs is None else f"{one.difference:+,}",
            )
            for one in counted
        ),
        tones=tuple(
            "plain" if one.theirs is None else "warning" if one.difference else "good"
            for one in counted
        ),
        right=(2, 3, 4),
    )
    for one in counted:
        if one.theirs is None or not one.difference:
            continue
        yield Note(
            severity="warning",
            what=f"The hub counted {one.theirs:,} of message {one.type}, we sent {one.ours:,}.",
            where=one.day.isoformat(),
            why=f"{len(one.suspects):,} transactions may explain it",
            remedy="ask the hub about these transaction numbers",
        )
        if one.suspects:
            yield Table(
                title=f"Transactions of {one.day}",
                heads=("Request", "Why"),
                rows=one.suspects,
                most=20,
            )
