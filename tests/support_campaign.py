"""A clone campaign in a folder of its own: the example's, with made-up points and traffic."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

from dflow.campaign import Campaign
from dflow.campaign.traffic import made_up_points, made_up_traffic
from support import CHECKOUT

EXAMPLE = CHECKOUT / "examples" / "campaign"


def prepared(folder: Path, points: int) -> Path:
    """The example's configuration with so many meter points, and an empty inbox."""
    for name in ("dflow.toml", "market.routes", "campaign.toml"):
        shutil.copy(EXAMPLE / name, folder)
    (folder / "portfolio.csv").write_text("mpan\n" + "\n".join(made_up_points(points)) + "\n")
    (folder / "inbox").mkdir()
    return folder


def come(campaign: Campaign, *, start: date, days: int, seed: int = 1, batch: int = 10) -> None:
    """Files about the portfolio come into the inbox."""
    points, inbox = campaign.portfolio, campaign.path.parent / "inbox"
    for one in made_up_traffic(campaign, points, start=start, days=days, seed=seed, batch=batch):
        (inbox / one.name).write_bytes(one.content)
