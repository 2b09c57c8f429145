"""Holding files that the check finds fault with.

In: a severity.  Out: a function from a file's bytes to the reason to hold it.  This
module judges nothing itself, and shows no value of a file.
"""

from __future__ import annotations

from collections.abc import Callable

from dflow.findings import Severity
from dflow.validate import check

__all__ = ["held_by_check"]


def held_by_check(severity: Severity) -> Callable[[bytes], str]:
    """Why a file is to be held: what the check found of this severity or worse."""

    def reason(content: bytes) -> str:
        found = check(content).at_least(severity)
        if not found:
            return ""
        first = found[0]
        place = f"line {first.line}: " if first.line else ""
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        return f"{first.code}: {place}{first.message}{more}"

    return reason
