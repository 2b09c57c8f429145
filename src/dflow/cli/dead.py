"""``dflow dead``: look at what could not be delivered, and edit it.

In: a configuration.  Out: the dead deliveries with their attempts; or, with a file, a
delivery of its bytes in a dead one's place.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli import CLEAN, ERRORS
from dflow.cli.acts import telling
from dflow.cli.operating import add_config, add_unmask, journal_number, opened_journal, person
from dflow.errors import DflowError, SourceError

if TYPE_CHECKING:
    from dflow.cli import Subparsers
    from dflow.exchange import Journal, Operations
    from dflow.exchange.journal import DeliveryRow

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "dead",
        help="look at what could not be delivered, and edit it",
        description="List the deliveries that are dead, with their attempts; write one's bytes"
        " to a file; or put edited bytes in its place. `dflow retry` sends one as it is.",
        epilog="Status: 0 nothing is dead, or it was saved or edited; 1 something is dead.",
        allow_abbrev=False,
    )
    add_config(parser)
    parser.add_argument(
        "delivery", metavar="DELIVERY", nargs="?", type=journal_number, help="only this one"
    )
    parser.add_argument("--save", metavar="FILE", help="write its bytes there")
    parser.add_argument("--force", action="store_true", help="with --save: replace what is there")
    parser.add_argument("--replace", metavar="FILE", help="send these bytes in its place")
    parser.add_argument(
        "--why", default="", metavar="TEXT", help="needed with --save and --replace"
    )
    parser.add_argument("--who", metavar="NAME", help="who does it (default: the user's name)")
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_unmask(parser)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    from dflow.exchange import Operations

    if (args.save or args.replace) and args.delivery is None:
        raise DflowError("which delivery? name its number")
    if args.force and not args.save:
        raise DflowError("--force goes with --save: it replaces the file that is there")
    if args.save and args.replace:
        raise DflowError("--save and --replace are two steps: first the one, then the other")
    who, why = person(args) if args.save or args.replace else ("", "")
    with opened_journal(args.config) as (_, journal):
        if args.replace:
            operations = Operations(journal=journal, who=who, why=why)
            with telling(args, operations) as act:
                new = operations.replace(args.delivery, _read(args.replace))
                act.made.append(new)
                act.say(f"delivery {args.delivery}: replaced by {new}")
            return CLEAN
        if args.save:
            _save(Operations(journal=journal, who=who, why=why), args)
        return _list(journal, args)


def _rows(journal: Journal, delivery: int | None) -> list[DeliveryRow]:
    """What is dead; or the one that was named, which may be held, since that is edited too."""
    from dflow.delivery import State
    from dflow.exchange.journal import Query

    if delivery is None:
        return list(journal.deliveries(Query(state=State.DEAD)))
    rows = list(journal.deliveries(Query(after=delivery - 1, limit=1)))
    if not rows or rows[0].id != delivery:
        raise DflowError(f"the journal has no delivery {delivery}")
    if rows[0].state not in {State.DEAD, State.HELD}:
        raise DflowError(f"delivery {delivery} is {rows[0].state.value}, not dead")
    return rows


def _read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise SourceError(f"{name}: {error.strerror or error}") from error


def _save(operations: Operations, args: argparse.Namespace) -> None:
    from dflow.cli.taking import told_taken
    from dflow.transport.durable import write_synced

    (row,), path = _rows(operations.journal, args.delivery), Path(args.save)
    # Beside it first: what is replaced may be open to all, and is kept if the disk is full.
    part = path.parent / f".{path.name}.part"
    content = operations.journal.payload(row.hash)
    try:
        if os.path.lexists(path) and not args.force:
            raise DflowError(f"{path}: is there already; --force replaces it")
        told_taken(operations, (), delivery=row.id)
        try:
            write_synced(part, content, mode=0o600)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        if operations.noted:
            operations.note("exported", delivery=row.id, detail="it could not be written")
        raise DflowError(f"{path}: {error.strerror or error}") from error


def _list(journal: Journal, args: argparse.Namespace) -> int:
    from dflow.exchange.account import instant_text
    from dflow.exchange.masking import masked
    from dflow.show.paint import printable

    hide = str if args.unmask else masked
    rows = _rows(journal, args.delivery)
    told: list[dict[str, object]] = []
    for row in rows:
        attempts = [
            {
                "number": one.number,
                "at": instant_text(one.started),
                "step": one.step,
                "detail": hide(one.detail),
            }
            for one in journal.attempts(row.id)
        ]
        told.append(
            {
                "delivery": row.id,
                "arrival": row.arrival,
                "name": hide(row.name),
                "destination": row.destination,
                "reason": hide(row.reason),
                "attempts": attempts,
            }
        )
        if args.json:
            continue
        print(printable(hide(f"{row.id:>5}  {row.name} to {row.destination}: {row.reason}")))
        for one in attempts[-5:]:
            print(printable(f"       {one['at']} {one['step']}: {one['detail']}"))
    if args.save and not args.json:
        print(printable(f"       its bytes are in {args.save}"))
    if args.json:
        print(json.dumps(told, indent=2))
    elif not rows:
        print("nothing is dead")
    return ERRORS if rows and not args.save else CLEAN
