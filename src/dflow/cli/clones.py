"""``dflow clones``: prove that every copy was made, and make those that are missing.

In: a configuration, a clone's name, a window.  Out: an evidence report, or deliveries.
Status 1 if an audit finds gaps, or the journal does not know all of that time.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli import CLEAN, ERRORS
from dflow.cli.acts import add_json, telling
from dflow.cli.operating import (
    add_config,
    add_reason,
    add_unmask,
    instant,
    opened,
    person,
)
from dflow.errors import DflowError

if TYPE_CHECKING:
    from dflow.cli import Subparsers
    from dflow.exchange import Operations
    from dflow.exchange.clones import Audit
    from dflow.exchange.intake import Intake

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "clones",
        help="prove that every copy was made, and make those that are missing",
        description="Reconcile a clone's originals and copies by hash and destination, or copy"
        " what passed before the clone existed.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    audit = actions.add_parser(
        "audit",
        help="list the originals that have no copy, or one that differs",
        epilog="Status: 0 complete, 1 there are gaps, or some of that time was pruned from the"
        " journal or not read by a salvage, 2 the journal or the rules cannot be read.",
        allow_abbrev=False,
    )
    backfill = actions.add_parser("backfill", help="copy what has no copy", allow_abbrev=False)
    for one in (audit, backfill):
        add_config(one)
        one.add_argument("rule", metavar="RULE", help="the clone's name")
        one.add_argument(
            "--since", type=instant, default=0.0, metavar="WHEN", help="a date, a time, or 7d"
        )
        one.add_argument("--until", type=instant, metavar="WHEN", help="before that (default: now)")
    audit.add_argument("--json", action="store_true", help="as JSON")
    add_unmask(audit)
    audit.add_argument("--report", metavar="FILE", help="write an HTML page, or JSON if so named")
    add_reason(backfill)
    add_json(backfill)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    from dflow.exchange import Operations
    from dflow.exchange.clones import audit, audit_page

    until = time.time() if args.until is None else args.until
    who, why = person(args) if args.action == "backfill" else ("", "")
    with opened(args.config) as (wiring, journal):
        intake = wiring.exchange(journal).intake
        if args.action == "backfill":
            return _backfill(args, Operations(journal=journal, who=who, why=why), intake, until)
        found = audit(journal, intake, args.rule, since=args.since, until=until)
    text = json.dumps(found.as_json(unmask=args.unmask), indent=2)
    if args.report:
        page = (
            text if args.report.lower().endswith(".json") else audit_page(found, unmask=args.unmask)
        )
        try:
            Path(args.report).write_text(page, "utf-8")
        except OSError as error:
            raise DflowError(f"{args.report}: {error.strerror or error}") from error
    if args.json:
        print(text)
    else:
        _tell(found, unmask=args.unmask)
    return CLEAN if found.complete else ERRORS


def _backfill(
    args: argparse.Namespace, operations: Operations, intake: Intake, until: float
) -> int:
    from dflow.exchange.account import counted
    from dflow.exchange.backfilling import backfill_in_parts

    with telling(args, operations) as act:
        parts = backfill_in_parts(
            operations.journal,
            intake,
            args.rule,
            since=args.since,
            until=until,
            who=operations.who,
            why=operations.why,
        )
        try:
            for part in parts:
                operations.noted.append(part.event)
                act.made += part.made
        finally:
            if operations.noted:
                act.say(f"{counted(len(act.made), 'copy', 'copies')} due")
    return CLEAN


def _tell(found: Audit, *, unmask: bool) -> None:
    from dflow.exchange.account import counted, instant_text
    from dflow.exchange.masking import masked
    from dflow.show.paint import printable

    for line in found.gaps:
        where = f" to {line.destination}" if line.destination else ""
        name = line.name if unmask else masked(line.name)
        print(printable(f"{line.arrival:>5}  {name}{where}: {line.problem}"))
    words = "no file of this time was to be copied"
    if found.lines or not found.complete:
        verdict = "complete" if found.complete else "not proved"
        if found.gaps:
            verdict = counted(len(found.gaps), "gap")
        words = f"{counted(len(found.lines), 'copy', 'copies')}, {verdict}"
    print(f"clone {found.rule}: {words}")
    lost = found.forgotten
    if lost.first is not None and lost.last is not None:
        first, last = instant_text(lost.first), instant_text(lost.last)
        print(f"       pruned: {counted(lost.arrivals, 'arrival')} from {first} to {last}")
    if found.lost:
        print(f"       not read by a salvage: {found.lost.words}")
