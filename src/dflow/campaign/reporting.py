"""The report of a campaign: complete, or exactly what is missing.

In: a campaign, what was seen, what is in flight, the ledger.  Out: a report.  This module
measures nothing.  A meter point is named by its place in the portfolio; its digits are
masked unless asked for, since they are personal data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from attrs import field, frozen

from dflow.campaign.config import Campaign
from dflow.campaign.contents import Contents
from dflow.campaign.copies import Copies, Copy, Mend
from dflow.campaign.drop import Handed
from dflow.campaign.flight import InFlight
from dflow.campaign.originals import Delays
from dflow.campaign.saying import about, diary, local, time_line
from dflow.campaign.seeing import Seen
from dflow.campaign.watch import Watched
from dflow.operation import Entry
from dflow.report import (
    Bars,
    Block,
    Curve,
    Fact,
    Lines,
    Note,
    Report,
    Section,
    Table,
    Text,
    Tone,
)

__all__ = ["Told", "campaign_report"]

_MENDED: dict[Mend, str] = {
    "backfill": "dflow campaign run FILE --mend --why WHY (a new copy)",
    "replay": "dflow campaign run FILE --mend --why WHY (the same copy once more)",
    "retry": "dflow campaign run FILE --mend --why WHY (another attempt)",
    "person": "a person: see `dflow journal list` and `dflow release`",
    "wait": "it goes by itself",
    "": "",
}
#: A curve has no more points than this.
_POINTS = 120


@frozen(kw_only=True)
class Told:
    """What a report is made of, besides what was seen.

    Attributes:
        contents: what files are about.
        flying: what is in flight at the cut-over, or now.
        watched: gain, loss and meter works.
        entries: the ledger.
        handed: the migration drop.
        passed: name and hash of each file of the scope since the drop was cut.
        unmask: whether meter points are told.
    """

    contents: Contents
    flying: Sequence[InFlight]
    watched: Sequence[Watched]
    entries: Sequence[Entry]
    handed: Handed = field(factory=Handed)
    passed: Sequence[tuple[str, str]] = ()
    unmask: bool = False


def campaign_report(campaign: Campaign, seen: Seen, told: Told) -> Report:
    """Complete, or what is missing, and the proof."""
    missing = seen.missing()
    done, copies, proof = seen.completeness, seen.copies, seen.originals
    if missing:
        verdict, tone = f"Not complete: {'; '.join(missing)}.", "bad"
    else:
        points = (
            f"{len(done.since):,} of {done.portfolio:,} meter points and "
            if (done.portfolio and done.groups)
            else ""
        )
        verdict = (
            f"Complete: {points}{len(copies.owed):,} copies are where they should be; no"
            " original was changed, moved or lost."
        )
        tone = "good"
    waits = proof.waiting
    return Report(
        title=f"Report: {campaign.name}",
        verdict=verdict,
        tone=tone,  # type: ignore[arg-type]  # one of two literals above
        about=about(campaign, seen.at),
        facts=(
            Fact("meter points complete", f"{len(done.since):,} of {done.portfolio:,}"),
            Fact("copies owed", f"{len(copies.owed):,}"),
            Fact("copies missing", f"{len(copies.gaps):,}", _bad(len(copies.gaps))),
            Fact("originals", f"{proof.seen:,}"),
            Fact("originals waiting", f"{waits:,}", "warning" if waits else "good"),
            Fact("in flight", f"{len(told.flying):,}", "warning" if told.flying else "plain"),
        ),
        sections=tuple(
            Section(title, blocks)
            for title, blocks in (
                ("When", (time_line(campaign, seen.at, seen.standing.switched),)),
                ("What is missing", _missing(campaign, seen, told)),
                ("The portfolio", _portfolio(campaign, seen, told)),
                ("That no original was touched", _proof(seen)),
                ("The migration drop", _drop(campaign, told)),
                ("In flight", _flight(campaign, seen, told)),
                ("Gain, loss and meter works", _watched(campaign, told)),
                ("Diary", (diary(campaign, told.entries),)),
            )
            if blocks
        ),
    )


def _bad(number: int) -> Tone:
    return "bad" if number else "good"


def _who(campaign: Campaign, mpans: Sequence[str], *, unmask: bool) -> str:
    """Meter points by their places in the portfolio; their digits only if asked for."""
    line_of, shown = campaign.line_of, []
    for mpan in mpans[:5]:
        place = f"no. {line_of[mpan]}" if mpan in line_of else "not of the portfolio"
        shown.append(f"{mpan} ({place})" if unmask else place)
    more = f" and {len(mpans) - 5} more" if len(mpans) > 5 else ""
    return ", ".join(shown) + more


def _missing(campaign: Campaign, seen: Seen, told: Told) -> tuple[Block, ...]:
    copies = seen.copies
    listed = (*copies.gaps, *copies.waiting)
    blocks: list[Block] = [*_looked(copies)]
    if not listed:
        return (*blocks, Text(f"Nothing: all {len(copies.owed):,} copies were found."))
    for problem, number in Counter(_kind(one) for one in copies.gaps).most_common():
        first = next(one for one in copies.gaps if _kind(one) == problem)
        blocks.append(
            Note(
                severity="error",
                what=f"{number:,} copies: {problem}.",
                where=f"first {first.original.name} of {_arrived(campaign, first)}",
                remedy=_MENDED[first.mend],
            )
        )
    rows = tuple(
        (
            one.original.name,
            one.original.flow,
            _arrived(campaign, one),
            one.destination,
            _kind(one),
            _who(campaign, sorted(told.contents.mpans(one.original.hash)), unmask=told.unmask),
            one.mend,
            one.original.hash,
        )
        for one in listed
    )
    heads = (
        "File",
        "Flow",
        "Arrived",
        "Copy to",
        "Problem",
        "Meter points",
        "Mended by",
        "SHA-256 of the original",
    )
    return (*blocks, Table(heads=heads, rows=rows, title="Copies that are missing", most=1000))


def _looked(copies: Copies) -> Iterator[Block]:
    """Where copies were looked for, and what cannot be noticed there."""
    ways = ", ".join(f"{name} by {how}" for name, how in sorted(copies.looked.items()))
    if any(how == "journal" for how in copies.looked.values()):
        yield Note(
            severity="advice",
            what=f"Copies were looked for: {ways}.",
            why="by the journal alone, what was taken away afterwards is not noticed",
            remedy="a destination that is a folder, or whose transport can be asked",
        )
    elif ways:
        yield Text(f"Copies were looked for in the journal, and: {ways}.")


def _arrived(campaign: Campaign, one: Copy) -> str:
    """When a copy's original arrived."""
    return local(campaign, datetime.fromtimestamp(one.original.at, UTC))


def _kind(one: Copy) -> str:
    """The problem without a file's own words."""
    if one.problem.startswith("it was delivered"):
        return "delivered, and not at the destination any more"
    if "has other bytes now" in one.problem:
        return "at the destination with other bytes"
    return one.problem.split(":")[0]


def _portfolio(campaign: Campaign, seen: Seen, told: Told) -> tuple[Block, ...]:
    done = seen.completeness
    if not done.groups or not done.portfolio:
        return ()
    blocks: list[Block] = []
    words = "; ".join(" or ".join(group) for group in done.groups)
    blocks.append(
        Text(
            f"A meter point is complete when the new side has {words}: the campaign's choice,"
            " not a rule of the market."
        )
    )
    days = done.by_day(campaign.zone, seen.at.astimezone(ZoneInfo(campaign.zone)).date())
    if days:
        blocks.append(_by_day(days, float(round(done.share * done.portfolio))))
    if done.lacking:
        rows = tuple(
            (_who(campaign, [mpan], unmask=told.unmask), "; ".join(map(" or ".join, lacks)))
            for mpan, lacks in done.lacking.items()
        )
        blocks.append(
            Table(heads=("Meter point", "Lacks"), rows=rows, title="Not complete", most=500)
        )
    if done.strangers:
        blocks.append(
            Text(f"{done.strangers:,} meter points outside the portfolio passed as well.")
        )
    if told.contents.unread:
        blocks.append(
            Note(
                severity="warning",
                what=f"{len(told.contents.unread):,} files could not be read.",
                why="what they are about is not known, so they complete nothing",
                remedy="dflow check",
            )
        )
    return tuple(blocks)


def _by_day(days: Sequence[tuple[date, int]], goal: float) -> Lines:
    """How many meter points were complete each day, thinned out to what a page shows."""
    step = max(1, -(-len(days) // _POINTS))
    some = [*days[:-1:step], days[-1]]
    return Lines(
        title="Complete meter points by day",
        labels=tuple(day.isoformat() for day, _ in some),
        curves=(
            Curve(name="complete", values=tuple(float(n) for _, n in some), tone="good"),
            Curve(name="needed", values=(goal,) * len(some), dashed=True),
        ),
        unit="meter points",
    )


def _row(name: str, one: Delays) -> tuple[str, ...]:
    if not one.number:
        return (name, "0", "-", "-", "-")
    return (name, f"{one.number:,}", *(f"{s:.3f} s" for s in (one.median, one.high, one.most)))


def _proof(seen: Seen) -> tuple[Block, ...]:
    proof = seen.originals
    rows = (
        ("originals of the scope", f"{proof.seen:,}", ""),
        ("delivered", f"{proof.delivered:,}", ""),
        ("waiting or held", f"{proof.waiting:,}", ""),
        ("lost", f"{len(proof.of('lost')):,}", "no delivery, or one that is dead or cancelled"),
        ("changed", f"{len(proof.of('changed')):,}", "SHA-256 of what was sent and what arrived"),
        ("moved", f"{len(proof.of('moved')):,}", "decided again, without the campaign's rules"),
        ("copies outside the scope", f"{len(proof.of('outside')):,}", f"{proof.copies:,} seen"),
        ("copies without a mark", f"{len(proof.of('unmarked')):,}", "beside their bytes"),
        (
            "originals whose copy failed at least once",
            f"{proof.copy_failed:,}",
            f"{proof.went_first:,} of them were delivered all the same, before the copy",
        ),
    )
    blocks: list[Block] = [
        Table(heads=("What", "How many", "How it is known"), rows=rows, right=(1,)),
        Table(
            title="How long originals took, from arrival to delivery",
            heads=("Originals", "How many", "Median", "19 in 20", "Longest"),
            rows=(
                _row("with a copy", proof.with_copy),
                _row("without a copy", proof.without_copy),
            ),
            right=(1, 2, 3, 4),
        ),
    ]
    if proof.with_copy.number and not proof.with_copy.most + proof.without_copy.most:
        blocks.append(Text("No time passed: these ran under a clock that was set."))
    blocks += [
        Note(severity="error", what=f"{one.what}.", where=one.original.name, why=one.weight)
        for one in proof.exceptions[:50]
    ]
    return tuple(blocks)


def _flight(campaign: Campaign, seen: Seen, told: Told) -> tuple[Block, ...]:
    when = campaign.cut_over or seen.at
    made_up = " The pairs are made up." if campaign.pairs.made_up else ""
    words = f"Asked and not answered at {local(campaign, min(when, seen.at))}.{made_up}"
    if when > seen.at:
        words += f" The cut-over is {local(campaign, when)}."
    if not told.flying:
        return (Text(f"{words} Nothing is in flight."),)
    rows = tuple(
        (
            f"{one.found.pair.flow} to {'/'.join(one.found.pair.answers)}",
            one.name,
            _who(campaign, [one.mpan], unmask=told.unmask),
            f"{one.found.due:%Y-%m-%d}",
            "late" if one.found.state == "missing" else "awaited",
        )
        for one in told.flying
    )
    heads = ("Question to answer", "File", "Meter point", "Due", "State")
    return (Text(words), Table(heads=heads, rows=rows, most=500))


def _drop(campaign: Campaign, told: Told) -> tuple[Block, ...]:
    if campaign.drop is None:
        return ()
    fresh = f", refreshed {told.handed.refreshed}" if told.handed.refreshed else ""
    stale = [one for one in told.passed if one[1] not in told.handed.hashes]
    words = (
        f"Cut {local(campaign, campaign.drop.cut_at)}{fresh}: {told.handed.files:,} files,"
        f" {len(told.handed.has):,} pairs of flow and meter point. Since then"
        f" {len(told.passed):,} files of the scope have passed."
    )
    if not stale:
        return (Text(words),)
    note = Note(
        severity="advice",
        what=f"{len(stale):,} of them are not in the drop.",
        why="files that are about no meter point of the portfolio never come into it",
        remedy="dflow campaign run FILE --refresh",
    )
    return (Text(words), note)


def _watched(campaign: Campaign, told: Told) -> tuple[Block, ...]:
    if not told.watched:
        return ()
    rows = tuple(
        (
            one.name,
            f"{one.files:,}",
            f"{one.copied:,}",
            ", ".join(f"{flow} {number:,}" for flow, number in one.flows),
        )
        for one in told.watched
    )
    note = " (our reading of the flows' names)" if campaign.classes.made_up else ""
    return (
        Table(heads=("Class" + note, "Files", "Copied", "By flow"), rows=rows, right=(1, 2)),
        Bars(
            title="Files by class",
            labels=tuple(one.name for one in told.watched),
            values=tuple(float(one.files) for one in told.watched),
            unit="files",
        ),
    )
