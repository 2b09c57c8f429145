"""The fast path: whole instances accepted by the flow's expression, the rest handed back.

In: bytes of the body that end where an instance ends.  Out: counts moved on for what the
expression accepts, and everything else given, instance by instance, to the layers for
its reasons.  This module reports nothing itself; with its helpers (`expressions`,
`digits`) it is the only place that skips work, and a property test holds it to say what
the slow way says (`docs/explanation/two-ways.md`).

An instance here is a level-1 group with all below it.  A block is taken in rounds:

1. The expression runs over the instances as far as it accepts them.  From the one that it
   refuses a looser one goes on, which asks for the records' order alone, and within what
   that accepts the records are found that are not clean by themselves.  What the looser
   one refuses too is noted, and it goes on behind it.
2. What an expression cannot say is done by columns over all that was accepted: check
   digits, as the byte lanes of big integers.  Records with doubtful MPANs are noted too.
3. In file order, the counts move over what stands as it should, the noted records are
   judged one by one, and the noted instances go the slow way, from the first byte to the
   last.

Where a flow has several level-1 groups, which of them may come next hangs on what came
before, so a round is a single step there.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from itertools import accumulate

from attrs import define, field, frozen

from dflow.catalogue.model import FlowDef, GroupDef
from dflow.identifiers import MPAN_ITEMS
from dflow.records import Record
from dflow.validate.digits import suspects
from dflow.validate.expressions import Expressions
from dflow.validate.paths import Paths
from dflow.validate.structure import BodyCheck

__all__ = ["FastBody", "fast_body"]

#: Refusals in a round: few enough that advice told in one spares the next.
_ROUND = 256


@frozen(eq=False)
class _Span:
    """Instances one behind the other.

    Attributes:
        start: where the first one starts.
        stop: where the last one ends.
        root: which level-1 group they are of; None if nothing was accepted of them.
        noted: where records start that are to be judged.
    """

    start: int
    stop: int
    root: GroupDef | None
    noted: list[int] = field(factory=list)

    def clean(self, data: bytes) -> list[tuple[int, int]]:
        """From where to where the records are clean."""
        pieces: list[tuple[int, int]] = []
        start = self.start
        for noted in self.noted:
            if start < noted:
                pieces.append((start, noted))
            start = data.find(b"\n", noted) + 1
        if start < self.stop:
            pieces.append((start, self.stop))
        return pieces


@frozen
class _Column:
    """Where an item that holds an MPAN stands: its group's code and its field."""

    jcode: str
    code: bytes
    position: int


def fast_body(
    body: BodyCheck,
    slow: Callable[[bytes], None],
    taken: Callable[[bytes, int, int], tuple[int, int]],
) -> FastBody | None:
    """The fast path for a body, or None where only the slow way is right.

    That is so without a structure, in pool files (whose records may be open), where a
    level-1 code stands at other levels too, and where conditions ask for more than the
    expression can say.

    Args:
        body: the body's slow check, whose counts are moved on.
        slow: takes the bytes of whole records that are to be checked the slow way.
        taken: told of bytes, from and to, that are taken here; returns the first line of
            them and how many they are.
    """
    if body.grammar is None or body.pool or body.conditions.asks:
        return None
    flow_def = body.grammar.flow_def
    roots = body.grammar.roots
    inner = (group for root in flow_def.groups for child in root.groups for group in child.walk())
    if any(group.code in roots for group in inner):
        return None
    return FastBody(body, flow_def, slow, taken)


@define(eq=False)
class FastBody:
    """Takes blocks of a body, and skips in them what is clean.

    Attributes:
        body: the slow check of the same body.
        flow_def: the flow version.
        slow: takes the bytes of whole records that are to be checked the slow way.
        taken: told of bytes, from and to, that are taken here.
    """

    body: BodyCheck
    flow_def: FlowDef
    slow: Callable[[bytes], None]
    taken: Callable[[bytes, int, int], tuple[int, int]]
    _expressions: Expressions = field(init=False)
    _root_start: re.Pattern[bytes] = field(init=False)
    _markers: dict[int, bytes] = field(init=False)
    _only: GroupDef | None = field(init=False)
    _columns: tuple[_Column, ...] = field(init=False)
    _chains: dict[bytes, tuple[GroupDef, ...]] = field(init=False)
    _shaped: int = field(default=0, init=False)

    @_expressions.default
    def _make_expressions(self) -> Expressions:
        return Expressions(self.body, self.flow_def)

    @_root_start.default
    def _root_codes(self) -> re.Pattern[bytes]:
        codes = "|".join(dict.fromkeys(re.escape(root.code) for root in self.flow_def.groups))
        return re.compile(rf"\n(?:{codes})\|".encode("latin-1"))

    @_markers.default
    def _all_markers(self) -> dict[int, bytes]:
        return {g.seq: b"\n%s|" % g.code.encode("latin-1") for g in self.flow_def.walk()}

    @_only.default
    def _only_root(self) -> GroupDef | None:
        """The level-1 group, if there is one, as often as you like: then it can always come."""
        first = self.flow_def.groups[0]
        return first if len(self.flow_def.groups) == 1 and first.range.most is None else None

    @_columns.default
    def _mpan_columns(self) -> tuple[_Column, ...]:
        columns = {
            _Column(at.jcode, group.code.encode("latin-1"), at.position): None
            for group in self.flow_def.walk()
            for at in group.items
            if at.jcode in MPAN_ITEMS and at.presence != "blank"
        }
        return tuple(columns)

    @_chains.default
    def _ancestors(self) -> dict[bytes, tuple[GroupDef, ...]]:
        """By code, a group and all above it; empty if some code stands twice in the flow."""
        often = Counter(group.code for group in self.flow_def.walk())
        if len(often) < often.total():
            return {}
        chains: dict[bytes, tuple[GroupDef, ...]] = {}
        for root in self.flow_def.groups:
            chains[root.code.encode("latin-1")] = (root,)
            for group in root.walk():
                above = chains[group.code.encode("latin-1")]
                chains |= {child.code.encode("latin-1"): (*above, child) for child in group.groups}
        return chains

    def last_start(self, data: bytes) -> int:
        """Where the last level-1 group of some bytes starts; 0 if none starts behind the first."""
        return max(data.rfind(self._markers[root.seq]) for root in self.flow_def.groups) + 1

    def run(self, data: bytes, end: int) -> int:
        """Check the bytes up to `end`, where an instance ends; how many of them were taken.

        Fewer than all only where the slow way has met the trailer: what follows is no body.
        """
        flavour = (data.isascii(), b"\r" not in data)
        position = self._shaped = 0
        while position < end and not self.body.over:
            self._expressions.renew()
            position = self._settle(data, self._round(data, position, end, flavour))
        return position

    def _round(self, data: bytes, start: int, end: int, flavour: tuple[bool, bool]) -> list[_Span]:
        """Spans one behind the other, each a run of instances of one group, or refused."""
        narrow, lf = flavour
        spans: list[_Span] = []
        position, refused = start, 0
        most = _ROUND if self._only is not None else 0
        while position < end and refused <= most:
            root = self._root_at(data, position)
            span = None
            if root is not None:
                pattern = self._expressions.run(root, narrow=narrow, lf=lf)
                found = pattern.match(data, position, end)
                stop = self._accepted(data, found, position, root, end)
                if stop > position:
                    span = _Span(position, stop, root)
                    refused += most == 0
                elif self._chains:
                    span = self._shapely(data, position, end, root, flavour)
            if span is None:
                found = self._root_start.search(data, position, end)
                span = _Span(position, found.start() + 1 if found else end, None)
                refused += 1
            spans.append(span)
            refused += len(span.noted)
            position = span.stop
        return spans

    def _shapely(
        self, data: bytes, start: int, end: int, root: GroupDef, flavour: tuple[bool, bool]
    ) -> _Span | None:
        """Instances whose records stand as they should, clean or not; None if not even that."""
        if self._shaped <= start:
            found = self._expressions.shape(root).match(data, start, end)
            self._shaped = self._accepted(data, found, start, root, end)
        stop = self._shaped
        if stop == start:
            return None
        narrow, lf = flavour
        records = self._expressions.records(narrow=narrow, lf=lf)
        noted: list[int] = []
        position = start
        while True:
            clean = records.match(data, position, stop)
            position = clean.end() if clean else position
            if position >= stop:
                return _Span(start, stop, root, noted)
            noted.append(position)
            position = data.find(b"\n", position) + 1
            if len(noted) == _ROUND:
                # Enough for a round: on to the end of the instance.
                following = self._root_start.search(data, position - 1, stop)
                stop = following.start() + 1 if following else stop

    def _accepted(
        self, data: bytes, found: re.Match[bytes] | None, start: int, root: GroupDef, end: int
    ) -> int:
        """How far instances of a root group are accepted from `start` on."""
        stop = found.end() if found else start
        if stop in (start, end) or self._root_start.match(data, stop - 1):
            return stop
        if root.range.most is not None:
            return start
        # What refuses the record at `stop` may speak of the instance before it.
        return data.rfind(self._markers[root.seq], start, stop) + 1 or start

    def _root_at(self, data: bytes, position: int) -> GroupDef | None:
        """The level-1 group that starts here, if it is neither late nor surplus."""
        if self._only is not None and data.startswith(self._markers[self._only.seq][1:], position):
            return self._only
        walk = self.body.walk
        if walk is None:
            return None
        code = data[position : data.find(b"|", position, position + 8)].decode("latin-1")
        for root in walk.grammar.roots.get(code, ()):
            most = root.range.most
            full = most is not None and walk.base.counts.get(root.seq, 0) >= most
            if root.seq >= walk.base.position and not full:
                return root
        return None

    def _settle(self, data: bytes, spans: list[_Span]) -> int:
        """Move on over the spans in file order; where the next one would start."""
        doubtful = self._doubtful(data, spans)
        for span, places in zip(spans, doubtful, strict=True):
            if span.root is None:
                self._explain(data, span.start, span.stop)
                if self.body.over:
                    return span.stop
            elif self._chains:
                self._judge(data, span, span.root, places)
            else:
                self._pick(data, span, span.root, places)
        return spans[-1].stop

    def _doubtful(self, data: bytes, spans: list[_Span]) -> list[list[int]]:
        """For each span, places of accepted MPANs that deserve a look."""
        doubtful: list[list[int]] = [[] for _ in spans]
        bounds = [
            (number, start, stop)
            for number, span in enumerate(spans)
            if span.root is not None
            for start, stop in span.clean(data)
        ]
        if not bounds or not self._columns:
            return doubtful
        pieces = [data[start:stop] for _, start, stop in bounds]
        ends = list(accumulate(map(len, pieces)))
        joined = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        for column in self._columns:
            for offset in suspects(joined, column, self.body.sink):
                piece = bisect_right(ends, offset)
                number, _, stop = bounds[piece]
                doubtful[number].append(stop + offset - ends[piece])
        return doubtful

    def _judge(self, data: bytes, span: _Span, root: GroupDef, doubtful: list[int]) -> None:
        """Count a span, whose records stand as they should, and judge the noted ones."""
        base = self.body.walk.base if self.body.walk else None
        index = base.counts.get(root.seq, 0) + 1 if base else 1
        line = self._skip(data, span.start, span.stop, root)
        noted = span.noted
        if doubtful:
            starts = [data.rfind(b"\n", span.start, place) + 1 for place in doubtful]
            noted = sorted({*noted, *(max(start, span.start) for start in starts)})
        paths = Paths(data, span.start, root, index, self._markers)
        sink, position = self.body.sink, span.start
        for start in noted:
            line += data.count(b"\n", position, start)
            position = start
            raw = data[start : data.find(b"\n", start)].removesuffix(b"\r")
            chain = self._chains[raw[: raw.find(b"|")]]
            before = sink.weighty
            self.body.judge(Record(line, raw), chain[-1], paths.path(start, chain))
            if sink.weighty == before:
                self._expressions.vain(before)

    def _pick(self, data: bytes, span: _Span, root: GroupDef, doubtful: list[int]) -> None:
        """Count a span, all but its instances with doubtful MPANs, which go the slow way."""
        position = span.start
        for place in sorted(doubtful):
            if place < position:
                continue
            marker = data.rfind(self._markers[root.seq], position, place)
            first = max(marker + 1, position)
            following = self._root_start.search(data, place, span.stop)
            if position < first:
                self._skip(data, position, first, root)
            position = following.start() + 1 if following else span.stop
            self._explain(data, first, position)
        if position < span.stop:
            self._skip(data, position, span.stop, root)

    def _skip(self, data: bytes, start: int, stop: int, root: GroupDef) -> int:
        """Move the counts over instances that stand as they should; the line of the first."""
        first, records = self.taken(data, start, stop)
        self.body.skip(root, data.count(self._markers[root.seq], start, stop) + 1, records)
        return first

    def _explain(self, data: bytes, start: int, stop: int) -> None:
        """Refused instances to the layers, from the first byte to the last."""
        before = self.body.sink.weighty
        self.slow(data[start:stop])
        self.body.settle()
        self._expressions.vain(before)
