"""Acceptance: the old side's receipt ends on a day, and can be given back.

In: a campaign, a clock, who and why.  Out: a dated change of the rules, and entries in the
ledger and the journal.  This module measures nothing: what was seen decides.
"""

from __future__ import annotations

from datetime import datetime

from dflow.campaign.config import Campaign
from dflow.campaign.rules import CampaignRefused, propose
from dflow.campaign.seeing import Seen, ledger_of, look, opened
from dflow.campaign.setting import put_in, take_out
from dflow.errors import DflowError
from dflow.exchange import load_wiring
from dflow.exchange.journal import EventRow
from dflow.operation import Clock, Entry, Ledger

__all__ = ["accept", "take_back", "unfinished"]

#: What is begun in the ledger, and what ends it.
_ENDS = {"accepted": "old side switched off", "taking out": "taken out"}


def unfinished(ledger: Ledger) -> str:
    """What was begun and not ended, such as an acceptance; empty if nothing was."""
    begun = ""
    for entry in ledger.read():
        if entry.kind in _ENDS:
            begun = entry.kind
        elif entry.kind in (_ENDS.get(begun), "not taken out"):
            begun = ""
    return begun


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
    begins = _begins(campaign, now, at)
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


def _begins(campaign: Campaign, now: datetime, at: datetime | None) -> datetime:
    """From when on the old side no longer receives: as asked, at the cut-over, or now."""
    begins = at or (campaign.cut_over if campaign.cut_over and campaign.cut_over > now else now)
    if begins < now.replace(microsecond=0):
        raise CampaignRefused(f"{begins.isoformat()} is past: nobody is switched off backwards")
    if campaign.end is not None and begins > campaign.end:
        raise CampaignRefused(
            f"copies end {campaign.end.isoformat()}: until {begins.isoformat()} the new side"
            " would receive nothing; set a later end first"
        )
    return begins


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
