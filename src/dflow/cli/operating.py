"""What the commands that operate an exchange share: the journal, who, why, and numbers.

In: a configuration's path and words from a shell.  Out: an open journal and values.  This
module is no command itself.
"""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.errors import DflowError

if TYPE_CHECKING:
    from dflow.exchange import Operations, PostgresJournal, SqliteJournal, Wiring
    from dflow.exchange.journal import Query

__all__ = [
    "add_config",
    "add_query",
    "add_reason",
    "add_unmask",
    "instant",
    "known_destination",
    "opened",
    "operating",
    "query_from",
]


def add_config(parser: argparse.ArgumentParser) -> None:
    """The configuration, the first word of all these commands."""
    parser.add_argument("config", metavar="CONFIG", help="a dflow.toml")


def add_reason(parser: argparse.ArgumentParser) -> None:
    """Who and why, which go into the journal."""
    parser.add_argument("--why", required=True, metavar="TEXT", help="the reason, for the journal")
    parser.add_argument("--who", metavar="NAME", help="who does it (default: the user's name)")


def add_unmask(parser: argparse.ArgumentParser) -> None:
    """Whether meter points in names and reasons are shown."""
    parser.add_argument(
        "--unmask", action="store_true", help="show meter points in names, masked otherwise"
    )


def instant(text: str) -> float:
    """An instant from a date, a date and time, or an age such as 30m, 12h, 7d.

    Without an offset, the machine's own time zone is meant.
    """
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    try:
        if text[-1:] in units and text[:-1].isdigit():
            ago = timedelta(seconds=int(text[:-1]) * units[text[-1]])
            return (datetime.now().astimezone() - ago).timestamp()
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no instant; expected such as 2026-06-27, 2026-06-27T09:30 or 7d"
        ) from error


def add_query(parser: argparse.ArgumentParser) -> None:
    """Which arrivals."""
    group = parser.add_argument_group("which arrivals")
    group.add_argument("--since", type=instant, metavar="WHEN", help="a date, a time, or 7d")
    group.add_argument("--until", type=instant, metavar="WHEN", help="before that")
    group.add_argument("--flow", default="", metavar="FLOW", help="such as D0150")
    group.add_argument("--from", dest="sender", default="", metavar="MPID", help="the sender")
    group.add_argument("--to", dest="recipient", default="", metavar="MPID", help="the recipient")
    group.add_argument("--file-id", default="", metavar="ID", help="the file identifier")
    group.add_argument("--sha256", default="", metavar="HASH", help="of the content")
    group.add_argument("--rule", default="", metavar="RULE", help="the rule that settled it")
    group.add_argument("--outcome", default="", metavar="OUTCOME", help="such as unrouted")
    group.add_argument("--state", default="", metavar="STATE", help="with a delivery in it")
    group.add_argument("--destination", default="", metavar="NAME", help="with a delivery there")
    group.add_argument(
        "--text", default="", metavar="TEXT", help="in the content, such as an MPAN (slow)"
    )


def query_from(args: argparse.Namespace) -> Query:
    """The query that the words ask for.

    Raises:
        DflowError: if an outcome or a state is named that does not exist.
    """
    from dflow.delivery import State
    from dflow.errors import near_misses
    from dflow.exchange.journal import Outcome, Query

    def one_of(word: str, known: list[str], what: str) -> str:
        if word and word not in known:
            near = near_misses(word, known)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
            raise DflowError(f"no {what} {word!r}; {hint}")
        return word

    outcome = one_of(args.outcome, [one.value for one in Outcome], "outcome")
    state = one_of(args.state, [one.value for one in State], "state")
    return Query(
        since=args.since,
        until=args.until,
        flow=args.flow,
        sender=args.sender,
        recipient=args.recipient,
        file_id=args.file_id,
        hash=args.sha256,
        rule=args.rule,
        destination=args.destination,
        outcome=Outcome(outcome) if outcome else None,
        state=State(state) if state else None,
        text=args.text,
    )


def known_destination(wiring: Wiring, name: str) -> str:
    """A destination's name, which the rules have.

    Raises:
        DflowError: if they do not; it names what is near.
    """
    from dflow.errors import near_misses

    known = [one.name for one in wiring.routes.destinations]
    if name not in known:
        near = near_misses(name, known)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise DflowError(f"the rules have no destination {name}{hint}")
    return name


@contextmanager
def opened(config: str) -> Iterator[tuple[Wiring, SqliteJournal | PostgresJournal]]:
    """A configuration and its journal, which must exist.

    Raises:
        DflowError: if there is no journal yet, or it cannot be used.
    """
    from dflow.exchange import load_wiring

    wiring = load_wiring(Path(config))
    if not wiring.journal_place.lasting:
        raise DflowError(f"{config}: there is no journal yet; nothing has run")
    journal = wiring.open_journal()
    try:
        yield wiring, journal
    finally:
        journal.close()


@contextmanager
def operating(args: argparse.Namespace) -> Iterator[tuple[Wiring, Operations]]:
    """A configuration, and what one person does to its journal for one reason."""
    from dflow.exchange import Operations

    with opened(args.config) as (wiring, journal):
        who = args.who or getpass.getuser()
        yield wiring, Operations(journal=journal, who=who, why=args.why)
