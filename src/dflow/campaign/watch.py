"""Gain, loss and meter works, each for itself.

In: the copies of a campaign and the classes of flows.  Out: how many files each class had,
and how many were copied.  This module does not know what a flow means: the table does.
"""

from __future__ import annotations

from collections import Counter

from attrs import frozen

from dflow.campaign.config import Campaign
from dflow.campaign.copies import Copies

__all__ = ["Watched", "watch"]


@frozen(kw_only=True)
class Watched:
    """The traffic of one class.  Capability 32.

    Attributes:
        name: the class; ``other`` for what none has.
        files: how many originals there were.
        copied: how many of them have all their copies.
        flows: each flow with its number of files, most first.
    """

    name: str
    files: int
    copied: int
    flows: tuple[tuple[str, int], ...]


def watch(campaign: Campaign, copies: Copies) -> tuple[Watched, ...]:
    """The classes in the order of their table, then ``other``."""
    flow_of: dict[int, str] = {}
    wrong: set[int] = set()
    for one in copies.owed:
        flow_of[one.original.id] = one.original.address.get("flow", "")
        if one.problem:
            wrong.add(one.original.id)
    found = []
    for name in (*campaign.classes.about, "other"):
        ours = [number for number, flow in flow_of.items() if campaign.classes.of(flow) == name]
        flows = Counter(flow_of[number] for number in ours)
        if ours or name != "other":
            found.append(
                Watched(
                    name=name,
                    files=len(ours),
                    copied=len(set(ours) - wrong),
                    flows=tuple(flows.most_common()),
                )
            )
    return tuple(found)
