"""The language of conditions: texts to `Condition` values.

In: one line such as ``group 60M absent when J2245 = "N"``.  Out: a `Condition`, or
`ConditionFault` with the column, what was expected, and the near miss.  This module
does not know files; what a flow holds is given to `check_condition`.

The grammar is layered, one rule a level of precedence: ``or`` binds loosest, then
``and``, then ``not``, so that precedence stands in the rules and in no option.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from attrs import evolve, frozen

from dflow.catalogue.conditions import (
    AllOf,
    Always,
    AnyOf,
    Condition,
    Demand,
    Expression,
    GroupPresent,
    ItemBlank,
    ItemCompared,
    Negated,
    Operator,
    PartyIs,
    PartySide,
)
from dflow.catalogue.model import GroupDef, ItemDef
from dflow.errors import DflowError, near_misses

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lark import Lark, Token

__all__ = ["GRAMMAR", "ConditionFault", "check_condition", "parse_condition"]

#: The language, in Lark's notation.
GRAMMAR = r"""
condition: subject DEMAND [clause]

subject: "group" GROUP              -> group_subject
       | "item" ITEM "of" GROUP     -> item_subject

clause: "when" disjunction          -> when
      | "unless" disjunction        -> unless

?disjunction: conjunction ("or" conjunction)*
?conjunction: negation ("and" negation)*
?negation: "not" negation           -> negated
         | atom

?atom: ITEM COMPARISON TEXT         -> text_compared
     | ITEM COMPARISON NUMBER       -> number_compared
     | ITEM "in" "(" TEXT ("," TEXT)* ")"        -> one_of
     | ITEM "not" "in" "(" TEXT ("," TEXT)* ")"  -> none_of
     | ITEM "blank"                 -> blank
     | ITEM "given"                 -> given
     | "group" GROUP "present"      -> present
     | "group" GROUP "absent"       -> not_present
     | SIDE "is" TEXT               -> party
     | "(" disjunction ")"

DEMAND.2: "required" | "absent" | "optional"
SIDE.2: "sender" | "recipient"
ITEM: /[A-Z0-9][A-Za-z0-9]*([-_.][A-Za-z0-9]+)*/
GROUP: /[0-9A-Za-z]{1,10}/
COMPARISON: "=" | "!=" | "<=" | ">=" | "<" | ">"
TEXT: /"[^"\n]*"/
NUMBER: /-?[0-9]+(\.[0-9]+)?/

%ignore /[ \t\n]+/
"""


class ConditionFault(DflowError):
    """A condition cannot be read or does not fit its flow.

    Attributes:
        message: what is wrong, without the place.
        column: 1-based column in the condition's text; 0 for the whole of it.
        expected: what could have stood there.
        near: near misses among the known names.
    """

    def __init__(
        self,
        message: str,
        *,
        column: int = 0,
        expected: Iterable[str] = (),
        near: Iterable[str] = (),
    ) -> None:
        self.message = message
        self.column = column
        self.expected = tuple(expected)
        self.near = tuple(near)
        super().__init__(message)


@cache
def _parser() -> Lark:
    from lark import Lark

    return Lark(GRAMMAR, parser="lalr", start="condition", maybe_placeholders=True)


#: What the terminals are called in messages.
_WORDS = {
    "ITEM": "an item such as J0003",
    "GROUP": "a group code such as 026",
    "COMPARISON": "=, !=, <, <=, > or >=",
    "TEXT": 'a text such as "Y"',
    "NUMBER": "a number",
    "DEMAND": "required, absent or optional",
    "SIDE": "sender or recipient",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "$END": "the end",
}

_KEYWORDS = (
    "group",
    "item",
    "of",
    "required",
    "absent",
    "optional",
    "when",
    "unless",
    "or",
    "and",
    "not",
    "in",
    "is",
    "blank",
    "given",
    "present",
    "sender",
    "recipient",
)

#: Texts beyond this length are refused: it bounds the nesting, and no person writes them.
_LONGEST = 1_000


def parse_condition(text: str, *, source: str = "") -> Condition:
    """Read one condition.

    >>> str(parse_condition('group 60M absent when J2245 = "N"'))
    'group 60M absent when J2245 = "N"'

    Raises:
        ConditionFault: if the text is not a condition.
    """
    from lark import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

    if len(text) > _LONGEST:
        raise ConditionFault(f"the condition is longer than {_LONGEST} characters")
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        if isinstance(error, UnexpectedToken):
            names, found = error.accepts, str(error.token)
        elif isinstance(error, UnexpectedCharacters):
            names, found = error.allowed, text[error.pos_in_stream :][:12]
        else:
            names, found = set(), ""
        expected = sorted(_WORDS.get(name, name.lower()) for name in names)
        word = found.split()[0] if found.split() else ""
        column = error.column if word else len(text) + 1
        raise ConditionFault(
            f"{word!r} cannot stand here" if word else "the condition ends too soon",
            column=column,
            expected=expected,
            near=near_misses(word, _KEYWORDS) if word else (),
        ) from error
    # Lark's trees are untyped: the grammar above says what each of them holds.
    return evolve(_Builder().condition(cast("Any", tree)), source=source)


class _Builder:
    """Lark's tree to values, one method a rule; the depth is the text's own."""

    def condition(self, tree: Any) -> Condition:
        subject, demand, clause = tree.children
        when: Expression = Always()
        if clause is not None:
            when = self.expression(clause.children[0])
            if clause.data == "unless":
                when = Negated(when)
        tokens = [str(token) for token in subject.children]
        group, jcode = (tokens[-1], tokens[0] if len(tokens) == 2 else "")
        return Condition(group=group, jcode=jcode, demand=cast("Demand", str(demand)), when=when)

    def expression(self, tree: Any) -> Expression:
        name = str(tree.data)
        if name in {"disjunction", "conjunction"}:
            parts = tuple(self.expression(part) for part in tree.children)
            return AnyOf(parts) if name == "disjunction" else AllOf(parts)
        if name == "negated":
            return Negated(self.expression(tree.children[0]))
        return self.atom(name, tree.children)

    def atom(self, name: str, tokens: list[Token]) -> Expression:
        first, texts = str(tokens[0]), tuple(str(token).strip('"') for token in tokens[1:])
        if name in {"text_compared", "number_compared"}:
            operator, number = cast("Operator", texts[0]), name == "number_compared"
            return ItemCompared(first, operator, texts[1:], number=number)
        if name in {"one_of", "none_of"}:
            return ItemCompared(first, "=" if name == "one_of" else "!=", texts)
        if name in {"blank", "given"}:
            return ItemBlank(first) if name == "blank" else Negated(ItemBlank(first))
        if name in {"present", "not_present"}:
            return GroupPresent(first) if name == "present" else Negated(GroupPresent(first))
        return PartyIs(cast("PartySide", first), texts[0])


@frozen
class _Scope:
    """What a condition may name: the items in reach, the groups beside the subject."""

    items: dict[str, ItemDef]
    beside: tuple[str, ...]


def check_condition(
    condition: Condition, groups: tuple[GroupDef, ...], labels: Iterable[str]
) -> Iterator[ConditionFault]:
    """What in a condition does not fit its flow: every name and every type.

    Args:
        condition: as parsed.
        groups: the flow's level-1 groups.
        labels: the role labels that the catalogue knows.
    """
    scopes = list(_scopes(condition, groups, {}))
    if not scopes:
        known = [group.code for top in groups for group in top.walk()]
        yield ConditionFault(
            f"the flow has no group {condition.group}", near=near_misses(condition.group, known)
        )
    for scope in scopes:
        if condition.jcode and condition.jcode not in scope.items:
            yield ConditionFault(f"group {condition.group} has no item {condition.jcode}")
        for atom in _atoms(condition.when):
            yield from _check_atom(atom, scope, tuple(labels))


def _scopes(
    condition: Condition, siblings: tuple[GroupDef, ...], above: dict[str, ItemDef]
) -> Iterator[_Scope]:
    for group in siblings:
        reach = above | {place.jcode: place.item for place in group.items}
        if group.code == condition.group:
            if condition.jcode:
                yield _Scope(reach, tuple(child.code for child in group.groups))
            else:
                yield _Scope(above, tuple(sibling.code for sibling in siblings))
        yield from _scopes(condition, group.groups, reach)


def _atoms(
    expression: Expression,
) -> Iterator[Always | ItemCompared | ItemBlank | GroupPresent | PartyIs]:
    match expression:
        case Negated(of):
            yield from _atoms(of)
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _atoms(part)
        case _:
            yield expression


def _check_atom(
    atom: Always | ItemCompared | ItemBlank | GroupPresent | PartyIs,
    scope: _Scope,
    labels: tuple[str, ...],
) -> Iterator[ConditionFault]:
    match atom:
        case ItemCompared(jcode) | ItemBlank(jcode):
            item = scope.items.get(jcode)
            if item is None:
                yield ConditionFault(
                    f"item {jcode} is not in reach: it stands neither in the record nor above it",
                    near=near_misses(jcode, scope.items),
                )
            elif isinstance(atom, ItemCompared):
                yield from _check_values(atom, item)
        case GroupPresent(code) if code not in scope.beside:
            yield ConditionFault(
                f"group {code} does not stand beside the subject",
                near=near_misses(code, scope.beside),
            )
        case PartyIs(_, label) if label not in labels:
            yield ConditionFault(f"no role label {label!r}", near=near_misses(label, labels))
        case _:
            return


def _check_values(atom: ItemCompared, item: ItemDef) -> Iterator[ConditionFault]:
    numeric = item.format.kind in {"NUM", "INT"}
    if atom.number and item.format.stated and not numeric:
        yield ConditionFault(f"{item.jcode} is {item.format}: compare it with a text, not a number")
    if not atom.number and atom.operator not in {"=", "!="}:
        yield ConditionFault(f"{atom.operator} compares numbers, not texts")
    for value in () if atom.number else atom.values:
        if value and not item.format.admits(value):
            yield ConditionFault(f"{item.jcode} is {item.format}, which {value!r} can never be")
        elif item.codes and item.codes.complete and value and value not in item.codes:
            yield ConditionFault(
                f"{value!r} is not in the code list of {item.jcode}",
                near=near_misses(value, item.codes.codes),
            )
