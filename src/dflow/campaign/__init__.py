"""A clone campaign: parallel running until a new agent holds everything, proved complete."""

from dflow.campaign.acceptance import accept, take_back
from dflow.campaign.config import Campaign, Drop, load_campaign
from dflow.campaign.contents import Contents
from dflow.campaign.copies import Copies, Copy, reconcile
from dflow.campaign.drop import Handed, Refreshed, handed_over, refresh_drop
from dflow.campaign.flight import InFlight, in_flight
from dflow.campaign.kinds import Classes, Kind, bundled_kinds, load_classes
from dflow.campaign.measure import Completeness, measure
from dflow.campaign.originals import Originals, prove
from dflow.campaign.rules import CampaignRefused, Proposal, propose
from dflow.campaign.running import Orders, mend, run_campaign
from dflow.campaign.seeing import Seen, look
from dflow.campaign.setting import Standing, standing
from dflow.campaign.watch import Watched, watch

__all__ = [
    "Campaign",
    "CampaignRefused",
    "Classes",
    "Completeness",
    "Contents",
    "Copies",
    "Copy",
    "Drop",
    "Handed",
    "InFlight",
    "Kind",
    "Orders",
    "Originals",
    "Proposal",
    "Refreshed",
    "Seen",
    "Standing",
    "Watched",
    "accept",
    "bundled_kinds",
    "handed_over",
    "in_flight",
    "load_campaign",
    "load_classes",
    "look",
    "measure",
    "mend",
    "propose",
    "prove",
    "reconcile",
    "refresh_drop",
    "run_campaign",
    "standing",
    "take_back",
    "watch",
]
