"""The structure layer: each body record in its place, in order, often enough.

In: body records in file order.  Out: findings in a sink, and the counts that the
envelope layer compares.  This module does not know headers and trailers.
"""

from __future__ import annotations

import re
from typing import Protocol

from attrs import define, field

from dflow.catalogue.model import FlowDef, GroupDef
from dflow.findings import Place
from dflow.grammar import Frame, RecordGrammar, Walk
from dflow.parse.opening import is_header
from dflow.records import Record
from dflow.validate.conditions import Conditions
from dflow.validate.sink import Sink
from dflow.validate.values import check_record

__all__ = ["BodyCheck", "CleanRecords", "check_bytes"]

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_HIGH = re.compile(rb"[\x80-\xff]")

#: How much of a group code is shown: codes have two or three characters, hostile ones more.
_CODE_SHOWN = 12


def check_bytes(record: Record, sink: Sink) -> bool:
    """The bytes layer for one record: control characters, and characters beyond ASCII.

    Returns:
        Whether the record holds a control character.
    """
    raw = record.raw
    bad = _CONTROL.search(raw)
    if bad is not None:
        sink.add(
            "control-character",
            Place(line=record.line, column=bad.start() + 1, width=1),
            f"The record holds the control character 0x{bad[0][0]:02X}.",
            value=f"0x{bad[0][0]:02X}",
        )
    if not raw.isascii():
        high = _HIGH.search(raw)
        if high is not None:
            sink.add(
                "non-ascii",
                Place(line=record.line, column=high.start() + 1, width=1),
                f"The record holds the byte 0x{high[0][0]:02X}.",
                value=f"0x{high[0][0]:02X}",
            )
    return bad is not None


class CleanRecords(Protocol):
    """Says of a record, as fast as can be, that nothing is to be said of its fields."""

    def admits(self, group: GroupDef, raw: bytes) -> bool:
        """Whether a record of this group has no finding; False where that is not known."""

    def screen(self, group: GroupDef) -> re.Pattern[bytes]:
        """The expression that holds the fields of a record that deserve a look."""


@define(eq=False)
class BodyCheck:
    """Checks a body record by record; holds the open groups and nothing else of it.

    Attributes:
        grammar: the flow's grammar, or None where its structure is not known.
        sink: where the findings go.
        conditions: what the catalogue documents of when a group must stand.
        pool: whether records need no closing pipe.
        headed: whether the file has a header.  Without one it may be anything, and its
            first control character says so once and for all.
        odd: whether a record before held a control character.
        records: body records so far.
        over: whether the trailer has been met.
        walk: the walk over the groups, if there is a grammar.
    """

    grammar: RecordGrammar | None
    sink: Sink
    conditions: Conditions
    pool: bool = False
    headed: bool = True
    odd: bool = False
    records: int = field(default=0, init=False)
    over: bool = field(default=False, init=False)
    walk: Walk | None = field(init=False)
    _demanded: dict[int, tuple[GroupDef, ...]] = field(init=False)
    _clean: CleanRecords | None = field(default=None, init=False)

    @walk.default
    def _start(self) -> Walk | None:
        return Walk(self.grammar) if self.grammar else None

    @_demanded.default
    def _demands(self) -> dict[int, tuple[GroupDef, ...]]:
        """The children of each group that it could lack, by the parent's place."""
        groups = self.grammar.flow_def.walk() if self.grammar else ()
        return {
            group.seq: tuple(
                child
                for child in group.groups
                if self.conditions.asks
                or (child.range.least and child.seq not in self.conditions.excused)
            )
            for group in groups
        }

    def feed(self, record: Record, *, whole: bool = True) -> None:
        """Take the next body record, which is not blank; one that was cut has no fields."""
        self.records += 1
        walk = self.walk
        raw = record.raw
        if walk is None or (raw[:2] == b"ZH" and is_header(record)):
            self._outside(record)
            return
        frame = walk.place(raw.partition(b"|")[0].decode("latin-1"), record.line)
        if walk.closed:
            self._close_groups(walk.closed)
        if frame is None or frame.definition is None:
            self._bytes(record)
            self._stray(record, walk)
            return
        if frame.late or frame.surplus:
            self._misfit(frame, frame.definition, frame.path)
        if self.conditions.asks:
            frame.record = record
            if frame.parent is not None:
                if frame.parent.firsts is None:
                    frame.parent.firsts = {}
                frame.parent.firsts.setdefault(frame.definition.seq, record)
            self.conditions.items(frame, self.sink)
        if self._clean is None or not self._clean.admits(frame.definition, raw):
            self.judge(record, frame.definition, frame.path, whole=whole)

    def judge(self, record: Record, group: GroupDef, path: str, *, whole: bool = True) -> None:
        """Look at the bytes and the fields of a record whose place is known."""
        self._bytes(record)
        if whole:
            screen = self._clean.screen(group) if self._clean else None
            check_record(record, group, path, self.sink, pool=self.pool, screen=screen)

    def trust(self, clean: CleanRecords) -> None:
        """Pass over the fields of records that an expression has found clean."""
        self._clean = clean

    def settle(self) -> None:
        """The instance is over: what is missing in it now stays missing."""
        if self.walk is not None:
            self._close_groups(self.walk.finish())

    def close(self) -> None:
        """The body is over."""
        self.settle()
        if self.walk is not None:
            self._least(self.walk.base, self.walk.grammar.flow_def.groups)

    def skip(self, root: GroupDef, instances: int, records: int) -> None:
        """Count instances of a level-1 group that were found clean in another way."""
        self.records += records
        if self.walk is not None:
            if self.walk.open:
                self.settle()
            base = self.walk.base
            base.counts[root.seq] = base.counts.get(root.seq, 0) + instances
            base.position = max(base.position, root.seq)

    def instances(self, flow_def: FlowDef) -> int:
        """Occurrences so far of the group whose occurrences are the flow instances."""
        if self.walk is None or flow_def.instance is None:
            return 0
        return self.walk.base.counts.get(flow_def.instance.seq, 0)

    def watched(self, group: GroupDef) -> bool:
        """Whether the absence of a group would be told if it were found now."""
        return group.seq not in self.conditions.excused and self.sink.watches(
            "missing-group", group.seq
        )

    def _outside(self, record: Record) -> None:
        """A record of a body without structure, or a second header."""
        self._bytes(record)
        if is_header(record):
            message = f"A second header, {record.code[:3]}, stands inside the file."
            self.sink.add("header-repeated", Place(line=record.line, column=1, width=3), message)

    def _bytes(self, record: Record) -> None:
        if self.headed or not self.odd:
            self.odd = check_bytes(record, self.sink) or self.odd

    def _close_groups(self, closed: list[Frame]) -> None:
        for frame in closed:
            if frame.definition is not None:
                children = self._demanded.get(frame.definition.seq)
                if children:
                    self._least(frame, children)

    def _stray(self, record: Record, walk: Walk) -> None:
        code = record.code
        shown = code if len(code) <= _CODE_SHOWN else code[:_CODE_SHOWN] + "…"
        known = code in walk.grammar.by_code
        expected = walk.expected()
        before = walk.open[-1].path if walk.open else ""
        under = f" after {before}" if before else " at the start of the body"
        parents = self._parents(code, walk.grammar) if known else ""
        self.sink.add(
            "misplaced-group" if known else "unknown-group",
            Place(
                line=record.line,
                column=1,
                width=len(code),
                path="/".join(filter(None, (before, shown))),
            ),
            f"Group {shown} cannot stand{under}."
            if known
            else f"{walk.grammar.flow_def} has no group {shown!r}.",
            value=shown,
            expected=", ".join(expected[:12]),
            remedy=f"Group {shown} stands under {parents}: supply that group, or move the record."
            if parents
            else "",
        )

    @staticmethod
    def _parents(code: str, grammar: RecordGrammar) -> str:
        return " or ".join(
            dict.fromkeys(
                group.code
                for group in grammar.flow_def.walk()
                if any(child.code == code for child in group.groups)
            )
        )

    def _misfit(self, frame: Frame, definition: GroupDef, path: str) -> None:
        place = Place(line=frame.line, column=1, width=len(definition.code), path=path)
        title = f"{definition.code} {definition.name}".rstrip()
        if frame.late:
            self.sink.add(
                "group-order",
                place,
                f"Group {title} stands behind a group that the catalogue puts after it.",
                value=definition.code,
            )
        if frame.surplus:
            most = definition.range.most
            self.sink.add(
                "too-many-groups",
                place,
                f"Group {title} stands here for the {_ordinal(frame.index)} time, {most} at most.",
                value=str(frame.index),
                expected=str(definition.range),
            )

    def _least(self, frame: Frame, children: tuple[GroupDef, ...]) -> None:
        for child in children:
            count = frame.counts.get(child.seq, 0)
            if self.conditions.asks and self.conditions.child(frame, child, count, self.sink):
                continue
            if count >= child.range.least and (not child.range.counts or child.range.admits(count)):
                continue
            most = child.range.most
            if (most is None or count < most) and self.watched(child):
                self._missing(frame, child, count)

    def _missing(self, frame: Frame, child: GroupDef, count: int) -> None:
        title = f"{child.code} {child.name}".rstrip()
        parent = frame.definition
        where = f"under {parent.code}" if parent else "in the file"
        self.sink.add(
            "missing-group",
            Place(line=frame.line, path=frame.path),
            f"Group {title} stands {count} times {where}, not {child.range} times."
            if count
            else f"Group {title} does not stand {where}.",
            value=str(count),
            expected=str(child.range),
            key=child.seq,
        )


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
