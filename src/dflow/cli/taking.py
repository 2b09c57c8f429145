"""Bytes that a person takes out of a journal: that they do is an event, before they have any.

In: what is about to be taken out.  Out: an event.  This module takes nothing out itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dflow.errors import DflowError

if TYPE_CHECKING:
    from dflow.exchange import Operations

__all__ = ["told_taken"]

#: An event names numbers one by one only if they are in so few rows.
_SPANS = 20


def told_taken(
    operations: Operations, arrivals: Sequence[int], *, delivery: int | None = None
) -> None:
    """Leave an event that says of which arrivals, or of which delivery, bytes are taken out.

    Raises:
        DflowError: if the journal cannot be written; then nothing may be taken out.
    """
    from dflow.cli.acts import numbers_text
    from dflow.exchange.account import counted
    from dflow.exchange.journal import JournalError

    detail = ""
    if delivery is None:
        which = numbers_text(arrivals)
        if which.count(",") >= _SPANS:
            which = f"from {min(arrivals)} to {max(arrivals)}"
        detail = f"{counted(len(arrivals), 'arrival')}: {which}"
    try:
        operations.note(
            "exported",
            arrival=arrivals[0] if len(arrivals) == 1 else None,
            delivery=delivery,
            detail=detail,
        )
    except JournalError as error:
        raise DflowError(
            f"nothing is taken out: the journal takes no event that would tell of it: {error}"
        ) from error
