"""What is said of files and records: reconciled, related, compared.

In: what was counted.  Out: blocks of a report.  This module computes nothing that it
says, and shows no meter point.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dflow.cutover.comparing import Comparison
from dflow.cutover.contradictions import counted
from dflow.cutover.gate import EARLY, LATE
from dflow.cutover.reconcile import FATES, Reconciliation, Rejected
from dflow.cutover.related import Related
from dflow.cutover.statuslog import named
from dflow.report import Bars, Block, Note, Table, Text, Tone

__all__ = ["comparison_blocks", "reconciliation_blocks", "related_blocks"]


def reconciliation_blocks(found: Reconciliation) -> Iterator[Block]:
    """What became of every arrival, by party, fate and class."""
    fates = [one for one in FATES if found.total(one)]
    rows = [
        (party, *(f"{counted.get(one, 0):,}" for one in fates), f"{sum(counted.values()):,}")
        for party, counted in found.counts.items()
    ]
    rows.append(("all", *(f"{found.total(one):,}" for one in fates), f"{found.came:,}"))
    yield Table(
        title="By party",
        heads=("Party", *fates, "came"),
        rows=tuple(rows),
        right=tuple(range(1, len(fates) + 2)),
    )
    if found.rejected:
        yield from _rejections(found.rejected)
    if fates:
        tones: dict[str, Tone] = {"delivered": "good", "rejected": "bad", "not delivered": "bad"}
        yield Bars(
            title="Files by what became of them",
            labels=tuple(fates),
            values=tuple(float(found.total(one)) for one in fates),
            tones=tuple(tones.get(one, "plain") for one in fates),
            unit="files",
        )
    for fate, rule in (("held early", EARLY), ("held late", LATE)):
        if number := found.total(fate):
            yield Note(
                severity="info" if fate == "held early" else "warning",
                what=f"{counted(number, 'file')} {fate}",
                where=f"rule {rule}",
                remedy="the step that releases them lets them go in order of arrival"
                if fate == "held early"
                else "ask the senders for the new version, or release them where they went before",
            )


def _rejections(rejected: Sequence[Rejected]) -> Iterator[Block]:
    by_class: dict[tuple[str, str, str], list[Rejected]] = {}
    for one in rejected:
        key = (one.classified.rejection.value, one.flow or "no header", one.classified.remedy)
        by_class.setdefault(key, []).append(one)
    yield Table(
        title="Rejected, by class",
        heads=("Class", "Flow", "Files", "From", "To", "Why", "Remedy"),
        rows=tuple(
            (
                kind,
                named(flow),
                str(len(ones)),
                ", ".join(sorted({one.sender for one in ones})),
                ", ".join(sorted({one.recipient for one in ones})),
                ones[0].classified.why,
                remedy,
            )
            for (kind, flow, remedy), ones in sorted(by_class.items())
        ),
        right=(2,),
    )


def related_blocks(found: Related) -> Iterator[Block]:
    """What was wrong with related meter points; no meter point is shown."""
    yield Text(
        f"{len(found.relations)} relationships of {found.files} files stand. Codes of actions,"
        " of answers and of the indicator are not known: relationships are taken as stated."
    )
    for one in found.faults:
        yield Note(
            severity="error" if one.error else "advice",
            what=one.what,
            where=one.where,
            why=one.why,
            remedy="ask the sender; it is left out of the table" if one.error else "",
        )


def comparison_blocks(found: Comparison) -> Iterator[Block]:
    """Where two sides differ, counted; no key and no value is shown."""
    yield Text(
        f"{found.left:,} records on the old side, {found.right:,} on the new; {found.same:,}"
        f" agree in {', '.join(found.columns) or 'no column'}."
        + (f" On one side only: {', '.join(found.alone)}." if found.alone else "")
    )
    if found.differences:
        yield Table(
            title="Differences, listed in differences.csv",
            heads=("Difference", "Number", "First: old line", "new line"),
            rows=tuple(_difference_rows(found)),
            right=(1, 2, 3),
        )


def _difference_rows(found: Comparison) -> Iterator[tuple[str, ...]]:
    for kind, number in sorted(found.kinds.items()):
        first = next(
            one
            for one in found.differences
            if kind == one.kind + (f": {one.column}" if one.column else "")
        )
        yield kind, f"{number:,}", str(first.left_line or ""), str(first.right_line or "")
