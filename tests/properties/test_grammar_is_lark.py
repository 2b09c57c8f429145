"""The walk drives Lark's table itself; Lark's own parser must see the same tree.

The oracle here is independent of the walk: Lark, given the printed grammar and the
records as tokens, builds the tree its own way.  Groups are compared by code and line.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lark import Lark, Token, Tree
from lark.lexer import Lexer

from dflow.catalogue import FlowDef, bundled
from dflow.flow import Group
from dflow.grammar import grammar_text
from dflow.parse import read
from dflow.testing.strategies import flow_bytes

_FLOWS = [flow for flow in bundled() if flow.groups]

#: A tree as nested tuples: (group code, line, children).
Shape = tuple[str, int, tuple["Shape", ...]]


class _Records(Lexer):
    """Cuts nothing: the tokens are made beforehand and fed one by one."""

    def __init__(self, _conf: object) -> None:
        """Lark hands over its configuration; nothing of it is needed."""

    def lex(self, lexer_state: object, parser_state: object) -> Iterator[Token]:
        del lexer_state, parser_state
        return iter(())


@cache
def _lark(flow: tuple[str, str]) -> Lark:
    text = grammar_text(bundled()[flow])
    return Lark(text, parser="lalr", lexer=_Records, propagate_positions=False)


def _terminals(flow: FlowDef) -> set[str]:
    declared = grammar_text(flow).split("%declare ")[1]
    return set(declared.split())


def _from_lark(tree: Tree[Token]) -> Shape:
    token, *below = tree.children
    assert isinstance(token, Token)
    shapes = tuple(_from_lark(child) for child in below if isinstance(child, Tree))
    return (str(token), token.line or 0, shapes)


def _from_walk(group: Group) -> Shape:
    return (group.code, group.record.line, tuple(_from_walk(child) for child in group.groups))


@pytest.mark.untraced
@pytest.mark.parametrize("flow", _FLOWS, ids=str)
@settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_lark_builds_the_tree_that_read_builds(flow: FlowDef, data: st.DataObject) -> None:
    content = data.draw(flow_bytes(flow))
    groups = read(content).groups
    for root in groups:
        lark = _lark(flow.key).parse_interactive()
        for group in root.walk():
            definition = group.definition
            assert definition is not None
            plain = f"R_{group.code}"
            # A code that stands twice under one parent carries its place in the catalogue.
            name = plain if plain in _terminals(flow) else f"{plain}_{definition.seq}"
            lark.feed_token(Token(name, group.code, line=group.record.line))
        ended = lark.feed_eof()  # type: ignore[no-untyped-call]  # lark is partly untyped
        (whole,) = cast("Tree[Token]", ended).children
        assert isinstance(whole, Tree)
        assert _from_lark(whole) == _from_walk(root)
