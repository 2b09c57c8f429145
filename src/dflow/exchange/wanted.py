"""Which arrivals somebody asked for, in words for an event.

In: a query.  Out: words without what may be personal.  This module asks no journal.
"""

from __future__ import annotations

from attrs import asdict

from dflow.delivery import State
from dflow.exchange.account import instant_text
from dflow.exchange.journal import Outcome, Query

__all__ = ["query_words"]


def query_words(query: Query) -> list[str]:
    """The query's restrictions as words; a text of the payload is left out, it may be an MPAN."""
    given = asdict(query, recurse=False)
    shown = {name: value for name, value in given.items() if value not in ("", None, 0, False)}
    if "text" in shown:
        shown["text"] = "(not kept)"
    for name in ("since", "until", "changed_since"):
        if name in shown:
            shown[name] = instant_text(float(shown[name]))
    return [
        f"{name} {value.value if isinstance(value, State | Outcome) else value}"
        for name, value in shown.items()
    ]
