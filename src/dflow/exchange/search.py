"""A search in what arrived, which tells what it could not look into.

In: a journal and a query.  Out: arrivals; and those whose content could not be read, with
the reason.  This module does not print and changes nothing.

A journal asked for a text itself leaves out what it cannot read.  That nothing was found
then proves nothing, so the contents are read here, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from attrs import define, evolve

from dflow.exchange.account import counted
from dflow.exchange.journal import ArrivalRow, Journal, JournalError, Query

__all__ = ["Unread", "searched"]


@define
class Unread:
    """The arrivals that a search could not look into, as a sentence.

    Attributes:
        number: how many.
        first: the number of the first, and the reason.
    """

    number: int = 0
    first: str = ""

    def __call__(self, row: ArrivalRow, why: str) -> None:
        """Take in one more."""
        self.number += 1
        self.first = self.first or f"arrival {row.id}: {why}"

    def __str__(self) -> str:
        such = "such as " if self.number > 1 else ""
        return f"{counted(self.number, 'arrival')} could not be searched, {such}{self.first}"


def searched(
    journal: Journal, query: Query, left: Callable[[ArrivalRow, str], None]
) -> Iterator[ArrivalRow]:
    """The arrivals that a query asks for.

    Args:
        journal: to search in.
        query: which arrivals.
        left: told which arrivals could not be searched for the query's text, and why.
    """
    if not query.text:
        yield from journal.arrivals(query)
        return
    text = query.text.encode("latin-1", "replace")

    def holds(row: ArrivalRow) -> bool:
        if not row.hash:
            return False
        try:
            return text in journal.payload(row.hash)
        except JournalError as error:
            left(row, str(error))
            return False

    rows = journal.arrivals_in_pages(evolve(query, text="", limit=None))
    yield from islice(filter(holds, rows), query.limit)
