"""The structure layer: each body record in its place, in order, often enough.

In: body records in file order.  Out: findings in a sink, and the counts that the
envelope layer compares.  This module does not know headers and trailers.
"""

from __future__ import annotations

import re

from attrs import define, field

from dflow.catalogue.model import FlowDef, GroupDef
from dflow.findings import Place
from dflow.grammar import Frame, RecordGrammar, Walk
from dflow.parse.opening import is_header
from dflow.records import Record
from dflow.validate.sink import Sink
from dflow.validate.values import check_record

__all__ = ["BodyCheck", "check_bytes"]

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_HIGH = re.compile(rb"[\x80-\xff]")

#: How much of a group code is shown: codes have two or three characters, hostile ones more.
_CODE_SHOWN = 12


def check_bytes(record: Record, sink: Sink) -> None:
    """The bytes layer for one record: control characters and characters beyond ASCII."""
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


@define(eq=False)
class BodyCheck:
    """Checks a body record by record; holds the open groups and nothing else of it.

    Attributes:
        grammar: the flow's grammar, or None where its structure is not known.
        sink: where the findings go.
        pool: whether records need no closing pipe.
        headed: whether the file has a header.  Without one it may be anything, and its
            first control character says so once and for all.
        records: body records so far.
        walk: the walk over the groups, if there is a grammar.
    """

    grammar: RecordGrammar | None
    sink: Sink
    pool: bool = False
    headed: bool = True
    records: int = field(default=0, init=False)
    walk: Walk | None = field(init=False)
    _odd: bool = field(default=False, init=False)

    @walk.default
    def _start(self) -> Walk | None:
        return self.grammar.walk() if self.grammar else None

    def feed(self, record: Record) -> None:
        """Take the next body record, which is not blank."""
        self.records += 1
        if self.headed or not self._odd:
            before = len(self.sink.found)
            check_bytes(record, self.sink)
            self._odd = len(self.sink.found) > before
        if is_header(record):
            message = f"A second header, {record.code[:3]}, stands inside the file."
            self.sink.add("header-repeated", Place(line=record.line, column=1, width=3), message)
            return
        walk = self.walk
        if walk is None:
            return
        frame = walk.place(record.code, record.line)
        for closed in walk.closed:
            self._least(closed, closed.definition.groups if closed.definition else ())
        if frame is None or frame.definition is None:
            self._stray(record, walk)
            return
        path = frame.path
        if frame.late or frame.surplus:
            self._misfit(frame, frame.definition, path)
        check_record(record, frame.definition, path, self.sink, pool=self.pool)

    def close(self) -> None:
        """The body is over: what is missing now stays missing."""
        walk = self.walk
        if walk is None:
            return
        for closed in walk.finish():
            self._least(closed, closed.definition.groups if closed.definition else ())
        self._least(walk.base, walk.grammar.flow_def.groups)

    def instances(self, flow_def: FlowDef) -> int:
        """Occurrences so far of the group whose occurrences are the flow instances."""
        if self.walk is None or flow_def.instance is None:
            return 0
        return self.walk.base.counts.get(flow_def.instance.seq, 0)

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
            most = child.range.most
            if child.range.admits(count) or (most is not None and count > most):
                continue
            if not self.sink.told_once("missing-group") or self.sink.tells(
                "missing-group", child.seq
            ):
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
