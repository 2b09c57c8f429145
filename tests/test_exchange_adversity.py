"""Disks that are full, folders that cannot be written, journals that others hold."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dflow.delivery import Breaker, Retry, State, Treatment
from dflow.exchange import Exchange, JournalError, Mount, Source, open_journal
from dflow.exchange.journal import Query, SqliteJournal
from dflow.exchange.page import status_page
from dflow.routing import Routes
from dflow.transport import DirectoryInbox, DirectoryOutbox, MemoryInbox, Unavailable
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
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as rest:
            for _ in range(1000):
                rest.write(bytes(1024))
        with pytest.raises(Unavailable, match="No space left"):
            asyncio.run(DirectoryOutbox(path=small / "old").check())
        ballast.unlink()
        subprocess.run(["mount", "-o", "remount,size=4m", str(small)], check=True)
        for _ in range(10):
            exchange(tmp_path, journal, old=small / "old").run_once()
        assert journal.backlog() == []
        names = sorted(path.read_bytes() for path in (small / "old").glob("*.usr"))
        assert names == sorted(file(number, size=4000) for number in range(40))


def test_the_journals_disk_is_full_and_nothing_is_lost(tmp_path: Path) -> None:
    fill(tmp_path, 60)
    with small_disk(tmp_path / "small", "480k") as small:
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


def test_a_journal_that_finds_no_room_is_told_so_and_opened_later(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "40k") as small:
        with pytest.raises(JournalError, match="full"):
            open_journal(small / "j.db")
        subprocess.run(["mount", "-o", "remount,size=8m", str(small)], check=True)
        with contextlib.closing(open_journal(small / "j.db")) as journal:
            assert journal.outcomes() == {}


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


def _remount(path: Path, words: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{words}", str(path)], check=True)


def _until_empty(folder: Path, journal: SqliteJournal, *, old: Path | None = None) -> None:
    for _ in range(20):
        exchange(folder, journal, old=old).run_once()
        if not journal.backlog():
            return


def test_a_read_only_destination_is_waited_for(tmp_path: Path) -> None:
    fill(tmp_path, 5)
    journal = open_journal(tmp_path / "j.db")
    with small_disk(tmp_path / "small", "4m") as small:
        _remount(small, "ro")
        exchange(tmp_path, journal, old=small / "old").run_once()
        waiting = list(journal.deliveries(Query(state=State.RETRYING)))
        assert {one.destination for one in waiting} == {"old"}
        assert all("may not be written to" in one.reason for one in waiting if one.reason)
        assert any(one.reason for one in waiting)
        assert delivered(tmp_path / "new") == 5
        _remount(small, "rw")
        _until_empty(tmp_path, journal, old=small / "old")
        assert delivered(small / "old") == 5


def test_a_read_only_source_is_a_trouble_and_loses_nothing(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j.db")
    with small_disk(tmp_path / "inbox", "4m") as inbox:
        fill(tmp_path, 5)
        _remount(inbox, "ro")
        totals = exchange(tmp_path, journal).run_once()
        assert totals.received == 0
        assert "Read-only" in totals.troubles["gateway"]
        _remount(inbox, "rw")
        _until_empty(tmp_path, journal)
        assert delivered(tmp_path / "old") == 5


HOSTILE = ["../../../x", "/etc/passwd", "..", "a/b\\c", "CON", "x\x07y", ".dflow", "-rf", ""]


def test_hostile_headers_and_poisoned_files_do_no_harm_and_stop_nothing(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for number, word in enumerate(HOSTILE):
        head = f"ZHV|{word}|D0010002|M|WEST|M|OLDM|20260601120000|{word}|{word}||OPER|\n"
        (inbox / f"hostile-{number}.usr").write_bytes(head.encode() + b"ZPT|x|0||0||\n")
    poison = [b"", b"\0" * 5000, b"|" * 100_000, b"ZHV", b"ZHV|" + b"\xff" * 3000, b"<?xml", b"{"]
    for number, content in enumerate(poison):
        (inbox / f"poison-{number}.usr").write_bytes(content)
    (inbox / "zz-good.usr").write_bytes(file(1))
    journal = open_journal(tmp_path / "j.db")
    out = tmp_path / "deep" / "old"
    here = exchange(tmp_path, journal)
    here.mounts = [
        Mount(name="old", outbox=DirectoryOutbox(path=out, template="{file_id}/{name}")),
        *here.mounts[1:],
    ]
    totals = here.run_once()
    assert totals.received == len(HOSTILE) + len(poison) + 1
    assert any(path.read_bytes() == file(1) for path in out.rglob("*.usr"))
    made = [path for path in tmp_path.rglob("*.usr") if path.is_file()]
    places = (out, tmp_path / "new", tmp_path / "spare", inbox)
    assert all(any(path.is_relative_to(place) for place in places) for path in made)
    outcomes = {row.outcome.value for row in journal.arrivals(Query())}
    assert {"routed", "unparsable"} <= outcomes


def test_names_that_no_encoding_can_read_are_arrivals_like_others(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    names = [b"bad\xff.usr", b"bad\xfe.usr", b"\xed\xa0\x80.usr", b"zz-good.usr"]
    try:
        for number, name in enumerate(names):
            Path(os.fsdecode(os.fsencode(inbox) + b"/" + name)).write_bytes(file(number))
    except OSError:
        pytest.skip("the file system takes no such names")
    journal = open_journal(tmp_path / "j.db")
    here = exchange(tmp_path, journal)
    assert here.run_once().received == len(names)
    found = {row.name for row in journal.arrivals(Query())}
    assert found == {r"bad\xff.usr", r"bad\xfe.usr", r"\xed\xa0\x80.usr", "zz-good.usr"}
    assert delivered(tmp_path / "old") == len(names)
    page = status_page(journal, [], now=0.0).encode()
    assert rb"bad\xff.usr" in page


def test_a_file_that_takes_long_to_consider_keeps_only_its_own_source_waiting(
    tmp_path: Path,
) -> None:
    journal = open_journal(None)
    here = exchange(tmp_path, journal)
    slow, quick = MemoryInbox(), MemoryInbox()
    here.sources = [Source(name="slow", inbox=slow), Source(name="quick", inbox=quick)]
    slow.put(file(1, size=2 << 20), name="long.usr")
    slow.put(file(2), name="after.usr")
    quick.put(file(3), name="quick.usr")
    found: list[bool] = []

    def check(content: bytes) -> str:
        if len(content) > 1 << 20:
            # It ends when the other source's file was delivered, and not before.
            until = time.monotonic() + 10
            while not (tmp_path / "old" / "quick.usr").exists() and time.monotonic() < until:
                time.sleep(0.01)
            found.append((tmp_path / "old" / "quick.usr").exists())
        return ""

    here.check = check
    here.run_once()
    assert found == [True]
    of_slow = [row.name for row in journal.arrivals(Query(source="slow"))]
    assert of_slow == ["long.usr", "after.usr"], "in their order"
