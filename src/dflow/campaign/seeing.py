"""Everything that a campaign is judged by, seen at one instant.

In: a campaign and its exchange.  Out: a `Seen`, and why the campaign is not complete.  This
module changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from attrs import frozen

from dflow.campaign.config import Campaign
from dflow.campaign.contents import Contents
from dflow.campaign.copies import Copies, reconcile
from dflow.campaign.drop import handed_over
from dflow.campaign.measure import Completeness, measure
from dflow.campaign.originals import Originals, prove
from dflow.campaign.setting import Standing, standing
from dflow.exchange import Journal, Wiring, load_wiring
from dflow.operation import Ledger

__all__ = ["Seen", "ledger_of", "look", "opened"]


@frozen(kw_only=True)
class Seen:
    """Everything that a campaign is judged by, at one instant.

    Attributes:
        at: the instant.
        standing: which of its rules there are.
        copies: what is owed, and what is wrong with it.
        completeness: of the portfolio.
        originals: that none was changed, delayed or lost.
    """

    at: datetime
    standing: Standing
    copies: Copies
    completeness: Completeness
    originals: Originals

    def missing(self) -> tuple[str, ...]:
        """Why the campaign cannot be called complete, in sentences; none if it can."""
        done, found = self.completeness, []
        if not self.standing.is_set:
            found.append("its clones are not in the rules")
        if not done.enough:
            lacks = done.portfolio - len(done.since)
            found.append(f"{lacks:,} of {done.portfolio:,} meter points are not complete")
        counts = {
            "copy is missing|copies are missing": len(self.copies.gaps),
            "copy is on its way|copies are on their way": len(self.copies.waiting),
            **{words: len(self.originals.of(weight)) for weight, words in _FLAWS.items()},
        }
        for words, number in counts.items():
            if number:
                found.append(f"{number:,} {words.split('|')[number != 1]}")
        return tuple(found)


#: Each weight of a flaw: how one of it is told, and how several are.
_FLAWS = {
    "lost": "original was not delivered|originals were not delivered",
    "changed": "file was delivered with other bytes|files were delivered with other bytes",
    "moved": (
        "original would go elsewhere without the campaign"
        "|originals would go elsewhere without the campaign"
    ),
    "outside": "copy went outside the scope|copies went outside the scope",
    "unmarked": "copy bears no mark|copies bear no mark",
}


def ledger_of(campaign: Campaign) -> Ledger:
    """The ledger beside the campaign."""
    return Ledger(campaign.ledger_path)


@contextmanager
def opened(campaign: Campaign) -> Iterator[tuple[Wiring, Journal]]:
    """The exchange's wiring and its journal, closed at the end.

    Raises:
        RefusedText: the exchange's configuration or its rules hold mistakes.
        JournalError: the journal cannot be used.
    """
    wiring = load_wiring(campaign.exchange)
    journal = wiring.open_journal()
    try:
        yield wiring, journal
    finally:
        journal.close()


def look(
    campaign: Campaign,
    wiring: Wiring,
    journal: Journal,
    *,
    now: datetime,
    contents: Contents | None = None,
) -> Seen:
    """Measure and prove everything, by the journal and the destinations."""
    intake = wiring.exchange(journal).intake
    copies = reconcile(campaign, journal, intake, wiring.mounts, now=now)
    done = measure(campaign, journal, copies, handed_over(campaign), contents or Contents(journal))
    return Seen(
        at=now,
        standing=standing(campaign, wiring.routes),
        copies=copies,
        completeness=done,
        originals=prove(campaign, journal, intake, now=now),
    )
