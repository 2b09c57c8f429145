"""``dflow hold``: hold deliveries until they are released.

In: a configuration and numbers of deliveries.  Out: their new state, and an event each.
All of them change, or none does.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from dflow.cli import CLEAN
from dflow.cli.acts import add_json, telling
from dflow.cli.operating import acting, add_config, add_reason, journal_number

if TYPE_CHECKING:
    from dflow.cli import Subparsers

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "hold",
        help="hold deliveries until they are released",
        description="Hold deliveries that are due or retrying until they are released.",
        allow_abbrev=False,
    )
    add_config(parser)
    parser.add_argument(
        "deliveries", metavar="DELIVERY", nargs="+", type=journal_number, help="a delivery's number"
    )
    add_reason(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    with acting(args) as (_, operations), telling(args, operations) as act:
        changed = operations.hold(args.deliveries)
        act.say(f"{changed} held")
    return CLEAN
