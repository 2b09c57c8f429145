"""Transactions in flight: what was asked and not answered when the old side is switched off.

In: the exchange's journal, pairs of flows as data, an instant.  Out: each question of the
portfolio without an answer.  This module knows no pair but those it is given, and sees
only what passes the exchange: an answer that goes another way is not seen.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from attrs import frozen

from dflow.campaign.config import Campaign
from dflow.campaign.contents import Contents
from dflow.exchange.intake import read_address
from dflow.exchange.journal import Journal, Outcome, Query
from dflow.timeline import Awaited, Sighting, awaited

__all__ = ["InFlight", "in_flight"]


@frozen(kw_only=True)
class InFlight:
    """A question without an answer.  Capability 29.

    Attributes:
        mpan: the meter point it is about.
        found: the question, when its answer is due, and whether it is late.
        name: the file that asks.
    """

    mpan: str
    found: Awaited
    name: str


def in_flight(
    campaign: Campaign, journal: Journal, contents: Contents, *, at: datetime
) -> tuple[InFlight, ...]:
    """What is in flight at an instant, by the day on which its answer is due.

    Of all parties, not only those of the scope: whoever asks about a meter point of the
    portfolio is asked for or waits; without a portfolio, about any that copies are about.
    """
    flows = {pair.flow for pair in campaign.pairs.pairs}
    flows |= {flow for pair in campaign.pairs.pairs for flow in pair.answers}
    known = set(campaign.portfolio)
    seen: dict[str, list[Sighting]] = defaultdict(list)
    for flow in sorted(flows):
        for row in journal.arrivals_in_pages(Query(flow=flow, until=at.timestamp())):
            if not row.hash or row.outcome is Outcome.REPEAT:
                continue
            header, _ = read_address(journal.payload(row.hash))
            if header is None:
                continue
            one = Sighting(path=Path(row.name or str(row.id)), header=header)
            for mpan in contents.mpans(row.hash):
                if mpan in known or not known:
                    seen[mpan].append(one)
    local = at.astimezone(ZoneInfo(campaign.zone)).replace(tzinfo=None)
    found = []
    for mpan, some in seen.items():
        some.sort(key=lambda one: (one.at or datetime.max, one.header.file_id, str(one.path)))  # noqa: DTZ901  files tell local time
        found += [
            InFlight(mpan=mpan, found=one, name=one.question.path.name)
            for one in awaited(some, campaign.pairs, at=local)
            if one.state in ("waiting", "missing")
        ]
    return tuple(sorted(found, key=lambda one: (one.found.due, one.mpan)))
