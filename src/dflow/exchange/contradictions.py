"""Rules that contradict themselves, told or refused before they are used.

In: a rule set that was read without a mistake.  Out: what lint remarks about it, and the
remarks that weigh enough to refuse it.  This module swaps nothing and prints nothing.
"""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from dflow.errors import TextFault
from dflow.findings import Severity
from dflow.routing import Routes
from dflow.routing.lint import lint
from dflow.routing.remark import Remark

__all__ = ["Inspection", "inspect"]


@frozen(kw_only=True)
class Inspection:
    """What lint says of rules that are about to be used.

    Attributes:
        told: remarks of severity warning or worse, in order of line.
        faults: those among them for which the rules are refused.
    """

    told: tuple[Remark, ...] = ()
    faults: tuple[TextFault, ...] = ()


def inspect(routes: Routes, path: Path, *, refuse_on: Severity | None) -> Inspection:
    """Look at rules before they are used.

    Args:
        routes: the rules.
        path: their file, for the places.
        refuse_on: refuse for remarks of this severity or worse; None refuses for none.
    """
    told = tuple(one for one in lint(routes) if one.severity >= Severity.WARNING)
    refused = [one for one in told if refuse_on is not None and one.severity >= refuse_on]
    faults = tuple(
        TextFault(source=str(path), line=one.line, column=0, message=f"{one.message} [{one.code}]")
        for one in refused
    )
    return Inspection(told=told, faults=faults)
