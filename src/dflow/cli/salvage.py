"""`dflow journal salvage`: a damaged journal made whole again, and told what is missing.

In: a configuration.  Out: an account; 0 if nothing is missing, 1 if something is.  This
module does not know how a journal is read.
"""

from __future__ import annotations

import argparse
import getpass
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli import CLEAN, ERRORS
from dflow.cli.operating import add_config, add_reason
from dflow.cli.terminal import Progress

if TYPE_CHECKING:
    from dflow.exchange.journal import Salvaged

__all__ = ["add_salvage", "salvage"]

#: So many numbers are told in a line; JSON tells all.
_TOLD = 20


def add_salvage(parser: argparse.ArgumentParser) -> None:
    """Add its words."""
    add_config(parser)
    add_reason(parser)
    parser.add_argument(
        "--anyway",
        action="store_true",
        help="also where nothing is wrong with the file, such as an older copy: what was on its"
        " way then is asked about before it is sent",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def salvage(args: argparse.Namespace) -> int:
    """Do it."""
    from dflow.exchange import load_wiring

    place = load_wiring(Path(args.config)).journal_place
    if not args.anyway and place.is_whole():
        print(
            json.dumps({"whole": True})
            if args.json
            else "nothing is wrong with its pages; --anyway makes it anew all the same"
        )
        return CLEAN
    who = args.who or getpass.getuser()
    line = Progress("rows", 0)

    def seen(table: str, number: int, last: int) -> None:
        line.total = last
        line.at(number, f" of table {table}")

    try:
        found = place.salvage(at=time.time(), who=who, why=args.why, seen=seen)
    finally:
        line.clear()
    if args.json:
        print(json.dumps(_as_json(found), indent=2))
    else:
        print("\n".join(_lines(found)))
    return CLEAN if found.whole else ERRORS


def _lines(found: Salvaged) -> list[str]:
    read = ", ".join(f"{count:,} {table}" for table, count in found.read.items() if count)
    lines = [
        f"{found.path} is whole; the damaged one is {found.damaged}",
        f"rows read: {read or 'none'}",
    ]
    if found.unread:
        lines.append(f"not read: {_some([str(one) for one in found.unread])}")
    for words, numbers in (
        ("have a row again, made of what else was read of them", found.made),
        ("wait for a person, as none of their deliveries was read", found.held),
        ("have lost their bytes: what is sent again to the exchange gets them back",
         found.without_bytes),
    ):  # fmt: skip
        if numbers:
            lines.append(f"{len(numbers):,} arrivals {words}: {_some(list(map(str, numbers)))}")
    lines.append(f"{found.asked:,} deliveries are asked about before they are sent")
    return lines


def _some(words: list[str]) -> str:
    more = len(words) - _TOLD
    return ", ".join(words[:_TOLD]) + (f" and {more:,} more" if more > 0 else "")


def _as_json(found: Salvaged) -> dict[str, object]:
    return {
        "whole": found.whole,
        "path": str(found.path),
        "damaged": str(found.damaged),
        "read": dict(found.read),
        "unread": [
            {"table": one.table, "first": one.first, "last": one.last} for one in found.unread
        ],
        "made": list(found.made),
        "held": list(found.held),
        "without_bytes": list(found.without_bytes),
        "asked": found.asked,
    }
