"""Refusing to write what a check would find fault with.

In: a tree.  Out: the same tree, or `RefusedFlow` with the findings of its check.  This
module finds nothing itself: it asks `dflow.validate`.
"""

from __future__ import annotations

from collections.abc import Sequence

from dflow.catalogue import Catalogue
from dflow.errors import DflowError
from dflow.findings import Finding, Severity
from dflow.flow import Flow
from dflow.validate import check

__all__ = ["RefusedFlow", "accepted"]

_MOST_TOLD = 5


class RefusedFlow(DflowError):
    """A flow, or a value for one, is refused; `findings` says why, as a check would."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings: tuple[Finding, ...] = tuple(findings)
        super().__init__("\n".join(_lines(self.findings)))

    def __reduce__(self) -> tuple[type[RefusedFlow], tuple[tuple[Finding, ...]]]:
        return (RefusedFlow, (self.findings,))


def _lines(findings: tuple[Finding, ...]) -> list[str]:
    lines = []
    for found in findings[:_MOST_TOLD]:
        place = found.place
        where = ", ".join(
            filter(
                None,
                [
                    f"line {place.line}" if place.line else "",
                    place.path,
                    f"{place.jcode} {place.item}".strip(),
                ],
            )
        )
        expected = f" Expected {found.expected}." if found.expected else ""
        lines.append(f"{found.code}{f' ({where})' if where else ''}: {found.message}{expected}")
    if len(findings) > _MOST_TOLD:
        lines.append(f"and {len(findings) - _MOST_TOLD} more")
    return lines


def accepted(flow: Flow, *, catalogue: Catalogue | None = None) -> Flow:
    """The flow itself, if a check of its bytes finds nothing of severity error.

    Raises:
        RefusedFlow: with the findings of severity error.
    """
    faults = check(bytes(flow), catalogue=catalogue).at_least(Severity.ERROR)
    if faults:
        raise RefusedFlow(faults)
    return flow
