"""``dflow divert``: let a destination's fallbacks take over.

In: a configuration and a destination's name.  Out: an event in the journal, which a
running exchange follows within a second.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from dflow.cli import CLEAN
from dflow.cli.operating import add_config, add_reason, known_destination, operating

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


def run(args: argparse.Namespace) -> int:
    """Do it."""
    with operating(args) as (wiring, operations):
        known_destination(wiring, args.destination)
        if args.off:
            operations.undivert(args.destination)
        else:
            operations.divert(args.destination)
        print(f"{args.destination}: fallback {'off' if args.off else 'on'}")
    return CLEAN
