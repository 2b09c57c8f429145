"""The questions of lint that are geometry: rules as boxes, covered, crossing, or apart.

In: rules made ready.  Out: remarks on rules that can never fire, conflicts, gaps between
windows, and rings of readdressing clones.  This module does not know the catalogue.

Exact inside the closed selectors: a remark is made if and only if it is true of the space
of all headers and instants (`space`), with conditions on items taken as questions whose
answers are not known.  A rule with a predicate blocks nothing and conflicts with nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from attrs import define, field

from dflow.routing.remark import Remark
from dflow.routing.resolve import ReadyRule
from dflow.routing.rows import Row, rows_of
from dflow.routing.rule import Rule
from dflow.routing.space import DIMENSIONS, Box, Space, covering, meet
from dflow.routing.values import ValueSet
from dflow.routing.window import Span

__all__ = ["Geometry", "same_outcome"]

#: "A gap of a day": one day of the calendar has at most 25 hours.
_GAP = timedelta(hours=25)

#: After this instant nothing can begin that leaves a gap: time itself ends.
_LAST = datetime.max.replace(tzinfo=UTC) - _GAP

_RECIPIENT_ROLE = DIMENSIONS.index("recipient role")

#: So many blockers are tried one by one for being needed.
_MOST_REDUCED = 12


def same_outcome(one: Rule, two: Rule) -> bool:
    """Whether two rules do the same with a file."""
    return (one.kind, one.targets, one.across_test) == (two.kind, two.targets, two.across_test)


@define(eq=False)
class Geometry:
    """Rules as boxes.

    Attributes:
        rules: all of them, in order.
        rows: the rows of all, with the position of the rule of each.
    """

    rules: Sequence[ReadyRule]
    rows: list[tuple[int, Row]] = field(init=False)
    _space: Space = field(init=False)
    _of: list[list[int]] = field(init=False)
    _known: dict[tuple[str, str], bool] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.rows = [(n, row) for n, ready in enumerate(self.rules) for row in rows_of(ready)]
        self._space = Space.of([row for _, row in self.rows])
        self._of = [[] for _ in self.rules]
        for number, (rule, _) in enumerate(self.rows):
            if all(self._space.boxes[number]):  # else it holds no version that can be
                self._of[rule].append(number)

    def remarks(self) -> Iterator[Remark]:
        """All that geometry says, rule by rule."""
        blocking = 0  # the bits of the rows of earlier rules that can block
        for position, ready in enumerate(self.rules):
            mine = self._of[position]
            if not mine:
                yield Remark(
                    code="empty-selector",
                    rule=ready.rule.name,
                    line=ready.rule.line,
                    message=f"{ready.rule.kind} {ready.rule.name}: no header can ever fit it",
                )
            elif ready.rule.kind != "clone":
                dead = self._blocked(position, blocking)
                if dead is not None:
                    yield dead
                elif ready.predicate is None:
                    yield from self._conflicts(position, blocking)
                if ready.predicate is None:
                    for number in mine:
                        blocking |= 1 << number

    # -- cover ---------------------------------------------------------------------

    def _blocked(self, position: int, among: int) -> Remark | None:
        """The remark on a rule that earlier rules leave nothing to, or None."""
        ready = self.rules[position]
        blockers: set[int] = set()
        pools: list[list[tuple[int, Box]]] = []
        for number in self._of[position]:
            box = self._space.boxes[number]
            near = [
                (self.rows[other][0], self._space.boxes[other])
                for other in self._space.touching(box, among)
                if self._implied(self.rows[other][0], position)
            ]
            found = covering(box, near)
            if isinstance(found, tuple):
                return None
            blockers |= found
            pools.append(near)
        needed = self._needed(position, blockers, pools)
        rules = [self.rules[number].rule for number in sorted(needed)]
        differs = not all(same_outcome(ready.rule, one) for one in rules)
        names = ", ".join(f"{one.kind} {one.name}" for one in rules)
        verb = "takes" if len(rules) == 1 else "take"
        end = "with another outcome" if differs else "with the same outcome"
        return Remark(
            code="never-fires" if differs else "redundant",
            rule=ready.rule.name,
            line=ready.rule.line,
            others=tuple(one.name for one in rules),
            differs=differs,
            message=f"{ready.rule.kind} {ready.rule.name} can never fire:"
            f" {names} {verb} every file that fits it, {end}",
        )

    def _needed(
        self, position: int, blockers: set[int], pools: list[list[tuple[int, Box]]]
    ) -> set[int]:
        """The blockers without those that the others make needless."""
        needed = set(blockers)
        if len(needed) > _MOST_REDUCED:
            return needed
        boxes = [self._space.boxes[number] for number in self._of[position]]
        for one in sorted(blockers, reverse=True):
            fewer = needed - {one}
            if all(
                isinstance(covering(box, [other for other in pool if other[0] in fewer]), frozenset)
                for box, pool in zip(boxes, pools, strict=True)
            ):
                needed = fewer
        return needed

    def _implied(self, blocker: int, blocked: int) -> bool:
        """Whether the blocker's conditions on items hold whenever the other rule's do."""
        theirs = self.rules[blocked].conditions
        return all(
            any(code == other and self._inside(values, wanted) for other, values in theirs)
            for code, wanted in self.rules[blocker].conditions
        )

    def _inside(self, values: ValueSet, wanted: ValueSet) -> bool:
        """Whether one list's values are all in another's; lists can be long, so asked once."""
        key = (values.digest, wanted.digest)
        found = self._known.get(key)
        if found is None:
            found = key[0] == key[1] or (
                len(values) <= len(wanted) and all(value in wanted for value in values)
            )
            self._known[key] = found
        return found

    # -- conflicts -----------------------------------------------------------------

    def _conflicts(self, position: int, among: int) -> Iterator[Remark]:
        """Earlier rules with another outcome that cross this one."""
        mine = self.rules[position].rule
        crossing: set[int] = set()
        for number in self._of[position]:
            touching = self._space.touching(self._space.boxes[number], among)
            crossing.update(self.rows[other][0] for other in touching)
        for other in sorted(crossing):
            theirs = self.rules[other].rule
            if same_outcome(mine, theirs) or self._within(other, position):
                continue
            if self._within(position, other):
                continue
            yield Remark(
                code="conflict",
                rule=mine.name,
                line=mine.line,
                others=(theirs.name,),
                message=f"{mine.kind} {mine.name} and {theirs.kind} {theirs.name} share"
                f" {self._example(position, other)} and treat it differently;"
                " only their order decides",
            )

    def _within(self, inner: int, outer: int) -> bool:
        """Whether every file that fits one rule fits the other."""
        if not self._implied(outer, inner):
            return False
        outer_boxes = [(number, self._space.boxes[number]) for number in self._of[outer]]
        return all(
            isinstance(covering(self._space.boxes[number], outer_boxes), frozenset)
            for number in self._of[inner]
        )

    def _example(self, one: int, two: int) -> str:
        for first in self._of[one]:
            for second in self._of[two]:
                if shared := meet(self._space.boxes[first], self._space.boxes[second]):
                    return self._space.tell(shared)
        return "nothing"

    # -- gaps ----------------------------------------------------------------------

    def gaps(self) -> Iterator[Remark]:
        """Windows that end a day or less before another begins, with nothing between."""
        sure = 0  # the bits of the rows that surely take a file
        starting: dict[datetime, int] = {}
        ending: dict[datetime, list[int]] = {}
        for number, (rule, row) in enumerate(self.rows):
            ready = self.rules[rule]
            if ready.rule.kind == "clone" or ready.predicate is not None:
                continue
            if ready.closed:
                sure |= 1 << number
            if row.span.start is not None:
                starting[row.span.start] = starting.get(row.span.start, 0) | (1 << number)
            if row.span.end is not None:
                ending.setdefault(row.span.end, []).append(number)
        starts = sorted(starting)
        told: set[tuple[int, int]] = set()
        for end in sorted(ending):
            latest = end + _GAP if end < _LAST else end
            for start in starts[bisect_right(starts, end) : bisect_right(starts, latest)]:
                hole = self._space.time_bits(Span(end, start))
                for number in ending[end]:
                    for other in self._in_hole(number, starting[start], hole, sure):
                        pair = (self.rows[number][0], self.rows[other][0])
                        if pair not in told:
                            told.add(pair)
                            yield self._gap(*pair)

    def _in_hole(self, number: int, among: int, hole: int, sure: int) -> Iterator[int]:
        """The rows of `among` that share a header with a row for which the hole is open."""
        timeless = (*self._space.boxes[number][:-1], self._space.every_time)
        for other in self._space.touching(timeless, among):
            shared = meet(timeless, self._space.boxes[other])
            if shared is not None:
                box = (*shared[:-1], hole)
                near = [(n, self._space.boxes[n]) for n in self._space.touching(box, sure)]
                if isinstance(covering(box, near), tuple):
                    yield other

    def _gap(self, first: int, second: int) -> Remark:
        before, after = self.rules[first], self.rules[second]
        return Remark(
            code="window-gap",
            rule=before.rule.name,
            line=before.rule.line,
            others=(after.rule.name,),
            message=f"{before.rule.kind} {before.rule.name} ends {before.rule.window} and"
            f" {after.rule.kind} {after.rule.name} begins {after.rule.window}: no rule takes"
            " their files between",
        )

    # -- rings ---------------------------------------------------------------------

    def loops(self) -> Iterator[Remark]:
        """Clones whose readdressed copies come round to the first of them again.

        A copy differs from its original in the recipient alone.  So a ring is a row of
        clones and one header but for its recipient, such that each clone fits that header
        addressed to the recipient that the clone before it wrote.
        """
        clones = [
            number
            for number, ready in enumerate(self.rules)
            if ready.rule.readdressed is not None and ready.predicate is None
        ]
        for place, first in enumerate(clones):
            if ring := self._ring(first, clones[place:]):
                rules = [self.rules[number].rule for number in ring]
                names = ", then ".join(rule.name for rule in rules)
                yield Remark(
                    code="clone-loop",
                    rule=rules[0].name,
                    line=rules[0].line,
                    others=tuple(rule.name for rule in rules[1:]),
                    message=f"copies of clone {names} come round to clone {rules[0].name} again",
                )

    def _ring(self, first: int, clones: Sequence[int]) -> list[int]:
        """The shortest ring through `first` and later clones; empty if there is none."""
        paths: list[tuple[list[int], list[Box]]] = [
            ([first], [self._without_recipient(n) for n in self._of[first]])
        ]
        while paths:
            longer = []
            for path, boxes in paths:
                for number in clones:
                    if number in path and number != first:
                        continue
                    shared = self._reached(path[-1], number, boxes)
                    if shared and number == first:
                        return path
                    if shared:
                        longer.append(([*path, number], shared))
            paths = longer
        return []

    def _without_recipient(self, number: int) -> Box:
        box = list(self._space.boxes[number])
        box[_RECIPIENT_ROLE] = box[_RECIPIENT_ROLE + 1] = 1
        return tuple(box)

    def _reached(self, source: int, clone: int, boxes: Sequence[Box]) -> list[Box]:
        """What is left of the boxes when the copies of `source` are given to `clone`."""
        to = self.rules[source].rule.readdressed
        if to is None:
            return []
        fitting = [
            self._without_recipient(number)
            for number in self._of[clone]
            if to.role in self.rows[number][1].recipient_role
            and to.mpid in self.rows[number][1].recipient_mpid
        ]
        return [both for one in boxes for two in fitting if (both := meet(one, two))]
