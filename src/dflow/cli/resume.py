"""``dflow resume``: send to a destination again.

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
        "resume",
        help="send to a destination again",
        description="Send to a paused destination again, in order.",
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
        operations.resume(args.destination)
        act.say(f"{args.destination}: resumed")
    return CLEAN
