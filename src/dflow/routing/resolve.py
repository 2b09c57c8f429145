"""Rules with their lists filled in and their windows reckoned: ready to be tried.

In: rules, lists, destinations, a zone.  Out: ready rules, whose selectors name no list and
whose window is in UTC, and what is wrong with the references.  This module does not decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import tzinfo
from functools import partial
from typing import TypeVar

from attrs import frozen

from dflow.envelope import Header
from dflow.errors import near_misses
from dflow.flow import Flow
from dflow.routing.rule import Destination, FileValues, Rule, Target, ValueList
from dflow.routing.selectors import (
    FlowChoice,
    FlowPattern,
    ListRef,
    PartyChoice,
    PartyPattern,
)
from dflow.routing.values import ValueSet
from dflow.routing.window import Span

__all__ = [
    "MPAN_CORE",
    "Allowed",
    "Predicate",
    "ReadyRule",
    "Resolver",
    "file_lists",
    "list_names",
    "mpan_lists",
]

#: The item whose values are MPAN cores, each with its check digit.
MPAN_CORE = "J0003"

_T = TypeVar("_T")

#: A free condition in Python: opaque to every analysis.  It is given the header, and the
#: flow if the caller had one.
Predicate = Callable[[Header, Flow | None], bool]


@frozen
class Allowed:
    """What safety leaves of a rule's targets.

    Attributes:
        targets: those that the file may reach.
        barred: names of the destinations that it may not.
    """

    targets: tuple[Target, ...]
    barred: tuple[str, ...] = ()


@frozen(kw_only=True)
class ReadyRule:
    """A rule that can be tried.

    Attributes:
        rule: as written.
        position: its place among all rules.
        flows: without list names; None for all.
        sender: without list names; None for all.
        recipient: without list names; None for all.
        span: its window in UTC.
        conditions: items and the values they may have.
        predicate: the Python condition, or None.
        live: whether safety lets live files match: always, but for a rule that sends to
            test destinations only.
        tests: whether safety lets test files match, likewise.
        to_live: what safety leaves of the targets for a live file.
        to_tests: what it leaves of them for a test file.
        closed: whether header and time alone say if it fits.
    """

    rule: Rule
    position: int
    flows: FlowChoice | None
    sender: PartyChoice | None
    recipient: PartyChoice | None
    span: Span
    conditions: tuple[tuple[str, ValueSet], ...]
    predicate: Predicate | None
    live: bool
    tests: bool
    to_live: Allowed
    to_tests: Allowed
    closed: bool


@frozen
class Resolver:
    """Fills in what rules refer to by name."""

    zone: tzinfo
    destinations: Mapping[str, Destination]
    lists: Mapping[str, ValueList]
    values: Mapping[str, ValueSet]
    predicates: Mapping[str, Predicate]

    def problems(self, rule: Rule) -> Iterator[tuple[str, tuple[str, ...]]]:
        """What the rule refers to that is not there, with the near misses."""
        for target in rule.targets:
            for name in target.names:
                if name not in self.destinations:
                    yield (
                        f"no destination {name} is defined",
                        near_misses(name, self.destinations),
                    )
        for name in list_names(rule):
            if name not in self.lists:
                yield f"no list {name} is defined", near_misses(name, self.lists)
        if rule.predicate and rule.predicate not in self.predicates:
            yield (
                f"no predicate {rule.predicate} was given by the caller",
                near_misses(rule.predicate, self.predicates),
            )

    def ready(self, rule: Rule, position: int) -> ReadyRule:
        """The rule with everything filled in.

        Raises:
            ValueError: if a list's values are not what the rule takes them for, or a bound
                of the window is no instant.
        """
        kinds = {self.destinations[name].test for one in rule.targets for name in one.names}
        free = rule.across_test or not rule.targets
        return ReadyRule(
            rule=rule,
            position=position,
            flows=self._flows(rule.flows),
            sender=self._parties(rule.sender),
            recipient=self._parties(rule.recipient),
            span=rule.window.span(self.zone) if rule.window else Span(),
            conditions=tuple((one.jcode, self.values[one.values.name]) for one in rule.where),
            predicate=self.predicates[rule.predicate] if rule.predicate else None,
            live=free or False in kinds,
            tests=free or True in kinds,
            to_live=self._allowed(rule, test=False),
            to_tests=self._allowed(rule, test=True),
            closed=not rule.where and not rule.predicate,
        )

    def _allowed(self, rule: Rule, *, test: bool) -> Allowed:
        """Test files to test destinations, live files to live ones."""
        if rule.across_test:
            return Allowed(rule.targets)
        targets: list[Target] = []
        barred: list[str] = []
        for target in rule.targets:
            names = [one for one in target.names if self.destinations[one].test == test]
            barred += (one for one in target.names if one not in names)
            if names:
                targets.append(Target(names[0], names[1] if len(names) > 1 else None))
        return Allowed(tuple(targets), tuple(barred))

    def _flows(self, choice: FlowChoice | None) -> FlowChoice | None:
        if choice is None:
            return None

        def filled(patterns: Sequence[FlowPattern]) -> Iterator[FlowPattern]:
            for one in patterns:
                if isinstance(one.flow, ListRef):
                    for value in self.values[one.flow.name]:
                        versioned = partial(FlowPattern, versions=one.versions)
                        yield self._in_list(one.flow, value, versioned)
                else:
                    yield one

        return FlowChoice(tuple(filled(choice.include)), tuple(filled(choice.exclude)))

    def _parties(self, choice: PartyChoice | None) -> PartyChoice | None:
        if choice is None:
            return None

        def filled(patterns: Sequence[PartyPattern | ListRef]) -> Iterator[PartyPattern]:
            for one in patterns:
                if isinstance(one, ListRef):
                    for value in self.values[one.name]:
                        yield self._in_list(one, value, PartyPattern.parse)
                else:
                    yield one

        return PartyChoice(tuple(filled(choice.include)), tuple(filled(choice.exclude)))

    @staticmethod
    def _in_list(ref: ListRef, value: str, make: Callable[[str], _T]) -> _T:
        try:
            return make(value)
        except ValueError as error:
            raise ValueError(f"list {ref.name}: {error}") from error


def list_names(rule: Rule) -> Iterator[str]:
    """The names of the lists that a rule asks for."""
    for choice in (rule.flows, rule.sender, rule.recipient):
        for one in (*choice.include, *choice.exclude) if choice else ():
            ref = one.flow if isinstance(one, FlowPattern) else one
            if isinstance(ref, ListRef):
                yield ref.name
    for condition in rule.where:
        yield condition.values.name


def mpan_lists(rules: Sequence[Rule]) -> frozenset[str]:
    """The lists whose values some rule takes for MPAN cores."""
    return frozenset(
        one.values.name for rule in rules for one in rule.where if one.jcode == MPAN_CORE
    )


def file_lists(lists: Sequence[ValueList]) -> Iterator[tuple[ValueList, FileValues]]:
    """The lists whose values stand in files."""
    for one in lists:
        if isinstance(one.values, FileValues):
            yield one, one.values
