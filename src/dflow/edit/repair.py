"""Repairs that need no judgement: counts, terminators, missing closing pipes.

In: a flow as it was read.  Out: the flow repaired, and every change with its reason,
which `patch` draws as a unified patch.  This module writes nothing, and repairs no value:
what a value should have been, a file does not say.

What is repaired, in this order: a byte-order mark and blank lines between records are
taken away; a record without its closing pipe gets one if it has all of its group's
fields (with fewer it was cut, and is left as it is); where terminators are mixed, the
more common one wins; the trailer's file identifier repeats the header's; the counts, and
a pool file's checksum, become those of the records.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from attrs import evolve, frozen

from dflow.edit.records import with_field
from dflow.envelope import read_trailer
from dflow.flow import Flow, Group
from dflow.records import Record
from dflow.show import PLAIN, Mask, Paint
from dflow.writer import recounted, renumbered

__all__ = ["Change", "Repair", "patch", "repair"]


@frozen
class Change:
    """One line of a file that a repair changes or takes away.

    Attributes:
        before: the record as it was, with its line number.
        after: the record as it becomes; None if it goes.
        codes: the findings' codes that the change settles.
    """

    before: Record
    after: Record | None
    codes: tuple[str, ...]


@frozen
class Repair:
    """A repaired flow, and how it came about.

    Attributes:
        flow: the flow repaired, its lines numbered anew.
        changes: the lines changed, in order.
        mark: whether a byte-order mark was taken away.
    """

    flow: Flow
    changes: tuple[Change, ...]
    mark: bool = False

    @property
    def needed(self) -> bool:
        """Whether there was anything to repair."""
        return bool(self.changes) or self.mark


def repair(flow: Flow) -> Repair:
    """Repair what needs no judgement; a file that is no D-flow is left as it is."""
    if flow.header_record is None:
        return Repair(flow, ())
    flow = renumbered(flow)  # a line's number names it here; a flow that was read has them
    lines = {record.line: record for record in flow.records()}
    codes: dict[int, list[str]] = {}
    mended = evolve(flow, mark=b"")
    mended = _without_blanks(mended, codes)
    mended = _closed(mended, codes)
    mended = _one_terminator(mended, codes)
    mended = _trailer(mended, codes)
    new = {record.line: record for record in mended.records()}
    changes = tuple(Change(lines[line], new.get(line), tuple(why)) for line, why in codes.items())
    ordered = tuple(sorted(changes, key=lambda change: change.before.line))
    return Repair(renumbered(mended), ordered, mark=bool(flow.mark))


def _map(flow: Flow, change: Callable[[Group], Record | None]) -> Flow:
    """The flow with every body record changed, or gone where `change` gives None."""

    def mapped(groups: tuple[Group, ...]) -> tuple[Group, ...]:
        kept: list[Group] = []
        for group in groups:
            record = change(group)
            below = mapped(group.groups)
            if record is None:
                kept += below
            elif record is group.record and _same(below, group.groups):
                kept.append(group)
            else:
                kept.append(evolve(group, record=record, groups=below))
        return tuple(kept)

    return evolve(flow, groups=mapped(flow.groups))


def _same(new: tuple[Group, ...], old: tuple[Group, ...]) -> bool:
    return len(new) == len(old) and all(map(operator.is_, new, old))


def _without_blanks(flow: Flow, codes: dict[int, list[str]]) -> Flow:
    def keep(group: Group) -> Record | None:
        if group.record.raw:
            return group.record
        codes.setdefault(group.record.line, []).append("blank-line")
        return None

    return _map(flow, keep)


def _closed(flow: Flow, codes: dict[int, list[str]]) -> Flow:
    if flow.header is None or flow.header.envelope != "ZHV":
        return flow  # a pool file's records need no closing pipe

    def close(record: Record, fields: int | None) -> Record:
        if record.closed or not record.raw or len(record.values) != fields:
            return record
        codes.setdefault(record.line, []).append("unclosed-record")
        return evolve(record, raw=record.raw + b"|")

    def body(group: Group) -> Record | None:
        definition = None if group.stray else group.definition
        return close(group.record, len(definition.items) if definition else None)

    header, trailer = flow.header_record, flow.trailer_record
    return evolve(
        _map(flow, body),
        header_record=close(header, 11) if header else None,
        trailer_record=close(trailer, 5) if trailer else None,
    )


def _one_terminator(flow: Flow, codes: dict[int, list[str]]) -> Flow:
    ends = Counter(record.end for record in flow.records() if record.end)
    if len(ends) < 2:
        return flow
    wanted = ends.most_common(1)[0][0]

    def same(record: Record) -> Record:
        # A carriage return before LF would become part of the line's end: another record.
        if record.end in (wanted, b"") or record.raw.endswith(b"\r"):
            return record
        codes.setdefault(record.line, []).append("mixed-terminators")
        return evolve(record, end=wanted)

    header, trailer = flow.header_record, flow.trailer_record
    return evolve(
        _map(flow, lambda group: same(group.record)),
        header_record=same(header) if header else None,
        trailer_record=same(trailer) if trailer else None,
        after=tuple(evolve(group, record=same(group.record)) for group in flow.after),
    )


def _trailer(flow: Flow, codes: dict[int, list[str]]) -> Flow:
    old, header = flow.trailer_record, flow.header
    if old is None or header is None or flow.trailer is None:
        return flow
    mended = flow
    if not flow.trailer.pool and flow.trailer.file_id != header.file_id and header.file_id:
        record = with_field(old, 1, header.file_id)
        trailer = read_trailer(record.raw, line=record.line).trailer
        mended = evolve(flow, trailer_record=record, trailer=trailer)
        codes.setdefault(old.line, []).append("file-id-differs")
    before = mended.trailer
    mended = recounted(mended)
    after = mended.trailer
    if before is None or after is None:
        return mended
    for code, mine, its in (
        ("group-count", before.group_count, after.group_count),
        ("flow-count", before.flow_count, after.flow_count),
        ("checksum", before.checksum, after.checksum),
    ):
        if mine != its:
            codes.setdefault(old.line, []).append(code)
    if mended.trailer_record != flow.trailer_record and old.line not in codes:
        codes.setdefault(old.line, []).append("trailer-fields")
    return mended


def patch(
    flow: Flow, mended: Repair, source: str, mask: Mask, *, paint: Paint = PLAIN, context: int = 2
) -> Iterator[str]:
    """A unified patch of a repair, for reading: line ends and masked values are made visible.

    Args:
        flow: the flow before.
        mended: its repair.
        source: the file's name.
        mask: what is to be hidden.
        paint: colours, or none.
        context: unchanged lines around each change.
    """
    records = list(flow.records())
    changed = {change.before.line: change for change in mended.changes}
    yield paint("strong", f"--- {source}")
    yield paint("strong", f"+++ {source}, repaired")
    if mended.mark:
        yield paint("faint", "the byte-order mark before the first record goes")
    shift = 0
    for start, stop in _hunks([change.before.line for change in mended.changes], context):
        lines = records[start - 1 : stop]
        gone = sum(
            1 for record in lines if record.line in changed and changed[record.line].after is None
        )
        head = f"@@ -{start},{len(lines)} +{start - shift},{len(lines) - gone} @@"
        yield paint("name", head)
        shift += gone
        yield from _hunk(lines, changed, mask, paint)


def _hunk(
    lines: Sequence[Record], changed: dict[int, Change], mask: Mask, paint: Paint
) -> Iterator[str]:
    for record in lines:
        change = changed.get(record.line)
        if change is None:
            yield " " + mask.text(record)
            continue
        ends = change.after is not None and change.after.end != record.end
        yield paint("error", "-" + mask.text(record) + (_shown(record.end) if ends else ""))
        if change.after is not None:
            text = mask.text(change.after) + (_shown(change.after.end) if ends else "")
            yield paint("good", "+" + text)


def _shown(end: bytes) -> str:
    return {b"\n": " [LF]", b"\r\n": " [CRLF]"}.get(end, " [no line end]")


def _hunks(lines: Sequence[int], context: int) -> Iterator[tuple[int, int]]:
    """First and last line of each run of changes with their context; runs that touch are one."""
    start = stop = 0
    for line in lines:
        if start and line - context <= stop + 1:
            stop = line + context
            continue
        if start:
            yield start, stop
        start, stop = max(1, line - context), line + context
    if start:
        yield start, stop
