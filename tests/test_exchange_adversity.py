"""Disks that are full, folders that cannot be written, journals that others hold."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dflow.delivery import Breaker, Retry, State, Treatment
from dflow.exchange import Exchange, JournalError, Mount, Source, open_journal
from dflow.exchange.journal import Query, SqliteJournal
from dflow.routing import Routes
from dflow.transport import DirectoryInbox, DirectoryOutbox
from support_exchange import RULES, file

QUICK = Treatment(retry=Retry(first=0.01, cap=0.02), breaker=Breaker(after=100), timeout=5)


def exchange(folder: Path, journal: SqliteJournal, *, old: Path | None = None) -> Exchange:
    return Exchange(
        routes=Routes.parse(RULES),
        journal=journal,
        mounts=[
            Mount(
                name=name,
                outbox=DirectoryOutbox(path=old if old and name == "old" else folder / name),
                treatment=QUICK,
            )
            for name in ("old", "new", "spare")
        ],
        sources=[
            Source(name="gateway", inbox=DirectoryInbox(path=folder / "inbox", ready="named"))
        ],
    )


def fill(folder: Path, count: int, *, size: int = 4000) -> None:
    (folder / "inbox").mkdir(exist_ok=True)
    for number in range(count):
        (folder / "inbox" / f"{number}.usr").write_bytes(file(number, size=size))


def delivered(folder: Path) -> int:
    return len(list(folder.glob("*.usr")))


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    path.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    try:
        done = subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        done = False
    if not done:
        pytest.skip("a small disk needs the right to mount")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=False)


def test_a_destinations_disk_is_full_and_has_room_again(tmp_path: Path) -> None:
    fill(tmp_path, 40)
    journal = open_journal(tmp_path / "j.db")
    with small_disk(tmp_path / "small", "100k") as small:
        ballast = small / "ballast"
        here = exchange(tmp_path, journal, old=small / "old")
        here.run_once()
        waiting = [one for one in journal.backlog() if one.destination == "old"]
        assert {one.state for one in waiting} <= {State.RETRYING, State.DUE}
        assert sum(one.number for one in waiting) > 10
        assert delivered(tmp_path / "new") == 40, "the copies go on"
        reasons = {
            one.reason for one in journal.deliveries(Query(state=State.RETRYING)) if one.reason
        }
        assert any("No space left" in reason for reason in reasons)
        assert not ballast.exists()
        subprocess.run(["mount", "-o", "remount,size=4m", str(small)], check=True)
        for _ in range(10):
            exchange(tmp_path, journal, old=small / "old").run_once()
        assert journal.backlog() == []
        names = sorted(path.read_bytes() for path in (small / "old").glob("*.usr"))
        assert names == sorted(file(number, size=4000) for number in range(40))


def test_the_journals_disk_is_full_and_nothing_is_lost(tmp_path: Path) -> None:
    fill(tmp_path, 60)
    with small_disk(tmp_path / "small", "200k") as small:
        journal = open_journal(small / "j.db")
        with pytest.raises(JournalError, match="full"):
            exchange(tmp_path, journal).run_once()
        journal.close()
        left = delivered(tmp_path / "inbox")
        assert left > 0, "what could not be recorded was given back"
        subprocess.run(["mount", "-o", "remount,size=8m", str(small)], check=True)
        again = open_journal(small / "j.db")
        for _ in range(3):
            exchange(tmp_path, again).run_once()
        assert again.backlog() == []
        assert len({one.hash for one in again.arrivals(Query())}) == 60
        for name in ("old", "new"):
            found = sorted(path.read_bytes() for path in (tmp_path / name).glob("*.usr"))
            assert found == sorted(file(number, size=4000) for number in range(60))
        again.close()


def test_a_journal_that_another_process_holds_is_waited_for(tmp_path: Path) -> None:
    fill(tmp_path, 5)
    journal = open_journal(tmp_path / "j.db")
    journal._connection.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(tmp_path / "j.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="locked"):
        exchange(tmp_path, journal).run_once()
    assert delivered(tmp_path / "inbox") == 5

    other.execute("COMMIT")

    async def scenario() -> None:
        here = exchange(tmp_path, journal)
        running = asyncio.ensure_future(here.run())
        await asyncio.sleep(0.3)
        other.execute("BEGIN IMMEDIATE")
        for number in range(5, 10):
            (tmp_path / "inbox" / f"{number}.usr").write_bytes(file(number))
        await asyncio.sleep(1.5)
        assert not (tmp_path / "old" / "9.usr").exists()
        other.execute("COMMIT")
        for _ in range(200):
            await asyncio.sleep(0.05)
            if delivered(tmp_path / "old") == 10 and not journal.backlog():
                break
        here.stop()
        await asyncio.wait_for(running, 15)

    asyncio.run(scenario())
    assert delivered(tmp_path / "old") == delivered(tmp_path / "new") == 10
    assert delivered(tmp_path / "inbox") == 0


def test_a_source_that_is_missing_is_a_trouble_with_a_name(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j.db")
    totals = exchange(tmp_path, journal).run_once()
    assert totals.received == 0
    assert "no such folder" in totals.troubles["gateway"]
    assert [event.kind for event in journal.events()] == ["source unavailable"]
    fill(tmp_path, 1)
    assert exchange(tmp_path, journal).run_once().troubles == {}


def test_a_destination_that_is_a_file_is_down_and_comes_back(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    (tmp_path / "old").write_bytes(b"in the way")
    journal = open_journal(tmp_path / "j.db")
    here = exchange(tmp_path, journal)
    here.run_once()
    assert {one.state for one in journal.backlog()} == {State.RETRYING}
    (tmp_path / "old").unlink()
    for _ in range(20):
        exchange(tmp_path, journal).run_once()
        if not journal.backlog():
            break
    assert delivered(tmp_path / "old") == 3
