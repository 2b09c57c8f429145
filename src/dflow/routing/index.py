"""The index: which rules a header and an instant fit, by look-up instead of trial.

In: rules made ready.  Out: for a header and an instant, the rules that fit as far as both
can say, in order.  This module is a fast path: `match` is the plain reading of a rule, and
a property test holds the two equal.

Rules are cut into rows (`rows`).  The rows that can hold a flow are kept in one drawer a
flow, made when the flow is first seen.  In a drawer each row is one bit, and each field of
the header is looked up to give the bits of the rows that hold its value; what is left after
``and`` over the fields are the rows that hold the header.  Fields that no row of the drawer
restricts are not looked up.

The flows are classed by what the rules mention, so that a hostile header cannot make
drawers without end: all flows that no rule mentions share one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

from attrs import define, field

from dflow.envelope import Header
from dflow.routing.resolve import ReadyRule
from dflow.routing.rows import Row, rows_of
from dflow.routing.sets import TextSet, VersionSet
from dflow.routing.window import Span

__all__ = ["Index"]

#: Versions that no rule mentions are remembered, so many at most.
_MOST_VERSIONS = 256


class _Texts:
    """One field of text: for a value, the bits of the rows whose set holds it."""

    __slots__ = ("_behind", "_lengths", "exact")

    def __init__(self, sets: Sequence[TextSet]) -> None:
        everywhere = 0
        points: dict[str, list[int]] = {}
        prefixes: dict[str, list[int]] = {"": []}
        for number, one in enumerate(sets):
            if one.prefixes[""]:
                everywhere |= 1 << number
            for point in one.points:
                points.setdefault(point, []).append(number)
            for prefix in one.prefixes:
                prefixes.setdefault(prefix, []).append(number)
        # Behind a prefix all is as behind the next shorter one, but for the sets that
        # mention it; at a point all is as behind its longest prefix, but for those that
        # mention the point.
        self._behind: dict[str, int] = {"": everywhere}
        self._lengths: tuple[int, ...] = ()
        for prefix in sorted(prefixes, key=len):
            if prefix:
                bits = self.behind(prefix)
                for number in prefixes[prefix]:
                    bits = _with(bits, number, value=sets[number].prefixes[prefix])
                self._behind[prefix] = bits
                self._lengths = tuple(sorted({len(one) for one in self._behind if one}))[::-1]
        self.exact: dict[str, int] = {}
        for point, numbers in points.items():
            bits = self.behind(point)
            for number in numbers:
                bits = _with(bits, number, value=sets[number].points[point])
            self.exact[point] = bits

    def behind(self, text: str) -> int:
        """The bits of a text that no set mentions as a whole."""
        for length in self._lengths:
            if length <= len(text) and (bits := self._behind.get(text[:length])) is not None:
                return bits
        return self._behind[""]


def _with(bits: int, number: int, *, value: bool) -> int:
    return bits | 1 << number if value else bits & ~(1 << number)


class _Versions:
    """The field of the version: for a value, the bits of the rows whose set holds it."""

    __slots__ = ("_sets", "exact")

    def __init__(self, sets: Sequence[VersionSet]) -> None:
        self._sets = sets
        self.exact: dict[str, int] = {}
        for cut in {cut for one in sets for cut in one.cuts}:
            self.exact[cut] = self._bits(cut)

    def _bits(self, version: str) -> int:
        known: dict[VersionSet, bool] = {}
        bits = 0
        for number, one in enumerate(self._sets):
            is_in = known.get(one)
            if is_in is None:
                is_in = known[one] = version in one
            if is_in:
                bits |= 1 << number
        return bits

    def behind(self, version: str) -> int:
        """The bits of a version that no set mentions."""
        bits = self._bits(version)
        if len(self.exact) < _MOST_VERSIONS:
            self.exact[version] = bits
        return bits


class _Times:
    """The instant: the bits of the rows whose window holds it."""

    __slots__ = ("_bits", "_bounds")

    def __init__(self, spans: Sequence[Span]) -> None:
        opens: dict[datetime, int] = {}
        bits = 0
        for number, span in enumerate(spans):
            if span.start is None:
                bits |= 1 << number
            else:
                opens[span.start] = opens.get(span.start, 0) ^ (1 << number)
            if span.end is not None:
                opens[span.end] = opens.get(span.end, 0) ^ (1 << number)
        self._bounds = sorted(opens)
        self._bits = [bits]
        for bound in self._bounds:
            bits ^= opens[bound]
            self._bits.append(bits)

    def at(self, instant: datetime) -> int:
        """The bits at an instant."""
        return self._bits[bisect_right(self._bounds, instant)]


#: How each field of text is read from a header, in the order of `Row.texts`.
_READERS: tuple[Callable[[Header], str], ...] = tuple(
    attrgetter(name)
    for name in (
        "sender.role",
        "sender.mpid",
        "recipient.role",
        "recipient.mpid",
        "test_flag",
        "sending_application",
        "receiving_application",
    )
)


class _Drawer:
    """The rows that can hold one flow."""

    __slots__ = ("_all", "_fields", "_rules", "_times", "_versions")

    def __init__(self, rows: Sequence[tuple[ReadyRule, Row]]) -> None:
        self._rules = [ready for ready, _ in rows]
        self._all = (1 << len(rows)) - 1
        versions = [row.version for _, row in rows]
        self._versions = None if all(v.everything for v in versions) else _Versions(versions)
        spans = [row.span for _, row in rows]
        self._times = None if all(span == Span() for span in spans) else _Times(spans)
        columns = list(zip(*(row.texts for _, row in rows), strict=True))
        self._fields: list[tuple[Callable[[Header], str], _Texts, Mapping[str, int]]] = []
        for read, column in zip(_READERS, columns, strict=bool(columns)):
            if not all(one.everything for one in column):
                texts = _Texts(column)
                self._fields.append((read, texts, texts.exact))
        # The field that tells most values apart leaves fewest rows for the others.
        self._fields.sort(key=lambda one: -len(one[2]))

    def rules(self, header: Header, instant: datetime) -> Iterable[ReadyRule]:
        """The rules whose rows hold the header at the instant, in order."""
        bits = self._all
        for read, texts, exact in self._fields:
            value = read(header)
            found = exact.get(value)
            bits &= texts.behind(value) if found is None else found
            if not bits:
                return ()
        if self._versions is not None:
            found = self._versions.exact.get(header.version)
            bits &= self._versions.behind(header.version) if found is None else found
        if self._times is not None:
            bits &= self._times.at(instant)
        return self._of(bits) if bits else ()

    def _of(self, bits: int) -> Iterator[ReadyRule]:
        rules = self._rules
        while bits:
            low = bits & -bits
            yield rules[low.bit_length() - 1]
            bits ^= low


@define(eq=False)
class Index:
    """All the rules of a set, for looking up."""

    _rows: list[tuple[ReadyRule, Row]]
    _mentions: dict[str, list[int]] = field(factory=dict, init=False)
    _open: list[int] = field(factory=list, init=False)
    _prefixes: frozenset[str] = field(init=False)
    _lengths: tuple[int, ...] = field(init=False)
    _by_flow: dict[str, _Drawer] = field(factory=dict, init=False)
    _by_prefix: dict[str, _Drawer] = field(factory=dict, init=False)

    @classmethod
    def of(cls, rules: Sequence[ReadyRule]) -> Index:
        """Index rules in the order in which they are tried."""
        return cls([(ready, row) for ready in rules for row in rows_of(ready)])

    def __attrs_post_init__(self) -> None:
        prefixes: set[str] = set()
        for number, (_, row) in enumerate(self._rows):
            prefixes |= row.flow.prefixes.keys()
            for point in row.flow.points:
                self._mentions.setdefault(point, []).append(number)
            if True in row.flow.prefixes.values():
                self._open.append(number)
        self._prefixes = frozenset(prefixes)
        self._lengths = tuple(sorted({len(prefix) for prefix in prefixes if prefix}, reverse=True))

    def rules(self, header: Header, instant: datetime) -> Iterable[ReadyRule]:
        """The rules that fit as far as header and instant can say, in order."""
        drawer = self._by_flow.get(header.flow)
        if drawer is None:
            drawer = self._drawer(header.flow)
        return drawer.rules(header, instant)

    def _drawer(self, flow: str) -> _Drawer:
        """The drawer of a flow: its own if a rule mentions it, else its longest prefix's."""
        mentions = self._mentions.get(flow)
        if mentions is not None:
            numbers = sorted({*mentions, *self._open})
            rows = [self._rows[n] for n in numbers if flow in self._rows[n][1].flow]
            drawer = self._by_flow[flow] = _Drawer(rows)
            return drawer
        prefix = next((flow[:size] for size in self._lengths if flow[:size] in self._prefixes), "")
        found = self._by_prefix.get(prefix)
        if found is None:
            rows = [self._rows[n] for n in self._open if self._rows[n][1].flow.behind(prefix)]
            found = self._by_prefix[prefix] = _Drawer(rows)
        return found
