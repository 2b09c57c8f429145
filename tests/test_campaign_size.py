"""The judged size: ten thousand meter points over three months, and the time of originals.

Run it: ``pytest -m slow tests/test_campaign_size.py``; it takes some minutes.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dflow.campaign import Campaign, Seen, load_campaign, look, run_campaign
from dflow.campaign.seeing import opened
from dflow.operation import SystemClock
from support_campaign import come, prepared
from support_process import example, ran


@pytest.mark.slow
def test_ten_thousand_meter_points_over_three_months(tmp_path: Path) -> None:
    copy = example("campaign", tmp_path)
    began = time.monotonic()
    told = ran(copy / "run.py", "--points", "10000", "--deleted", "100", timeout=1800)
    print(f"{time.monotonic() - began:.0f} s")
    assert told.count("Complete: 10,000 of 10,000 meter points") == 2
    assert "; 100 copies are missing." in told
    assert "exactly the 100 copies that were deleted" in told


def fresh(folder: Path) -> Campaign:
    """A campaign of today."""
    prepared(folder, 150)
    today = datetime.now(UTC).date()
    text = (folder / "campaign.toml").read_text()
    for old, days in (("2026-02-01", -9), ("2026-03-01", 0), ("2026-07-01", 90)):
        text = text.replace(old, (today + timedelta(days=days)).isoformat())
    text = text.replace("2026-06-01", (today + timedelta(days=60)).isoformat())
    (folder / "campaign.toml").write_text(text)
    return load_campaign(folder / "campaign.toml")


def seen_now(campaign: Campaign) -> Seen:
    with opened(campaign) as (wiring, journal):
        return look(campaign, wiring, journal, now=datetime.now(UTC))


@pytest.mark.slow
@pytest.mark.parametrize("fails", [False, True])
def test_originals_take_about_as_long_with_copies(tmp_path: Path, *, fails: bool) -> None:
    campaign = fresh(tmp_path)
    come(campaign, start=date(2026, 3, 1), days=30, seed=1, batch=1)
    with opened(campaign) as (wiring, journal):
        wiring.exchange(journal).run_once()
    if fails:
        (tmp_path / "new-agent").write_text("a file stands where the folder should be")
    come(campaign, start=date(2026, 3, 1), days=30, seed=2, batch=1)
    run_campaign(campaign, SystemClock())
    proof = seen_now(campaign).originals
    print(proof.with_copy, proof.without_copy)
    assert proof.with_copy.number > 300
    assert proof.without_copy.number > 300
    assert proof.delivered == proof.seen
    # Copies share the disk and the processor with originals: they cost, but hold nothing.
    assert proof.with_copy.median < 4 * proof.without_copy.median + 0.5
    assert (proof.copy_failed > 0) == fails
    assert proof.went_first == proof.copy_failed
