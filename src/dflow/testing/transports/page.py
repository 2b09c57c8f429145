"""The kit's promises as a table, for the reference page of transports.

In: the promises.  Out: Markdown.  This module does not know any transport.
"""

from __future__ import annotations

import inspect

from dflow.testing.transports.kit import PROMISES

__all__ = ["promise_table"]


def promise_table() -> str:
    """A line for each promise: its name, what it is, and what it supposes."""
    lines = ["| promise | in words | where |", "|---|---|---|"]
    for promise in PROMISES:
        words = " ".join((inspect.getdoc(promise.run) or "").split("\n\n", 1)[0].split())
        needs = ", ".join(promise.needs) or "always"
        lines.append(f"| `{promise.name}` | {words} | {needs} |")
    return "\n".join(lines)
