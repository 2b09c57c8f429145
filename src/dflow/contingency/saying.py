"""What is said of a working model: its chain, what it leaves open, what changed.

In: a setup and what was found.  Out: a report.  This module computes nothing that it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from dflow.contingency.config import Setup
from dflow.contingency.hours import on_duty
from dflow.contingency.model import Difference, Model, Stage
from dflow.report import Chain, Fact, Link, Note, Report, Section, Table, Text, Tone

__all__ = ["about", "chain", "local", "plan_report"]


def about(setup: Setup, at: datetime) -> str:
    """The line under a title: which model, and as of when."""
    model = setup.model
    return (
        f"{setup.path.name}, version {model.version}, SHA-256 {model.digest[:12]};"
        f" as of {local(setup, at)}"
    )


def local(setup: Setup, at: datetime | None) -> str:
    """An instant by the model's clock."""
    if at is None:
        return ""
    return f"{at.astimezone(ZoneInfo(setup.model.zone)):%Y-%m-%d %H:%M:%S}"


def chain(model: Model, failed: Mapping[int, str], paused: Iterable[int] = ()) -> Chain:
    """The chain, with the stages that fail.

    Args:
        model: the working model.
        failed: of each stage that fails, what is said of it.
        paused: stages that are down and pause disconnections.
    """
    links = []
    held = set(paused)
    for stage in model.stages:
        tone: Tone = "plain" if stage.fallback is not None else "warning"
        note = stage.fallback or "fallback not decided"
        if stage.number in failed:
            tone = "bad"
            note = f"{failed[stage.number]}; {note}"
            if stage.number in held:
                note += "; disconnections and threshold monitoring are paused"
        links.append(Link(name=stage.name, under=_under(stage), tone=tone, note=note))
    return Chain(title=model.name, links=tuple(links))


def _under(stage: Stage) -> str:
    return f"{stage.system or 'system not known'}, {stage.owner or 'no owner'}"


def plan_report(
    setup: Setup, at: datetime, *, notes: Sequence[Note], changes: Sequence[Difference] | None
) -> Report:
    """The working model on paper: what it decides, and what it leaves open."""
    model = setup.model
    open_stages = [one for one in model.stages if one.fallback is None]
    warnings = [one for one in notes if one.severity == "warning"]
    if warnings:
        verdict = (
            f"The model can be worked with; {len(warnings)} things are not decided or not covered."
        )
    else:
        verdict = "The model is complete: every stage has a fallback, and every hour an owner."
    sections = [
        Section("The chain", (chain(model, {}), _stages(model))),
        Section("What is left open", tuple(notes)),
        Section("Time", tuple(_times(setup))),
        Section("Who is on duty", tuple(_duty(setup, at))),
    ]
    if changes is not None:
        sections.append(Section("What changed", tuple(_changes(changes))))
    if model.comments:
        sections.append(Section("Said and decided", tuple(map(Text, model.comments))))
    decided = len(model.stages) - len(open_stages)
    return Report(
        title=f"Contingency: {model.name}",
        verdict=verdict,
        tone="warning" if warnings else "good",
        about=about(setup, at),
        facts=(
            Fact("stages", str(len(model.stages))),
            Fact("with a fallback", str(decided), "plain" if open_stages else "good"),
            Fact("not decided", str(len(open_stages)), "warning" if open_stages else "good"),
            Fact("backstop", f"{model.backstop.minutes:g} minutes"),
            Fact("agreed", model.agreed.isoformat() if model.agreed else "not so far"),
        ),
        sections=tuple(one for one in sections if one.blocks),
    )


def _stages(model: Model) -> Table:
    rows = []
    for one in model.stages:
        does = []
        if one.pauses:
            does.append("pauses disconnections and monitoring")
        if one.destination:
            does.append(f"closes {one.destination}")
        rows.append(
            (
                str(one.number),
                one.name,
                one.system or "not known",
                one.owner or "not decided",
                one.fallback or "not decided",
                "; ".join(does),
                ", ".join((*one.records, *(f"once: {record}" for record in one.once))),
            )
        )
    heads = ("Stage", "Interface", "System", "Owner", "Fallback", "A failure", "Back-fix")
    tones: tuple[Tone, ...] = tuple(
        "plain" if one.fallback is not None else "warning" for one in model.stages
    )
    return Table(heads=heads, rows=tuple(rows), tones=tones, right=(0,))


def _times(setup: Setup) -> Iterator[Text | Table]:
    backstop = setup.model.backstop
    shares = " and ".join(f"{one.minutes:g} for {one.owner}" for one in backstop.parts)
    source = f" Source: {backstop.source}." if backstop.source else ""
    yield Text(
        f"A reconnection is to be done within {backstop.minutes:g} minutes, {shares}.{source}"
    )
    early = ", ".join(f"{one:g}" for one in backstop.alarms[:-1])
    yield Text(f"It is warned after {early} minutes, and listed as a breach after the last.")
    if setup.model.levels:
        yield Table(
            title="Escalation",
            heads=("Level", "After", "Owner", "For"),
            rows=tuple(
                (
                    one.name,
                    f"{one.after:g} min",
                    one.owner or "not decided",
                    "mass failures" if one.mass else "every failure",
                )
                for one in setup.model.levels
            ),
            right=(1,),
        )


def _duty(setup: Setup, at: datetime) -> Iterator[Table]:
    model = setup.model
    rows = []
    for name in model.owners:
        there = on_duty(model.owners, name, at, model.zone)
        rows.append((name, there.name if there else "nobody known", there.contact if there else ""))
    if rows:
        yield Table(
            title=f"At {local(setup, at)}",
            heads=("Owner", "On duty", "Contact"),
            rows=tuple(rows),
            tones=tuple("warning" if row[1] == "nobody known" else "plain" for row in rows),
        )


def _changes(changes: Sequence[Difference]) -> Iterator[Text | Table]:
    if not changes:
        yield Text("Nothing: the two versions say the same.")
        return
    yield Table(
        heads=("What", "Was", "Is"),
        rows=tuple((one.what, one.old or "", one.new or "") for one in changes),
    )
