"""What a change of rules changes: for real files, or for the whole space of headers.

In: two rule sets, and either headers with instants or nothing.  Out: the files that would
go elsewhere with the reasons, or the regions of headers whose treatment changes, exactly.
This module does not read files.

Exact for rules that look at header and time alone.  A rule that asks for items, or a
predicate, is compared as it stands: if only one of the two sets has it, all that it may
touch is told as "may change".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from attrs import field, frozen

from dflow.envelope import Header
from dflow.flow import Flow
from dflow.routing.decision import Decision, visible
from dflow.routing.layout import rule_text
from dflow.routing.resolve import ReadyRule
from dflow.routing.routes import Routes
from dflow.routing.rows import rows_of
from dflow.routing.rule import Rule
from dflow.routing.space import Box, Space, meet, remainder

__all__ = ["Asked", "Move", "Region", "changed_files", "changed_regions", "told"]


@frozen(kw_only=True)
class Asked:
    """A file to ask both rule sets about.

    Attributes:
        name: what to call it.
        header: its address.
        at: the instant to ask for.
        flow: its tree, where a rule may ask for items; else None.
    """

    name: str
    header: Header
    at: datetime
    flow: Flow | None = None


@frozen(kw_only=True)
class Move:
    """A file that would go elsewhere.

    Attributes:
        name: the file.
        old: what the old rules decide.
        new: what the new rules decide.
    """

    name: str
    old: Decision
    new: Decision

    def __str__(self) -> str:
        return f"{visible(self.name)}: {told(self.old)}\n    now {told(self.new)}"

    def as_json(self) -> dict[str, object]:
        """The move as a JSON object, with both decisions whole."""
        return {"file": self.name, "old": self.old.as_json(), "new": self.new.as_json()}


@frozen(kw_only=True)
class Region:
    """A part of the space whose treatment changes.

    Attributes:
        where: the part in words; exact.
        old: what becomes of its files under the old rules.
        new: what becomes of them under the new ones.
        sure: False where it depends on items or a predicate.
    """

    where: str
    old: str
    new: str
    sure: bool = True
    _space: Space = field(repr=False, eq=False)
    _box: Box = field(repr=False, eq=False)

    def holds(self, header: Header, at: datetime) -> bool:
        """Whether a header at an instant lies in the part; `at` must be aware."""
        return meet(self._box, self._space.point(header, at.astimezone(UTC))) is not None

    def __str__(self) -> str:
        verb = "" if self.sure else "may change: "
        return f"{verb}{self.where}\n    was {self.old}\n    now {self.new}"

    def as_json(self) -> dict[str, object]:
        """The region as a JSON object."""
        return {"where": self.where, "old": self.old, "new": self.new, "sure": self.sure}


def told(decision: Decision) -> str:
    """A decision in one line."""
    by = f" by {decision.rule}" if decision.rule else ""
    to = f" to {', '.join(map(str, decision.deliveries))}" if decision.deliveries else ""
    copies = "".join(f", copy to {copy.target} by {copy.rule}" for copy in decision.copies)
    return f"{decision.outcome}{to}{by}{copies}"


def changed_files(old: Routes, new: Routes, files: Iterable[Asked]) -> Iterator[Move]:
    """The files that the two rule sets treat differently; the names of rules do not count.

    Raises:
        StructureError: if a rule asks for items and the file came without its tree.
    """
    for one in files:
        before = old.decide(one.header, at=one.at, flow=one.flow)
        after = new.decide(one.header, at=one.at, flow=one.flow)
        if _effect(before) != _effect(after):
            yield Move(name=one.name, old=before, new=after)


def _effect(decision: Decision) -> object:
    copies = sorted(
        (str(one.target), str(one.readdressed), one.matching is not None) for one in decision.copies
    )
    return decision.outcome, decision.deliveries, copies


def changed_regions(old: Routes, new: Routes) -> Iterator[Region]:
    """The parts of the space that the two rule sets treat differently.

    The regions of one kind of change do not overlap, and together they are all of it.
    """
    both = _Both(old, new)
    yield from both.primary()
    yield from both.copies()
    yield from both.unsure()


@frozen
class _Piece:
    """A rule's box, and what the rule does in it."""

    box: Box
    effect: str


class _Both:
    """Two rule sets as boxes of one space."""

    def __init__(self, old: Routes, new: Routes) -> None:
        self._sets = (old.ready, new.ready)
        rows = [[(ready, row) for ready in side for row in rows_of(ready)] for side in self._sets]
        every = [row for side in rows for _, row in side]
        self._space = Space.of(every)
        boxes = iter(self._space.boxes)
        self._boxed: list[list[tuple[ReadyRule, Box]]] = [
            [(ready, next(boxes)) for ready, _ in side] for side in rows
        ]

    def _region(self, box: Box, old: str, new: str, *, sure: bool = True) -> Region:
        where = self._space.describe(box)
        return Region(where=where, old=old, new=new, sure=sure, space=self._space, box=box)

    def primary(self) -> Iterator[Region]:
        """Where the outcome of the original changes."""
        sides = [self._first_match(side) for side in self._boxed]
        for before in sides[0]:
            for after in sides[1]:
                if before.effect == after.effect:
                    continue
                shared = meet(before.box, after.box)
                if shared is not None:
                    yield self._region(shared, before.effect, after.effect)

    def _first_match(self, side: Sequence[tuple[ReadyRule, Box]]) -> list[_Piece]:
        """The whole space in pieces, each with what its first matching rule does."""
        pieces: list[_Piece] = []
        taken: list[Box] = []
        for ready, box in side:
            if ready.rule.kind == "clone" or not ready.closed:
                continue
            near = [other for other in taken if meet(box, other)]
            effect = _does(ready.rule)
            pieces += (_Piece(part, effect) for part in remainder(box, near))
            taken.append(box)
        pieces += (_Piece(part, "unrouted") for part in remainder(self._space.whole, taken))
        return pieces

    def copies(self) -> Iterator[Region]:
        """Where copies come or go."""
        sides = [self._copied(side) for side in self._boxed]
        for effect in sorted(sides[0].keys() | sides[1].keys()):
            before, after = sides[0].get(effect, []), sides[1].get(effect, [])
            for box in self._less(before, after):
                yield self._region(box, effect, f"no {effect}")
            for box in self._less(after, before):
                yield self._region(box, f"no {effect}", effect)

    @staticmethod
    def _copied(side: Sequence[tuple[ReadyRule, Box]]) -> dict[str, list[Box]]:
        found: dict[str, list[Box]] = {}
        for ready, box in side:
            if ready.rule.kind == "clone" and ready.closed:
                found.setdefault(_does(ready.rule), []).append(box)
        return found

    @staticmethod
    def _less(boxes: Sequence[Box], others: Sequence[Box]) -> Iterator[Box]:
        done = list(others)
        for box in boxes:
            yield from remainder(box, [other for other in done if meet(box, other)])
            done.append(box)

    def unsure(self) -> Iterator[Region]:
        """What rules touch that ask for items or a predicate, where only one set has them."""
        texts = [
            {_plain(ready.rule): box for ready, box in side if not ready.closed}
            for side in self._boxed
        ]
        for mine, theirs, gone in ((texts[0], texts[1], True), (texts[1], texts[0], False)):
            for text, box in mine.items():
                if text not in theirs:
                    rule = text.split("\n", 1)[0]
                    told_old, told_new = (rule, "gone") if gone else ("not there", rule)
                    yield self._region(box, told_old, told_new, sure=False)


def _plain(rule: Rule) -> str:
    return rule_text(rule)


def _does(rule: Rule) -> str:
    """What a rule does, without its name."""
    words = {"route": "deliver to", "clone": "copy to"}
    text = " ".join((words.get(rule.kind, rule.kind), ", ".join(map(str, rule.targets)))).strip()
    if rule.readdressed:
        text += f" readdressed to {rule.readdressed}"
    return text + (" across test" if rule.across_test else "")
