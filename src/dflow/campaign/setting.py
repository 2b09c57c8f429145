"""Rules set and taken out: the campaign's change set, written where the exchange reads it.

In: a proposal.  Out: two files, each replaced whole: the change set beside the campaign,
and the exchange's rules.  This module decides nothing; whoever edits the rules meanwhile
loses nothing, because only the campaign's own rules are put in or taken out.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from attrs import frozen

from dflow.campaign.config import Campaign
from dflow.campaign.rules import CampaignRefused, Proposal, clone_names, switch_names, without
from dflow.errors import SourceError
from dflow.routing import Routes, Rule
from dflow.transport.durable import write_synced

__all__ = ["Standing", "put_in", "standing", "take_out"]


@frozen(kw_only=True)
class Standing:
    """Which of the campaign's rules there are.

    Attributes:
        clones: its clones.
        switches: its routes, which end the old side's receipt.
        switched: when that receipt ends; None while it goes on.
    """

    clones: tuple[Rule, ...]
    switches: tuple[Rule, ...]
    switched: datetime | None

    @property
    def is_set(self) -> bool:
        """Whether the clones are there."""
        return bool(self.clones)


def standing(campaign: Campaign, routes: Routes) -> Standing:
    """What of the campaign stands in the rules."""
    names, routed = clone_names(campaign), switch_names(campaign, routes)
    switches = tuple(rule for rule in routes.rules if rule.name in routed)
    starts = [
        rule.window.start.instant(routes.zone)
        for rule in switches
        if rule.window is not None and rule.window.start is not None
    ]
    return Standing(
        clones=tuple(rule for rule in routes.rules if rule.name in names),
        switches=switches,
        switched=min(starts, default=None),
    )


def put_in(campaign: Campaign, proposal: Proposal, routes_path: Path) -> bool:
    """Write the change set, then the rules; False if they were there already.

    Raises:
        CampaignRefused: something stands in the way: nothing was written.
        SourceError: a file cannot be read or written.
    """
    if proposal.obstacles:
        raise CampaignRefused(f"{campaign.path}: " + "\n".join(proposal.obstacles))
    now = Routes.load(routes_path)
    if now.rules_hash == proposal.after.rules_hash:
        return False
    if without(campaign, now).rules_hash != proposal.before.rules_hash:
        raise CampaignRefused(f"{routes_path}: the rules were changed just now; try again")
    _write(campaign.changes_path, str(proposal.changes))
    _write(routes_path, str(proposal.after))
    return True


def take_out(campaign: Campaign, routes_path: Path) -> bool:
    """Write the rules without the campaign's; False if none were there.

    Raises:
        SourceError: a file cannot be read or written.
    """
    now = Routes.load(routes_path)
    left = without(campaign, now)
    if left.rules_hash == now.rules_hash:
        return False
    _write(routes_path, str(left))
    campaign.changes_path.unlink(missing_ok=True)
    return True


def _write(path: Path, text: str) -> None:
    """Whole or not at all; a link stays a link."""
    real = path.resolve()
    part = real.with_name(real.name + ".part")
    try:
        part.unlink(missing_ok=True)
        write_synced(part, text.encode())
        if real.exists():
            part.chmod(real.stat().st_mode & 0o777)
        part.replace(real)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error
