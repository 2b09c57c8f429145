"""A cut-over while it runs: what is due by the clock, step by step, in the ledger.

In: a world and a ledger.  Out: where everything stands.  This module does nothing of a
step itself; `acting` does.

A step's begin is on the disk before it acts, and its end after.  A run that dies leaves a
step begun: the next run says so and does it again, which does nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from attrs import define, field, frozen

from dflow.cutover.acting import act, undo_routes
from dflow.cutover.plan import CutoverPlan, Step
from dflow.cutover.standing import Standing, standing_of
from dflow.cutover.world import World
from dflow.errors import DflowError, near_or_known
from dflow.operation import Entry, Ledger

__all__ = ["Hand", "Run", "by_hand", "ledger_of", "run_due"]


def ledger_of(plan: CutoverPlan) -> Ledger:
    """The ledger beside the plan."""
    return Ledger(plan.path.with_name(plan.path.name + ".ledger"))


@frozen(kw_only=True)
class Hand:
    """What a person does or says.

    Attributes:
        who: the person.
        why: what was seen, or the reason.
        begin: the step that begins; empty for none.
        done: the step that is done; empty for none.
        say: said in the status log; empty for nothing.
        undo: whether the rules' change set is taken out again.
    """

    who: str
    why: str = ""
    begin: str = ""
    done: str = ""
    say: str = ""
    undo: bool = False


@define(eq=False, kw_only=True)
class Run:
    """One run over an open ledger.

    Attributes:
        world: what steps work on.
        ledger: open for writing.
        entries: everything in it.
    """

    world: World
    ledger: Ledger
    entries: list[Entry] = field(factory=list)

    @classmethod
    @contextmanager
    def of(cls, world: World, ledger: Ledger) -> Iterator[Run]:
        """Begin a run, or go on where one was interrupted.

        Raises:
            DflowError: nothing was begun and windows of the plan are over; the clock went
                back; or another process runs the plan.
        """
        with ledger:
            run = cls(world=world, ledger=ledger, entries=list(ledger.read()))
            now = world.clock.now()
            if not run.entries and (over := list(world.plan.over(now))):
                raise DflowError(
                    f"{world.plan.path}: nothing was begun, and {over[0]}"
                    + (f" (and {len(over) - 1} more)" if len(over) > 1 else "")
                    + "; give the plan days to come"
                )
            before = run.standing().interrupted
            why = f"the run of {before.isoformat()} was interrupted" if before else ""
            run.keep(
                kind="run begun",
                why=why,
                data={"plan": world.plan.digest, "version": world.plan.version},
            )
            yield run
            run.keep(kind="run ended")

    def keep(
        self,
        *,
        kind: str,
        about: str = "",
        who: str = "dflow",
        why: str = "",
        data: Mapping[str, object] | None = None,
    ) -> None:
        """Keep an entry: it is on the disk when this returns.

        Raises:
            ClockWentBack: the clock shows an instant before the last entry.
        """
        entry = Entry(
            at=self.world.clock.now(), kind=kind, about=about, who=who, why=why, data=data or {}
        )
        self.ledger.append(entry)
        self.entries.append(entry)

    def standing(self) -> Standing:
        """Where everything stands now."""
        return standing_of(self.world.plan, self.entries, self.world.clock.now())


def run_due(run: Run) -> None:
    """Do every step that is due, and what becomes due by it; those of people are left."""
    tried: set[str] = set()
    while True:
        standing = run.standing()
        due = [
            one.step
            for one in standing.steps
            if one.state in ("open", "begun", "failed")
            and one.step.do != "manual"
            and one.step.name not in tried
        ]
        if not due:
            return
        tried.add(due[0].name)
        _do(run, due[0], standing)


def _do(run: Run, step: Step, standing: Standing) -> None:
    if standing.of(step.name).state != "begun":
        run.keep(kind="step begun", about=step.name, who=step.owner)
    try:
        acted = act(run.world, step, standing, run.keep)
    except DflowError as error:
        run.keep(kind="step failed", about=step.name, who=step.owner, why=str(error))
        return
    if acted.done:
        run.keep(
            kind="step ended", about=step.name, who=step.owner, why=acted.words, data=acted.data
        )


def by_hand(run: Run, hand: Hand) -> None:
    """Keep what a person did or said.

    Raises:
        DflowError: there is no such step, it waits for another, is done, or is dflow's.
    """
    if hand.begin:
        doing = _manual(run, hand.begin)
        if doing == "begun":
            raise DflowError(f"step {hand.begin} was begun before")
        run.keep(kind="step begun", about=hand.begin, who=hand.who, why=hand.why)
    if hand.done:
        if _manual(run, hand.done) != "begun":
            run.keep(kind="step begun", about=hand.done, who=hand.who, why=hand.why)
        run.keep(kind="step ended", about=hand.done, who=hand.who, why=hand.why)
    if hand.say:
        run.keep(kind="said", who=hand.who, why=hand.say)
    if hand.undo:
        acted = undo_routes(run.world)
        run.keep(kind="rules undone", who=hand.who, why=f"{hand.why}: {acted.words}")


def _manual(run: Run, name: str) -> str:
    plan = run.world.plan
    names = [one.name for one in plan.steps]
    if name not in names:
        raise DflowError(f"the plan has no step {name!r}; {near_or_known(name, names)}")
    doing = run.standing().of(name)
    if doing.step.do != "manual":
        raise DflowError(f"step {name} is dflow's own: it is done when it is due and run")
    if doing.state == "done":
        when = plan.local(doing.ended or run.world.clock.now())
        raise DflowError(f"step {name} was done {when}")
    standing = run.standing()
    missing = [one for one in doing.step.after if standing.of(one).state != "done"]
    if missing:
        raise DflowError(
            f"step {name} comes after {', '.join(missing)}, which is not done; do that first"
        )
    return doing.state
