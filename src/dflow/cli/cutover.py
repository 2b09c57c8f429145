"""``dflow cutover``: a dated plan of steps, checked, rehearsed, run, reconciled.

In: a plan's TOML file.  Out: a report.  Status 0 if all is well, 1 if the report's verdict
is bad, 2 if the plan is refused or cannot be run.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli.operation import Verb, add_verbs, run_verb

if TYPE_CHECKING:
    from dflow.cli import Subparsers
    from dflow.cutover import CutoverPlan, Hand, Reconciliation, World
    from dflow.operation import Clock
    from dflow.report import Report, Section

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    verbs = add_verbs(
        subparsers, "cutover", "a cut-over: dated steps, a version gate, a rehearsal, the account"
    )
    verbs["plan"].add_argument(
        "--draft",
        action="store_true",
        help="write the gate and the missing routes to the plan's change set, for review",
    )
    one = verbs["run"]
    one.add_argument(
        "--exchange",
        action="store_true",
        help="let the exchange take and deliver what is there, too: where no other process runs it",
    )
    one.add_argument("--begin", default="", metavar="STEP", help="a step of people begins")
    one.add_argument("--done", default="", metavar="STEP", help="a step of people is done")
    one.add_argument("--say", default="", metavar="TEXT", help="an update for the status log")
    one.add_argument(
        "--undo-routes", action="store_true", help="take the plan's change set out of the rules"
    )
    one.add_argument("--who", default="", metavar="NAME", help="who does or says it")
    one.add_argument("--why", default="", metavar="TEXT", help="what was seen, or the reason")


def run(args: argparse.Namespace) -> int:
    """Carry out a verb."""
    verbs: dict[str, Verb] = {
        "plan": _plan,
        "rehearse": _rehearse,
        "run": _run,
        "status": lambda file, clock, _: _progress(file, clock, full=False),
        "report": lambda file, clock, _: _progress(file, clock, full=True),
    }
    return run_verb(args, verbs)


def _plan(file: Path, clock: Clock, args: argparse.Namespace) -> Report:
    from dflow.cutover import cutover_changes, ledger_of, load_plan
    from dflow.cutover.gate import coverage_of, has_gate
    from dflow.cutover.keeping import keep
    from dflow.cutover.saying import plan_report
    from dflow.cutover.world import checked_wiring

    plan = load_plan(file)
    routes = checked_wiring(plan).routes
    changes = None
    if args.draft and not has_gate(routes):
        changes = cutover_changes(plan, routes)
        keep(plan.changes, str(changes).encode())
    begun = any(True for _ in ledger_of(plan).read())
    now = clock.now()
    return plan_report(
        plan,
        now,
        gaps=coverage_of(plan, routes),
        changes=changes,
        gated=has_gate(routes),
        over=[] if begun else list(plan.over(now)),
    )


def _rehearse(file: Path, _clock: Clock, _args: argparse.Namespace) -> Report:
    from dflow.cutover import load_plan, rehearse
    from dflow.cutover.progress import rehearsal_report

    plan = load_plan(file)
    return rehearsal_report(plan, rehearse(plan))


def _hand(args: argparse.Namespace) -> Hand | None:
    from dflow.cutover import Hand
    from dflow.errors import DflowError

    hand = Hand(
        who=args.who,
        why=args.why,
        begin=args.begin,
        done=args.done,
        say=args.say,
        undo=args.undo_routes,
    )
    if not (hand.begin or hand.done or hand.say or hand.undo):
        return None
    if not hand.who.strip() or not (hand.why.strip() or hand.say.strip()):
        raise DflowError("say who and why: --who NAME --why TEXT; both go into the ledger")
    return hand


def _run(file: Path, clock: Clock, args: argparse.Namespace) -> Report:
    from dflow.cutover import Run, by_hand, ledger_of, load_plan, real_world, run_due
    from dflow.cutover.keeping import keep
    from dflow.cutover.progress import progress_report
    from dflow.cutover.statuslog import log_text

    plan = load_plan(file)
    hand = _hand(args)
    with real_world(plan, clock, own=args.exchange) as world:
        with Run.of(world, ledger_of(plan)) as one:
            if hand is not None:
                by_hand(one, hand)
            # What waited goes before what comes: the order of arrival is kept.
            run_due(one)
            if args.exchange:
                world.exchange.run_once()
                run_due(one)
                world.exchange.run_once()
        standing = one.standing()
        found = _account(plan, world, clock)
        keep(plan.work / "status.txt", log_text(plan, standing, found.undelivered).encode())
        return progress_report(plan, standing, found, full=False)


def _account(plan: CutoverPlan, world: World, clock: Clock) -> Reconciliation:
    from datetime import timedelta

    from dflow.cutover import reconcile

    # The last instant counts too: what arrived now, arrived.
    until = clock.now() + timedelta(microseconds=1)
    return reconcile(plan, world.journal, since=plan.start, until=until)


def _progress(file: Path, clock: Clock, *, full: bool) -> Report:
    from dflow.cutover import ledger_of, load_plan, real_world, standing_of
    from dflow.cutover.progress import progress_report

    plan = load_plan(file)
    standing = standing_of(plan, ledger_of(plan).read(), clock.now())
    with real_world(plan, clock, look=True) as world:
        found = _account(plan, world, clock)
    extra = tuple(_records(plan)) if full else ()
    return progress_report(plan, standing, found, full=full, extra=extra)


def _records(plan: CutoverPlan) -> Iterator[Section]:
    """Related meter points and both sides, where the plan has them and they are there."""
    from dflow.cutover import compare
    from dflow.cutover.accounts import comparison_blocks, related_blocks
    from dflow.cutover.related import relate_folder
    from dflow.report import Section

    if plan.relating is not None and plan.relating.files.is_dir():
        yield Section(
            "Related meter points", tuple(related_blocks(relate_folder(plan.relating.files)))
        )
    sides = plan.comparing
    if sides is not None and sides.left.exists() and sides.right.exists():
        found = compare(sides.left, sides.right, key=sides.key, ignore=sides.ignore)
        yield Section("Both sides compared", tuple(comparison_blocks(found)))
