"""``dflow hold``: hold deliveries until they are released.

In: a configuration and numbers of deliveries.  Out: their new state, and an event each.
All of them change, or none does.
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
        "hold",
        help="hold deliveries until they are released",
        description="Hold deliveries that are due or retrying until they are released.",
        allow_abbrev=False,
    )
    add_config(parser)
    parser.add_argument(
        "deliveries", metavar="DELIVERY", nargs="+", type=int, help="a delivery's number"
    )
    add_reason(parser)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    with operating(args) as (_, operations):
        number = operations.hold(args.deliveries)
        print(f"{number} held")
    return CLEAN
