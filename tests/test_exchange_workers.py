"""Several workers over one PostgreSQL journal, killed, and their server too: nothing is lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support import CHECKOUT
from support_cluster import cluster
from support_postgres import database
from support_process import found_by

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the campaign forks")


def campaign(folder: Path, url: str, *words: str) -> dict[str, object]:
    return found_by(CHECKOUT / "tests" / "campaign_workers.py", folder, url, *words)


def test_workers_are_killed(tmp_path: Path) -> None:
    with database() as place:
        url = f"postgresql://{place.host}:{place.port}/{place.database}"
        found = campaign(tmp_path / "c", url, "--kills", "20", "--files", "150")
    assert found["deliveries"] == 450
    # Worth something only if kills fell while parcels were on their way.
    assert isinstance(found["taken_over"], int)
    assert found["taken_over"] > 5


def test_the_server_is_killed(tmp_path: Path) -> None:
    with cluster() as own:
        url = f"postgresql://127.0.0.1:{own.port}/postgres"
        words = ("--cluster", str(own.data), "--start", str(own.start))
        found = campaign(tmp_path / "c", url, *words, "--kills", "3", "--files", "60")
    assert found["deliveries"] == 180


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_workers_are_killed_for_long(tmp_path: Path, seed: int) -> None:
    words = ("--kills", "300", "--files", "3000", "--seed", str(seed), "--patience", "300")
    with database() as place:
        url = f"postgresql://{place.host}:{place.port}/{place.database}"
        campaign(tmp_path / "c", url, *words)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_the_server_is_killed_for_long(tmp_path: Path, seed: int) -> None:
    with cluster() as own:
        url = f"postgresql://127.0.0.1:{own.port}/postgres"
        words = ("--cluster", str(own.data), "--start", str(own.start), "--patience", "300")
        campaign(
            tmp_path / "c", url, *words, "--kills", "60", "--files", "1000", "--seed", str(seed)
        )
