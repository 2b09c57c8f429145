"""What is said of a contingency: where it stands, what was done, one request, a rehearsal.

In: a setup and a standing.  Out: reports.  This module computes nothing that it says, and
shows meter points masked: a transaction's number finds what a person may see.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from attrs import evolve

from dflow.contingency.blocks import (
    back_fix_blocks,
    breach_blocks,
    by_hand_blocks,
    count_blocks,
    figure_blocks,
    queue_block,
    time_line,
)
from dflow.contingency.cases import Request
from dflow.contingency.config import Setup
from dflow.contingency.counts import Counted
from dflow.contingency.gate import closed, paused
from dflow.contingency.message import masked
from dflow.contingency.rehearsal import Rehearsed
from dflow.contingency.saying import about, chain, local
from dflow.contingency.standing import Standing
from dflow.report import Fact, Note, Report, Section, Table, Text, Tone

__all__ = ["one_report", "rehearsal_report", "status_report", "story_report"]


def _chain_section(setup: Setup, standing: Standing) -> Section:
    failed: dict[int, list[str]] = {}
    for one in standing.open_failures():
        what = "the mass" if one.mass else f"meter point {masked(one.mprn)}"
        failed.setdefault(one.stage, []).append(f"{one.id} for {what}")
    said = {number: "down: " + ", ".join(names) for number, names in failed.items()}
    held = [one.stage for one in paused(setup, standing)]
    return Section("The chain", (chain(setup.model, said, held),))


def _facts(setup: Setup, standing: Standing, at: datetime) -> tuple[Fact, ...]:
    waiting = list(standing.waiting())
    urgent = [one for one in waiting if one.kind == "reconnect"]
    late = [one for one in standing.requests.values() if one.breached(at)]
    unwarned = [one for one in late if not one.warned_in_time]
    open_fixes = len(standing.unconfirmed())
    stands_still = bool(paused(setup, standing))
    return (
        Fact("failures open", str(len(standing.open_failures()))),
        Fact("reconnections waiting", f"{len(urgent):,}", "warning" if urgent else "good"),
        Fact("other requests waiting", f"{len(waiting) - len(urgent):,}"),
        Fact("past the backstop", f"{len(late):,}", "bad" if late else "good"),
        Fact("of these, not warned of before", f"{len(unwarned):,}", "bad" if unwarned else "good"),
        Fact("done by hand", f"{len(standing.by_hand):,}"),
        Fact("to be corrected", f"{open_fixes:,}", "warning" if open_fixes else "good"),
        Fact("threshold monitoring", "paused" if stands_still else "runs"),
        Fact("disconnections", "held" if stands_still else "may go"),
    )


def status_report(setup: Setup, at: datetime, standing: Standing) -> Report:
    """Where the contingency stands, and what is next.

    The tone is bad while a reconnection that is past its backstop is not done.
    """
    waiting = sum(1 for _ in standing.waiting())
    late = [one for one in standing.requests.values() if one.breached(at) and not one.outcome]
    down = closed(setup, standing)
    failures = standing.open_failures()
    tone: Tone = "bad" if late else "warning" if failures or waiting else "good"
    if not failures:
        first = "No stage is down."
    else:
        first = f"{len(failures)} failures are open" + (", the way out is closed." if down else ".")
    verdict = f"{first} {waiting:,} requests wait, {len(late):,} of them past their backstop."
    ahead = standing.next_alarm()
    notes = list(_open_notes(setup, standing, at))
    if ahead is not None:
        notes.append(
            Note(severity="info", what=f"The next warning is due at {local(setup, ahead)}.")
        )
    sections = (
        _chain_section(setup, standing),
        Section("What stands in the way", tuple(notes)),
        Section("Next to be done", tuple(_next(setup, standing, at))),
        Section("To be corrected", tuple(back_fix_blocks(setup, standing, open_only=True))),
    )
    return Report(
        title=f"Contingency: {setup.model.name}",
        verdict=verdict,
        tone=tone,
        about=about(setup, at),
        facts=_facts(setup, standing, at),
        sections=tuple(one for one in sections if one.blocks),
    )


def _open_notes(setup: Setup, standing: Standing, at: datetime) -> Iterator[Note]:
    if standing.begun is not None:
        yield Note(
            severity="warning",
            what=f"The run that began {local(setup, standing.begun)} has not ended.",
            why="it still runs, or it was interrupted",
            remedy="if it does not run, run it again: it goes on where the ledger stands",
        )
    if standing.last is not None and standing.last > at:
        yield Note(
            severity="error",
            what=f"The last entry is of {local(setup, standing.last)}, which is to come.",
            why="the clock went back, or was ahead",
            remedy="set the clock right; nothing is done until it is",
        )
    for one in standing.open_failures():
        stage = setup.model.stage(one.stage)
        fallback = None if stage is None else stage.fallback
        told = f"; told: {', '.join(one.told)}" if one.told else ""
        yield Note(
            severity="warning",
            what=f"{one.id} since {local(setup, one.since)}, by {one.who}: {one.why}{told}.",
            where=f"stage {stage.title if stage else one.stage}",
            remedy=fallback or "what is done is not decided: escalate",
        )
        if one.model and one.model != setup.model.digest:
            yield Note(
                severity="advice",
                what=f"The working model was changed since {one.id} was opened.",
                where=one.id,
                remedy="look with dflow contingency plan --against what changed",
            )
    for number, why in list(standing.unclear.items())[:20]:
        yield Note(
            severity="error",
            what=f"Arrival {number} is held: {why}.",
            where=f"arrival {number}",
            remedy="look at it with dflow journal, then release or cancel it",
        )
    for request in _held(standing)[:20]:
        yield Note(
            severity="warning",
            what=f"{request.reason} is held: {request.held}.",
            where=f"{request.key}, {masked(request.mprn)}",
            remedy="release it, cancel it, or do it by hand",
        )


def _held(standing: Standing) -> list[Request]:
    return [one for one in standing.requests.values() if one.held and not one.outcome]


def _next(setup: Setup, standing: Standing, at: datetime) -> Iterator[Table | Text]:
    waiting = [one for one in standing.requests.values() if not one.outcome]
    order = sorted(
        (one for one in waiting if one.backstop is not None),
        key=lambda one: (one.handed is not None, one.backstop or at, one.key),
    )
    if not order:
        yield Text("No reconnection is open.")
        return
    rows = []
    tones: list[Tone] = []
    for one in order[:200]:
        left = ((one.backstop or at) - at).total_seconds() / 60
        where = "networks have it" if one.handed else "it waits"
        rows.append(
            (
                one.key,
                masked(one.mprn),
                one.reason,
                local(setup, one.started)[11:],
                local(setup, one.backstop)[11:],
                f"{left:,.0f}",
                str(len(one.warned)),
                where,
            )
        )
        tones.append("bad" if left < 0 else "warning" if one.warned else "plain")
    heads = ("Request", "Meter", "Reason", "Began", "Backstop", "Left", "Warned", "Where")
    yield Table(
        title=f"Reconnections, those that wait first: {len(order):,}",
        heads=heads,
        rows=tuple(rows),
        tones=tuple(tones),
        right=(5, 6),
        most=20,
    )


def story_report(
    setup: Setup, at: datetime, standing: Standing, counted: Sequence[Counted] | None = None
) -> Report:
    """The report of what was done, to be signed: bad if anybody was late without a warning."""
    late = [one for one in standing.requests.values() if one.breached(at)]
    unwarned = [one for one in late if not one.warned_in_time]
    fixes = standing.unconfirmed()
    differs = [one for one in counted or () if one.theirs is not None and one.difference]
    done = sum(1 for one in standing.requests.values() if one.outcome)
    verdict = (
        f"{done:,} of {len(standing.requests):,} requests are done, {len(standing.by_hand):,} acts"
        f" by hand; {len(late):,} reconnections passed their backstop,"
        f" {len(unwarned):,} of them without a warning before; {len(fixes):,} records are still to"
        " be corrected."
    )
    open_ = standing.open_failures() or fixes or differs or done < len(standing.requests)
    tone: Tone = "bad" if unwarned else "warning" if late or open_ else "good"
    sections = [
        _chain_section(setup, standing),
        Section("Time", tuple(time_line(setup, standing, at))),
        Section("Requests that waited", tuple(queue_block(setup, standing, at))),
        Section("How long it took", tuple(figure_blocks(setup, standing, at))),
        Section("Past the backstop", tuple(breach_blocks(setup, standing, at))),
        Section("Done by hand", tuple(by_hand_blocks(setup, standing))),
        Section("Back-fixing", tuple(back_fix_blocks(setup, standing))),
        Section("Counts of the days", tuple(count_blocks(counted))),
        Section("What stands in the way", tuple(_open_notes(setup, standing, at))),
    ]
    return Report(
        title=f"Contingency, what was done: {setup.model.name}",
        verdict=verdict,
        tone=tone,
        about=about(setup, at),
        facts=_facts(setup, standing, at),
        sections=tuple(one for one in sections if one.blocks),
    )


def one_report(setup: Setup, at: datetime, standing: Standing, text: str) -> Report:
    """All that is known of one request, or of the requests of one meter point.

    Capability 73, the query process for single events.
    """
    found = standing.find(text)
    rows: list[tuple[str, ...]] = []
    for one in found:
        said = [(one.started, "its clock began", f"{one.reason}, meter {masked(one.mprn)}")]
        said.append((one.recorded, "it was entered", f"arrival {one.arrival}"))
        said += [
            (when, "warned", f"after {one.alarms[n]:g} min") for n, when in enumerate(one.warned)
        ]
        if one.sent is not None:
            said.append((one.sent, "the hub took it", ""))
        said += [(when, "answered", word) for when, word in one.answers]
        if one.resolved is not None:
            said.append((one.resolved, one.outcome, f"{one.channel} {one.reference}".strip()))
        if one.held:
            said.append((one.recorded, "held", one.held))
        said.sort(key=lambda line: line[0])
        rows += [(one.key, local(setup, when), what, more) for when, what, more in said]
    still = [one for one in found if not one.outcome]
    verdict = (
        "Nothing is known of it."
        if not found
        else (
            f"{len(found)} requests, {len(still)} of them open."
            if len(found) > 1
            else f"It is {found[0].outcome or 'open'}."
        )
    )
    table = Table(heads=("Request", "When", "What", "More"), rows=tuple(rows))
    late = any(one.breached(at) for one in found)
    return Report(
        title="One request" if len(found) == 1 else "Requests",
        verdict=verdict,
        tone="bad" if late or not found else "plain",
        about=about(setup, at),
        sections=(Section("What happened", (table,)),) if rows else (),
    )


def rehearsal_report(setup: Setup, seen: Rehearsed) -> Report:
    """Whether every law held in a rehearsal, counted at the hub."""
    wanted = len(seen.standing.requests)
    laws = (
        ("passed the backstop without a warning", len(seen.unwarned)),
        ("reached the hub twice", len(seen.twice)),
        ("were done by hand and sent again", len(seen.repeated)),
        ("went before what had to go first", len(seen.out_of_order)),
        ("disconnected a meter point after a later reconnection", len(seen.cut_off)),
        ("replays that gave another standing", seen.differed),
    )
    if seen.held:
        verdict = (
            f"{wanted:,} requests waited in the failure: none passed its backstop without a"
            " warning, none was sent twice, none done by hand was repeated."
        )
    else:
        broken = next(f"{number:,} {name}" for name, number in laws if number)
        verdict = f"The rehearsal fails: {broken}."
    table = Table(
        heads=("Of all requests", "Seen", "Allowed"),
        rows=tuple((name, f"{number:,}", "0") for name, number in laws),
        tones=tuple("bad" if number else "good" for _, number in laws),
        right=(1, 2),
    )
    how = Text(
        f"Everything is made up. The hub failed {local(setup, seen.failed[0])} and worked again"
        f" {local(setup, seen.failed[1])}; while it was down it refused {seen.refused:,} attempts."
        f" {seen.resent:,} messages came a second time. The desk died"
        f" {seen.replays} times and read its ledger again. What went was counted at the hub."
    )
    story = story_report(setup, seen.end, seen.standing)
    return evolve(
        story,
        title=f"Rehearsal: {setup.model.name}",
        verdict=verdict,
        tone="good" if seen.held else "bad",
        sections=(Section("The laws", (table, how)), *story.sections),
    )
