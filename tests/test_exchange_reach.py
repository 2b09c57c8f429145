"""Sources that go and come back: told once each time, and read again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from attrs import define

from dflow.exchange import Exchange, Mount, Source, SqliteJournal, open_journal
from dflow.routing import Routes
from dflow.transport import Arrival, DirectoryInbox, Inbox, MemoryInbox
from dflow.transport.faults import Unavailable
from support_exchange import RULES, Moody, file

LOST, BACK = "source unavailable", "source available"


def exchange(inbox: Inbox, journal: SqliteJournal) -> Exchange:
    boxes = {"old": Moody(), "new": Moody(), "spare": Moody()}
    return Exchange(
        routes=Routes.parse(RULES),
        journal=journal,
        mounts=[Mount(name=name, outbox=box) for name, box in boxes.items()],
        sources=[Source(name="gateway", inbox=inbox)],
    )


def told(journal: SqliteJournal) -> list[str]:
    return [event.kind for event in journal.events() if event.kind in {LOST, BACK}]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.02)


def test_a_folder_that_is_taken_away_and_made_anew_twice(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    journal = open_journal(tmp_path / "j.db")
    seen = open_journal(tmp_path / "j.db")
    one = exchange(DirectoryInbox(path=folder, ready="named", poll=0.02), journal)

    async def scenario() -> None:
        run = asyncio.ensure_future(one.run())
        for turn in (1, 2):
            (folder / "a.usr").write_bytes(file(turn))
            await until(lambda: not list(folder.glob("*.usr")))
            # In one act: removing it name by name would race with its reader.
            shutil.rmtree(folder.rename(tmp_path / f"gone-{turn}"), ignore_errors=True)
            await until(lambda turn=turn: told(seen).count(LOST) == turn)  # type: ignore[misc]  # bound at once
            folder.mkdir()
        (folder / "a.usr").write_bytes(file(3))
        await until(lambda: not list(folder.glob("*.usr")))
        await until(lambda: told(seen).count(BACK) == 2)
        one.stop()
        totals = await run
        assert (totals.received, totals.troubles) == (3, {})

    asyncio.run(scenario())
    assert told(journal) == [LOST, BACK, LOST, BACK]
    (event, _) = journal.events(kind=BACK)
    assert (event.why, event.detail) == ("gateway: it can be read again", "gateway")


def test_a_quiet_folder_is_said_to_be_back(tmp_path: Path) -> None:
    """Nothing has to arrive for that."""
    folder = tmp_path / "in"
    journal = open_journal(tmp_path / "j.db")
    seen = open_journal(tmp_path / "j.db")
    one = exchange(DirectoryInbox(path=folder, ready="named", poll=0.02), journal)

    async def scenario() -> None:
        run = asyncio.ensure_future(one.run())
        await until(lambda: told(seen) == [LOST])
        folder.mkdir()
        await until(lambda: told(seen) == [LOST, BACK])
        one.stop()
        await run

    asyncio.run(scenario())


def test_runs_that_find_the_same_say_it_once(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    journal = open_journal(tmp_path / "j.db")
    for makes, kinds in (
        (False, [LOST]),
        (False, [LOST]),
        (True, [LOST, BACK]),
        (True, [LOST, BACK]),
    ):
        if makes:
            folder.mkdir(exist_ok=True)
        exchange(DirectoryInbox(path=folder, ready="named"), journal).run_once()
        assert told(journal) == kinds


@define(eq=False)
class Flaky(MemoryInbox):
    """It cannot be read, says all the same that it can, and then can."""

    left: int = 3

    async def check(self) -> str:
        raise RuntimeError("a mistake in it")

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        self.left -= 1
        if self.left >= 0:
            raise Unavailable("nobody answers")
        async for arrival in super().receive(once=once):
            yield arrival


def test_one_that_fails_again_and_again_is_told_once() -> None:
    inbox, journal = Flaky(), open_journal(None)
    inbox.put(file(1), name="a.usr")
    one = exchange(inbox, journal)

    async def scenario() -> None:
        run = asyncio.ensure_future(one.run())
        await until(lambda: inbox.waiting == 0)
        one.stop()
        await run

    asyncio.run(scenario())
    assert told(journal) == [LOST, BACK]
