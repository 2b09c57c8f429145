"""``dflow mounts``: which transports there are, and whether every end can be reached.

In: a configuration.  Out: a line for each source and mount, with what is wrong and its
remedy.  Status 1 if one cannot be used.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli import CLEAN, ERRORS

if TYPE_CHECKING:
    from dflow.cli import Subparsers
    from dflow.show.paint import Role

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "mounts",
        help="try every source and mount, and list the transports",
        description="Try every source and every mount of a configuration without sending or"
        " taking anything, or list the kinds of transport that are installed.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser(
        "check",
        help="try every source and mount of a configuration",
        epilog="Status: 0 all can be used, 1 one cannot, 2 the configuration is refused.",
        allow_abbrev=False,
    )
    check.add_argument("config", metavar="CONFIG", help="a dflow.toml")
    check.add_argument(
        "--limit", type=_seconds, default=10.0, metavar="SECONDS", help="for each (default: 10)"
    )
    kinds = actions.add_parser(
        "kinds",
        help="list the kinds of transport, and plug-ins that fail",
        epilog="Status: 0 all can be used, 1 a plug-in is broken.",
        allow_abbrev=False,
    )
    for one in (check, kinds):
        one.add_argument("--json", action="store_true", help="as JSON")


def run(args: argparse.Namespace) -> int:
    """Do it."""
    return _kinds(as_json=args.json) if args.action == "kinds" else _check(args)


def _check(args: argparse.Namespace) -> int:
    from dflow.exchange import load_wiring
    from dflow.exchange.looking import look_at_ends

    wiring = load_wiring(Path(args.config))
    looks = asyncio.run(look_at_ends(wiring, limit=args.limit))
    if args.json:
        print(json.dumps([one.as_json() for one in looks], indent=2))
    else:
        states: dict[bool | None, tuple[str, Role]] = {
            True: ("ok", "good"),
            False: ("wrong", "error"),
            None: ("unknown", "warning"),
        }
        _table([(f"{one.side} {one.name}", *states[one.found], one.words) for one in looks])
    return ERRORS if any(one.found is False for one in looks) else CLEAN


def _kinds(*, as_json: bool) -> int:
    from dflow.transport.plugins import transport_kinds

    kinds = transport_kinds()
    rows: list[dict[str, object]] = [
        {
            "name": kind.name,
            "package": kinds.packages[kind.name],
            "mount": kind.out is not None,
            "source": kind.into is not None,
            "trouble": "",
        }
        for kind in kinds.kinds
    ]
    rows += [
        {
            "name": one.name,
            "package": one.package,
            "mount": False,
            "source": False,
            "trouble": one.reason,
        }
        for one in kinds.troubles
    ]
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        table: list[tuple[str, str, Role, str]] = []
        for row in rows:
            sides = " and ".join(side for side in ("source", "mount") if row[side])
            words = f"cannot be used: {row['trouble']}" if row["trouble"] else sides
            role: Role = "error" if row["trouble"] else "good"
            table.append((str(row["name"]), str(row["package"]), role, words))
        _table(table)
    return ERRORS if kinds.troubles else CLEAN


def _table(rows: list[tuple[str, str, Role, str]]) -> None:
    """Three columns; the second is coloured on a terminal."""
    from dflow.cli.terminal import paint_for
    from dflow.show.paint import printable

    paint = paint_for(sys.stdout)
    first = max((len(row[0]) for row in rows), default=0)
    second = max((len(row[1]) for row in rows), default=0)
    for name, state, role, words in rows:
        shown = paint(role, state.ljust(second))
        print(f"{printable(name).ljust(first)}  {shown}  {printable(words)}")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return value
