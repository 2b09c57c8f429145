"""Statements to values: the second half of reading a rules text.

In: statements as rows of words.  Out: destinations, lists and rules, and every mistake
that the syntax lets through: names that are not defined or defined twice, clauses said
twice, combinations that have no meaning.  This module does not read the lists' files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import tzinfo
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from attrs import define, field

from dflow.envelope import Party
from dflow.errors import TextFault, near_misses
from dflow.routing.rule import Destination, FileValues, Rule, RuleKind, Target, ValueList
from dflow.routing.selectors import (
    FlowChoice,
    FlowPattern,
    ItemIn,
    ListRef,
    PartyChoice,
    PartyPattern,
    WordChoice,
)
from dflow.routing.syntax import ClauseText, Mark, StatementText
from dflow.routing.window import Moment, Window
from dflow.routing.wording import parted, repeats, unquoted, version_range, words

__all__ = ["DEFAULT_TIMEZONE", "Built", "build"]

#: Where the catalogue's times are local; a file that says nothing means this.
DEFAULT_TIMEZONE = "Europe/London"

_KINDS: tuple[RuleKind, ...] = ("route", "hold", "refuse", "discard", "clone")

_T = TypeVar("_T")


@define
class Built:
    """What the statements gave, as far as they could be understood, and the faults."""

    timezone: str = ""
    timezone_comments: tuple[str, ...] = ()
    zone: tzinfo | None = None
    destinations: list[Destination] = field(factory=list)
    lists: list[ValueList] = field(factory=list)
    rules: list[Rule] = field(factory=list)
    faults: list[TextFault] = field(factory=list)


def build(
    statements: Iterable[StatementText],
    *,
    source: str,
    lines: Sequence[str],
    predicates: Collection[str] = (),
) -> Built:
    """Turn statements into values; mistakes are gathered, never raised."""
    builder = _Builder(source, lines, predicates, Built())
    rules: list[StatementText] = []
    for statement in statements:
        # Rules come last, so that a name may be defined below its use.
        if statement.kind == "rule":
            rules.append(statement)
        else:
            builder.definition(statement)
    builder.settle_zone()
    for statement in rules:
        builder.rule(statement)
    return builder.built


@define
class _Builder:
    source: str
    lines: Sequence[str]
    predicates: Collection[str]
    built: Built
    seen: dict[tuple[str, str], int] = field(factory=dict)
    names: dict[str, dict[str, None]] = field(
        factory=lambda: {"destination": {}, "list": {}, "rule": {}}
    )

    def fault(
        self, mark: Mark, message: str, *, near: Sequence[str] = (), expected: Sequence[str] = ()
    ) -> None:
        self.built.faults.append(
            TextFault(
                source=self.source,
                line=mark.line,
                column=mark.column,
                message=message,
                expected=tuple(expected),
                near=tuple(near),
                text=self.lines[mark.line - 1],
            )
        )

    def attempt(self, mark: Mark, make: Callable[[], _T]) -> _T | None:
        """The value, or None with a fault at the mark."""
        try:
            return make()
        except ValueError as error:
            self.fault(mark, str(error))
            return None

    def once(self, what: str, mark: Mark) -> bool:
        """Whether the name is new; a fault if it is not."""
        self.names[what][mark.text] = None
        first = self.seen.setdefault((what, mark.text), mark.line)
        if first != mark.line:
            self.fault(mark, f"{what} {mark.text} is defined already, in line {first}")
        return first == mark.line

    # -- definitions ---------------------------------------------------------------

    def definition(self, statement: StatementText) -> None:
        word, mark, *rest = statement.marks
        if word.kind == "TIMEZONE":
            self._timezone(word, mark, statement.comments)
        elif word.kind == "DESTINATION":
            titles = [unquoted(one) for one in rest if one.kind == "STRING"]
            place = self.attempt(
                mark,
                lambda: Destination(
                    name=mark.text,
                    title=titles[0] if titles else "",
                    test=any(one.kind == "TEST" for one in rest),
                    comments=statement.comments,
                    line=word.line,
                ),
            )
            if self.once("destination", mark) and place:
                self.built.destinations.append(place)
        else:
            self._list(word, mark, rest, statement.comments)

    def _timezone(self, word: Mark, mark: Mark, comments: tuple[str, ...]) -> None:
        if self.built.timezone:
            self.fault(word, f"the time zone is stated already: {self.built.timezone}")
            return
        self.built.timezone, self.built.timezone_comments = mark.text, comments
        try:
            self.built.zone = ZoneInfo(mark.text)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            near = near_misses(mark.text, available_timezones())
            self.fault(mark, f"no time zone {mark.text} is known here", near=near)

    def settle_zone(self) -> None:
        """The default zone, if none was stated."""
        if not self.built.timezone and self.built.zone is None:
            try:
                self.built.zone = ZoneInfo(DEFAULT_TIMEZONE)
            except (ZoneInfoNotFoundError, OSError):
                message = f"no time zone {DEFAULT_TIMEZONE} is known here; install tzdata"
                self.built.faults.append(
                    TextFault(source=self.source, line=0, column=0, message=message)
                )

    def _list(self, word: Mark, mark: Mark, rest: list[Mark], comments: tuple[str, ...]) -> None:
        def make() -> ValueList:
            values: tuple[str, ...] | FileValues
            if rest[0].kind == "FILE":
                column = unquoted(rest[3]) if len(rest) > 2 else ""
                values = FileValues(path=unquoted(rest[1]), column=column)
            else:
                values = tuple(unquoted(one) for one in rest)
            return ValueList(name=mark.text, values=values, comments=comments, line=word.line)

        for one, again in repeats(rest):
            if rest[0].kind != "FILE":
                self.fault(again, f"{one.text} stands in the list already")
        made = self.attempt(mark, make)
        if self.once("list", mark) and made:
            self.built.lists.append(made)

    # -- rules ---------------------------------------------------------------------

    def rule(self, statement: StatementText) -> None:
        word, name = statement.marks
        before = len(self.built.faults)
        self.once("rule", name)
        said: dict[str, Mark] = {}
        parts = _Parts()
        for clause in statement.clauses:
            mark = clause.marks[0]
            if clause.kind in said and clause.kind != "where":
                first = said[clause.kind].line
                self.fault(mark, f"{mark.text} is said twice in this rule, first in line {first}")
                continue
            said[clause.kind] = mark
            self._clause(clause, parts)
        kind = next(kind for kind in _KINDS if kind.upper() == word.kind)
        self._fitting(kind, word, said, broken=statement.broken)
        if statement.broken or len(self.built.faults) > before:
            return
        made = self.attempt(
            name,
            lambda: Rule(
                kind=kind,
                name=name.text,
                flows=parts.flows,
                sender=parts.sender,
                recipient=parts.recipient,
                test=parts.test,
                sending_application=parts.sending,
                receiving_application=parts.receiving,
                window=parts.window,
                where=tuple(parts.where),
                predicate=parts.predicate,
                targets=parts.targets,
                readdressed=parts.readdressed,
                only_matching="only" in said,
                across_test="across" in said,
                because=parts.because,
                owner=parts.owner,
                comments=statement.comments,
                line=word.line,
            ),
        )
        if made:
            self.built.rules.append(made)

    def _fitting(self, kind: RuleKind, word: Mark, said: dict[str, Mark], *, broken: bool) -> None:
        """Clauses that this kind of rule lacks, or cannot have."""
        for clause, owner in (("deliver", "route"), ("copy", "clone"), ("readdressed", "clone")):
            if clause in said and kind != owner:
                known = {"deliver": "copy", "copy": "deliver"}.get(clause)
                hint = (known,) if known and kind in {"route", "clone"} else ()
                self.fault(said[clause], f"a {kind} cannot have {clause}", expected=hint)
        if broken:
            return
        if kind == "route" and not said.keys() & {"deliver", "copy"}:
            self.fault(word, "the route delivers nowhere", expected=("deliver",))
        if kind == "clone" and not said.keys() & {"deliver", "copy"}:
            self.fault(word, "the clone copies nowhere", expected=("copy",))
        if "only" in said and kind != "clone":
            self.fault(said["only"], f"a {kind} cannot send only matching instances")
        elif "only" in said and "where" not in said:
            self.fault(said["only"], "which instances match is not said", expected=("where",))
        if "across" in said and kind not in {"route", "clone"}:
            self.fault(said["across"], f"a {kind} sends nothing, across test or not")

    def _clause(self, clause: ClauseText, parts: _Parts) -> None:
        mark, *rest = clause.marks
        if clause.kind in {"flow", "from", "to", "during", "where", "when"}:
            self._checked_clause(clause.kind, mark, rest, parts)
        elif clause.kind in {"deliver", "copy"}:
            parts.targets = tuple(self._targets(rest))
        elif clause.kind == "test":
            parts.test = WordChoice(tuple(words(rest)))
        elif clause.kind == "sending":
            parts.sending = WordChoice(tuple(words(rest[1:])))
        elif clause.kind == "receiving":
            parts.receiving = WordChoice(tuple(words(rest[1:])))
        elif clause.kind == "readdressed":
            role, _, mpid = rest[1].text.partition("/")
            parts.readdressed = Party(role, mpid)
        elif clause.kind == "because":
            parts.because = unquoted(rest[0])
        elif clause.kind == "owner":
            parts.owner = unquoted(rest[0])

    def _checked_clause(self, kind: str, mark: Mark, rest: list[Mark], parts: _Parts) -> None:
        """The clauses that can be wrong although their syntax is right."""
        if kind == "flow":
            parts.flows = self._flows(mark, rest)
        elif kind == "from":
            parts.sender = self._parties(mark, rest)
        elif kind == "to":
            parts.recipient = self._parties(mark, rest)
        elif kind == "during":
            parts.window = self._window(mark, rest)
        elif kind == "where":
            if ref := self._known_list(rest[2]):
                parts.where.append(ItemIn(rest[0].text, ref))
        else:
            parts.predicate = rest[0].text
            if parts.predicate not in self.predicates:
                near = near_misses(parts.predicate, self.predicates)
                self.fault(
                    rest[0], f"no predicate {parts.predicate} was given by the caller", near=near
                )

    def _flows(self, mark: Mark, rest: list[Mark]) -> FlowChoice | None:
        def patterns(marks: list[Mark]) -> Iterator[FlowPattern]:
            for number, one in enumerate(marks):
                if one.kind == "VERSIONS":
                    continue
                after = marks[number + 1] if number + 1 < len(marks) else None
                versions = version_range(after.text) if after and after.kind == "VERSIONS" else None
                flow = self._known_list(one) if one.kind == "NAME" else one.text
                if flow is not None:
                    yield FlowPattern(flow, versions)

        include, exclude = parted(rest)
        return self.attempt(
            mark, lambda: FlowChoice(tuple(patterns(include)), tuple(patterns(exclude)))
        )

    def _parties(self, mark: Mark, rest: list[Mark]) -> PartyChoice | None:
        def patterns(marks: list[Mark]) -> Iterator[PartyPattern | ListRef]:
            for one in marks:
                if one.kind == "NAME":
                    if ref := self._known_list(one):
                        yield ref
                else:
                    yield PartyPattern.parse(one.text)

        include, exclude = parted(rest)
        return self.attempt(
            mark, lambda: PartyChoice(tuple(patterns(include)), tuple(patterns(exclude)))
        )

    def _window(self, mark: Mark, rest: list[Mark]) -> Window | None:
        until = next(number for number, one in enumerate(rest) if one.kind == "UNTIL")
        start, end = rest[:until], rest[until + 1 :]
        bounds = [self._moment(part[0]) if part else None for part in (start, end)]
        if bounds == [None, None]:  # told already
            return None
        window = Window(start=bounds[0], end=bounds[1])
        if self.built.zone and window.span(self.built.zone).empty:
            self.fault(
                mark, f"the window {window} holds no instant: its end is not after its start"
            )
        return window

    def _moment(self, mark: Mark) -> Moment | None:
        def make() -> Moment:
            moment = Moment(mark.text)
            if self.built.zone:
                moment.instant(self.built.zone)
            return moment

        return self.attempt(mark, make)

    def _targets(self, rest: list[Mark]) -> Iterator[Target]:
        names = [one for one in rest if one.kind == "NAME"]
        known = self.names["destination"]
        for one in names:
            if one.text not in known:
                near = near_misses(one.text, known)
                self.fault(one, f"no destination {one.text} is defined", near=near)
        for one, again in repeats(names):
            self.fault(again, f"{one.text} stands here already")
        for number, one in enumerate(rest):
            if one.kind == "NAME" and (number == 0 or rest[number - 1].kind != "ELSE"):
                has_else = number + 2 < len(rest) and rest[number + 1].kind == "ELSE"
                yield Target(one.text, rest[number + 2].text if has_else else None)

    def _known_list(self, mark: Mark) -> ListRef | None:
        known = self.names["list"]
        if mark.text not in known:
            self.fault(mark, f"no list {mark.text} is defined", near=near_misses(mark.text, known))
            return None
        return ListRef(mark.text)


@define
class _Parts:
    """What the clauses of one rule say so far."""

    flows: FlowChoice | None = None
    sender: PartyChoice | None = None
    recipient: PartyChoice | None = None
    test: WordChoice | None = None
    sending: WordChoice | None = None
    receiving: WordChoice | None = None
    window: Window | None = None
    where: list[ItemIn] = field(factory=list)
    predicate: str = ""
    targets: tuple[Target, ...] = ()
    readdressed: Party | None = None
    because: str = ""
    owner: str = ""
