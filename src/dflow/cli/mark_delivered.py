"""``dflow mark-delivered``: settle deliveries made by another way.

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
        "mark-delivered",
        help="settle deliveries made by another way",
        description="Settle deliveries that were made by another way, such as a webform or a"
        " phone call.",
        allow_abbrev=False,
    )
    add_config(parser)
    parser.add_argument(
        "deliveries", metavar="DELIVERY", nargs="+", type=int, help="a delivery's number"
    )
    parser.add_argument(
        "--evidence", required=True, metavar="TEXT", help="a reference, a name, a time"
    )
    add_reason(parser)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    with operating(args) as (_, operations):
        number = operations.mark_delivered(args.deliveries, evidence=args.evidence)
        print(f"{number} marked delivered")
    return CLEAN
