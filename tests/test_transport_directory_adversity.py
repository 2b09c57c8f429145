"""Folders as they are found: taken away and made anew, full of odd names, used by others."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import shutil
import time
from pathlib import Path

import pytest

from dflow.transport import Arrival, DirectoryInbox, DirectoryOutbox, Parcel
from dflow.transport.directory_in import Ready
from dflow.transport.durable import free_name
from dflow.transport.faults import Refused, Unavailable
from dflow.transport.moving import move_into
from support_process import dies

LONG = "x" * 251 + ".usr"


async def take(inbox: DirectoryInbox) -> list[Arrival]:
    return [arrival async for arrival in inbox.receive(once=True)]


async def finish(inbox: DirectoryInbox) -> list[str]:
    """Take what is there, and be done with it; the names."""
    found = await take(inbox)
    for arrival in found:
        await inbox.done(arrival)
    return [arrival.name for arrival in found]


def lying(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and ".dflow" not in path.relative_to(folder).parts
    )


def test_a_source_that_is_removed_and_made_anew_is_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    inbox = DirectoryInbox(path=folder, ready="named")

    async def scenario() -> None:
        for name in ("a", "b"):
            (folder / name).write_bytes(b"x")
            assert await finish(inbox) == [name]
            shutil.rmtree(folder)
            with pytest.raises(Unavailable, match="No such file"):
                await take(inbox)
            folder.mkdir()

    asyncio.run(scenario())


def test_a_source_that_is_away_is_not_made_by_what_is_done_with_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a").write_bytes(b"x")
    inbox = DirectoryInbox(path=folder, ready="named")

    async def scenario() -> None:
        (arrival,) = await take(inbox)
        shutil.rmtree(folder)
        with pytest.raises(FileNotFoundError):
            await inbox.done(arrival)

    asyncio.run(scenario())
    assert not folder.exists()


def test_a_file_that_is_given_back_waits_with_its_done_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "a.done").touch()
    inbox = DirectoryInbox(path=tmp_path, ready="done-file")

    async def scenario() -> None:
        (arrival,) = await take(inbox)
        await inbox.failed(arrival, "the journal's disk is full")
        assert lying(tmp_path) == ["a", "a.done"]
        assert await finish(inbox) == ["a"]

    asyncio.run(scenario())


def test_an_archive_within_the_source_is_no_arrival(tmp_path: Path) -> None:
    inbox = DirectoryInbox(path=tmp_path, ready="named", archive=tmp_path / "done" / "2026")
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"x")
        assert asyncio.run(finish(inbox)) == [name]
    assert lying(tmp_path) == ["done/2026/a", "done/2026/b"]


def test_a_source_cannot_be_its_own_archive(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="would arrive again"):
        DirectoryInbox(path=tmp_path, archive=tmp_path / "x" / "..")


@pytest.mark.parametrize("name", [LONG, "é" * 127, "a." + "b" * 253])
def test_the_longest_name_may_come_again_and_again(tmp_path: Path, name: str) -> None:
    inbox = DirectoryInbox(path=tmp_path, ready="named")
    for number in range(3):
        (tmp_path / name).write_bytes(b"%d" % number)
        (tmp_path / "short").write_bytes(b"x")
        assert sorted(asyncio.run(finish(inbox))) == sorted([name, "short"])
    kept = list((tmp_path / ".dflow" / "done").iterdir())
    assert len(kept) == 6
    assert {path.read_bytes() for path in kept} == {b"0", b"1", b"2", b"x"}


def test_a_file_that_cannot_be_claimed_is_told_once_and_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("before", "stuck", "later"):
        (tmp_path / name).write_bytes(b"x")
    rename = Path.rename

    def sticky(path: Path, target: Path) -> Path:
        if path.name == "stuck":
            raise OSError(errno.EPERM, "Operation not permitted")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", sticky)
    inbox = DirectoryInbox(path=tmp_path, ready="named")

    async def scenario() -> None:
        found = {one.name: one for one in await take(inbox)}
        assert set(found) == {"before", "stuck", "later"}
        assert "Operation not permitted" in found["stuck"].problem
        for one in found.values():
            await inbox.done(one)
        assert lying(tmp_path) == ["stuck"]
        assert await take(inbox) == [], "it is told once"
        await inbox.failed(found["stuck"], "the journal's disk is full")
        assert [one.name for one in await take(inbox)] == ["stuck"]
        monkeypatch.undo()
        os.utime(tmp_path / "stuck", (1, 1))
        assert [one.problem for one in await take(inbox)] == [""]

    asyncio.run(scenario())


def test_what_was_claimed_before_a_trouble_is_received(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"x")
    os.utime(tmp_path / "a", (1, 1))  # the first
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        if path.name == "b":
            raise OSError(errno.EIO, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    inbox = DirectoryInbox(path=tmp_path, ready="named")
    names: list[str] = []

    async def read() -> None:
        async for arrival in inbox.receive(once=True):
            names.append(arrival.name)  # noqa: PERF401  what came before the trouble counts

    with pytest.raises(Unavailable, match="Input/output error"):
        asyncio.run(read())
    assert names == ["a"]


def test_a_name_that_another_takes_at_that_moment_is_not_taken_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "a").write_bytes(b"mine")
    theirs = tmp_path / "to" / "a"
    link = os.link

    def late(source: Path, target: Path, *, follow_symlinks: bool) -> None:
        if not theirs.exists():
            theirs.write_bytes(b"theirs")
        link(source, target, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "link", late)
    assert move_into(tmp_path / "to", tmp_path / "a") == tmp_path / "to" / "a~2"
    assert theirs.read_bytes() == b"theirs"
    assert not (tmp_path / "a").exists()
    assert move_into(tmp_path / "to", tmp_path / "a") is None


def test_the_next_free_name_is_found_without_looking_at_all_of_them(tmp_path: Path) -> None:
    for number in range(1, 100):
        assert free_name(tmp_path / "a.usr").name == ("a.usr" if number < 2 else f"a~{number}.usr")
        free_name(tmp_path / "a.usr").touch()
    looks = 0

    def taken(path: Path) -> bool:
        nonlocal looks
        looks += 1
        return path.name == "b.usr" or int(path.stem[2:]) <= 10_000

    assert free_name(Path("b.usr"), taken).name == "b~10001.usr"
    assert looks < 40


def test_notes_take_no_delivered_files_name(tmp_path: Path) -> None:
    outbox = DirectoryOutbox(path=tmp_path)
    hostile = Parcel(key="1", name="a.usr.provenance.json", content=b"delivered")
    copy = Parcel(key="2", name="a.usr", content=b"copy", notes={"rule": "migration"})

    async def scenario() -> str:
        await outbox.send(hostile)
        return (await outbox.send(copy)).place

    assert asyncio.run(scenario()) == "a~2.usr"
    assert (tmp_path / "a.usr.provenance.json").read_bytes() == b"delivered"
    assert b"migration" in (tmp_path / "a~2.usr.provenance.json").read_bytes()


def test_notes_that_were_left_behind_make_room(tmp_path: Path) -> None:
    outbox = DirectoryOutbox(path=tmp_path)

    async def scenario() -> list[str]:
        places = []
        for key in "12":
            notes = {"rule": "migration", "copied_at": key, f"only_{key}": "x"}
            copy = Parcel(key=key, name="a.usr", content=b"copy", notes=notes)
            places.append((await outbox.send(copy)).place)
            (tmp_path / "a.usr").unlink()  # the recipient took it, and left its notes
        return places

    assert asyncio.run(scenario()) == ["a.usr", "a.usr"]
    assert b'"copied_at": "2"' in (tmp_path / "a.usr.provenance.json").read_bytes()


def test_nothing_is_made_where_a_link_leads_out(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "D0010").symlink_to(tmp_path / "outside")
    outbox = DirectoryOutbox(path=tmp_path / "out", template="{flow}/{sender}/{name}")
    parcel = Parcel(key="k", name="a", content=b"x", address={"flow": "D0010", "sender": "WEST"})
    with pytest.raises(Refused, match="leads out"):
        asyncio.run(outbox.send(parcel))
    assert not list((tmp_path / "outside").iterdir())


def test_new_folders_are_on_the_disk_before_the_receipt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss of power must not take the folder away in which a delivered file lies."""
    synced: set[str] = set()
    sync = os.fsync

    def seen(handle: int) -> None:
        synced.add(os.path.realpath(f"/proc/self/fd/{handle}"))
        sync(handle)

    monkeypatch.setattr(os, "fsync", seen)
    outbox = DirectoryOutbox(path=tmp_path / "new" / "out", template="{flow}/{sender}/{name}")
    parcel = Parcel(key="k", name="a", content=b"x", address={"flow": "D0010", "sender": "WEST"})
    asyncio.run(outbox.send(parcel))
    made = [tmp_path / part for part in ("new", "new/out", "new/out/D0010", "new/out/D0010/WEST")]
    assert {str(path.parent) for path in made} <= synced, "each new name is in a synced folder"
    assert str(made[-1]) in synced


@pytest.mark.parametrize("ready", ["stable", "age", "done-file"])
def test_a_file_that_is_begun_anew_before_its_turn_is_not_taken_half(
    tmp_path: Path, ready: Ready
) -> None:
    names = [f"{number:03}.usr" for number in range(66)]  # more than are read ahead
    for age, name in enumerate(names):
        (tmp_path / name).write_bytes(b"whole")
        (tmp_path / f"{name}.done").touch()
        os.utime(tmp_path / name, (age, age))
    last, mark = tmp_path / names[-1], tmp_path / f"{names[-1]}.done"

    async def scenario() -> dict[str, bytes]:
        inbox = DirectoryInbox(path=tmp_path, ready=ready, settle=0.2, poll=0.05, pattern="*.usr")
        found: dict[str, bytes] = {}
        async for arrival in inbox.receive():
            found[arrival.name] = arrival.content
            if len(found) == 1:
                mark.unlink()
                last.write_bytes(b"ha")
            if len(found) == len(names) - 1:
                last.write_bytes(b"whole again")
                mark.touch()
            if len(found) == len(names):
                break
        await inbox.close()
        return found

    assert asyncio.run(scenario())[last.name] == b"whole again"


@pytest.mark.parametrize("jump", [-3600, 3600])
def test_a_clock_that_is_set_changes_nothing_of_what_is_stable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    (tmp_path / "a.usr").write_bytes(b"a")
    instants = itertools.count(1_790_000_000, jump)
    monkeypatch.setattr(time, "time", lambda: float(next(instants)))
    began = time.monotonic()

    async def scenario() -> list[str]:
        inbox = DirectoryInbox(path=tmp_path, settle=0.2, poll=0.05)
        async with asyncio.timeout(5):
            return [arrival.name async for arrival in inbox.receive(once=True)]

    assert asyncio.run(scenario()) == ["a.usr"]
    assert time.monotonic() - began >= 0.2


def test_a_file_that_is_dated_in_the_future_is_not_waited_for_until_then(tmp_path: Path) -> None:
    (tmp_path / "a.usr").write_bytes(b"a")
    os.utime(tmp_path / "a.usr", (time.time() + 86400,) * 2)

    async def scenario() -> list[str]:
        inbox = DirectoryInbox(path=tmp_path, ready="age", settle=0.2, poll=0.05)
        async with asyncio.timeout(5):
            return [arrival.name async for arrival in inbox.receive(once=True)]

    assert asyncio.run(scenario()) == ["a.usr"]


def test_a_done_file_that_a_dead_reader_left_speaks_for_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "a.usr").write_bytes(b"first")
    (tmp_path / "a.usr.done").touch()
    script = """
import asyncio, os, pathlib, sys
from dflow.transport import DirectoryInbox
pathlib.Path.unlink = lambda *_args, **_options: os._exit(9)
async def take():
    async for _ in DirectoryInbox(path=pathlib.Path(sys.argv[1]), ready="done-file").receive():
        pass
asyncio.run(take())
"""
    dies(script, tmp_path)
    assert (tmp_path / "a.usr.done").exists()

    async def scenario() -> list[bytes]:
        inbox = DirectoryInbox(path=tmp_path, ready="done-file")
        found = []
        async for arrival in inbox.receive(once=True):
            found.append(arrival.content)
            await inbox.done(arrival)
            if len(found) == 1:
                (tmp_path / "a.usr").write_bytes(b"sec")
        await inbox.close()
        return found

    assert asyncio.run(scenario()) == [b"first"]
