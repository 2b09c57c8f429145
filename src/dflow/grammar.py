"""A flow's definition as a Lark grammar whose tokens are whole records.

In: a `FlowDef`.  Out: the grammar as text, for people, and compiled, as a `RecordGrammar`
whose `Walk` says of each record where it stands.  This module is the only one that
speaks Lark for flows; it does not look inside a record beyond its group code.

The grammar describes one instance: one level-1 group and all below it, so that files of
any length are walked in bounded memory.  A small rule a group:

    start: g_026
    g_026: R_026 (g_027 | g_028)*

Siblings are free: order, least and most are findings, not syntax, because a whole
grammar in catalogue order makes Lark expand every optional group into alternatives, and
because a file in the wrong order still has a tree that is worth showing.

Where a code stands twice among the groups of one parent (D0030 and D0209 have such
codes at level 1) the record alone cannot say which is meant.  Then the terminals carry
the group's place in the catalogue, ``R_SUP_4`` and ``R_SUP_10``, and the walk chooses by
catalogue order: the first that is not behind the last sibling and not yet full.

Lark builds and proves the table (a conflict is an error at compile time); the walk
drives that table itself, because it needs no values and no exceptions, only states.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from attrs import define, field, frozen

from dflow.catalogue.model import FlowDef, GroupDef
from dflow.records import Record

if TYPE_CHECKING:
    from lark import Token
    from lark.lexer import Lexer

__all__ = ["Frame", "RecordGrammar", "Walk", "compile_grammar", "grammar_text"]


def grammar_text(flow_def: FlowDef) -> str:
    """The Lark grammar of one instance of a flow, to be read and to be compiled.

    Raises:
        ValueError: if the catalogue knows no structure for the flow version.
    """
    if not flow_def.groups:
        raise ValueError(f"{flow_def} has no known structure, so it has no grammar")
    rules, terminals = _rules(flow_def), _terminals(flow_def)
    lines = [f"// {flow_def} {flow_def.name}; a token is a whole record", ""]
    lines.append("start: " + " | ".join(rules[root.seq] for root in flow_def.groups))
    for group in flow_def.walk():
        below = " | ".join(rules[child.seq] for child in group.groups)
        rule = f"{rules[group.seq]}: {terminals[group.seq]}" + (f" ({below})*" if below else "")
        lines.append(f"{rule}  // {group.range} {group.name}".rstrip())
    lines += ["", "%declare " + " ".join(dict.fromkeys(terminals.values())), ""]
    return "\n".join(lines)


def _rules(flow_def: FlowDef) -> dict[int, str]:
    """The name of each group's rule, by the group's place in the catalogue."""
    often = Counter(group.code for group in flow_def.walk())
    return {
        group.seq: f"g_{group.code.lower()}" + (f"_{group.seq}" if often[group.code] > 1 else "")
        for group in flow_def.walk()
    }


def _terminals(flow_def: FlowDef) -> dict[int, str]:
    """The name of each group's terminal, by the group's place in the catalogue."""
    twins = {code for siblings in _families(flow_def) for code in _twice(siblings)}
    return {
        group.seq: f"R_{group.code}" + (f"_{group.seq}" if group.code in twins else "")
        for group in flow_def.walk()
    }


def _families(flow_def: FlowDef) -> Iterator[tuple[GroupDef, ...]]:
    yield flow_def.groups
    for group in flow_def.walk():
        yield group.groups


def _twice(siblings: tuple[GroupDef, ...]) -> Iterator[str]:
    often = Counter(group.code for group in siblings)
    return (code for code, times in often.items() if times > 1)


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


#: What a record does: how many groups it closes (all of them: -1), the context behind it,
#: and the group it opens.
_Step = tuple[int, int, GroupDef]


@define(eq=False)
class _Steps:
    """Steps that walks of one grammar have taken: there are few, and they come back.

    A context is a stack of the table's states by number; 0 is no instance being open.
    """

    stacks: list[tuple[int, ...]] = field(factory=lambda: [()])
    numbers: dict[tuple[int, ...], int] = field(factory=lambda: {(): 0})
    known: dict[tuple[int, str], _Step | None] = field(factory=dict)
    expected: dict[int, tuple[str, ...]] = field(factory=dict)

    def number(self, stack: tuple[int, ...]) -> int:
        """The number of a context."""
        number = self.numbers.get(stack)
        if number is None:
            number = self.numbers[stack] = len(self.stacks)
            self.stacks.append(stack)
        return number


_States = dict[int, dict[str, tuple[bool, int, int, str]]]


@frozen(eq=False, kw_only=True)
class RecordGrammar:
    """The compiled grammar of a flow's instances.

    Attributes:
        flow_def: the flow version.
        text: the grammar as people read it.
        states: Lark's table: for a state and a symbol, whether to shift; the next state, or
            how many states to take off; whether that closes a group; the rule.
        start_state: where an instance begins.
        by_code: the groups of each code, in catalogue order.
        roots: the level-1 groups of each code.
        terminals: the name of each group's terminal, by place in the catalogue.
        names: the different terminals of each code, in catalogue order.
        steps: the steps that walks have taken, kept to be taken again.
    """

    flow_def: FlowDef
    text: str
    states: _States = field(repr=False)
    start_state: int = field(repr=False)
    by_code: dict[str, tuple[GroupDef, ...]] = field(repr=False)
    roots: dict[str, tuple[GroupDef, ...]] = field(repr=False)
    terminals: dict[int, str] = field(repr=False)
    names: dict[str, tuple[str, ...]] = field(repr=False)
    steps: _Steps = field(factory=_Steps, init=False, repr=False)

    def walk(self) -> Walk:
        """A walk over a file of this flow, from its first body record."""
        return Walk(self)


def _build(flow_def: FlowDef) -> RecordGrammar:
    from lark import Lark  # heavy: only when a grammar is wanted

    text = grammar_text(flow_def)
    lark = Lark(
        text,
        parser="lalr",
        lexer=_no_lexer(),
        propagate_positions=False,
        maybe_placeholders=False,
    )
    conf = lark.parse_interactive("").parser_state.parse_conf
    states: _States = {}
    rules = _rules(flow_def)
    group_rules = set(rules.values())
    for state, row in conf.states.items():
        out: dict[str, tuple[bool, int, int, str]] = {}
        for symbol, (_, arg) in row.items():
            if isinstance(arg, int):
                out[symbol] = (True, arg, 0, "")
            else:
                origin = str(arg.origin.name)
                out[symbol] = (False, len(arg.expansion), int(origin in group_rules), origin)
        states[state] = out
    terminals = _terminals(flow_def)
    by_code: dict[str, tuple[GroupDef, ...]] = {}
    roots: dict[str, tuple[GroupDef, ...]] = {}
    for group in flow_def.walk():
        by_code[group.code] = (*by_code.get(group.code, ()), group)
    for group in flow_def.groups:
        roots[group.code] = (*roots.get(group.code, ()), group)
    return RecordGrammar(
        flow_def=flow_def,
        text=text,
        states=states,
        start_state=cast("int", conf.start_state),
        by_code=by_code,
        roots=roots,
        terminals=terminals,
        names={
            code: tuple(dict.fromkeys(terminals[group.seq] for group in groups))
            for code, groups in by_code.items()
        },
    )


def _no_lexer() -> type[Lexer]:
    from lark.lexer import Lexer

    class NoLexer(Lexer):
        """The walk hands over records one by one; nothing is ever cut from text."""

        def __init__(self, _conf: object) -> None:
            """Lark hands over its configuration; nothing of it is needed."""

        def lex(self, lexer_state: object, parser_state: object) -> Iterator[Token]:
            del lexer_state, parser_state
            return iter(())

    return NoLexer


#: Grammars compiled last, by the identity of their definition: comparing definitions by
#: value would cost more than it saves.  Bounded, and only a saving: no state is shared.
_RECENT: OrderedDict[int, RecordGrammar] = OrderedDict()
_RECENT_MOST = 256


def compile_grammar(flow_def: FlowDef) -> RecordGrammar:
    """The compiled grammar of a flow; the same value for the same definition.

    Raises:
        ValueError: if the catalogue knows no structure for the flow version.
    """
    known = _RECENT.get(id(flow_def))
    if known is None or known.flow_def is not flow_def:
        known = _RECENT[id(flow_def)] = _build(flow_def)
        while len(_RECENT) > _RECENT_MOST:
            _RECENT.popitem(last=False)
    return known


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

    def _find(self, code: str, terminal: str) -> _Step | None:
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
