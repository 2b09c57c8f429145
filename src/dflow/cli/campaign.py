"""``dflow campaign``: parallel running until a new side holds everything, proved complete.

In: a campaign's TOML file.  Out: a report.  Status 0 if all is well, 1 if something is
missing, 2 if the campaign is refused or cannot be run.
"""

from __future__ import annotations

import argparse
import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli.operation import Verb, add_verbs, run_verb

if TYPE_CHECKING:
    from dflow.cli import Subparsers
    from dflow.operation import Clock
    from dflow.report import Report

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    verbs = add_verbs(
        subparsers, "campaign", "a clone campaign: copies, completeness, proof, switch-off"
    )
    run = verbs["run"]
    run.add_argument("--once", action="store_true", help="take what is there, and end")
    run.add_argument(
        "--no-exchange",
        action="store_true",
        help="only set rules and make deliveries: the exchange runs elsewhere",
    )
    run.add_argument("--mend", action="store_true", help="make the copies that are missing")
    run.add_argument("--refresh", action="store_true", help="make the migration drop fresh")
    run.add_argument("--accept", action="store_true", help="end the old side's receipt")
    run.add_argument("--anyway", action="store_true", help="accept what is not complete")
    run.add_argument("--from", dest="begins", metavar="INSTANT", help="when the receipt ends")
    run.add_argument("--take-back", action="store_true", help="take the campaign's rules out")
    run.add_argument("--who", metavar="NAME", help="who does it (default: the user's name)")
    run.add_argument("--why", default="", metavar="TEXT", help="the reason, for the ledger")
    for name in ("run", "report"):
        verbs[name].add_argument(
            "--unmask", action="store_true", help="tell meter points: personal data"
        )


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


def _plan(file: Path, clock: Clock, _args: argparse.Namespace) -> Report:
    from dflow.campaign import load_campaign
    from dflow.campaign.planning import planned

    return planned(load_campaign(file), clock.now())


def _rehearse(file: Path, clock: Clock, _args: argparse.Namespace) -> Report:
    from dflow.campaign import load_campaign
    from dflow.campaign.rehearsal import rehearse
    from dflow.campaign.saying import rehearsal_report

    campaign = load_campaign(file)
    return rehearsal_report(campaign, clock.now(), rehearse(campaign))


def _run(file: Path, clock: Clock, args: argparse.Namespace) -> Report:
    from dflow.campaign import Orders, accept, load_campaign, run_campaign, take_back
    from dflow.errors import DflowError
    from dflow.operation import instant_from

    campaign = load_campaign(file)
    who = args.who or getpass.getuser()
    if args.mend and not args.why.strip():
        raise DflowError("say why copies are made again (--why)")
    if args.take_back:
        take_back(campaign, clock, who=args.who or "", why=args.why)
        return _status(file, clock, args)
    if args.anyway and not args.who:
        raise DflowError("say who accepts what is not complete, and why (--who, --why)")
    if not args.accept or args.once or args.mend:
        orders = Orders(
            once=args.once or args.accept,
            sends=not args.no_exchange,
            mending=args.why if args.mend else "",
            refreshing=args.refresh,
            who=who,
        )
        run_campaign(campaign, clock, orders)
    if args.accept:
        begins = instant_from(args.begins, campaign.zone) if args.begins else None
        accept(campaign, clock, who=who, why=args.why, anyway=args.anyway, at=begins)
    return _status(file, clock, args)


def _status(file: Path, clock: Clock, _args: argparse.Namespace) -> Report:
    from dflow.campaign import load_campaign, look
    from dflow.campaign.acceptance import unfinished
    from dflow.campaign.saying import status_report
    from dflow.campaign.seeing import ledger_of, opened
    from dflow.operation import interrupted

    campaign = load_campaign(file)
    with opened(campaign) as (wiring, journal):
        seen = look(campaign, wiring, journal, now=clock.now())
    ledger = ledger_of(campaign)
    entries = tuple(ledger.read())
    return status_report(campaign, seen, entries, interrupted(ledger), unfinished(ledger))


def _report(file: Path, clock: Clock, args: argparse.Namespace) -> Report:
    from dflow.campaign import load_campaign
    from dflow.campaign.planning import reported

    return reported(load_campaign(file), clock.now(), unmask=args.unmask)
