"""Cloning as a service: whether every copy was made.

In: a journal, the rules, a clone's name, a window.  Out: an audit with its gaps.  This
module reads originals and copies from the journal and judges them by hash and destination;
it makes none.
"""

from __future__ import annotations

import html
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from attrs import evolve, field, frozen

from dflow.delivery import State
from dflow.errors import DflowError, LookupMiss, StructureError, near_or_known
from dflow.exchange.account import counted, instant_or_none, instant_text
from dflow.exchange.intake import Intake, undecided
from dflow.exchange.journal import (
    COPIES,
    ArrivalRow,
    DeliveryRow,
    Journal,
    JournalError,
    NewDelivery,
    Outcome,
    Pruned,
    Query,
)
from dflow.exchange.losses import Lost, lost_between
from dflow.exchange.masking import masked
from dflow.exchange.pruning import forgotten_between

__all__ = ["Audit", "AuditLine", "asked_of", "audit", "audit_page", "expected_copies", "waits"]

#: Kinds of delivery that are copies, where a clone is their rule.
_COPIES = COPIES | {"replay"}


@frozen(kw_only=True)
class AuditLine:
    """One original and one of its copies, or the lack of it.

    Attributes:
        arrival: the original's number.
        name: the original's name.
        flow: its flow and version.
        sha256: of the original.
        destination: where the copy goes.
        delivery: the copy's number; None if there is none.
        state: the copy's state; empty if there is none.
        identical: whether the copy has the original's bytes; None if there is no copy.
        problem: what is not as it should be; empty if all is.
    """

    arrival: int
    name: str
    flow: str
    sha256: str
    destination: str
    delivery: int | None = None
    state: str = ""
    identical: bool | None = None
    problem: str = ""

    def as_json(self, *, unmask: bool = False) -> dict[str, object]:
        """As a JSON object; `unmask` shows meter points in the name and the flow."""
        return {
            "arrival": self.arrival,
            "name": self.name if unmask else masked(self.name),
            "flow": self.flow if unmask else masked(self.flow),
            "sha256": self.sha256,
            "destination": self.destination,
            "delivery": self.delivery,
            "state": self.state,
            "identical": self.identical,
            "problem": self.problem,
        }


@frozen(kw_only=True)
class Audit:
    """What became of a clone's copies in a window.

    Attributes:
        rule: the clone's name.
        since: start of the window.
        until: its end.
        made_at: when the audit was made.
        rules_hash: the rules by which it was judged.
        lines: every original that the clone is about, and its copies.
        forgotten: what was pruned of that time, of which nothing can be said.
        lost: what a salvage could not read of that time.
    """

    rule: str
    since: float
    until: float
    made_at: float
    rules_hash: str
    lines: tuple[AuditLine, ...]
    forgotten: Pruned = field(factory=Pruned)
    lost: Lost = field(factory=Lost)

    @property
    def gaps(self) -> tuple[AuditLine, ...]:
        """The lines with a problem."""
        return tuple(line for line in self.lines if line.problem)

    @property
    def complete(self) -> bool:
        """Whether every original has its copy, delivered, and all of that time is known."""
        return not self.gaps and not self.forgotten.arrivals and not self.lost

    @property
    def verdict(self) -> str:
        """In a sentence or two."""
        number, pruned = len(self.lines), self.forgotten
        if self.gaps:
            of = f"of {counted(number, 'copy', 'copies')}"
            missing = counted(len(self.gaps), f"{of} is missing", f"{of} are missing")
            words = f"Not complete: {missing} or not delivered."
        elif pruned.arrivals or self.lost:
            there = counted(number, "copy is there, and", "copies are there, and each")
            words = f"Not proved: {there} was delivered."
        elif number:
            each = "the 1 copy" if number == 1 else f"each of {number} copies"
            words = f"Complete: {each} was delivered."
        else:
            words = "No file of this time was to be copied."
        if pruned.first is not None and pruned.last is not None:
            first, last = instant_text(pruned.first), instant_text(pruned.last)
            lost = counted(pruned.arrivals, "arrival")
            words += f" The journal has forgotten {lost} from {first} to {last}."
        if self.lost:
            words += f" A salvage could not read {self.lost.words}."
        return words

    def as_json(self, *, unmask: bool = False) -> dict[str, object]:
        """As a JSON object; `unmask` shows meter points in files' names."""
        return {
            "rule": self.rule,
            "since": instant_text(self.since),
            "until": instant_text(self.until),
            "made_at": instant_text(self.made_at),
            "rules_sha256": self.rules_hash,
            "complete": self.complete,
            "copies": len(self.lines),
            "gaps": len(self.gaps),
            "problems": dict(Counter(line.problem for line in self.gaps)),
            "verdict": self.verdict,
            "forgotten": {
                "arrivals": self.forgotten.arrivals,
                "first": instant_or_none(self.forgotten.first),
                "last": instant_or_none(self.forgotten.last),
            },
            "lost": {
                "arrivals": self.lost.arrivals,
                "more": self.lost.more,
                "first": instant_or_none(self.lost.first),
                "last": instant_or_none(self.lost.last),
            },
            "lines": [line.as_json(unmask=unmask) for line in self.lines],
        }


def audit(
    journal: Journal,
    intake: Intake,
    rule: str,
    *,
    since: float,
    until: float,
    clock: Callable[[], float] = time.time,
) -> Audit:
    """Reconcile a clone's originals and copies.

    Which arrivals it is about is judged by the rules of now, at the instant at which each
    arrived; what it copied all the same, under other rules, is listed too.

    Raises:
        LookupMiss: if the rules have no clone of that name.
        DflowError: if the window ends before it begins.
    """
    asked_of(intake, rule, since, until)
    lines: list[AuditLine] = []
    for row in journal.arrivals_in_pages(Query(since=since, until=until)):
        copies = _copies_of(journal, rule, row.id)
        if not copies and row.repeat_of is not None and row.outcome is not Outcome.REPEAT:
            # The same content came before and was copied then, though not sent.
            copies = _copies_of(journal, rule, row.repeat_of)
        try:
            expected = expected_copies(journal, intake, row, rule, row.at)
        except (StructureError, JournalError) as error:
            # One file of which no copy can be made must not keep the others from being judged.
            lines.append(evolve(_plain(row), problem=f"no copy can be made: {error}"))
            expected = []
        lines += _lines(row, copies, expected)
    return Audit(
        rule=rule,
        since=since,
        until=until,
        made_at=clock(),
        rules_hash=intake.routes.rules_hash,
        lines=tuple(lines),
        forgotten=forgotten_between(journal, since, until),
        lost=lost_between(journal, since, until),
    )


def _copies_of(journal: Journal, rule: str, arrival: int) -> list[DeliveryRow]:
    found = journal.deliveries(Query(arrival=arrival))
    return [one for one in found if one.rule == rule and one.kind in _COPIES]


def asked_of(intake: Intake, rule: str, since: float, until: float) -> None:
    """See that a clone can be asked about a window.

    Raises:
        LookupMiss: if the rules have no clone of that name.
        DflowError: if the window ends before it begins.
    """
    if until < since:
        start, end = instant_text(since), instant_text(until)
        raise DflowError(f"the window ends before it begins: it is from {start} to {end}")
    clones = [one.name for one in intake.routes.rules if one.kind == "clone"]
    if rule not in clones:
        raise LookupMiss(f"the rules have no clone {rule}; {near_or_known(rule, clones)}")


def expected_copies(
    journal: Journal, intake: Intake, row: ArrivalRow, rule: str, at: float
) -> list[NewDelivery]:
    """The copies that the clone would make of an arrival at an instant.

    Raises:
        StructureError: if none can be made of this file.
    """
    if not row.hash or row.outcome in {Outcome.REPEAT, Outcome.UNPARSABLE, Outcome.UNREADABLE}:
        return []
    content = journal.payload(row.hash)
    header, _ = intake.read_header(content)
    if header is None:
        return []
    return intake.copies(undecided(row, content, at), header, rule)


def _plain(row: ArrivalRow) -> AuditLine:
    return AuditLine(arrival=row.id, name=row.name, flow=row.flow, sha256=row.hash, destination="")


def waits(row: ArrivalRow) -> bool:
    """Whether the check holds an arrival: its copies are made when it is released."""
    return row.outcome is Outcome.HELD and not row.rule


def _lines(
    row: ArrivalRow, copies: list[DeliveryRow], expected: list[NewDelivery]
) -> Iterator[AuditLine]:
    """One for each place that a copy went to, or was to go to: of several copies, the best."""
    plain, wanted = _plain(row), {one.destination: one for one in expected}
    for place in dict.fromkeys((*map(_place, copies), *wanted)):
        there = [copy for copy in copies if _place(copy) == place]
        if not there:
            problem = "the original is held, and not released" if waits(row) else "there is no copy"
            yield evolve(plain, destination=place, problem=problem)
            continue
        same = place in wanted and wanted[place].content is None
        ranks = [
            (copy.state is not State.DELIVERED, same and copy.hash != row.hash, copy.id)
            for copy in there
        ]
        copy = there[ranks.index(min(ranks))]
        if copy.state is not State.DELIVERED:
            # Of those that are not delivered, one that may yet be: the newest.
            copy = max(there, key=lambda one: (one.state is not State.CANCELLED, one.id))
        problem = "" if copy.state is State.DELIVERED else f"the copy is {copy.state.value}"
        if same and copy.hash != row.hash:
            problem = "the copy has other bytes"
        yield evolve(
            plain,
            destination=copy.destination,
            delivery=copy.id,
            state=copy.state.value,
            identical=copy.hash == row.hash,
            problem=problem,
        )


def _place(copy: DeliveryRow) -> str:
    """Where a copy was to go: one that was diverted lies at the fallback, in its stead."""
    return copy.notes.get("diverted_from", "") or copy.destination


#: Characters of words that are not broken into lines.
_SHORT = 18

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Audit of clone {rule}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 84rem;
  padding: 0 1.5rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ border-bottom: 1px solid #ccc; padding: .3rem .6rem; text-align: left;
  vertical-align: top; overflow-wrap: anywhere }}
th {{ overflow-wrap: normal }} td.short {{ white-space: nowrap }}
td.name, td.hash {{ min-width: 13rem }}
.good {{ color: #064 }} .bad {{ color: #a00; font-weight: 600 }}
code {{ font-size: 85%; overflow-wrap: anywhere }}
</style></head><body>
<h1>Clone {rule}</h1>
<p>Arrivals {since} to {until}; made at {made_at}; rules <code>{rules}</code>.</p>
<p class="{mood}">{verdict}</p>
<table><thead><tr><th>Arrival</th><th>File</th><th>Flow</th><th>Copy to</th><th>State</th>
<th>Same bytes</th><th>SHA-256 of the original</th><th>Problem</th></tr></thead><tbody>
{rows}
</tbody></table></body></html>
"""


def audit_page(found: Audit, *, unmask: bool = False) -> str:
    """An audit as one HTML page, gaps first; every word from a file is escaped.

    Args:
        found: the audit.
        unmask: whether meter points in files' names are shown.
    """
    rows = [
        _row(line, unmask=unmask) for line in sorted(found.lines, key=lambda line: not line.problem)
    ]
    return _PAGE.format(
        rule=html.escape(found.rule),
        since=f"from {instant_text(found.since)}" if found.since else "from the first",
        until=instant_text(found.until),
        made_at=datetime.fromtimestamp(found.made_at, UTC).isoformat(timespec="seconds"),
        rules=found.rules_hash,
        mood="good" if found.complete else "bad",
        verdict=html.escape(found.verdict),
        rows="\n".join(rows),
    )


def _row(line: AuditLine, *, unmask: bool) -> str:
    same = {True: "yes", False: "no", None: ""}[line.identical]
    hide = str if unmask else masked
    name, flow = hide(line.name), hide(line.flow)
    cells = [
        ("short", str(line.arrival)),
        ("name", name),
        ("short" if len(flow) < _SHORT else "", flow),
        ("short" if len(line.destination) < _SHORT else "", line.destination),
        ("short", line.state),
        ("short", same),
    ]
    texts = "".join(f'<td class="{kind}">{html.escape(cell)}</td>' for kind, cell in cells)
    problem = f'<td class="bad">{html.escape(line.problem)}</td>'
    hash_ = f'<td class="hash"><code>{line.sha256}</code></td>'
    return f"<tr>{texts}{hash_}{problem}</tr>"
