"""``dflow release``: let go what is held.

In: a configuration and numbers of arrivals or deliveries.  Out: deliveries that are due,
and an event each.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from dflow.cli import CLEAN
from dflow.cli.acts import add_json, telling
from dflow.cli.operating import acting, add_config, add_reason, journal_number, operating
from dflow.errors import DflowError

if TYPE_CHECKING:
    from dflow.cli import Subparsers

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "release",
        help="let go what is held",
        description="Let held, unrouted or refused arrivals go by the rules of now, or to one"
        " destination; with --deliveries, the numbers are of held deliveries. The check that"
        " held a file is not made again.",
        allow_abbrev=False,
    )
    add_config(parser)
    parser.add_argument(
        "numbers", metavar="NUMBER", nargs="+", type=journal_number, help="an arrival's number"
    )
    parser.add_argument("--deliveries", action="store_true", help="the numbers are of deliveries")
    parser.add_argument(
        "--to", default="", metavar="DESTINATION", help="there, whatever the rules say"
    )
    parser.add_argument(
        "--across-test",
        action="store_true",
        help="with --to: a live file may go to a test destination, or a test to a live one",
    )
    parser.add_argument(
        "--settle", action="store_true", help="send nothing: the arrival was dealt with"
    )
    add_reason(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    from dflow.exchange.account import counted

    _agree(args)
    if args.deliveries:
        with acting(args) as (_, operations), telling(args, operations) as act:
            act.say(f"{operations.let_go(args.numbers)} released")
        return CLEAN
    with operating(args) as (wiring, operations), telling(args, operations) as act:
        intake = wiring.exchange(operations.journal).intake
        for arrival in dict.fromkeys(args.numbers):
            if args.settle:
                operations.settle(arrival)
                act.say(f"arrival {arrival}: dealt with")
            else:
                made = operations.release(arrival, intake, to=args.to, across_test=args.across_test)
                act.made += made
                act.say(f"arrival {arrival}: {counted(len(made), 'delivery', 'deliveries')} due")
    return CLEAN


def _agree(args: argparse.Namespace) -> None:
    """Refuse words of which one would have to be ignored.

    Raises:
        DflowError: if two of them cannot be meant together.
    """
    given = {"--to": args.to, "--settle": args.settle, "--across-test": args.across_test}
    said = [word for word, value in given.items() if value]
    if args.deliveries and said:
        raise DflowError(f"--deliveries goes without {said[0]}: a delivery has its destination")
    if args.settle and len(said) > 1:
        raise DflowError("--settle sends nothing, so it goes without --to and --across-test")
    if args.across_test and not args.to:
        raise DflowError("--across-test is for one destination: name it with --to")
