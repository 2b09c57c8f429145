"""``dflow pause``: stop sending to a destination.

In: a configuration and a destination's name.  Out: an event in the journal, which a
running exchange follows within a second.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from dflow.cli import CLEAN
from dflow.cli.acts import add_json, telling
from dflow.cli.operating import acting, add_config, add_reason, known_destination

if TYPE_CHECKING:
    from dflow.cli import Subparsers

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "pause",
        help="stop sending to a destination",
        description="Stop sending to a destination until it is resumed; what is due waits in"
        " the journal.",
        allow_abbrev=False,
    )
    add_config(parser)
    parser.add_argument("destination", metavar="DESTINATION", help="as the rules call it")
    add_reason(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    with acting(args) as (books, operations), telling(args, operations) as act:
        known_destination(books.destinations, args.destination)
        operations.pause(args.destination)
        act.say(f"{args.destination}: paused")
    return CLEAN
