"""The fast path: whole instances accepted by the flow's expression, the rest handed back.

In: bytes of the body that end where an instance ends.  Out: counts moved on for what the
expression accepts, and everything else given, instance by instance, to the layers for
its reasons.  This module reports nothing itself; with its helpers (`expressions`,
`digits`) it is the only place that skips work, and a property test holds it to say what
the slow way says (`docs/explanation/two-ways.md`).

An instance here is a level-1 group with all below it.  A block is taken in rounds:

1. The expression runs over the instances as far as it accepts them; the one it refuses
   is noted, and it goes on behind it.
2. What an expression cannot say is done by columns over all that was accepted: check
   digits, as the byte lanes of big integers.  Instances with doubtful MPANs are noted too.
3. In file order, the counts move over what is clean, and the noted instances are
   explained: record by record if at least their records stand as they should, else the
   slow way, from the first byte to the last.

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
from dflow.validate.structure import BodyCheck

__all__ = ["FastBody", "fast_body"]

#: Refused instances in a round: few enough that advice told in one spares the next.
_ROUND = 256

#: From where to where, and which level-1 group; None for what is to be explained.
_Span = tuple[int, int, GroupDef | None]


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
        position = 0
        while position < end and not self.body.over:
            self._expressions.renew()
            position = self._settle(data, self._round(data, position, end, flavour))
        return position

    def _round(self, data: bytes, start: int, end: int, flavour: tuple[bool, bool]) -> list[_Span]:
        """Spans one behind the other, each accepted as a run of one group, or refused."""
        narrow, lf = flavour
        spans: list[_Span] = []
        position, refused = start, 0
        most = _ROUND if self._only is not None else 0
        while position < end and refused <= most:
            root = self._root_at(data, position)
            stop = position
            if root is not None:
                pattern = self._expressions.run(root, narrow=narrow, lf=lf)
                stop = self._accepted(data, pattern.match(data, position, end), position, root, end)
            if stop == position:
                found = self._root_start.search(data, position, end)
                stop = found.start() + 1 if found else end
                spans.append((position, stop, None))
                refused += 1
            else:
                spans.append((position, stop, root))
                refused += most == 0
            position = stop
        return spans

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
        doubtful = self._doubtful(data, [span for span in spans if span[2] is not None])
        for start, stop, root in spans:
            position = start
            if root is not None:
                while doubtful and doubtful[-1][0] < stop:
                    first, last = doubtful.pop()
                    self._skip(data, position, first, root)
                    self._explain(data, first, last)
                    position = last
                self._skip(data, position, stop, root)
            else:
                self._explain(data, start, stop)
                if self.body.over:
                    return stop
        return spans[-1][1]

    def _doubtful(self, data: bytes, spans: list[_Span]) -> list[tuple[int, int]]:
        """Accepted instances whose MPANs deserve a look, the last one first."""
        if not spans or not self._columns:
            return []
        pieces = [data[start:stop] for start, stop, _ in spans]
        ends = list(accumulate(map(len, pieces)))
        joined = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        doubtful: dict[int, int] = {}
        for column in self._columns:
            for offset in suspects(joined, column, self.body.sink):
                number = bisect_right(ends, offset)
                start, stop, root = spans[number]
                place = start + offset - (ends[number] - len(pieces[number]))
                if root is not None:
                    first = max(data.rfind(self._markers[root.seq], start, place) + 1, start)
                    following = self._root_start.search(data, place, stop)
                    doubtful[first] = following.start() + 1 if following else stop
        return sorted(doubtful.items(), reverse=True)

    def _skip(self, data: bytes, start: int, stop: int, root: GroupDef) -> None:
        """Move the counts over clean instances."""
        if start < stop:
            _, records = self.taken(data, start, stop)
            self.body.skip(root, data.count(self._markers[root.seq], start, stop) + 1, records)

    def _explain(self, data: bytes, start: int, stop: int) -> None:
        """One refused instance to the layers."""
        before = self.body.sink.weighty
        span = data[start:stop]
        chain = self._chains.get(span[: span.find(b"|")])
        root = self._root_at(data, start) if chain is not None else None
        if root is not None and self._expressions.shape(root).fullmatch(span):
            first, records = self.taken(data, start, stop)
            self.body.skip(root, 1, records)
            self._records(span, first)
        else:
            self.slow(span)
            self.body.settle()
        self._expressions.vain(before)

    def _records(self, span: bytes, line: int) -> None:
        """The records of an instance of the right shape, each by itself."""
        offset = 0
        admits = self._expressions.admits
        for whole in span.split(b"\n")[:-1]:
            raw = whole.removesuffix(b"\r")
            chain = self._chains[raw[: raw.find(b"|")]]
            if not admits(chain[-1], raw):
                record = Record(line, raw)
                self.body.judge(record, chain[-1], self._path(span, offset, chain))
            line += 1
            offset += len(whole) + 1

    def _path(self, span: bytes, offset: int, chain: tuple[GroupDef, ...]) -> str:
        """Where the record at `offset` stands, counted in the bytes of its instance."""
        walk = self.body.walk
        number = walk.base.counts[chain[0].seq] if walk else 1
        parts, above = [f"{chain[0].code}[{number}]"], 0
        for group in chain[1:]:
            marker = self._markers[group.seq]
            at = offset if group is chain[-1] else span.rfind(marker, above, offset) + 1
            parts.append(f"{group.code}[{span.count(marker, above, at) + 1}]")
            above = at
        return "/".join(parts)
