"""A walk over a body: where each record stands, by the flow's grammar.

In: group codes in file order.  Out: frames, opened and closed.  This module does not
look inside a record, and drives Lark's table itself: it needs no values and no
exceptions, only states.
"""

from __future__ import annotations

from attrs import define, field

from dflow.catalogue.model import GroupDef
from dflow.grammar.table import RecordGrammar, Step
from dflow.records import Record

__all__ = ["Frame", "Walk"]


class Frame:
    """A group that is open: records below it may still come.

    A plain class, because one is made for every record that the slow way looks at.

    Attributes:
        definition: what the catalogue says of the group; None for the file itself.
        line: where its record stands.
        index: 1-based occurrence among the groups of its code under its parent.
        parent: the open group above it, or the file.
        counts: occurrences so far of each child, by the child's place in the catalogue.
        position: the furthest place in the catalogue that a child has had.
        late: whether it stands behind a sibling that the catalogue puts after it.
        surplus: whether it is one more than the catalogue allows under its parent.
        record: its record, if whoever walks has kept it here.
        firsts: the first record of each child, if whoever walks has kept them here.
    """

    __slots__ = (
        "counts",
        "definition",
        "firsts",
        "index",
        "late",
        "line",
        "parent",
        "position",
        "record",
        "surplus",
    )

    def __init__(
        self,
        definition: GroupDef | None,
        line: int = 0,
        index: int = 0,
        parent: Frame | None = None,
    ) -> None:
        self.definition = definition
        self.line = line
        self.index = index
        self.parent = parent
        self.counts: dict[int, int] = {}
        self.position = 0
        self.late = False
        self.surplus = False
        self.record: Record | None = None
        self.firsts: dict[int, Record] | None = None

    @property
    def path(self) -> str:
        """Where it stands, such as ``026[3]/028[1]``; empty for the file itself."""
        parts: list[str] = []
        frame: Frame | None = self
        while frame is not None and frame.definition is not None:
            parts.append(f"{frame.definition.code}[{frame.index}]")
            frame = frame.parent
        return "/".join(reversed(parts))

    @property
    def children(self) -> tuple[GroupDef, ...]:
        """The groups that may stand below; for the file itself they are not known here."""
        return self.definition.groups if self.definition else ()


@define(eq=False)
class Walk:
    """One walk over a file's body, record by record.

    Attributes:
        grammar: the grammar that is walked.
        base: the file itself: it counts the level-1 groups.
        open: the open groups, outermost first; the last one took the last record.
        closed: the groups that the last call closed, innermost first.
    """

    grammar: RecordGrammar
    base: Frame = field(factory=lambda: Frame(None), init=False)
    open: list[Frame] = field(factory=list, init=False)
    closed: list[Frame] = field(factory=list, init=False)
    _context: int = field(default=0, init=False)

    def place(self, code: str, line: int) -> Frame | None:
        """Take a record of this group code: its frame, or None if it cannot stand here."""
        grammar = self.grammar
        names = grammar.names.get(code)
        self.closed = []
        if names is None:
            return None
        terminal = names[0] if len(names) == 1 else self._choose(code)
        key = (self._context, terminal)
        steps = grammar.steps
        if key not in steps.known:
            steps.known[key] = self._find(code, terminal)
        step = steps.known[key]
        if step is None:
            return None
        closes, self._context, definition = step
        opened = self.open
        if closes:
            if closes < 0:
                closes = len(opened)
            self.closed = opened[: -closes - 1 : -1]
            del opened[-closes:]
        frame = self._open(opened[-1] if opened else self.base, definition, line)
        opened.append(frame)
        return frame

    def finish(self) -> list[Frame]:
        """End of the instance: close every open group, innermost first."""
        self.closed = self.open[::-1]
        self.open.clear()
        self._context = 0
        return self.closed

    def expected(self) -> tuple[str, ...]:
        """The group codes that could stand next, in catalogue order, a new instance last."""
        steps = self.grammar.steps
        known = steps.expected.get(self._context)
        if known is None:
            codes = {
                group.code: None
                for group in self.grammar.flow_def.walk()
                if self._context
                and self._drive(steps.stacks[self._context], self.grammar.terminals[group.seq])
            }
            codes.update(dict.fromkeys(self.grammar.roots))
            known = steps.expected[self._context] = tuple(codes)
        return known

    def _open(self, parent: Frame, definition: GroupDef, line: int) -> Frame:
        seq, counts = definition.seq, parent.counts
        count = counts[seq] = counts.get(seq, 0) + 1
        frame = Frame(definition, line, count, parent)
        if seq < parent.position:
            frame.late = True
        else:
            parent.position = seq
        most = definition.range.most
        if most is not None and count > most:
            frame.surplus = True
        if len(self.grammar.by_code[definition.code]) > 1:
            siblings = parent.children or self.grammar.flow_def.groups
            frame.index = sum(
                counts.get(sibling.seq, 0)
                for sibling in siblings
                if sibling.code == definition.code
            )
        return frame

    def _find(self, code: str, terminal: str) -> Step | None:
        """The step that a record takes from here, by Lark's table; None if it is refused."""
        grammar = self.grammar
        steps = grammar.steps
        children: tuple[GroupDef, ...]
        driven = self._drive(steps.stacks[self._context], terminal) if self._context else None
        if driven is not None:
            closes, stack = driven
            children = self.open[-1 - closes].children
        else:
            children = grammar.roots.get(code, ())
            driven = self._drive((grammar.start_state,), terminal) if children else None
            if driven is None:
                return None
            closes, stack = -1, driven[1]
        found = next(child for child in children if grammar.terminals[child.seq] == terminal)
        return (closes, steps.number(stack), found)

    def _drive(self, stack: tuple[int, ...], terminal: str) -> tuple[int, tuple[int, ...]] | None:
        """Drive the table by one record: the groups closed and the stack behind it, or None."""
        states, work, closes = self.grammar.states, list(stack), 0
        row = states[work[-1]].get(terminal)
        while row is not None:
            shift, number, closing, origin = row
            if shift:
                return closes, (*work, number)
            if number:
                del work[-number:]
            closes += closing
            work.append(states[work[-1]][origin][1])
            row = states[work[-1]].get(terminal)
        return None

    def _choose(self, code: str) -> str:
        """The terminal of a code that stands more than once: by place, then catalogue order.

        From the innermost open group outwards, the first child of this code that is not
        behind its last sibling and not full; else the innermost child of this code.
        """
        names = self.grammar.terminals
        fallback: GroupDef | None = None
        levels = [(frame, frame.children) for frame in reversed(self.open)]
        for frame, children in [*levels, (self.base, self.grammar.flow_def.groups)]:
            here = [child for child in children if child.code == code]
            for child in here:
                most = child.range.most
                full = most is not None and frame.counts.get(child.seq, 0) >= most
                if child.seq >= frame.position and not full:
                    return names[child.seq]
            if here and fallback is None:
                fallback = next((c for c in here if c.seq >= frame.position), here[-1])
        return names[(fallback or self.grammar.by_code[code][0]).seq]
