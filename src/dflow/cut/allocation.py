"""The proof that no MPAN is allocated twice.

In: the manifests of all cuts.  Out: every MPAN that more than one phase or party holds.
This module reads no file.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from dflow.cut.manifest import Manifest

__all__ = ["Clash", "clashes", "shared"]


@frozen(kw_only=True)
class Clash:
    """An MPAN that is allocated more than once.

    Attributes:
        mpan: the MPAN; personal data.
        holders: who holds it: phase, role and party, in order.
    """

    mpan: str
    holders: tuple[tuple[str, str, str], ...]


def clashes(manifests: Iterable[Manifest]) -> tuple[Clash, ...]:
    """The MPANs of more than one phase, or of more than one party for the same role.

    A cut without a role is for every role.  None of them is the proof that each MPAN is
    allocated to one phase and party; several cuts for one phase, role and party are one
    allocation.
    """
    held: dict[str, set[tuple[str, str, str]]] = {}
    for manifest in manifests:
        rules = manifest.rules
        for mpan in manifest.allocated:
            held.setdefault(mpan, set()).add((rules.phase, rules.role, rules.party))
    return tuple(
        Clash(mpan=mpan, holders=tuple(sorted(holders)))
        for mpan, holders in sorted(held.items())
        if _clash(holders)
    )


def _clash(holders: set[tuple[str, str, str]]) -> bool:
    if len({phase for phase, _, _ in holders}) > 1:
        return True
    parties: dict[str, set[str]] = {}
    for _, role, party in holders:
        parties.setdefault(role, set()).add(party)
    anything = parties.get("", set())
    return any(len(held | anything) > 1 for held in parties.values())


def shared(manifests: Iterable[Manifest]) -> frozenset[str]:
    """The MPANs that are allocated in one cut and only named in another's files.

    They are not allocated twice, but somebody else's files speak of them.
    """
    held = list(manifests)
    mine = frozenset(mpan for manifest in held for mpan in manifest.allocated)
    return mine & frozenset(mpan for manifest in held for mpan in manifest.related)
