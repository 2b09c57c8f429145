"""A campaign while it runs: clones set, the past copied, gaps mended, the old side let go.

In: a campaign, a clock, who does it and why.  Out: changed rules and new deliveries, each
act with an entry in the ledger beside the campaign.  This module is no second router: the
rules decide, the exchange sends.

Every step can be repeated: what is there is not made twice.  A run that was begun and not
ended was interrupted, and the next goes on where rules, journal and ledger stand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from attrs import frozen

from dflow.campaign.config import Campaign
from dflow.campaign.copies import reconcile, since_of, until_of
from dflow.campaign.drop import refresh_drop
from dflow.campaign.rules import CampaignRefused, clone_names, propose
from dflow.campaign.seeing import ledger_of, opened
from dflow.campaign.setting import put_in, standing
from dflow.exchange import (
    Exchange,
    Journal,
    JournalError,
    Mount,
    Operations,
    Totals,
    Wiring,
    load_wiring,
)
from dflow.exchange.backfilling import backfill
from dflow.exchange.intake import Intake
from dflow.exchange.journal import Query
from dflow.operation import Clock, Entry, Ledger, interrupted

__all__ = ["Orders", "copy_past", "mend", "run_campaign"]


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
                _own(journal)
            wiring = _set(campaign, found, ledger, now)
            totals = _work(campaign, wiring, journal, ledger=ledger, clock=clock, orders=orders)
        data = {"received": totals.received if totals else 0}
        ledger.append(Entry(at=clock.now(), kind="run ended", who=orders.who, data=data))
    return totals


def _own(journal: Journal) -> None:
    try:
        journal.own()
    except JournalError as error:
        raise JournalError(
            f"{error}; if the exchange runs as a service, say so (--no-exchange)"
        ) from error


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
            totals = exchange.run_once() if orders.once else exchange.run_until_signal()
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
