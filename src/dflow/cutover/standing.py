"""Where a cut-over stands: each step by its ledger and the clock.

In: a plan, its ledger's entries, an instant.  Out: a standing for each step, and what is
late or was interrupted.  This module writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from attrs import field, frozen

from dflow.cutover.files import Placed
from dflow.cutover.plan import CutoverPlan, Outage, Step
from dflow.operation import Entry

__all__ = ["Doing", "Fetching", "Standing", "StepState", "Update", "standing_of"]

#: Where a step stands; ``blocked`` waits for another, ``open`` is due or begun.
StepState = Literal["waiting", "blocked", "open", "begun", "failed", "done"]


@frozen(kw_only=True)
class Doing:
    """One step as it stands.

    Attributes:
        step: of the plan.
        state: where it stands.
        begun: when it began.
        ended: when it was done.
        who: who did it.
        words: what was seen, or why it failed, or for what it waits.
        late: whether it was not done by the end of its window.
        early: whether it was begun before its window.
    """

    step: Step
    state: StepState
    begun: datetime | None = None
    ended: datetime | None = None
    who: str = ""
    words: str = ""
    late: bool = False
    early: bool = False


@frozen(kw_only=True)
class Fetching:
    """One migration file, and when its party took it.

    Attributes:
        placed: the file.
        at: when it was placed.
        fetched: when it was first seen to be gone; None if it lies there still.
        by: when it has to be fetched.
    """

    placed: Placed
    at: datetime
    fetched: datetime | None
    by: datetime


@frozen
class Update:
    """One line of the status log."""

    at: datetime
    words: str
    who: str = "dflow"


@frozen(kw_only=True)
class Standing:
    """Where everything stands at an instant.

    Attributes:
        at: the instant.
        steps: each step, in the plan's order.
        files: the migration files that were placed.
        updates: the status log, newest first.
        interrupted: since when a run has not ended; None if none was interrupted.
        outages: of each outage, since when, until when, and whether it is or was too long.
        digests: the plans that it was run with, oldest first.
        facts: what steps counted, by step.
    """

    at: datetime
    steps: tuple[Doing, ...]
    files: tuple[Fetching, ...] = ()
    updates: tuple[Update, ...] = ()
    interrupted: datetime | None = None
    outages: tuple[tuple[Outage, datetime | None, datetime | None, bool], ...] = ()
    digests: tuple[str, ...] = ()
    facts: Mapping[str, Mapping[str, object]] = field(factory=dict)

    def of(self, name: str) -> Doing:
        """A step by its name.

        Raises:
            KeyError: if there is none.
        """
        for one in self.steps:
            if one.step.name == name:
                return one
        raise KeyError(name)

    @property
    def done(self) -> bool:
        """Whether every step is done."""
        return all(one.state == "done" for one in self.steps)

    @property
    def unfetched(self) -> tuple[Fetching, ...]:
        """The files that lie in their areas still."""
        return tuple(one for one in self.files if one.fetched is None)


def standing_of(plan: CutoverPlan, entries: Iterable[Entry], at: datetime) -> Standing:
    """Where a plan stands by its ledger."""
    steps: dict[str, dict[str, Entry]] = {}
    placed: dict[tuple[str, str, str], tuple[Placed, datetime]] = {}
    fetched: dict[tuple[str, str, str], datetime] = {}
    updates: list[Update] = []
    begun: datetime | None = None
    digests: list[str] = []
    for entry in entries:
        match entry.kind:
            case "run begun":
                begun = entry.at
                if (digest := str(entry.data.get("plan", ""))) not in digests:
                    digests.append(digest)
            case "run ended":
                begun = None
            case "step begun" | "step failed" | "step ended":
                one = steps.setdefault(entry.about, {})
                one.setdefault("first", entry)
                one["last"] = entry
                if entry.kind == "step ended":
                    words = _said(plan, entry)
                    updates.append(Update(entry.at, words, entry.who))
            case "file placed":
                file = _placed(entry)
                placed.setdefault((file.batch, file.name, file.sha256), (file, entry.at))
            case "file fetched":
                file = _placed(entry)
                fetched.setdefault((file.batch, file.name, file.sha256), entry.at)
            case "said":
                updates.append(Update(entry.at, entry.why, entry.who))
    done = {name for name, seen in steps.items() if seen["last"].kind == "step ended"}
    deadlines = {one.name: one.fetch_by for one in plan.batches}
    doings = tuple(_doing(one, steps.get(one.name), done, at) for one in plan.steps)
    newest = sorted(updates, key=lambda one: one.at)
    newest.reverse()  # of one instant too, the last that was said comes first
    return Standing(
        at=at,
        steps=doings,
        files=tuple(
            Fetching(
                placed=file, at=when, fetched=fetched.get(key), by=deadlines.get(file.batch, at)
            )
            for key, (file, when) in placed.items()
        ),
        updates=tuple(newest),
        interrupted=begun,
        outages=tuple(_outage(one, doings, at) for one in plan.outages),
        digests=tuple(digests),
        facts={name: seen["last"].data for name, seen in steps.items()},
    )


def _said(plan: CutoverPlan, entry: Entry) -> str:
    step = next((one for one in plan.steps if one.name == entry.about), None)
    if step is None:
        return f"{entry.about} is done"
    words = step.say or f"Done: {step.what}"
    return f"{words} ({entry.why})" if entry.why else words


def _placed(entry: Entry) -> Placed:
    data = entry.data
    return Placed(
        batch=entry.about,
        party=str(data.get("party", "")),
        mount=str(data.get("mount", "")),
        name=str(data.get("name", "")),
        place=str(data.get("place", "")),
        sha256=str(data.get("sha256", "")),
        size=int(str(data.get("size", 0))),
    )


def _doing(step: Step, seen: Mapping[str, Entry] | None, done: set[str], at: datetime) -> Doing:
    if seen is None:
        missing = [name for name in step.after if name not in done]
        if missing:
            state: StepState = "blocked" if at >= step.start else "waiting"
            words = f"waits for {', '.join(missing)}"
        else:
            state, words = ("open", "") if at >= step.start else ("waiting", "")
        return Doing(step=step, state=state, words=words, late=at > step.end)
    first, last = seen["first"], seen["last"]
    ended = last.at if last.kind == "step ended" else None
    states: dict[str, StepState] = {"step ended": "done", "step failed": "failed"}
    return Doing(
        step=step,
        state=states.get(last.kind, "begun"),
        begun=first.at,
        ended=ended,
        who=last.who,
        words=last.why,
        late=(ended or at) > step.end,
        early=first.at < step.start,
    )


def _outage(
    one: Outage, doings: Iterable[Doing], at: datetime
) -> tuple[Outage, datetime | None, datetime | None, bool]:
    doing = next(doing for doing in doings if doing.step.name == one.step)
    if doing.begun is None:
        return one, None, None, False
    return one, doing.begun, doing.ended, (doing.ended or at) - doing.begun > one.limit
