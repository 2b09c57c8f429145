"""Reverse migration: what a change of supplier means for a meter point that has migrated.

In: changes of supplier, and a plan.  Out: whether each asks for a reverse migration, or
is excepted, and why.  This module does not know which exceptions any programme allows:
they are configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Literal

from attrs import frozen

from dflow.errors import RefusedText, TextFault
from dflow.migration.plan import Plan
from dflow.migration.volumes import rows_of

__all__ = ["Excepted", "Move", "Reverse", "read_moves", "reverse_of", "reverses"]


@frozen(kw_only=True)
class Move:
    """A customer changes supplier.

    Attributes:
        day: the day of the change.
        mpan: the meter point; masked in reports.
        network: identifier.
        old: MPID of the old supplier.
        new: MPID of the new supplier.
        migrated: whether the meter point has migrated by then.
    """

    day: date
    mpan: str
    network: str
    old: str
    new: str
    migrated: bool


@frozen(kw_only=True)
class Excepted:
    """A case in which a reverse migration is not asked for.

    Attributes:
        why: the reason.
        suppliers: new suppliers it holds for; empty for all.
        networks: networks it holds for; empty for all.
        start: its first day; None from the start.
        end: the day after its last; None without end.
    """

    why: str
    suppliers: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    start: date | None = None
    end: date | None = None

    def holds(self, move: Move) -> bool:
        """Whether it covers a move."""
        return (
            (not self.suppliers or move.new in self.suppliers)
            and (not self.networks or move.network in self.networks)
            and (self.start is None or self.start <= move.day)
            and (self.end is None or move.day < self.end)
        )


@frozen(kw_only=True)
class Reverse:
    """What a move means."""

    move: Move
    outcome: Literal["none", "reverse", "excepted"]
    why: str


def reverse_of(plan: Plan, move: Move, exceptions: Sequence[Excepted] = ()) -> Reverse:
    """What one move means: whether the meter point has to go back to the old arrangements."""
    if not move.migrated:
        return Reverse(move=move, outcome="none", why="it has not migrated")
    new = plan.suppliers.get(move.new)
    if new is not None and new.qualified is not None and new.qualified <= move.day:
        return Reverse(
            move=move, outcome="none", why=f"{move.new} is qualified since {new.qualified}"
        )
    unready = f"{move.new} is not qualified on {move.day}"
    for one in exceptions:
        if one.holds(move):
            return Reverse(move=move, outcome="excepted", why=f"{unready}, but: {one.why}")
    return Reverse(move=move, outcome="reverse", why=unready)


def reverses(
    plan: Plan, moves: Iterable[Move], exceptions: Sequence[Excepted] = ()
) -> tuple[Reverse, ...]:
    """What each move means, in the order of days."""
    ordered = sorted(moves, key=lambda one: one.day)
    return tuple(reverse_of(plan, one, exceptions) for one in ordered)


_HEADS = {
    "day": True,
    "mpan": True,
    "network": True,
    "old": True,
    "new": True,
    "migrated": True,
}


def read_moves(path: Path) -> tuple[Move, ...]:
    """Read ``day,mpan,network,old,new,migrated``, the last yes or no.

    Raises:
        SourceError: the file cannot be read.
        RefusedText: with every mistake and its line.
    """
    moves: list[Move] = []
    faults: list[TextFault] = []
    for line, row in rows_of(path, _HEADS):
        try:
            day = date.fromisoformat(row["day"])
        except ValueError as error:
            faults.append(TextFault(source=str(path), line=line, column=0, message=str(error)))
            continue
        if row["migrated"] not in ("yes", "no"):
            words = "migrated is neither yes nor no"
            faults.append(TextFault(source=str(path), line=line, column=0, message=words))
            continue
        moves.append(
            Move(
                day=day,
                mpan=row["mpan"],
                network=row["network"],
                old=row["old"],
                new=row["new"],
                migrated=row["migrated"] == "yes",
            )
        )
    if faults:
        raise RefusedText(faults)
    return tuple(moves)
