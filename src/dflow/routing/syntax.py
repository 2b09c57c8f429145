r"""The syntax of rules files: text to statements, with every mistake and its place.

In: a rules text.  Out: statements as flat rows of marks (words with their places), and
faults.  This module does not know what the names mean; it is the only one of its room
that speaks Lark.

The text is cut into statements by its layout before Lark sees it, so that a mistake in
one hides none in the next.  Where a rule does
not parse as a whole, its head and clauses are parsed one by one, so that a mistake in one
clause hides none in another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from dflow.errors import TextFault, near_misses
from dflow.routing.chunks import Chunk, cut, without_comments
from dflow.routing.selectors import CODE, MPID, NAME, RESERVED, ROLE, VERSION

if TYPE_CHECKING:
    from lark import Lark, Tree
    from lark.exceptions import UnexpectedInput
    from lark.lexer import Token

__all__ = [
    "ClauseText",
    "Mark",
    "StatementText",
    "SyntaxReading",
    "grammar_text",
    "is_list_word",
    "read_syntax",
]

_RULES = r"""
statement: timezone | destination | list | rule

timezone: TIMEZONE ZONE
destination: DESTINATION NAME STRING? TEST?
list: LIST NAME "=" (value ("," value)* | FILE STRING (COLUMN STRING)?)
?value: VALUE | STRING

rule: head (clause (_CLAUSE_COMMA? clause)*)?
head: (ROUTE | HOLD | REFUSE | DISCARD | CLONE) NAME ":"

clause: FLOW flows (EXCEPT flows)?                    -> flow
      | FROM parties (EXCEPT parties)?                -> from
      | TO parties (EXCEPT parties)?                  -> to
      | TEST words                                    -> test
      | SENDING APPLICATION words                     -> sending
      | RECEIVING APPLICATION words                   -> receiving
      | DURING (MOMENT UNTIL MOMENT? | UNTIL MOMENT)  -> during
      | WHERE ITEM IN NAME                            -> where
      | WHEN NAME                                     -> when
      | DELIVER target ("," target)*                  -> deliver
      | COPY target ("," target)*                     -> copy
      | READDRESSED TO ADDRESS                        -> readdressed
      | ONLY MATCHING INSTANCES                       -> only
      | ACROSS TEST                                   -> across
      | BECAUSE STRING                                -> because
      | OWNER STRING                                  -> owner

flows: flow_pattern ("," flow_pattern)*
flow_pattern: (CODE | NAME) VERSIONS?
parties: (PARTY | NAME) ("," (PARTY | NAME))*
words: word ("," word)*
?word: CODE | STRING | NONE
target: NAME (ELSE NAME)?
"""

#: The words that start a clause; sending and receiving are followed by application, and so on.
_STARTERS = (
    *("flow", "from", "to", "test", "sending", "receiving", "during", "where", "when"),
    *("deliver", "copy", "readdressed", "only", "across", "because", "owner"),
)
_END = r"(?![A-Za-z0-9_-])"
_KINDS = ("route", "hold", "refuse", "discard", "clone")
_SKIP = r"(?:\s|#[^\n]*\n)*"
_TEXT = r"\"(?:[^\"\\\n]|\\[\"\\])*\""

_TERMINALS = {
    "NAME": NAME,
    "CODE": CODE,
    "VERSIONS": rf"v(?:>=|<=|>|<)?{VERSION}",
    "PARTY": rf"{ROLE}\/{MPID}|\*",
    "ADDRESS": r"[A-Z0-9]*\/[A-Z0-9][A-Z0-9._-]*",
    "MOMENT": r"[0-9]{4}-[0-9][0-9T:Z+-]*",
    "UNTIL": r"\.\.",
    "ITEM": r"J[0-9]{4}",
    "STRING": _TEXT,
    "VALUE": r"[A-Z0-9][A-Z0-9\/_*-]*|\*(?:\/[A-Z0-9][A-Z0-9_*-]*)?",
    "ZONE": r"[A-Za-z][A-Za-z0-9_+\/-]*",
    "_CLAUSE_COMMA.2": rf",(?={_SKIP}(?:{'|'.join(_STARTERS)}){_END})",
}

#: Where a clause starts, group 1.  Texts and longer words are matched whole, so that
#: nothing inside them counts.
_CLAUSE_START = re.compile(
    rf"{_TEXT}|(readdressed\s+to{_END}|across\s+test{_END}|(?:{'|'.join(_STARTERS)}){_END})"
    r"|[A-Za-z0-9_\/*.-]+"
)

#: How messages call what is not a plain word.
_SAID = {
    "NAME": "a name",
    "CODE": "a code",
    "VERSIONS": "a version such as v002 or v>=002",
    "PARTY": "a participant such as X/UDMS, P/* or *",
    "ADDRESS": "a participant such as X/NEWS",
    "MOMENT": "a day or time such as 2019-06-27",
    "UNTIL": "..",
    "ITEM": "an item such as J0003",
    "STRING": 'a text in "quotation marks"',
    "VALUE": "a value",
    "ZONE": "a time zone such as Europe/London",
    "COMMA": "a comma",
    "_CLAUSE_COMMA": "a comma",
    "COLON": "a colon",
    "EQUAL": "=",
    "$END": "the next clause",
}


@frozen
class Mark:
    """A word of the text and its place; `kind` is its terminal in the grammar."""

    kind: str
    text: str
    line: int
    column: int


@frozen
class ClauseText:
    """One clause of a rule: its kind in the grammar, and its words."""

    kind: str
    marks: tuple[Mark, ...]


@frozen
class StatementText:
    """One statement: its kind, the words of its head, its clauses, the comments above it.

    `broken` if a clause could not be read, so that its absence means nothing.
    """

    kind: str
    marks: tuple[Mark, ...]
    clauses: tuple[ClauseText, ...] = ()
    comments: tuple[str, ...] = ()
    broken: bool = False


@frozen
class SyntaxReading:
    """What a text gave: its statements, as far as they could be read, and its faults."""

    statements: tuple[StatementText, ...]
    faults: tuple[TextFault, ...]
    closing: tuple[str, ...]
    lines: tuple[str, ...]


def grammar_text() -> str:
    """The grammar in Lark's notation, as the reference page shows it."""
    words = "\n".join(f"{word.upper()}: /{word}{_END}/" for word in RESERVED)
    terminals = "\n".join(f"{name}: /{pattern}/" for name, pattern in _TERMINALS.items())
    return f"{_RULES}\n{words}\n\n{terminals}\n\n%ignore /\\s+/\n%ignore /#[^\\n]*/\n"


@cache
def _parser() -> Lark:
    from lark import Lark

    return Lark(
        grammar_text(), parser="lalr", lexer="contextual", start=["statement", "head", "clause"]
    )


def read_syntax(text: str, source: str) -> SyntaxReading:
    """Cut a text into statements and parse each; never raises about the text."""
    whole = cut(text)
    reader = _Reader(whole.lines, source)
    for number in whole.strays:
        column = len(whole.lines[number - 1]) - len(whole.lines[number - 1].lstrip()) + 1
        reader.fault(number, column, "an indented line continues a statement, and none has begun")
    statements = tuple(filter(None, map(reader.statement, whole.chunks)))
    faults = sorted(reader.faults, key=lambda fault: (fault.line, fault.column))
    return SyntaxReading(statements, tuple(faults), whole.closing, whole.lines)


@define
class _Reader:
    """The lines of one text, and the faults found on the way."""

    lines: tuple[str, ...]
    source: str
    faults: list[TextFault] = field(factory=list)

    def statement(self, chunk: Chunk) -> StatementText | None:
        """Parse one statement, or as much of it as can be understood."""
        tree = self._parse("statement", chunk, chunk.text, report=False)
        if tree is not None:
            return _statement(tree, chunk)
        text = without_comments(chunk.text)
        head = re.match(rf"({'|'.join(_KINDS)}){_END}[^:\n\"]*:", text)
        if not head:
            self._parse("statement", chunk, text, report=True)
            return None
        before = len(self.faults)
        starts = [found.start() for found in _CLAUSE_START.finditer(text) if found[1]]
        starts = [start for start in starts if start >= head.end()]
        ends = [*starts, len(text)]
        pieces = list(zip(starts, ends[1:], strict=True)) if starts else []
        top = self._parse("head", chunk, _only(text, 0, head.end()), report=True)
        self._gap(chunk, text, head.end(), ends[0])
        trees = [
            self._parse("clause", chunk, _only(text, *piece, comma=True), report=True)
            for piece in pieces
        ]
        if len(self.faults) == before:  # every piece is right, so it is what stands between
            self._parse("statement", chunk, text, report=True)
        if top is None:
            return None
        clauses = tuple(_clause(tree, chunk) for tree in trees if tree is not None)
        return StatementText("rule", _marks(top, chunk), clauses, chunk.comments, broken=True)

    def _gap(self, chunk: Chunk, text: str, start: int, end: int) -> None:
        """Words between the head of a rule and its first clause."""
        if text[start:end].strip():
            self._parse("clause", chunk, _only(text, start, end), report=True)

    def _parse(self, what: str, chunk: Chunk, text: str, *, report: bool) -> Tree[Token] | None:
        from lark.exceptions import UnexpectedInput

        try:
            return _parser().parse(text, start=what)
        except UnexpectedInput as error:
            if report:
                self._explain(error, chunk, text)
            return None

    def _explain(self, error: UnexpectedInput, chunk: Chunk, text: str) -> None:
        """Turn Lark's error into a fault: place, what was found, what could stand there."""
        from lark.exceptions import UnexpectedToken

        kinds = _possible(error)
        lines = text.rstrip().split("\n")
        line, column = error.line, error.column
        ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
        if ended or not lines[line - 1 : line] or not lines[line - 1][column - 1 :].strip():
            line, column = len(lines), len(lines[-1]) + 1
        word = re.match(r"[^\s,\"#:]+|\S", lines[line - 1][column - 1 :])
        if not word:
            message = "something is missing here"
        elif word[0] == '"' and "STRING" in kinds:
            message = "the text is not closed, or holds a backslash that means nothing"
        elif word[0] in RESERVED and "NAME" in kinds:
            message = f"{word[0]} is a word of the language and cannot be a name"
        else:
            message = f"{word[0]} cannot stand here"
        known = [kind.lower() for kind in kinds if kind.lower() in RESERVED]
        if "$END" in kinds:  # of a clause: another could begin
            known += _STARTERS
        near = near_misses(word[0], known) if word else ()
        self.fault(chunk.start + line - 1, column, message, _said(kinds), near)

    def fault(
        self,
        line: int,
        column: int,
        message: str,
        expected: Sequence[str] = (),
        near: Sequence[str] = (),
    ) -> None:
        """Note a mistake."""
        self.faults.append(
            TextFault(
                source=self.source,
                line=line,
                column=column,
                message=message,
                expected=tuple(expected),
                near=tuple(near),
                text=self.lines[line - 1],
            )
        )


def _possible(error: UnexpectedInput) -> frozenset[str]:
    """The terminals that could have stood where Lark gave up."""
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken

    if isinstance(error, UnexpectedToken):
        return frozenset(error.accepts or error.expected)
    if isinstance(error, UnexpectedCharacters):
        return frozenset(error.allowed or ())
    return frozenset()


def _said(kinds: frozenset[str]) -> tuple[str, ...]:
    """Terminals as a person would call them; all the clauses together are "a clause"."""
    starters = {word.upper() for word in _STARTERS}
    words = sorted(
        kind.lower() if kind.lower() in RESERVED else _SAID.get(kind, kind.lower())
        for kind in (kinds - starters if starters <= kinds else kinds)
    )
    if starters <= kinds:
        words.append(f"a clause ({', '.join(_STARTERS)})")
    return tuple(dict.fromkeys(words))


def _only(text: str, start: int, end: int, *, comma: bool = False) -> str:
    """The text with spaces outside [start, end), so that places stay true."""
    inside = text[start:end]
    if comma and inside.rstrip().endswith(","):  # the comma before the next clause
        inside = inside.rstrip()[:-1] + " "
    return re.sub(r"[^\n]", " ", text[:start]) + inside


def _mark(token: Token, chunk: Chunk) -> Mark:
    return Mark(token.type, str(token), chunk.start + (token.line or 1) - 1, token.column or 1)


def _marks(tree: Tree[Token], chunk: Chunk) -> tuple[Mark, ...]:
    from lark import Token

    return tuple(_mark(token, chunk) for token in tree.scan_values(lambda v: isinstance(v, Token)))


def _clause(tree: Tree[Token], chunk: Chunk) -> ClauseText:
    return ClauseText(str(tree.data), _marks(tree, chunk))


def _statement(tree: Tree[Token], chunk: Chunk) -> StatementText:
    from lark import Tree

    (inner,) = tree.children
    if not isinstance(inner, Tree):
        raise TypeError(inner)
    if inner.data != "rule":
        return StatementText(str(inner.data), _marks(inner, chunk), (), chunk.comments)
    head, *clauses = (child for child in inner.children if isinstance(child, Tree))
    parts = tuple(_clause(clause, chunk) for clause in clauses)
    return StatementText("rule", _marks(head, chunk), parts, chunk.comments)


def is_list_word(text: str) -> bool:
    """Whether a list's value can stand without quotation marks."""
    return re.fullmatch(_TERMINALS["VALUE"], text) is not None
