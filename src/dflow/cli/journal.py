"""``dflow journal``: what arrived, what was decided, what was sent.

In: a configuration and which arrivals.  Out: lists, one arrival whole, its bytes, events;
or old, finished arrivals forgotten.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli import CLEAN, WRONG, complain
from dflow.cli.acts import add_json, telling
from dflow.cli.operating import (
    add_config,
    add_query,
    add_reason,
    add_unmask,
    count,
    instant,
    journal_number,
    opened_journal,
    person,
    query_from,
)
from dflow.cli.salvage import add_salvage, salvage
from dflow.errors import DflowError

if TYPE_CHECKING:
    from dflow.cli import Subparsers
    from dflow.exchange import Journal, PostgresJournal, SqliteJournal
    from dflow.exchange.account import Account
    from dflow.exchange.journal import ArrivalRow

__all__ = ["add", "run"]

#: So many payloads are sealed in one transaction, together with the event that says so.
_PART = 200


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "journal",
        help="what arrived, what was decided, what was sent",
        description="Read the journal of an exchange, running or not.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="arrivals and their deliveries", allow_abbrev=False)
    add_config(listing)
    add_query(listing)
    listing.add_argument(
        "--most", type=count, default=50, metavar="N", help="the newest N (default: 50)"
    )
    listing.add_argument("--json", action="store_true", help="as JSON")
    add_unmask(listing)
    show = actions.add_parser("show", help="one arrival, whole", allow_abbrev=False)
    add_config(show)
    show.add_argument("arrival", metavar="ARRIVAL", type=journal_number, help="its number")
    show.add_argument("--json", action="store_true", help="as JSON")
    add_unmask(show)
    export = actions.add_parser("export", help="the bytes of arrivals", allow_abbrev=False)
    add_config(export)
    add_query(export)
    export.add_argument("--into", required=True, metavar="FOLDER", help="an empty or new folder")
    add_reason(export)
    events = actions.add_parser("events", help="who did what, when and why", allow_abbrev=False)
    add_config(events)
    events.add_argument("--kind", default="", metavar="KIND", help="such as dead")
    events.add_argument("--json", action="store_true", help="as JSON")
    add_unmask(events)
    prune = actions.add_parser("prune", help="forget what is finished and old", allow_abbrev=False)
    add_config(prune)
    prune.add_argument(
        "--older-than", required=True, type=instant, metavar="AGE", help="such as 90d"
    )
    prune.add_argument("--why", default="they are old", metavar="TEXT", help="for the journal")
    prune.add_argument("--who", metavar="NAME", help="who does it (default: the user's name)")
    add_json(prune)
    encrypt = actions.add_parser(
        "encrypt",
        help="seal what is plain or under an older key with the newest key",
        allow_abbrev=False,
    )
    add_config(encrypt)
    encrypt.add_argument("--why", default="the key is new", metavar="TEXT", help="for the journal")
    encrypt.add_argument("--who", metavar="NAME", help="who does it (default: the user's name)")
    add_json(encrypt)
    add_salvage(
        actions.add_parser(
            "salvage",
            help="make a damaged journal whole again from what can be read",
            allow_abbrev=False,
        )
    )


def run(args: argparse.Namespace) -> int:
    """Do it."""
    if args.action == "salvage":
        return salvage(args)
    with opened_journal(args.config) as (_, journal):
        if args.action == "encrypt":
            return _encrypt(journal, args)
        return _ACTIONS[args.action](journal, args)


def _list(journal: Journal, args: argparse.Namespace) -> int:
    from attrs import evolve

    from dflow.cli.accounts import account_lines
    from dflow.cli.terminal import paint_for
    from dflow.exchange.account import account_of
    from dflow.exchange.search import Unread, searched

    newest = evolve(query_from(args), newest_first=True, limit=args.most)
    unread = Unread()
    rows = list(searched(journal, newest, unread))[::-1]
    found = [account_of(journal, row) for row in rows]
    if args.json:
        print(json.dumps([account.as_json(unmask=args.unmask) for account in found], indent=2))
    else:
        paint = paint_for(sys.stdout)
        for account in found:
            print("\n".join(account_lines(account, paint, unmask=args.unmask)))
        if not found and not unread.number:
            print("no such arrival")
    if unread.number:
        complain(DflowError(str(unread)))
        return WRONG
    return CLEAN


def _one(journal: Journal, number: int) -> Account:
    from dflow.exchange.account import accounts
    from dflow.exchange.journal import Query

    found = next(iter(accounts(journal, Query(arrival=number))), None)
    if found is None:
        raise DflowError(f"the journal has no arrival {number}")
    return found


def _show(journal: Journal, args: argparse.Namespace) -> int:
    from dflow.cli.accounts import account_lines
    from dflow.cli.terminal import paint_for
    from dflow.exchange.account import instant_text
    from dflow.exchange.masking import masked, masked_values
    from dflow.show.paint import printable

    hide = str if args.unmask else masked
    account = _one(journal, args.arrival)
    decision = json.loads(account.arrival.decision or "null")
    attempts = {one.id: journal.attempts(one.id) for one in account.deliveries}
    if args.json:
        whole = account.as_json(unmask=args.unmask)
        whole["decision"] = decision if args.unmask else masked_values(decision)
        whole["attempts"] = [
            {
                "delivery": one.delivery,
                "number": one.number,
                "started": instant_text(one.started),
                "ended": instant_text(one.ended),
                "step": one.step,
                "detail": hide(one.detail),
            }
            for several in attempts.values()
            for one in several
        ]
        print(json.dumps(whole, indent=2))
        return CLEAN
    print("\n".join(account_lines(account, paint_for(sys.stdout), unmask=args.unmask)))
    arrival = account.arrival
    print(f"       arrived {instant_text(arrival.at)} from {arrival.source}, {arrival.size} bytes")
    rules = f", rules {arrival.rules_hash[:12]}" if arrival.rules_hash else ""
    print(f"       sha256 {arrival.hash or 'not known'}{rules}")
    for delivery, several in attempts.items():
        for one in several:
            words = f"attempt {one.number} at delivery {delivery}: {one.step} {hide(one.detail)}"
            print(printable(f"       {instant_text(one.started)} {words}"))
    considered = (decision or {}).get("considered")
    for one in considered if isinstance(considered, list) else []:
        why = f"fails at {one['clause']} {one['asked']}: saw {one['saw']}"
        result = why if one["result"] == "fails" else one["result"]
        print(printable(hide(f"       {one['kind']} {one['rule']}: {result}")))
    return CLEAN


def _export(journal: Journal, args: argparse.Namespace) -> int:
    from dflow.cli.taking import told_taken
    from dflow.exchange import Operations
    from dflow.exchange.account import counted
    from dflow.exchange.journal import JournalError
    from dflow.exchange.search import searched
    from dflow.transport.durable import write_synced
    from dflow.transport.names import safe_name

    who, why = person(args)
    operations = Operations(journal=journal, who=who, why=why)
    folder, written, status = Path(args.into), 0, CLEAN
    wanted: list[ArrivalRow] = []

    def left(row: ArrivalRow, why: str) -> None:
        # The others are wanted all the more.
        nonlocal status
        print(f"dflow: arrival {row.id}: {why}; it is left out", file=sys.stderr)
        status = WRONG

    try:
        if folder.exists() and any(folder.iterdir()):
            raise DflowError(f"{folder} is not empty; name an empty folder, or a new one")
        wanted = [one for one in searched(journal, query_from(args), left) if one.hash]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if wanted:
            told_taken(operations, [arrival.id for arrival in wanted])
        for arrival in wanted:
            try:
                content = journal.payload(arrival.hash)
            except JournalError as error:
                left(arrival, str(error))
                continue
            name = f"{arrival.id:08}-{safe_name(arrival.name)}"
            write_synced(folder / name, content, mode=0o600)
            written += 1
    except OSError as error:
        raise DflowError(f"{folder}: {error.strerror or error}") from error
    finally:
        if operations.noted and written < len(wanted):
            operations.note("exported", detail=f"only {written} of them could be written")
    print(f"{counted(written, 'file')} in {folder}")
    return status


def _events(journal: Journal, args: argparse.Namespace) -> int:
    from dflow.exchange.events import event_json, event_line

    found = journal.events(kind=args.kind)
    if args.json:
        print(json.dumps([event_json(event, unmask=args.unmask) for event in found], indent=2))
    else:
        for event in found:
            print(event_line(event, unmask=args.unmask))
        if not found:
            print("no such event")
    return CLEAN


def _prune(journal: Journal, args: argparse.Namespace) -> int:
    from dflow.exchange import Operations
    from dflow.exchange.account import counted
    from dflow.exchange.pruning import prune_in_parts

    who, why = person(args)
    operations = Operations(journal=journal, who=who, why=why)
    with telling(args, operations) as act:
        try:
            for part in prune_in_parts(operations, before=args.older_than):
                act.forgotten += part.arrivals
        finally:
            if operations.noted:
                act.say(f"{counted(act.forgotten, 'arrival')} forgotten")
    return CLEAN


def _encrypt(journal: SqliteJournal | PostgresJournal, args: argparse.Namespace) -> int:
    from dflow.exchange import Operations
    from dflow.exchange.account import counted
    from dflow.exchange.journal import Query

    who, why = person(args)
    operations = Operations(journal=journal, who=who, why=why)

    def tell(number: int) -> None:
        operations.note("encrypted", detail=counted(number, "payload"))

    mark, done, known, status = "", False, 0, CLEAN
    with telling(args, operations) as act:
        try:
            while not done:
                known = len(operations.noted)
                part = journal.seal(after=mark, limit=_PART, tell=tell)
                known = len(operations.noted)
                act.sealed += part.number
                mark, done = part.mark, not part.mark
                for hash_, why in part.left:
                    complain(DflowError(f"left as it is: {why}"))
                    rows = journal.arrivals(Query(hash=hash_))
                    act.left_out += [(row.id, why) for row in rows]
                    status = WRONG
                if not done and sys.stderr.isatty():
                    print(
                        f"\r{counted(act.sealed, 'payload')}", end="", file=sys.stderr, flush=True
                    )
        finally:
            del operations.noted[known:]  # what was undone with its part
            if operations.noted or done:
                act.say(f"{counted(act.sealed, 'payload')} sealed with the newest key")
    return status


_ACTIONS: dict[str, Callable[[Journal, argparse.Namespace], int]] = {
    "list": _list,
    "show": _show,
    "export": _export,
    "events": _events,
    "prune": _prune,
}
