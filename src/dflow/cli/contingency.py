"""``dflow contingency``: failures in a chain, requests against their backstop, back-fixing.

In: a working model's TOML file.  Out: a report.  Status 0 if nothing is wrong, 1 if a
backstop is past or a rehearsal fails, 2 if the model is refused or an act is not possible.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli.operation import VERBS, Verb, add_verbs, run_verb
from dflow.errors import DflowError

if TYPE_CHECKING:
    from dflow.cli import Subparsers
    from dflow.operation import Clock
    from dflow.report import Report

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    verbs = add_verbs(
        subparsers, "contingency", "failures in a chain: backstops, fallbacks, back-fixing"
    )
    verbs["plan"].add_argument(
        "--against", type=Path, metavar="OLD", help="say what changed since another version"
    )


def run(args: argparse.Namespace) -> int:
    """Carry out a verb."""
    verbs: dict[str, Verb] = dict.fromkeys(VERBS, _later) | {"plan": _plan}
    return run_verb(args, verbs)


def _later(file: Path, _clock: Clock, args: argparse.Namespace) -> Report:
    raise DflowError(f"{file}: {args.verb} is not built yet; plan is")


def _plan(file: Path, clock: Clock, args: argparse.Namespace) -> Report:
    from dflow.contingency import differences, load_setup, remarks
    from dflow.contingency.saying import plan_report

    setup = load_setup(file)
    changes = None
    if args.against is not None:
        changes = differences(load_setup(args.against).model, setup.model)
    return plan_report(setup, clock.now(), notes=tuple(remarks(setup)), changes=changes)
