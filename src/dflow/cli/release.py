"""``dflow release``: let go what is held.

In: a configuration and numbers of arrivals or deliveries.  Out: deliveries that are due,
and an event each.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from dflow.cli import CLEAN
from dflow.cli.operating import add_config, add_reason, operating

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
        "numbers", metavar="NUMBER", nargs="+", type=int, help="an arrival's number"
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


def run(args: argparse.Namespace) -> int:
    """Do it."""
    with operating(args) as (wiring, operations):
        if args.deliveries:
            print(f"{operations.let_go(args.numbers)} released")
            return CLEAN
        intake = wiring.exchange(operations.journal).intake
        for number in args.numbers:
            if args.settle:
                operations.settle(number)
                print(f"arrival {number}: dealt with")
            else:
                made = operations.release(number, intake, to=args.to, across_test=args.across_test)
                print(f"arrival {number}: {len(made)} deliveries due")
    return CLEAN
