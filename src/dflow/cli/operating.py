"""What the commands that operate an exchange share: the journal, who, why, and numbers.

In: a configuration's path and words from a shell.  Out: an open journal and values.  This
module is no command itself.
"""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli.upgrade import upgrades_told
from dflow.errors import DflowError, near_or_known

if TYPE_CHECKING:
    from dflow.exchange import Operations, PostgresJournal, SqliteJournal, Wiring
    from dflow.exchange.journal import Query
    from dflow.exchange.places import Books, JournalPlace

__all__ = [
    "acting",
    "add_config",
    "add_query",
    "add_reason",
    "add_unmask",
    "count",
    "instant",
    "journal_number",
    "known_destination",
    "opened",
    "opened_journal",
    "operating",
    "person",
    "query_from",
]

#: No journal counts further.
_MOST = 2**63 - 1


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


def count(text: str) -> int:
    """A whole number from 0 that a journal can hold."""
    if not text.isdecimal() or int(text) > _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no count")
    return int(text)


def person(args: argparse.Namespace) -> tuple[str, str]:
    """Who acts, and why.

    Raises:
        DflowError: if either is left empty, or the machine does not know its user's name.
    """
    try:
        who = getpass.getuser() if args.who is None else args.who
    except (KeyError, OSError, ImportError) as error:
        raise DflowError("this user has no name; say --who") from error
    for word, value in (("--who", who), ("--why", args.why or "")):
        if not value.strip():
            raise DflowError(f"{word} is empty; who and why go into the journal, so say both")
    return who, args.why


def _forwards(since: float | None, until: float | None) -> None:
    """Refuse a window that ends before it begins, in which nothing can lie.

    Raises:
        DflowError: if it does.
    """
    if since is not None and until is not None and until <= since:
        raise DflowError("the window ends before it begins: --until is to be after --since")


def journal_number(text: str) -> int:
    """A number of the journal: of an arrival or of a delivery."""
    if not text.isdecimal() or int(text) > _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of an arrival or a delivery")
    return int(text)


def add_query(parser: argparse.ArgumentParser) -> None:
    """Which arrivals."""
    group = parser.add_argument_group("which arrivals")
    group.add_argument("--since", type=instant, metavar="WHEN", help="a date, a time, or 7d")
    group.add_argument("--until", type=instant, metavar="WHEN", help="before that")
    group.add_argument("--flow", default="", metavar="FLOW", help="such as D0150")
    group.add_argument("--from", dest="sender", default="", metavar="MPID", help="the sender")
    group.add_argument("--to", dest="recipient", default="", metavar="MPID", help="the recipient")
    group.add_argument("--file-id", default="", metavar="ID", help="the file identifier")
    group.add_argument(
        "--sha256", default="", metavar="HASH", help="of the content, or how it begins"
    )
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
        DflowError: if an outcome or a state is named that does not exist, or the window ends
            before it begins.
    """
    from dflow.delivery import State
    from dflow.exchange.journal import Outcome, Query

    def one_of(word: str, known: list[str], what: str) -> str:
        if word and word not in known:
            raise DflowError(f"no {what} {word!r}; {near_or_known(word, known)}")
        return word

    _forwards(args.since, args.until)
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


def known_destination(known: Sequence[str], name: str) -> str:
    """A destination's name, which the rules have.

    Raises:
        DflowError: if they do not; it names what is near, or else all that they have.
    """
    if name not in known:
        raise DflowError(f"the rules have no destination {name}; {near_or_known(name, known)}")
    return name


@contextmanager
def opened(config: str) -> Iterator[tuple[Wiring, SqliteJournal | PostgresJournal]]:
    """A configuration and its journal, which must exist.

    Raises:
        DflowError: if there is no journal yet, or it cannot be used.
    """
    from dflow.exchange import load_wiring

    wiring = load_wiring(Path(config))
    with _lasting(config, wiring.journal_place) as journal:
        yield wiring, journal


@contextmanager
def opened_journal(config: str) -> Iterator[tuple[Books, SqliteJournal | PostgresJournal]]:
    """A journal, which must exist, and the destinations' names: rules may be broken meanwhile.

    Raises:
        DflowError: if there is no journal yet, or it cannot be used.
    """
    from dflow.exchange.places import load_books

    books = load_books(Path(config))
    with _lasting(config, books.journal_place) as journal:
        yield books, journal


@contextmanager
def _lasting(config: str, place: JournalPlace) -> Iterator[SqliteJournal | PostgresJournal]:
    if not place.lasting:
        raise DflowError(f"{config}: there is no journal yet; nothing has run")
    with upgrades_told():
        journal = place.open()
    try:
        yield journal
    finally:
        journal.close()


@contextmanager
def acting(args: argparse.Namespace) -> Iterator[tuple[Books, Operations]]:
    """As `operating`, for what needs neither the rules nor a transport."""
    from dflow.exchange import Operations

    who, why = person(args)
    with opened_journal(args.config) as (books, journal):
        yield books, Operations(journal=journal, who=who, why=why)


@contextmanager
def operating(args: argparse.Namespace) -> Iterator[tuple[Wiring, Operations]]:
    """A configuration, and what one person does to its journal for one reason."""
    from dflow.exchange import Operations

    who, why = person(args)
    with opened(args.config) as (wiring, journal):
        yield wiring, Operations(journal=journal, who=who, why=why)
