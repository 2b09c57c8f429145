"""``dflow status``: how deep the queues are, and how old.

In: a configuration.  Out: each destination's deliveries by state with the age of the
oldest, and the arrivals that wait for a person.  Status 1 if something does.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING

from dflow.cli import CLEAN, ERRORS
from dflow.cli.operating import add_config, opened_journal

if TYPE_CHECKING:
    from dflow.cli import Subparsers

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "status",
        help="how deep the queues are, and how old",
        description="Each destination's unfinished deliveries by state, with the age of the"
        " oldest; and the arrivals that wait for a person.",
        epilog="Status: 0 nothing waits for a person, 1 something does.",
        allow_abbrev=False,
    )
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    from dflow.exchange.status import status_of

    with opened_journal(args.config) as (books, journal):
        status = status_of(journal, books.destinations, now=time.time())
    if args.json:
        print(json.dumps(status.as_json(), indent=2))
    else:
        print("\n".join(status.lines()))
    return ERRORS if status.needs_a_person else CLEAN
