"""One rule against one file: whether it fits, and if not, which clause fails first.

In: a rule made ready, a header, an instant, and the tree if there is one.  Out: None for
a fit, or a `Miss` with the clause, what it asked and the value it saw.  This is the slow,
plain reading of a rule; the index must agree with it.

Clauses are tried in one order: flow, from, to, test, sending application, receiving
application, during, safety, where, when.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Literal

from attrs import frozen

from dflow.envelope import Header, Party
from dflow.errors import StructureError
from dflow.flow import Flow, Group
from dflow.routing.resolve import ReadyRule
from dflow.routing.selectors import (
    FlowChoice,
    PartyChoice,
    PartyPattern,
    WordChoice,
    WordPattern,
    fits,
)
from dflow.routing.values import ValueSet

__all__ = [
    "Clause",
    "Matching",
    "Miss",
    "body_miss",
    "flag_fits",
    "flow_fits",
    "header_miss",
    "instances",
    "item_values",
    "miss",
    "party_fits",
    "word_fits",
]

#: The clauses by which a rule can fail; safety is the one that needs no words.
Clause = Literal[
    "flow",
    "from",
    "to",
    "test",
    "sending application",
    "receiving application",
    "during",
    "safety",
    "where",
    "when",
]


@frozen
class Miss:
    """Why a rule does not fit: the first clause that fails.

    Attributes:
        clause: which.
        asked: what the rule asks there.
        saw: what the file has there; values of items are counted, not shown.
    """

    clause: Clause
    asked: str
    saw: str

    def __str__(self) -> str:
        return f"{self.clause} {self.asked}: saw {self.saw}"


@frozen
class Matching:
    """Whether an instance fulfils every condition on items: some group of it has the value.

    Attributes:
        conditions: items, and the values they may have.
    """

    conditions: tuple[tuple[str, ValueSet], ...]

    def __call__(self, *groups: Group) -> bool:
        """Whether the instance, given as its level-1 group or groups, fulfils them all."""
        return all(
            any(value in values for value in item_values(groups, jcode))
            for jcode, values in self.conditions
        )


def item_values(groups: Sequence[Group], jcode: str) -> Iterator[str]:
    """The values of an item in these groups and below, in file order."""
    for top in groups:
        for group in top.walk():
            if (value := group.get(jcode)) is not None:
                yield value


def instances(flow: Flow) -> Iterator[tuple[Group, ...]]:
    """The instances of a flow, each as its level-1 groups.

    Where the catalogue's structure is one repeating level-1 group, each is an instance;
    otherwise the file is presumed to be one (facts, envelope section 3).
    """
    if flow.definition is not None and flow.definition.instance_sure:
        for group in flow.groups:
            yield (group,)
    else:
        yield flow.groups


def header_miss(ready: ReadyRule, header: Header, at: datetime, zone: tzinfo) -> Miss | None:
    """The first clause on header and time that fails, or None."""
    return next(_header_misses(ready, header, at, zone), None)


def _header_misses(ready: ReadyRule, header: Header, at: datetime, zone: tzinfo) -> Iterator[Miss]:
    """The clauses that fail, in order; lazily, because the first is enough."""
    rule = ready.rule
    if ready.flows is not None and not flow_fits(ready.flows, header.flow, header.version):
        yield Miss("flow", str(rule.flows), _flow_text(header))
    if ready.sender is not None and not party_fits(ready.sender, header.sender):
        yield Miss("from", str(rule.sender), str(header.sender))
    if ready.recipient is not None and not party_fits(ready.recipient, header.recipient):
        yield Miss("to", str(rule.recipient), str(header.recipient))
    if rule.test is not None and not flag_fits(rule.test, header.test_flag):
        yield Miss("test", str(rule.test), header.test_flag or "none")
    words: tuple[tuple[Clause, WordChoice | None, str], ...] = (
        ("sending application", rule.sending_application, header.sending_application),
        ("receiving application", rule.receiving_application, header.receiving_application),
    )
    for clause, choice, word in words:
        if choice is not None and not word_fits(choice, word):
            yield Miss(clause, str(choice), word or "none")
    if at not in ready.span:
        yield Miss("during", str(rule.window), at.astimezone(zone).isoformat())
    if not (ready.live if header.live else ready.tests):
        kinds = "live" if ready.live else "test"
        saw = "a live file" if header.live else f"test flag {header.test_flag}"
        yield Miss("safety", f"{kinds} destinations only", saw)


def miss(
    ready: ReadyRule, header: Header, at: datetime, zone: tzinfo, flow: Flow | None
) -> Miss | None:
    """The first clause that fails, or None if the rule fits.

    Raises:
        StructureError: if header and time fit, the rule asks for items, and there is no tree.
    """
    return header_miss(ready, header, at, zone) or body_miss(ready, header, flow)


def body_miss(ready: ReadyRule, header: Header, flow: Flow | None) -> Miss | None:
    """The first clause that fails of those which header and time cannot answer, or None.

    Raises:
        StructureError: if the rule asks for items, and there is no tree.
    """
    if ready.conditions:
        if flow is None:
            raise StructureError(
                f"{ready.rule.kind} {ready.rule.name} asks for"
                f" {' and '.join(code for code, _ in ready.conditions)}; pass the flow itself"
            )
        if found := _where(ready, flow):
            return found
    if ready.predicate is not None and not ready.predicate(header, flow):
        return Miss("when", ready.rule.predicate, "not so")
    return None


def _where(ready: ReadyRule, flow: Flow) -> Miss | None:
    asked = " and ".join(map(str, ready.rule.where))
    if flow.definition is None or not flow.definition.structured:
        return Miss("where", asked, "a body whose structure is not known")
    matching = Matching(ready.conditions)
    count = 0
    for instance in instances(flow):
        if matching(*instance):
            return None
        count += 1
    return Miss("where", asked, f"{count} instances, none of which matches")


def flow_fits(choice: FlowChoice, flow: str, version: str) -> bool:
    """Whether the flow and version are among the choice's."""
    return _any_flow(choice, flow, version, excluded=False) and not _any_flow(
        choice, flow, version, excluded=True
    )


def _any_flow(choice: FlowChoice, flow: str, version: str, *, excluded: bool) -> bool:
    return any(
        isinstance(one.flow, str)
        and fits(one.flow, flow)
        and (one.versions is None or one.versions.matches(version))
        for one in (choice.exclude if excluded else choice.include)
    )


def party_fits(choice: PartyChoice, party: Party) -> bool:
    """Whether the participant is among the choice's."""

    def among(patterns: Sequence[object]) -> bool:
        return any(isinstance(one, PartyPattern) and one.matches(party) for one in patterns)

    return among(choice.include) and not among(choice.exclude)


def flag_fits(choice: WordChoice, flag: str) -> bool:
    """Whether the test flag is among the choice's; ``none`` is live data, blank or OPER."""
    return any(
        flag in {"", "OPER"} if one.kind == "none" else _word(one, flag) for one in choice.include
    )


def word_fits(choice: WordChoice, word: str) -> bool:
    """Whether the application id is among the choice's; ``none`` is a blank one."""
    return any(not word if one.kind == "none" else _word(one, word) for one in choice.include)


def _word(pattern: WordPattern, word: str) -> bool:
    return word.startswith(pattern.text) if pattern.kind == "prefix" else word == pattern.text


def _flow_text(header: Header) -> str:
    return f"{header.flow} v{header.version}" if header.version else header.flow
