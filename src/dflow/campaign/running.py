"""A campaign while it runs: clones set, the past copied, gaps mended, the old side let go.

In: a campaign, a clock, who does it and why.  Out: changed rules and new deliveries, each
act with an entry in the ledger beside the campaign.  This module is no second router: the
rules decide, the exchange sends.

Every step can be repeated: what is there is not made twice.  A run that was begun and not
ended was interrupted, and the next goes on where rules, journal and ledger stand.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from attrs import frozen

from dflow.campaign.config import Campaign
from dflow.campaign.contents import Contents
from dflow.campaign.copies import Copies, reconcile, since_of, until_of
from dflow.campaign.drop import handed_over, refresh_drop
from dflow.campaign.measure import Completeness, measure
from dflow.campaign.originals import Originals, prove
from dflow.campaign.rules import CampaignRefused, clone_names, propose
from dflow.campaign.setting import Standing, put_in, standing, take_out
from dflow.errors import DflowError
from dflow.exchange import Exchange, Journal, Mount, Operations, Totals, Wiring, load_wiring
from dflow.exchange.clones import backfill
from dflow.exchange.intake import Intake
from dflow.exchange.journal import EventRow, Query
from dflow.operation import Clock, Entry, Ledger

__all__ = [
    "Orders",
    "Seen",
    "accept",
    "copy_past",
    "interrupted",
    "ledger_of",
    "look",
    "mend",
    "opened",
    "run_campaign",
    "take_back",
]


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


def interrupted(ledger: Ledger) -> datetime | None:
    """When the last run began, if it never ended; None if it did."""
    begun: datetime | None = None
    for entry in ledger.read():
        begun = {"run begun": entry.at, "run ended": None}.get(entry.kind, begun)
    return begun


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


def _set(campaign: Campaign, wiring: Wiring, ledger: Ledger, now: datetime) -> Wiring:
    """Put the clones into the rules; the wiring with them."""
    there = standing(campaign, wiring.routes)
    proposal = propose(
        campaign,
        wiring.routes,
        at=now,
        refuse_on=wiring.refuse_on,
        switched=there.switched,
    )
    if put_in(campaign, proposal, wiring.routes_path):
        names = [one.rule.name for one in proposal.changes.additions]
        data = {"rules": names, "of": proposal.changes.of, "gives": proposal.changes.gives}
        ledger.append(Entry(at=now, kind="clones set", why=campaign.because, data=data))
        return load_wiring(campaign.exchange)
    return wiring


def copy_past(
    campaign: Campaign, journal: Journal, intake: Intake, *, now: datetime, who: str, why: str
) -> int:
    """Copy what has no copy, the past included if the campaign wants it; how many."""
    return sum(
        len(
            backfill(
                journal,
                intake,
                name,
                since=since_of(campaign),
                until=until_of(campaign, now),
                who=who,
                why=why,
                clock=now.timestamp,
                as_at=campaign.start.timestamp(),
            )
        )
        for name in clone_names(campaign)
    )


@frozen(kw_only=True)
class Orders:
    """How a campaign is run.

    Attributes:
        once: take what is there and end.
        sends: whether the exchange runs here; not, if it runs as a service elsewhere.
        mending: why gaps are mended first; empty to leave them.
        refreshing: whether the migration drop is made fresh at the end.
        who: who does it.
        started: told the exchange before it runs, to stop it.
    """

    once: bool = True
    sends: bool = True
    mending: str = ""
    refreshing: bool = False
    who: str = "dflow"
    started: Callable[[Exchange], None] | None = None


def run_campaign(campaign: Campaign, clock: Clock, orders: Orders | None = None) -> Totals | None:
    """Set the clones, copy the past, and let the exchange run once or until it is stopped.

    Args:
        campaign: the campaign.
        clock: what time it is.
        orders: how it is run; once, with its exchange, if not said.

    Returns:
        What the exchange did; None if it runs elsewhere.

    Raises:
        DflowError: the campaign is over, contradicts the rules, the clock went back,
            another process runs it, or the exchange cannot run.
    """
    orders, now = orders or Orders(), clock.now()
    if campaign.end is not None and now >= campaign.end and not orders.mending:
        raise CampaignRefused(
            f"{campaign.path}: the campaign ended {campaign.end.isoformat()}, and now is"
            f" {now.isoformat()}: nothing would be copied; set another end, or see its report"
        )
    with ledger_of(campaign) as ledger:
        before = interrupted(ledger)
        why = f"the run of {before.isoformat()} was interrupted" if before else ""
        data: dict[str, object] = {"campaign": campaign.digest}
        ledger.append(Entry(at=now, kind="run begun", who=orders.who, why=why, data=data))
        with opened(campaign) as (found, journal):
            if orders.sends:
                journal.own()
            wiring = _set(campaign, found, ledger, now)
            totals = _work(campaign, wiring, journal, ledger=ledger, clock=clock, orders=orders)
        data = {"received": totals.received if totals else 0}
        ledger.append(Entry(at=clock.now(), kind="run ended", who=orders.who, data=data))
    return totals


def _work(
    campaign: Campaign,
    wiring: Wiring,
    journal: Journal,
    *,
    ledger: Ledger,
    clock: Clock,
    orders: Orders,
) -> Totals | None:
    """One run, between its two entries in the ledger."""
    now, who, totals = clock.now(), orders.who, None
    intake = wiring.exchange(journal).intake
    if campaign.backfill and now >= campaign.start and not _backfilled(ledger):
        past = copy_past(campaign, journal, intake, now=now, who=who, why=campaign.because)
        ledger.append(Entry(at=now, kind="backfilled", who=who, data={"copies": past}))
    # A copy whose row and file were both lost needs a second turn: only when its transport
    # has said that it had the key before is it known that the file is gone.
    for _ in range(2 if orders.mending and orders.once and orders.sends else 1):
        if orders.mending:
            why = orders.mending
            made = mend(campaign, journal, intake, wiring.mounts, now=now, who=who, why=why)
            if made["gaps"]:
                ledger.append(Entry(at=now, kind="mended", who=who, why=why, data=dict(made)))
        if orders.sends:
            exchange = wiring.exchange(journal)
            exchange.clock = lambda: clock.now().timestamp()
            if orders.started is not None:
                orders.started(exchange)
            totals = exchange.run_once() if orders.once else _forever(exchange)
    if orders.refreshing:
        fresh = refresh_drop(campaign, journal, clock.now())
        data: dict[str, object] = {"passed": fresh.passed, "added": fresh.added}
        ledger.append(Entry(at=clock.now(), kind="drop refreshed", who=who, data=data))
    return totals


def _backfilled(ledger: Ledger) -> bool:
    """Whether the past was copied since the clones were last set."""
    done = False
    for entry in ledger.read():
        done = {"clones set": False, "backfilled": True}.get(entry.kind, done)
    return done


def _forever(exchange: Exchange) -> Totals:
    async def run() -> Totals:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, exchange.stop)
        return await exchange.run()

    return asyncio.run(run())


def mend(
    campaign: Campaign,
    journal: Journal,
    intake: Intake,
    mounts: Sequence[Mount],
    *,
    now: datetime,
    who: str,
    why: str,
) -> dict[str, int]:
    """Make new deliveries for every gap that dflow can mend; how many by the way of mending.

    The exchange sends them when it next runs.

    Raises:
        JournalError: the journal cannot be written.
    """
    gaps = reconcile(campaign, journal, intake, mounts, now=now).gaps
    person = Operations(journal=journal, who=who, why=why, clock=now.timestamp)
    made = {"gaps": len(gaps), "backfill": 0, "replay": 0, "retry": 0}
    if any(one.mend == "backfill" for one in gaps):
        made["backfill"] = copy_past(campaign, journal, intake, now=now, who=who, why=why)
    for one in gaps:
        if one.mend == "replay":
            query = Query(arrival=one.original.id)
            made["replay"] += len(person.replay(query, destination=one.destination))
        elif one.mend == "retry" and one.delivery is not None:
            made["retry"] += person.retry([one.delivery.id])
    return made


def accept(
    campaign: Campaign,
    clock: Clock,
    *,
    who: str,
    why: str = "",
    anyway: bool = False,
    at: datetime | None = None,
) -> Seen:
    """End the old side's receipt: the dated change of rules that re-points its routes.

    Args:
        campaign: the campaign.
        clock: what time it is.
        who: who accepts.
        why: the reason; needed with `anyway`.
        anyway: although the campaign is not complete.
        at: from when on; the campaign's cut-over if that is to come, else now.

    Raises:
        CampaignRefused: it is not complete, or the rules cannot be changed so.
        DflowError: the clock went back, or another process runs the campaign.
    """
    now = clock.now()
    if campaign.kind.permanent:
        raise CampaignRefused(f"{campaign.path}: {campaign.kind.name}: nobody is switched off")
    if not who.strip() or (anyway and not why.strip()):
        raise CampaignRefused("say who accepts, and, to accept anyway, why (--who, --why)")
    begins = at or (campaign.cut_over if campaign.cut_over and campaign.cut_over > now else now)
    if begins < now.replace(microsecond=0):
        raise CampaignRefused(f"{begins.isoformat()} is past: nobody is switched off backwards")
    if campaign.end is not None and begins > campaign.end:
        raise CampaignRefused(
            f"copies end {campaign.end.isoformat()}: until {begins.isoformat()} the new side"
            " would receive nothing; set a later end first"
        )
    with ledger_of(campaign) as ledger, opened(campaign) as (wiring, journal):
        seen = look(campaign, wiring, journal, now=now)
        missing = seen.missing()
        if missing and not anyway:
            raise CampaignRefused(
                f"{campaign.path}: not complete: {'; '.join(missing)}; mend that, or accept it"
                " anyway, with who and why (--anyway)"
            )
        proposal = propose(
            campaign, wiring.routes, at=now, refuse_on=wiring.refuse_on, switched=begins
        )
        if len(proposal.changes.additions) == len(seen.standing.clones):
            raise CampaignRefused(
                f"{wiring.routes_path}: no route takes files of the scope to {campaign.old}:"
                " there is nothing to switch off"
            )
        data = {
            "from": begins.isoformat(),
            "complete": len(seen.completeness.since),
            "portfolio": seen.completeness.portfolio,
            "missing": list(missing),
        }
        ledger.append(Entry(at=now, kind="accepted", who=who, why=why, data=data))
        put_in(campaign, proposal, wiring.routes_path)
        words = f"{campaign.old} no longer receives from {begins.isoformat()}"
        ledger.append(Entry(at=now, kind="old side switched off", who=who, why=words))
        journal.note(
            EventRow(
                at=now.timestamp(),
                kind="campaign accepted",
                who=who,
                why=why or words,
                destination=campaign.old,
                detail=campaign.name,
            )
        )
    return seen


def take_back(campaign: Campaign, clock: Clock, *, who: str, why: str) -> bool:
    """Take the campaign's rules out again, the switch-off included; False if none were there.

    Raises:
        DflowError: the clock went back, or the rules cannot be written.
    """
    if not (who.strip() and why.strip()):
        raise CampaignRefused("say who takes the campaign back, and why (--who, --why)")
    with ledger_of(campaign) as ledger:
        ledger.append(Entry(at=clock.now(), kind="taking out", who=who, why=why))
        try:
            done = take_out(campaign, load_wiring(campaign.exchange).routes_path)
        except DflowError as error:
            ledger.append(Entry(at=clock.now(), kind="not taken out", who=who, why=str(error)))
            raise
        ledger.append(Entry(at=clock.now(), kind="taken out", who=who, why=why))
    return done
