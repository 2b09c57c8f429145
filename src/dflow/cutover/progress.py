"""What is said of a cut-over while it runs, and when it is done.

In: a plan, where it stands, what became of the files.  Out: reports.  This module
computes nothing that it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dflow.cutover.accounts import reconciliation_blocks
from dflow.cutover.contradictions import counted, hours
from dflow.cutover.plan import CutoverPlan
from dflow.cutover.reconcile import Reconciliation
from dflow.cutover.rehearsal import Rehearsed
from dflow.cutover.saying import STATE_TONES, about, time_line
from dflow.cutover.standing import Doing, Standing
from dflow.cutover.statuslog import impacted_table, log_table
from dflow.report import Block, Fact, Note, Report, Section, Table, Text, Tone

__all__ = ["progress_report", "rehearsal_report", "step_blocks"]


def progress_report(
    plan: CutoverPlan,
    standing: Standing,
    found: Reconciliation,
    *,
    full: bool,
    extra: Sequence[Section] = (),
) -> Report:
    """Where the cut-over stands, or, with `full`, what was done and how it reconciles."""
    notes = tuple(step_blocks(plan, standing))
    tone, verdict = _verdict(standing, found)
    impacted = list(found.undelivered)
    counts = [sum(one.flow == flow for one in found.rejected) for flow in impacted]
    log: list[Block] = [log_table(plan, standing)] if standing.updates else []
    if impacted:
        log.append(impacted_table(impacted, counts))
    if plan.contact:
        log.append(Text(f"Questions: {plan.contact}"))
    sections = [
        Section("Status log", tuple(log)),
        Section("What wants attention", tuple(one for one in notes if isinstance(one, Note))),
        Section("Time line", (time_line(plan, standing),)),
        Section("Steps", tuple(one for one in notes if isinstance(one, Table))),
    ]
    if full or found.rejected or found.total("held early") or found.total("held late"):
        blocks = tuple(reconciliation_blocks(found))
        sections.append(Section("Reconciliation" if full else "Files so far", blocks))
    sections += list(extra)
    return Report(
        title=f"Cut-over: {plan.name}",
        verdict=verdict,
        tone=tone,
        about=about(plan, standing.at),
        facts=_facts(standing, found),
        sections=tuple(one for one in sections if one.blocks),
    )


def _facts(standing: Standing, found: Reconciliation) -> tuple[Fact, ...]:
    done = sum(one.state == "done" for one in standing.steps)
    every = len(standing.files)
    fetched = every - len(standing.unfetched)
    rejected = found.total("rejected")
    return (
        Fact("steps done", f"{done} of {len(standing.steps)}"),
        Fact("came", f"{found.came:,}"),
        Fact("went", f"{found.total('delivered'):,}"),
        Fact("held now", f"{found.total('held early') + found.total('held late'):,}"),
        Fact("released", f"{found.released:,}"),
        Fact("overtaken", f"{found.overtaken:,}", "warning" if found.overtaken else "good"),
        Fact("rejected", f"{rejected:,}", "warning" if rejected else "good"),
        Fact("files fetched", f"{fetched} of {every}", "good" if fetched == every else "warning"),
        Fact(
            "totals",
            "add up" if found.adds_up else "do not add up",
            "good" if found.adds_up else "bad",
        ),
    )


def _verdict(standing: Standing, found: Reconciliation) -> tuple[Tone, str]:
    wrong = next(_wrong(standing, found), "")
    if wrong:
        return "bad", wrong
    if standing.interrupted is not None:
        return "warning", "The last run was interrupted; run it again, and it goes on."
    if standing.done:
        left = sum(found.total(one) for one in ("rejected", "held early", "held late"))
        if left:
            return "warning", f"Every step is done; {counted(left, 'file')} left for a person."
        return "good", "Every step is done, and every file is accounted for."
    now = [one.step.name for one in standing.steps if one.state in ("begun", "open")]
    words = f"The cut-over is under way: {', '.join(now)}." if now else "Nothing is due."
    return "plain", words


def _wrong(standing: Standing, found: Reconciliation) -> Iterator[str]:
    """What stands in the way of the cut-over, worst first."""
    for one in standing.steps:
        if one.state == "failed":
            yield f"Step {one.step.name} failed."
    for outage, begun, ended, long in standing.outages:
        if long and begun is not None and ended is None:
            yield f"{outage.system} has been out for longer than it may be."
    for one in standing.steps:
        if one.late and one.state != "done":
            yield f"Step {one.step.name} is late."
    if not found.adds_up:
        yield "The totals do not add up."


def step_blocks(plan: CutoverPlan, standing: Standing) -> Iterator[Note | Table]:
    """What wants attention, and every step as it stands."""
    yield from _step_notes(plan, standing)
    for file in standing.unfetched:
        if file.by < standing.at:
            yield Note(
                severity="error",
                what=f"{file.placed.party} has not fetched {file.placed.name}",
                where=file.placed.mount,
                why=f"it was to be fetched by {plan.local(file.by)}",
                remedy="ask the party; the file lies in its area still",
            )
    for one in plan.retentions:
        if one.until <= standing.at:
            yield Note(
                severity="advice",
                what=f"{one.name} may be removed now",
                where=one.folder.name,
                why=f"they were kept until {plan.local(one.until)}",
                remedy="remove the folder when nobody needs it; dflow removes nothing",
            )
    yield Table(
        heads=("Step", "Owner", "State", "Begun", "Ended", "Seen"),
        rows=tuple(_step_row(plan, one) for one in standing.steps),
        tones=tuple(
            "bad" if one.late or one.state == "failed" else STATE_TONES.get(one.state, "plain")
            for one in standing.steps
        ),
    )
    if standing.files:
        yield Table(
            title="Migration files",
            heads=("Party", "File", "Placed", "Fetched", "By"),
            rows=tuple(
                (
                    one.placed.party,
                    one.placed.name,
                    plan.local(one.at),
                    plan.local(one.fetched) if one.fetched else "not yet",
                    plan.local(one.by),
                )
                for one in standing.files
            ),
        )
    kept = [one for one in plan.retentions if one.until > standing.at]
    if kept:
        yield Table(
            title="Kept readable",
            heads=("What", "Folder", "Until"),
            rows=tuple((one.name, one.folder.name, plan.local(one.until)) for one in kept),
        )


def _outage_notes(standing: Standing) -> Iterator[Note]:
    for outage, begun, ended, long in standing.outages:
        if begun is not None and long:
            lasted = (ended or standing.at) - begun
            yield Note(
                severity="error",
                what=f"{outage.system} was out for {hours(lasted)}"
                if ended
                else f"{outage.system} has been out for {hours(lasted)}",
                where=f"step {outage.step}",
                why=f"it may be out for {hours(outage.limit)} at most",
                remedy="tell those who wait; end the outage, and say --done"
                if not ended
                else "say why in the status log",
            )


def _step_notes(plan: CutoverPlan, standing: Standing) -> Iterator[Note]:
    yield from _outage_notes(standing)
    yield from _late_notes(plan, standing)
    if standing.interrupted is not None:
        begun_steps = [one.step.name for one in standing.steps if one.state == "begun"]
        stood = f" in {', '.join(begun_steps)}" if begun_steps else ""
        yield Note(
            severity="warning",
            what=f"the run of {plan.local(standing.interrupted)} was interrupted{stood}",
            remedy="run it again: it goes on where it stood, and does nothing twice",
        )
    if len(standing.digests) > 1 or (standing.digests and standing.digests[-1] != plan.digest):
        yield Note(
            severity="info",
            what=f"the plan was changed while it ran; {len(standing.digests)} were run so far",
            where=plan.path.name,
        )


def _late_notes(plan: CutoverPlan, standing: Standing) -> Iterator[Note]:
    for one in standing.steps:
        where = f"step {one.step.name}, {one.step.owner}"
        if one.state == "failed":
            yield Note(
                severity="error", what=one.words, where=where, remedy="mend it and run again"
            )
        elif one.late and one.state in ("waiting", "blocked"):
            continue
        elif one.late and one.state != "done":
            hand = one.step.do == "manual"
            yield Note(
                severity="error",
                what=f"step {one.step.name} is late" + (f": {one.words}" if one.words else ""),
                where=where,
                why=f"its window ended {plan.local(one.step.end)}",
                remedy="do it, and say so: dflow cutover run FILE --done STEP --who NAME --why TEXT"
                if hand
                else "run it: dflow cutover run FILE",
            )
        elif one.late:
            yield Note(
                severity="warning",
                what=f"step {one.step.name} was done late, {plan.local(one.ended or one.step.end)}",
                where=where,
                why=f"its window ended {plan.local(one.step.end)}",
            )
        if one.early:
            yield Note(
                severity="warning",
                what=f"step {one.step.name} was begun before its window",
                where=where,
                why=f"its window began {plan.local(one.step.start)}",
            )
    behind = [one for one in standing.steps if one.late and one.state in ("waiting", "blocked")]
    if behind:
        yield Note(
            severity="error",
            what=f"{counted(len(behind), 'step')} late: "
            + "; ".join(f"{one.step.name} {one.words}" for one in behind),
            where="steps that wait for others",
            remedy=f"do {behind[0].step.after[0]} first" if behind[0].step.after else "",
        )


def _step_row(plan: CutoverPlan, one: Doing) -> tuple[str, ...]:
    return (
        one.step.name,
        one.who or one.step.owner,
        one.state + (", late" if one.late else ""),
        plan.local(one.begun) if one.begun else "",
        plan.local(one.ended) if one.ended else "",
        one.words,
    )


def rehearsal_report(plan: CutoverPlan, found: Rehearsed) -> Report:
    """What the dress rehearsal saw (capability 36)."""
    flows = found.failed_flows
    if flows:
        verdict = (
            f"The rehearsal failed: {len(flows)} flows of release {plan.release} were not"
            f" delivered: {', '.join(flows)}."
        )
    elif found.passed:
        verdict = f"The rehearsal passed: all {found.samples} files became what they had to."
    else:
        verdict = "The rehearsal failed: see what wants attention."
    notes = tuple(step_blocks(plan, found.standing))
    attention = (
        *_undelivered(plan, found),
        *(one for one in notes if isinstance(one, Note)),
        *_otherwise(found),
    )
    sections = [
        Section("What wants attention", attention),
        Section("Time line", (time_line(plan, found.standing),)),
        Section("Steps", tuple(one for one in notes if isinstance(one, Table))),
        Section("Reconciliation", tuple(reconciliation_blocks(found.reconciliation))),
        Section("Status log", (log_table(plan, found.standing),)),
    ]
    return Report(
        title=f"Dress rehearsal: {plan.name}",
        verdict=verdict,
        tone="good" if found.passed else "bad",
        about=about(plan, found.standing.at),
        facts=(
            Fact("files made up", str(found.samples)),
            Fact("arrivals copied", str(found.copied)),
            Fact("flows not delivered", str(len(flows)), "bad" if flows else "good"),
            *_facts(found.standing, found.reconciliation),
        ),
        sections=tuple(one for one in sections if one.blocks),
    )


def _undelivered(plan: CutoverPlan, found: Rehearsed) -> Iterator[Note | Table]:
    """The flows of the release that were not delivered, and what writes their routes."""
    flows = found.failed_flows
    if not flows:
        return
    first = next(one for one in found.failed if one.sample.flow == flows[0])
    yield Note(
        severity="error",
        what=f"{counted(len(flows), 'flow')} of release {plan.release} not delivered",
        where=plan.config.name,
        why=first.saw,
        remedy=f"dflow cutover plan {plan.path.name} --draft writes the routes to review",
    )
    counts = [sum(one.sample.flow == flow for one in found.failed) for flow in flows]
    yield impacted_table(flows, counts)


def _otherwise(found: Rehearsed) -> Iterator[Note]:
    """Files that had to become something else than delivered, and did not."""
    for one in found.failed:
        if one.sample.wish != "delivered":
            what = f"{one.sample.what}: {one.saw}"
            yield Note(severity="error", what=what, where=one.sample.file_id)
