"""``dflow replay``: send again what arrived.

In: a configuration and which arrivals.  Out: new deliveries, each with a key of its own,
and one event for each part of them.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from dflow.cli import CLEAN
from dflow.cli.acts import Act, add_json, numbers_text, telling
from dflow.cli.operating import (
    add_config,
    add_query,
    add_reason,
    known_destination,
    operating,
    query_from,
)
from dflow.errors import DflowError

if TYPE_CHECKING:
    from dflow.cli import Subparsers
    from dflow.exchange.journal import ArrivalRow

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "replay",
        help="send again what arrived",
        description="Send again what arrived in a window, of a flow, or to one destination: to"
        " where it went then, or to where the rules of now would send it.",
        allow_abbrev=False,
    )
    add_config(parser)
    add_query(parser)
    parser.add_argument(
        "--rules", choices=("then", "now"), default="then", help="whose decision (default: then)"
    )
    parser.add_argument(
        "--only-to",
        default="",
        metavar="DESTINATION",
        help="send there and nowhere else (default: that of --destination, if given)",
    )
    parser.add_argument("--all", action="store_true", help="everything that ever arrived")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be sent")
    add_reason(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    from dflow.exchange.account import counted
    from dflow.exchange.journal import Query

    with operating(args) as (wiring, operations), telling(args, operations) as act:
        query = query_from(args)
        if query == Query() and not args.all:
            raise DflowError("which arrivals? name a window, a flow or the like, or say --all")
        only_to = args.only_to or args.destination
        if only_to:
            known_destination([one.name for one in wiring.routes.destinations], only_to)
        left = partial(_left_out, act)
        intake = wiring.exchange(operations.journal).intake if args.rules == "now" else None
        if args.dry_run:
            foreseen = list(operations.foresee(query, intake, destination=only_to, left=left))
            arrivals = len({row.id for row, _, _ in foreseen})
            places = Counter(new.destination for _, _, new in foreseen)
            where = ", ".join(f"{n} to {name}" for name, n in sorted(places.items()))
            act.foreseen += [(row, new) for row, _, new in foreseen]
            act.say(
                f"{counted(arrivals, 'arrival')} would be sent again"
                + (f": {where}" if where else "")
            )
            return CLEAN
        try:
            for part in operations.replay_in_parts(query, intake, destination=only_to, left=left):
                act.made += part
        finally:
            if operations.noted:
                due = f"{counted(len(act.made), 'delivery', 'deliveries')} due"
                act.say(due + (f": {numbers_text(act.made)}" if act.made else ""))
    return CLEAN


def _left_out(act: Act, row: ArrivalRow, why: str) -> None:
    words = why.removeprefix(f"arrival {row.id} ")
    act.left_out.append((row.id, words))
    if not act.args.json:
        print(f"dflow: arrival {row.id} {words}; its original is left out", file=sys.stderr)
