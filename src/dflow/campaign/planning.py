"""The verbs that change nothing: what a campaign will do, and what it has done.

In: a campaign and an instant.  Out: reports.  This module opens the exchange's journal to
read it, and writes nowhere.
"""

from __future__ import annotations

from datetime import datetime

from dflow.campaign.config import Campaign
from dflow.campaign.contents import Contents
from dflow.campaign.copies import in_scope, since_of
from dflow.campaign.drop import handed_over, passed_since
from dflow.campaign.flight import in_flight
from dflow.campaign.reporting import Told, campaign_report
from dflow.campaign.rules import propose
from dflow.campaign.saying import plan_report
from dflow.campaign.seeing import ledger_of, look, opened
from dflow.campaign.setting import standing
from dflow.campaign.watch import watch
from dflow.report import Report

__all__ = ["planned", "reported"]


def planned(campaign: Campaign, now: datetime) -> Report:
    """What the campaign will change, and what stands in its way.

    Raises:
        DflowError: the exchange's configuration or journal cannot be read.
    """
    with opened(campaign) as (wiring, journal):
        there = standing(campaign, wiring.routes)
        proposal = propose(
            campaign, wiring.routes, at=now, refuse_on=wiring.refuse_on, switched=there.switched
        )
        switch = None
        if campaign.old and there.switched is None and not proposal.obstacles:
            begins = campaign.cut_over or campaign.end or now
            switch = propose(campaign, wiring.routes, at=now, switched=begins)
        past = 0
        if campaign.backfill:
            until = min(campaign.start, now).timestamp()
            past = sum(
                1 for _ in in_scope(campaign, journal, since=since_of(campaign), until=until)
            )
    return plan_report(campaign, now, proposal, switch=switch, past=past, is_set=there.is_set)


def reported(campaign: Campaign, now: datetime, *, unmask: bool = False) -> Report:
    """Complete, or exactly what is missing, with the proof.

    Raises:
        DflowError: the exchange's configuration or journal cannot be read.
    """
    with opened(campaign) as (wiring, journal):
        contents = Contents(journal)
        seen = look(campaign, wiring, journal, now=now, contents=contents)
        at = min(campaign.cut_over or now, now)
        told = Told(
            contents=contents,
            flying=in_flight(campaign, journal, contents, at=at),
            watched=watch(campaign, seen.copies),
            entries=tuple(ledger_of(campaign).read()),
            handed=handed_over(campaign),
            passed=passed_since(campaign, journal, now),
            unmask=unmask,
        )
        return campaign_report(campaign, seen, told)
