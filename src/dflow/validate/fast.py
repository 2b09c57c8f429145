"""The fast path: whole instances accepted by the flow's expression, the rest handed back.

In: bytes of the body that end where an instance ends.  Out: counts moved on for what the
expression accepts, and everything else fed, instance by instance, to the slow way for
its reasons.  This module reports nothing itself; it is the only place that skips work,
and a property test holds it to say what the slow way says (`docs/explanation/two-ways`).

An instance here is a level-1 group with all below it.  What an expression cannot say is
done by columns: check digits as the byte lanes of big integers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from attrs import define, evolve, field, frozen

from dflow.catalogue.model import FlowDef, GroupDef
from dflow.identifiers import MPAN_ITEMS
from dflow.recognise import Asked, field_pattern, record_pattern, root_pattern
from dflow.validate.digits import plain, suspects
from dflow.validate.structure import BodyCheck

__all__ = ["FastBody", "fast_body"]

#: Instances that the slow way found clean before the expressions are made anew, asking
#: only for advice that has not been told.
_VAIN_MOST = 16


@frozen
class _Column:
    """Where an item that holds an MPAN stands: its group's code and its field."""

    jcode: str
    code: bytes
    position: int


def fast_body(
    body: BodyCheck, slow: Callable[[bytes], None], skipped: Callable[[bytes, int, int], int]
) -> FastBody | None:
    """The fast path for a body, or None where only the slow way is right.

    That is so without a structure, in pool files (whose records may be open), where a
    level-1 code stands at other levels too, and where conditions ask for more than
    presence that the expression can say.

    Args:
        body: the body's slow check, whose counts are moved on.
        slow: takes the bytes of whole records that are to be checked the slow way.
        skipped: told of bytes, from and to, that were found clean; returns their records.
    """
    if body.grammar is None or body.pool or body.conditions.asks:
        return None
    flow_def = body.grammar.flow_def
    roots = set(body.grammar.roots)
    if any(group.code in roots for root in flow_def.groups for group in list(root.walk())[1:]):
        return None
    return FastBody(body, flow_def, slow, skipped)


@define(eq=False)
class FastBody:
    """Skips what is clean.

    Attributes:
        body: the slow check of the same body.
        flow_def: the flow version.
        slow: takes the bytes of whole records that are to be checked the slow way.
        skipped: told of bytes, from and to, that were found clean; returns their records.
        root_start: finds the start of a level-1 group at or behind a position.
    """

    body: BodyCheck
    flow_def: FlowDef
    slow: Callable[[bytes], None]
    skipped: Callable[[bytes, int, int], int]
    root_start: re.Pattern[bytes] = field(init=False)
    _asked: Asked = field(factory=Asked, init=False)
    _patterns: dict[tuple[int, bool, bool], re.Pattern[bytes]] = field(factory=dict, init=False)
    _columns: list[_Column] = field(init=False)
    _holders: dict[int, tuple[int, ...]] = field(init=False)
    _fields: dict[int, tuple[re.Pattern[bytes] | None, ...]] = field(factory=dict, init=False)
    _records: dict[int, re.Pattern[bytes]] = field(factory=dict, init=False)
    _vain: int = field(default=0, init=False)
    _told: int = field(default=-1, init=False)

    @root_start.default
    def _root_codes(self) -> re.Pattern[bytes]:
        codes = "|".join(dict.fromkeys(re.escape(root.code) for root in self.flow_def.groups))
        return re.compile(rf"\n(?:{codes})\|".encode("latin-1"))

    @_columns.default
    def _mpan_columns(self) -> list[_Column]:
        columns = {
            _Column(at.jcode, group.code.encode("latin-1"), at.position): None
            for group in self.flow_def.walk()
            for at in group.items
            if at.jcode in MPAN_ITEMS and at.presence != "blank" and not _listed(at.item.codes)
        }
        return list(columns)

    @_holders.default
    def _mpan_positions(self) -> dict[int, tuple[int, ...]]:
        return {
            group.seq: tuple(at.position for at in group.items if at.jcode in MPAN_ITEMS)
            for group in self.flow_def.walk()
        }

    def last_start(self, data: bytes) -> int:
        """Where the last level-1 group of some bytes starts; 0 if none starts behind the first."""
        found = 0
        for code in self.body.grammar.roots if self.body.grammar else ():
            found = max(found, data.rfind(b"\n" + code.encode("latin-1") + b"|") + 1)
        return found

    def run(self, data: bytes, end: int) -> int:
        """Check the bytes up to `end`, where an instance ends; how many of them were taken.

        Fewer than all only where the slow way has met the trailer: what follows is no body.
        """
        if self._told < 0:
            self._ask()
        narrow, lf = data.isascii(), b"\r" not in data
        position = 0
        while position < end and not self.body.over:
            root = self._root_at(data, position)
            stop = position
            if root is not None:
                stop = self._accepted(data, position, end, (root, narrow, lf))
                if stop > position:
                    self._skip(data, position, stop, root)
                    position = stop
                    continue
            position = self._hand_over(data, position, end)
        return position

    def _accepted(self, data: bytes, start: int, end: int, by: tuple[GroupDef, bool, bool]) -> int:
        """How far instances of a root group are accepted from `start` on."""
        root = by[0]
        found = self._pattern(*by).match(data, start, end)
        stop = found.end() if found else start
        if stop in (start, end) or self._at_root(data, stop):
            return stop
        if root.range.most is not None:
            return start
        # What refuses the record at `stop` may speak of the instance before it.
        return data.rfind(b"\n" + root.code.encode("latin-1") + b"|", start, stop) + 1 or start

    def _at_root(self, data: bytes, position: int) -> bool:
        return self.root_start.match(data, position - 1) is not None

    def _root_at(self, data: bytes, position: int) -> GroupDef | None:
        """The level-1 group that starts here, if it is neither late nor surplus."""
        walk = self.body.walk
        code = data[position : data.find(b"|", position, position + 8)].decode("latin-1")
        if walk is None:
            return None
        for root in walk.grammar.roots.get(code, ()):
            most = root.range.most
            full = most is not None and walk.base.counts.get(root.seq, 0) >= most
            if root.seq >= walk.base.position and not full:
                return root
        return None

    def _skip(self, data: bytes, start: int, stop: int, root: GroupDef) -> None:
        """Move the counts over accepted instances, all but those with doubtful MPANs."""
        marker = b"\n" + root.code.encode("latin-1") + b"|"
        spans: dict[int, int] = {}
        for column in self._columns:
            for offset in suspects(data, start, stop, column, self.body.sink):
                first = max(data.rfind(marker, start, offset), start - 1) + 1
                following = self.root_start.search(data, offset, stop)
                spans[first] = following.start() + 1 if following else stop
        position = start
        for first in sorted(spans):
            self._count(data, position, first, root)
            self.slow(data[first : spans[first]])
            self.body.settle()
            position = spans[first]
        self._count(data, position, stop, root)

    def _count(self, data: bytes, start: int, stop: int, root: GroupDef) -> None:
        if start < stop:
            marker = b"\n" + root.code.encode("latin-1") + b"|"
            instances = data.count(marker, start, stop) + 1
            self.body.skip(root, instances, self.skipped(data, start, stop))

    def _hand_over(self, data: bytes, start: int, end: int) -> int:
        """One instance to the slow way; where the next one starts."""
        found = self.root_start.search(data, start, end)
        stop = found.start() + 1 if found else end
        before = self.body.sink.weighty
        self.slow(data[start:stop])
        self.body.settle()
        if self.body.sink.weighty == before:
            self._vain += 1
            if self._vain >= _VAIN_MOST and self._told != self.body.sink.told:
                self._ask()
        return stop

    def _ask(self) -> None:
        """Ask of the expressions only what has not been told yet."""
        body = self.body
        self._vain, self._told = 0, body.sink.told
        self._asked = Asked(
            missing=frozenset(g.seq for g in self.flow_def.walk() if body.watched(g)),
            zeros=frozenset(
                at.jcode
                for group in self.flow_def.walk()
                for at in group.items
                if body.sink.watches("leading-zero", at.jcode)
            ),
        )
        self._patterns.clear()
        self._records.clear()
        self._fields.clear()
        body.trust(self)

    def admits(self, group: GroupDef, raw: bytes) -> bool:
        """Whether the expression of one record accepts it, and its MPANs are plain."""
        known = self._records.get(group.seq)
        if known is None:
            known = self._records[group.seq] = record_pattern(
                group, evolve(self._asked, ascii=True)
            )
        if known.fullmatch(raw) is None:
            return False
        for position in self._holders.get(group.seq, ()):
            value = raw.split(b"|", position + 1)[position]
            if value and not plain(value):
                return False
        return True

    def testers(self, group: GroupDef) -> Sequence[re.Pattern[bytes] | None]:
        """For each field the pattern of clean values; none where MPANs stand."""
        known = self._fields.get(group.seq)
        if known is None:
            known = self._fields[group.seq] = tuple(
                None if at.jcode in MPAN_ITEMS else field_pattern(at, self._asked)
                for at in group.items
            )
        return known

    def _pattern(self, root: GroupDef, narrow: bool, lf: bool) -> re.Pattern[bytes]:  # noqa: FBT001  a key
        # Characters beyond ASCII are refused for as long as they are worth a remark.
        narrow = narrow or self.body.sink.watches("non-ascii")
        known = self._patterns.get((root.seq, narrow, lf))
        if known is None:
            asked = evolve(self._asked, ascii=narrow, lf=lf)
            one = root_pattern(self.flow_def, root, asked)
            text = one if root.range.most is not None else f"(?:{one})*+"
            known = re.compile(text.encode("latin-1"))
            self._patterns[root.seq, narrow, lf] = known
        return known


def _listed(codes: object) -> bool:
    return codes is not None and bool(getattr(codes, "complete", False))
