"""A listing in pages: so many rows at a time, so that others may write in between.

In: a query and what lists a part of it.  Out: its rows, in its order.  This module does
not know where they come from.  What is written while the pages are read may be among them
or not; what was there before is, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from attrs import evolve

from dflow.exchange.journal.rows import ArrivalRow, DeliveryRow, Query

__all__ = ["in_pages"]

T = TypeVar("T", ArrivalRow, DeliveryRow)


def in_pages(query: Query, page: Callable[[Query], Iterable[T]], *, size: int = 500) -> Iterator[T]:
    """The rows of a query, fetched `size` at a time."""
    left = query.limit
    while left is None or left > 0:
        limit = size if left is None else min(size, left)
        rows = list(page(evolve(query, limit=limit)))
        yield from rows
        if len(rows) < limit:
            return
        left = None if left is None else left - limit
        if query.newest_first:
            query = evolve(query, before=rows[-1].id)
        else:
            query = evolve(query, after=rows[-1].id)
