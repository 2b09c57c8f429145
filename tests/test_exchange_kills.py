"""Killed at random: nothing is lost, nothing is delivered twice, every journal is whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support import CHECKOUT
from support_process import found_by


def campaign(folder: Path, *words: str) -> dict[str, object]:
    return found_by(CHECKOUT / "tests" / "campaign.py", folder, *words)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the campaign forks")
def test_two_hundred_kills(tmp_path: Path) -> None:
    found = campaign(tmp_path / "c", "--kills", "200", "--files", "1200", "--longest", "0.12")
    assert found["deliveries"] == 3600
    # The campaign is only worth something if kills fell while parcels were on their way.
    assert isinstance(found["unknown_once"], int)
    assert found["unknown_once"] > 20


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_thousands_of_kills(tmp_path: Path, seed: int) -> None:
    campaign(
        tmp_path / "c",
        "--kills",
        "1000",
        "--files",
        "8000",
        "--seed",
        str(seed),
        "--longest",
        "0.3",
    )
