"""``dflow divert``: let a destination's fallbacks take over.

In: a configuration and a destination's name.  Out: an event in the journal, which a
running exchange follows within a second.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli import CLEAN
from dflow.cli.acts import add_json, telling
from dflow.cli.operating import acting, add_config, add_reason, known_destination
from dflow.errors import DflowError

if TYPE_CHECKING:
    from dflow.cli import Subparsers

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "divert",
        help="let a destination's fallbacks take over",
        description="Let fallbacks take over from a destination, or, with --off, stop that.",
        allow_abbrev=False,
    )
    add_config(parser)
    parser.add_argument("destination", metavar="DESTINATION", help="as the rules call it")
    parser.add_argument("--off", action="store_true", help="stop it again")
    add_reason(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    with acting(args) as (books, operations), telling(args, operations) as act:
        known_destination(books.destinations, args.destination)
        if args.off:
            operations.undivert(args.destination)
        else:
            operations.divert(args.destination)
        act.say(f"{args.destination}: fallback {'off' if args.off else 'on'}")
    if not args.off and _nowhere_else(args.config, args.destination):
        words = f"no rule has an else for {args.destination}: nothing goes elsewhere"
        print(f"dflow: {words}; `dflow pause` stops it", file=sys.stderr)
    return CLEAN


def _nowhere_else(config: str, destination: str) -> bool:
    """Whether the rules have no fallback for it; rules that cannot be read may have one."""
    from dflow.exchange import load_wiring

    try:
        rules = load_wiring(Path(config)).routes.rules
    except DflowError:
        return False
    targets = [target for rule in rules for target in rule.targets]
    return not any(one.destination == destination and one.otherwise for one in targets)
