"""A flow's grammar compiled: Lark builds and proves the table, and the table is kept.

In: a `FlowDef`.  Out: a `RecordGrammar`.  This module is the only one that speaks Lark
for flows; it takes no step itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from attrs import define, field, frozen

from dflow.catalogue.model import FlowDef, GroupDef
from dflow.grammar.text import grammar_text, rule_names, terminal_names

if TYPE_CHECKING:
    from lark import Token
    from lark.lexer import Lexer

__all__ = ["RecordGrammar", "States", "Step", "Steps", "compile_grammar"]

#: What a record does: how many groups it closes (all of them: -1), the context behind it,
#: and the group it opens.
Step = tuple[int, int, GroupDef]


@define(eq=False)
class Steps:
    """Steps that walks of one grammar have taken: there are few, and they come back.

    A context is a stack of the table's states by number; 0 is no instance being open.
    """

    stacks: list[tuple[int, ...]] = field(factory=lambda: [()])
    numbers: dict[tuple[int, ...], int] = field(factory=lambda: {(): 0})
    known: dict[tuple[int, str], Step | None] = field(factory=dict)
    expected: dict[int, tuple[str, ...]] = field(factory=dict)

    def number(self, stack: tuple[int, ...]) -> int:
        """The number of a context."""
        number = self.numbers.get(stack)
        if number is None:
            number = self.numbers[stack] = len(self.stacks)
            self.stacks.append(stack)
        return number


#: Lark's table, row by row: shift or not; the next state, or how many to take off;
#: whether that closes a group; the rule.
States = dict[int, dict[str, tuple[bool, int, int, str]]]


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
    states: States = field(repr=False)
    start_state: int = field(repr=False)
    by_code: dict[str, tuple[GroupDef, ...]] = field(repr=False)
    roots: dict[str, tuple[GroupDef, ...]] = field(repr=False)
    terminals: dict[int, str] = field(repr=False)
    names: dict[str, tuple[str, ...]] = field(repr=False)
    steps: Steps = field(factory=Steps, init=False, repr=False)


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
    states: States = {}
    rules = rule_names(flow_def)
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
    terminals = terminal_names(flow_def)
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
