"""Rules as rows: each a product of sets, one a dimension, so that rules become geometry.

In: rules made ready.  Out: `Row`s.  A rule fits a header at an instant, as far as both
can say, exactly if one of its rows holds them; the rows of one rule do not overlap.  This
module does not know conditions on the body or predicates: they come after the rows.

Flow and version hang together (``D0010 v002, D0086``), and role and participant do, so a
choice is cut into pieces in which they do not: the flows whose versions are the same set
make one piece.  A rule without such ties is one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Generic, TypeVar

from attrs import frozen

from dflow.routing.resolve import ReadyRule
from dflow.routing.selectors import FlowChoice, FlowPattern, PartyChoice, PartyPattern, WordChoice
from dflow.routing.sets import TextSet, VersionSet
from dflow.routing.window import Span

__all__ = ["LIVE", "Row", "flow_pieces", "party_pieces", "rows_of"]

#: The test flags of live data; every other flag marks a test.
LIVE = TextSet.of("", "OPER")

_S = TypeVar("_S", TextSet, VersionSet)


@frozen(kw_only=True)
class Row:
    """A product of sets: a header lies in it if each of its fields lies in its set."""

    flow: TextSet
    version: VersionSet
    sender_role: TextSet
    sender_mpid: TextSet
    recipient_role: TextSet
    recipient_mpid: TextSet
    test: TextSet
    sending: TextSet
    receiving: TextSet
    span: Span

    @property
    def texts(self) -> tuple[TextSet, ...]:
        """The sets of texts, but for the flow's, in the order of the fields."""
        return (
            self.sender_role,
            self.sender_mpid,
            self.recipient_role,
            self.recipient_mpid,
            self.test,
            self.sending,
            self.receiving,
        )


def rows_of(ready: ReadyRule) -> tuple[Row, ...]:
    """The rows of a rule; none if no header can ever fit it."""
    rule = ready.rule
    test = _words(rule.test, none=LIVE) & _safe(ready)
    sending = _words(rule.sending_application, none=TextSet.of(""))
    receiving = _words(rule.receiving_application, none=TextSet.of(""))
    if not (test and sending and receiving) or ready.span.empty:
        return ()
    return tuple(
        Row(
            flow=flow,
            version=version,
            sender_role=sender_role,
            sender_mpid=sender_mpid,
            recipient_role=recipient_role,
            recipient_mpid=recipient_mpid,
            test=test,
            sending=sending,
            receiving=receiving,
            span=ready.span,
        )
        for (flow, version), (sender_role, sender_mpid), (
            recipient_role,
            recipient_mpid,
        ) in product(
            flow_pieces(ready.flows), party_pieces(ready.sender), party_pieces(ready.recipient)
        )
    )


def _safe(ready: ReadyRule) -> TextSet:
    if ready.live and ready.tests:
        return TextSet.all()
    return LIVE if ready.live else TextSet.all() - LIVE


def _words(choice: WordChoice | None, *, none: TextSet) -> TextSet:
    if choice is None:
        return TextSet.all()
    found = TextSet.none()
    for one in choice.include:
        if one.kind == "none":
            found |= none
        else:
            found |= TextSet.starting(one.text) if one.kind == "prefix" else TextSet.of(one.text)
    return found


def flow_pieces(choice: FlowChoice | None) -> list[tuple[TextSet, VersionSet]]:
    """A choice of flows cut into flows with the same versions; none of them overlap."""
    if choice is None:
        return [(TextSet.all(), VersionSet.all())]

    def split(patterns: Iterable[FlowPattern]) -> list[tuple[str, VersionSet]]:
        return [(str(one.flow), VersionSet.range(one.versions)) for one in patterns]

    return _pieces(split(choice.include), split(choice.exclude), VersionSet.none())


def party_pieces(choice: PartyChoice | None) -> list[tuple[TextSet, TextSet]]:
    """A choice of participants cut into roles with the same participants."""
    if choice is None:
        return [(TextSet.all(), TextSet.all())]

    def split(patterns: Iterable[object]) -> list[tuple[str, TextSet]]:
        return [
            (one.role, TextSet.pattern(one.mpid))
            for one in patterns
            if isinstance(one, PartyPattern)
        ]

    return _pieces(split(choice.include), split(choice.exclude), TextSet.none())


def _pieces(
    include: Sequence[tuple[str, _S]], exclude: Sequence[tuple[str, _S]], nothing: _S
) -> list[tuple[TextSet, _S]]:
    """Outer patterns with inner sets, regrouped by equal inner set."""
    patterns: list[str] = [pattern for pattern, _ in (*include, *exclude)]
    points = {one for one in patterns if not one.endswith("*")}
    prefixes = {"", *(one[:-1] for one in patterns if one.endswith("*"))}
    into, out = _Inner(include, nothing), _Inner(exclude, nothing)
    by_set: dict[_S, tuple[set[str], set[str]]] = {}
    for point in points:
        if found := into.of(point, point=True) - out.of(point, point=True):
            by_set.setdefault(found, (set(), set()))[0].add(point)
    for prefix in prefixes:
        if found := into.of(prefix, point=False) - out.of(prefix, point=False):
            by_set.setdefault(found, (set(), set()))[1].add(prefix)
    return [(_decided(points, prefixes, *chosen), inner) for inner, chosen in by_set.items()]


def _decided(
    points: set[str], prefixes: set[str], in_points: set[str], in_prefixes: set[str]
) -> TextSet:
    return TextSet.deciding(
        {point: point in in_points for point in points},
        {prefix: prefix in in_prefixes for prefix in prefixes},
    )


class _Inner(Generic[_S]):
    """For each outer text, the union of the inner sets of the patterns that hold it."""

    def __init__(self, patterns: Sequence[tuple[str, _S]], nothing: _S) -> None:
        self._exact: dict[str, _S] = {}
        self._starting: list[tuple[str, _S]] = []
        self._nothing: _S = nothing
        for pattern, inner in patterns:
            if pattern.endswith("*"):
                self._starting.append((pattern[:-1], inner))
            else:
                self._exact[pattern] = self._exact.get(pattern, nothing) | inner

    def of(self, text: str, *, point: bool) -> _S:
        found: _S = self._exact.get(text, self._nothing) if point else self._nothing
        for prefix, inner in self._starting:
            if text.startswith(prefix):
                found |= inner
        return found
