"""``dflow migration``: a plan of daily volumes, checked, rehearsed, enforced, reported.

In: a plan's TOML file.  Out: a report.  Status 0 if the plan holds, 1 if a limit is or
was passed, 2 if the plan is refused or cannot be run.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from dflow.cli.operation import Verb, add_verbs, run_verb

if TYPE_CHECKING:
    from dflow.cli import Subparsers
    from dflow.migration import Setup, Volumes
    from dflow.operation import Clock
    from dflow.report import Report

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    verbs = add_verbs(
        subparsers, "migration", "a migration plan in daily volumes: limits, allocation, quotas"
    )
    verbs["plan"].add_argument(
        "--against", type=Path, metavar="OLD", help="say what changed since another version"
    )
    verbs["rehearse"].add_argument("--days", type=int, default=30, help="how many (default: 30)")
    verbs["rehearse"].add_argument("--seed", type=int, default=1, help="of chance (default: 1)")
    verbs["run"].add_argument("--once", action="store_true", help="take what is there, and end")


def run(args: argparse.Namespace) -> int:
    """Carry out a verb."""
    verbs: dict[str, Verb] = {
        "plan": _plan,
        "rehearse": _rehearse,
        "run": _run,
        "status": _status,
        "report": _report,
    }
    return run_verb(args, verbs)


def _planned(setup: Setup) -> Volumes:
    from dflow.migration import Volumes, allocate

    if setup.plan.volumes is not None:
        return setup.plan.volumes
    if setup.requests:
        return allocate(setup.plan, setup.requests, setup.method, seed=setup.seed).volumes
    return Volumes(setup.plan.start, len(setup.plan.days))


def _plan(file: Path, clock: Clock, args: argparse.Namespace) -> Report:
    from dflow.migration import (
        METHODS,
        allocate,
        check,
        differences,
        favours_size,
        load_setup,
        reverses,
        what_if,
    )
    from dflow.migration.saying import plan_report

    setup = load_setup(file)
    allocation = None
    if setup.requests:
        allocation = allocate(setup.plan, setup.requests, setup.method, seed=setup.seed)
    volumes = allocation.volumes if allocation else None
    changed = None
    if args.against is not None:
        changed = differences(load_setup(args.against), setup)
    return plan_report(
        setup,
        clock.now().astimezone(ZoneInfo(setup.zone)),
        breaches=check(setup.plan, volumes),
        allocation=allocation,
        tests=[favours_size(one) for one in METHODS] if allocation else [],
        outlooks=[
            what_if(setup.plan, setup.requests, one, method=setup.method, seed=setup.seed)
            for one in (setup.changes if setup.requests else ())
        ],
        reverses=reverses(setup.plan, setup.moves, setup.exceptions),
        changed=changed,
    )


def _rehearse(file: Path, clock: Clock, args: argparse.Namespace) -> Report:
    from dflow.migration import load_setup, rehearse
    from dflow.migration.progress import rehearsal_report

    setup = load_setup(file)
    return rehearsal_report(setup, clock.now(), rehearse(setup, days=args.days, seed=args.seed))


def _run(file: Path, clock: Clock, args: argparse.Namespace) -> Report:
    from dflow.migration import load_setup, run_plan
    from dflow.migration.progress import status_report

    setup = load_setup(file)
    return status_report(setup, clock.now(), run_plan(setup, clock, once=args.once), None)


def _status(file: Path, clock: Clock, _args: argparse.Namespace) -> Report:
    from dflow.migration import load_setup
    from dflow.migration.progress import status_report
    from dflow.migration.running import actual_of, ledger_of
    from dflow.operation import interrupted

    setup = load_setup(file)
    return status_report(setup, clock.now(), actual_of(setup), interrupted(ledger_of(setup)))


def _report(file: Path, clock: Clock, _args: argparse.Namespace) -> Report:
    from dflow.migration import load_setup
    from dflow.migration.progress import progress_report
    from dflow.migration.running import actual_of

    setup = load_setup(file)
    return progress_report(setup, clock.now(), actual_of(setup), _planned(setup))
