"""``dflow contingency``: failures in a chain, requests against their backstop, back-fixing.

In: a working model's TOML file.  Out: a report.  Status 0 if nothing is wrong, 1 if a
backstop is past or a rehearsal fails, 2 if the model is refused or an act is not possible.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli.operation import Verb, add_verbs, run_verb
from dflow.errors import DflowError

if TYPE_CHECKING:
    from dflow.cli import Subparsers
    from dflow.contingency import Setup
    from dflow.operation import Clock
    from dflow.report import Report

__all__ = ["add", "run"]

_MOST = 100_000


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    verbs = add_verbs(
        subparsers, "contingency", "failures in a chain: backstops, fallbacks, back-fixing"
    )
    verbs["plan"].add_argument(
        "--against", type=Path, metavar="OLD", help="say what changed since another version"
    )
    rehearse = verbs["rehearse"]
    rehearse.add_argument("--seed", type=int, default=1, help="of chance (default: 1)")
    rehearse.add_argument("--requests", type=int, help="how many wait, not the file's number")
    _acts(verbs["run"])
    verbs["status"].add_argument(
        "--about", metavar="TX", help="one request, by its transaction number or meter point"
    )
    verbs["report"].add_argument(
        "--counts", type=Path, metavar="CSV", help="the hub's counts: day, type, count"
    )


def _acts(parser: argparse.ArgumentParser) -> None:
    once = "one round, and end; without it and without an act, until stopped"
    parser.add_argument("--once", action="store_true", help=once)
    acts = parser.add_mutually_exclusive_group()
    acts.add_argument("--open", type=int, metavar="STAGE", help="a stage fails")
    acts.add_argument("--close", metavar="FAILURE", help="it works again, such as F1")
    acts.add_argument(
        "--by-hand",
        nargs="?",
        const="",
        metavar="TX",
        help="done by hand: a transaction, or else --mprn and --reason",
    )
    acts.add_argument(
        "--confirm", nargs="+", metavar="B", help="records are corrected: B1 B3-B9, or all"
    )
    parser.add_argument("--mprn", default="", help="the meter point; without it, the mass")
    parser.add_argument("--reason", default="", help="the reason code, such as E05")
    parser.add_argument("--channel", default="", help="webform, phone, or another")
    parser.add_argument(
        "--reference", default="", help="what the other side gave, or what shows it"
    )
    parser.add_argument("--since", metavar="INSTANT", help="when it began, if before now")
    parser.add_argument("--ended", metavar="INSTANT", help="when it ended, if before now")
    parser.add_argument("--who", default="", help="who does it")
    parser.add_argument("--why", default="", help="the reason")


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


def _plan(file: Path, clock: Clock, args: argparse.Namespace) -> Report:
    from dflow.contingency import differences, load_model, load_setup, remarks
    from dflow.contingency.saying import plan_report

    setup = load_setup(file)
    changes = None
    if args.against is not None:
        changes = differences(load_model(args.against), setup.model)
    return plan_report(setup, clock.now(), notes=tuple(remarks(setup)), changes=changes)


def _rehearse(file: Path, clock: Clock, args: argparse.Namespace) -> Report:
    from dflow.contingency import load_setup, rehearse
    from dflow.contingency.telling import rehearsal_report

    if args.requests is not None and not 1 <= args.requests <= _MOST:
        raise DflowError(f"--requests is 1 to {_MOST:,}")
    shown = sys.stderr.isatty() and not args.json

    def progress(done: int, every: int) -> None:
        if shown:
            end = "\n" if done == every else ""
            print(f"\rminute {done} of {every}", end=end, file=sys.stderr, flush=True)

    setup = load_setup(file)
    seen = rehearse(setup, clock.now(), seed=args.seed, requests=args.requests, progress=progress)
    return rehearsal_report(setup, seen)


def _run(file: Path, clock: Clock, args: argparse.Namespace) -> Report:
    from dflow.contingency import load_setup, run_contingency, standing_of
    from dflow.contingency.telling import status_report

    setup = load_setup(file)
    acted = _act(setup, clock, args)
    if args.once or not acted:
        standing = run_contingency(setup, clock, once=args.once)
    else:
        standing = standing_of(setup)
    return status_report(setup, clock.now(), standing)


def _act(setup: Setup, clock: Clock, args: argparse.Namespace) -> bool:
    """Do what a person asks for; whether anything was."""
    from dflow.contingency import acting
    from dflow.operation import instant_from

    zone = setup.model.zone
    since = None if args.since is None else instant_from(args.since, zone)
    ended = None if args.ended is None else instant_from(args.ended, zone)
    if all(one is None for one in (args.open, args.close, args.by_hand, args.confirm)):
        if any((args.mprn, args.reason, args.channel, args.reference, args.who, args.why)):
            raise DflowError("say what is done: --open, --close, --by-hand or --confirm")
        return False
    with acting(setup, clock) as desk:
        if args.open is not None:
            desk.open_failure(args.open, who=args.who, why=args.why, mprn=args.mprn, since=since)
        elif args.close is not None:
            desk.close_failure(args.close, who=args.who, why=args.why, ended=ended)
        elif args.by_hand is not None:
            desk.by_hand(
                args.by_hand,
                who=args.who,
                channel=args.channel,
                reference=args.reference,
                mprn=args.mprn,
                reason=args.reason,
            )
        else:
            every = [fix.id for fix in desk.standing.unconfirmed()]
            names = every if args.confirm == ["all"] else list(_numbers(args.confirm))
            desk.confirm(names, who=args.who, reference=args.reference)
    return True


def _numbers(words: Iterable[str]) -> Iterable[str]:
    """B1, B3-B9 and B1,B2 as single names."""
    for word in ",".join(words).split(","):
        match = re.fullmatch(r"B(\d{1,9})-B?(\d{1,9})", word.strip())
        if match is None:
            yield word.strip()
            continue
        first, last = int(match[1]), int(match[2])
        if not first <= last <= first + _MOST:
            raise DflowError(f"{word} is no range of records")
        yield from (f"B{number}" for number in range(first, last + 1))


def _status(file: Path, clock: Clock, args: argparse.Namespace) -> Report:
    from dflow.contingency import load_setup, standing_of
    from dflow.contingency.telling import one_report, status_report

    setup = load_setup(file)
    standing = standing_of(setup)
    if args.about is not None:
        return one_report(setup, clock.now(), standing, args.about)
    return status_report(setup, clock.now(), standing)


def _report(file: Path, clock: Clock, args: argparse.Namespace) -> Report:
    from dflow.contingency import load_setup, read_counts, reconcile, standing_of
    from dflow.contingency.telling import story_report

    setup = load_setup(file)
    standing = standing_of(setup)
    counted = None
    if args.counts is not None:
        counted = reconcile(
            standing,
            read_counts(args.counts),
            setup.model.zone,
            message=setup.meaning.request,
        )
    return story_report(setup, clock.now(), standing, counted)
