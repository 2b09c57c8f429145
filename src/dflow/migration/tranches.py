"""Tranches: which supplier goes in which wave.

In: applications and the places of each wave.  Out: an assignment, with its reason.  This
module does not know portfolios unless the method asks for them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from dflow.migration.allocation import METHODS, Request

__all__ = ["Application", "Assigned", "assign_tranches"]


@frozen(kw_only=True)
class Application:
    """A supplier applies for a tranche.

    Attributes:
        received: when it came in, with an offset.
        supplier: MPID.
        prefers: the tranche it would like; None for the first that has a place.
        portfolio: how many meter points it has; no method that is blind to size reads it.
    """

    received: datetime
    supplier: str
    prefers: int | None = None
    portfolio: int = 0


@frozen(kw_only=True)
class Assigned:
    """The tranche a supplier got, numbered from 1; None if none had a place."""

    supplier: str
    tranche: int | None
    why: str


def assign_tranches(
    applications: Sequence[Application],
    places: Sequence[int],
    *,
    method: str = "first come first served",
    seed: int = 0,
) -> tuple[Assigned, ...]:
    """Assign each supplier to a wave with a place left, in the order the method says.

    Raises:
        KeyError: no such method.
        ValueError: the method shares rooms instead of ordering requests.
    """
    order = METHODS[method].order
    if order is None:
        raise ValueError(f"{method!r} divides days; tranches need an order of applications")
    chance = random.Random(seed)  # noqa: S311  a draw that can be repeated
    keyed = []
    for number, one in enumerate(applications):
        request = Request(
            received=one.received, supplier=one.supplier, network="", wanted=one.portfolio
        )
        keyed.append((order(request, chance), number, one))
    left = list(places)
    assigned: list[Assigned] = []
    for place, (_, _, one) in enumerate(
        sorted(keyed, key=lambda row: (row[0], row[1])),
        start=1,
    ):
        wish = [one.prefers] if one.prefers else []
        free = [n for n in (*wish, *range(1, len(left) + 1)) if 0 < n <= len(left) and left[n - 1]]
        why = f"{place} of {len(applications)}, {method}"
        if not free:
            assigned.append(
                Assigned(supplier=one.supplier, tranche=None, why=f"{why}: no place left")
            )
            continue
        left[free[0] - 1] -= 1
        if one.prefers and free[0] != one.prefers:
            why += f": tranche {one.prefers} was full"
        assigned.append(Assigned(supplier=one.supplier, tranche=free[0], why=why))
    return tuple(assigned)
