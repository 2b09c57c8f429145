"""SFTP against OpenSSH's own server: names, marks, claims, servers and senders that die."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

import pytest

from dflow.transport import Arrival, Parcel, Presence, Refused, TransportError, Uncertain
from dflow.transport.sftp import SftpInbox, SftpOutbox
from sshd import Sshd, shared_sshd, sshd
from support_process import dies
from support_transport import files

T = TypeVar("T")


def run(end: SftpOutbox | SftpInbox, work: Coroutine[object, object, T]) -> T:
    """Do something with an end, and close it in the same event loop."""

    async def whole() -> T:
        try:
            return await asyncio.wait_for(work, 60)
        finally:
            await end.close()

    return asyncio.run(whole())


def take(inbox: SftpInbox, *, done: bool = True) -> list[Arrival]:
    async def collect() -> list[Arrival]:
        found = []
        async for one in inbox.receive(once=True):
            found.append(one)
            if done:
                await inbox.done(one)
        return found

    return run(inbox, collect())


def send(outbox: SftpOutbox, *parcels: Parcel) -> list[str]:
    async def one_by_one() -> list[str]:
        return [(await outbox.send(one)).place for one in parcels]

    return run(outbox, one_by_one())


def reader(server: Sshd, **changes: object) -> SftpInbox:
    values: dict[str, object] = {"ready": "named", "poll": 0.05, "lease": 2.0}
    return SftpInbox(
        server=server.settings(),
        path=str(server.folder),
        **{**values, **changes},  # type: ignore[arg-type]  # as they are named
    )


# Names.


def test_names_folders_and_notes() -> None:
    with shared_sshd() as server:
        outbox = SftpOutbox(
            server=server.settings(), path=str(server.folder), template="{flow}/{name}"
        )
        parcels = [
            Parcel(key=str(n), name="../a.usr", content=b"%d" % n, address={"flow": "../D0010"})
            for n in range(3)
        ]
        noted = Parcel(key="n", name="b.usr", content=b"ZHV|", notes={"rule": "migration"})
        places = send(outbox, *parcels, noted)
        names = [f"_.._D0010/_.._a{end}.usr" for end in ("", "~2", "~3")]
        assert places[:3] == names
        found = files(server.folder)
        assert sorted(found.values())[:3] == [b"0", b"1", b"2"]
        assert all(place in found for place in places)
        assert b"migration" in found[f"{places[3]}.provenance.json"]
        assert found[places[3]] == b"ZHV|"
        hidden = sorted(path.name for path in (server.folder / ".dflow").iterdir())
        assert hidden == ["0.sent", "1.sent", "2.sent", "forgotten", "n.sent"]


def test_notes_take_no_delivered_files_name() -> None:
    with shared_sshd() as server:
        hostile = Parcel(key="1", name="a.usr.provenance.json", content=b"delivered")
        copy = Parcel(key="2", name="a.usr", content=b"copy", notes={"rule": "migration"})
        again = Parcel(key="3", name="a.usr", content=b"again", notes={"rule": "migration"})
        places = send(server.outbox(), hostile, copy)
        assert places == ["a.usr.provenance.json", "a~2.usr"]
        found = files(server.folder)
        assert found["a.usr.provenance.json"] == b"delivered"
        assert b"migration" in found["a~2.usr.provenance.json"]
        # Notes that the recipient left behind make room for others.
        (server.folder / "a~2.usr").unlink()
        assert send(server.outbox(), again) == ["a~2.usr"]


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    with shared_sshd() as server:
        (server.folder / "D0010").symlink_to(tmp_path)
        outbox = SftpOutbox(
            server=server.settings(), path=str(server.folder), template="{flow}/{name}"
        )
        parcel = Parcel(key="k", name="a.usr", content=b"x", address={"flow": "D0010"})
        with pytest.raises(Refused, match="leads out"):
            send(outbox, parcel)
        assert list(tmp_path.iterdir()) == []


def test_hidden_folder_that_is_a_link_is_not_used(tmp_path: Path) -> None:
    with shared_sshd() as server:
        (server.folder / ".dflow").symlink_to(tmp_path)
        with pytest.raises(TransportError):
            send(server.outbox(), Parcel(key="k", name="a.usr", content=b"x"))
        assert list(tmp_path.iterdir()) == []


# Marks.


def test_taken_files_are_not_sent_again_and_probes_know() -> None:
    with shared_sshd() as server:
        parcel = Parcel(key="k", name="a.usr", content=b"1")
        send(server.outbox(), parcel)
        (server.folder / "a.usr").unlink()
        assert send(server.outbox(), parcel) == [""]
        outbox = server.outbox()

        async def ask() -> list[Presence]:
            return [await outbox.probe("k"), await outbox.probe("other")]

        assert run(outbox, ask()) == [Presence.PRESENT, Presence.ABSENT]
        assert files(server.folder) == {}


def test_durable_is_claimed_once_it_was_seen() -> None:
    with shared_sshd() as server:
        outbox = server.outbox()
        assert not outbox.capabilities.durable
        send(outbox, Parcel(key="k", name="a.usr", content=b"1"))
        assert outbox.capabilities.durable


def test_a_server_that_cannot_synchronise_is_not_called_durable() -> None:
    with sshd(options="-P fsync,posix-rename") as server:
        outbox = server.outbox()
        send(outbox, Parcel(key="k", name="a.usr", content=b"1"))
        assert not outbox.capabilities.durable
        assert files(server.folder) == {"a.usr": b"1"}
        assert send(server.outbox(), Parcel(key="k", name="a.usr", content=b"1")) == [""]


def test_a_damaged_mark_is_unknown_and_never_sent_again() -> None:
    with shared_sshd() as server:
        parcel = Parcel(key="k", name="a.usr", content=b"1")
        send(server.outbox(), parcel)
        (server.folder / ".dflow" / "k.sent").write_bytes(b"")
        outbox = server.outbox()
        assert run(outbox, outbox.probe("k")) is Presence.UNKNOWN
        with pytest.raises(Uncertain, match=r"k\.sent is damaged"):
            send(server.outbox(), parcel)


def test_old_keys_are_forgotten_once_a_day() -> None:
    with shared_sshd() as server:
        hidden = server.folder / ".dflow"
        send(server.outbox(), Parcel(key="old", name="a.usr", content=b"1"))
        send(server.outbox(), Parcel(key="new", name="b.usr", content=b"1"))
        past = time.time() - 100 * 86400
        for name in ("old.sent", "forgotten"):
            os.utime(hidden / name, (past, past))
        (hidden / "stray.0123456789abcdef.part").write_bytes(b"")
        os.utime(hidden / "stray.0123456789abcdef.part", (past, past))
        outbox = server.outbox()

        async def wait() -> None:
            await outbox.probe("x")
            while (hidden / "old.sent").exists() or (
                hidden / "stray.0123456789abcdef.part"
            ).exists():
                await asyncio.sleep(0.01)

        run(outbox, wait())
        assert (hidden / "new.sent").exists()


STEPS = ["write", "move_new", "sync", "move", "after"]


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_key_is_delivered_once(step: str) -> None:
    """A real sender dies at each step; another asks, and sends again only if absent."""
    with shared_sshd() as server:
        settings = server.settings()
        script = f"""
import asyncio, os, pathlib
from dflow.transport import Parcel
from dflow.transport.sftp import SftpOutbox, SftpServer
from dflow.transport.sftp.remote import Remote
async def die(*_, **__): os._exit(9)
server = SftpServer(host={settings.host!r}, port={settings.port}, user={settings.user!r},
    key_file=pathlib.Path({str(settings.key_file)!r}), host_key={settings.host_key!r})
outbox = SftpOutbox(server=server, path={str(server.folder)!r})
async def main():
    await outbox.probe("x")  # so that the connection's own synchronising is over
    if {step!r} != "after": setattr(Remote, {step!r}, die)
    await outbox.send(Parcel(key="k", name="a.usr", content=b"whole"))
    os._exit(9)
asyncio.run(main())
"""
        dies(script)
        outbox = server.outbox()
        before = run(outbox, outbox.probe("k"))
        assert (before is Presence.PRESENT) == (files(server.folder) == {"a.usr": b"whole"})
        send(server.outbox(), Parcel(key="k", name="a.usr", content=b"whole"))
        assert files(server.folder) == {"a.usr": b"whole"}


def test_a_later_attempt_finishes_an_earlier_one() -> None:
    """Also when the earlier rename comes late: its source is gone, or its work was done."""
    with shared_sshd() as server:
        hidden = server.folder / ".dflow"
        hidden.mkdir(mode=0o700)
        (hidden / "k.0123456789abcdef.part").write_bytes(b"who")  # a server that lost power
        (hidden / "k.sent").write_bytes(b"0123456789abcdef")
        parcel = Parcel(key="k", name="a.usr", content=b"whole")
        outbox = server.outbox()
        assert run(outbox, outbox.probe("k")) is Presence.ABSENT
        assert send(server.outbox(), parcel) == ["a.usr"]
        assert files(server.folder) == {"a.usr": b"whole"}
        assert not (hidden / "k.0123456789abcdef.part").exists()


async def killed(server: Sshd, *, times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0.4)
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(0.2)
        await asyncio.to_thread(server.start)


def test_killing_and_restarting_the_server_under_load_loses_and_doubles_nothing() -> None:
    with sshd() as server:
        outbox = SftpOutbox(
            server=server.settings(timeout=3.0), path=str(server.folder), template="{key}"
        )
        parcels = [Parcel(key=f"k{n}", name="a", content=b"%d" % n * 2000) for n in range(120)]
        wanted = {one.key: one.content for one in parcels}
        taken: Counter[str] = Counter()
        half: set[str] = set()
        retries = 0

        async def deliver(parcel: Parcel) -> None:
            nonlocal retries
            there = False
            while not there:
                try:
                    await outbox.send(parcel)
                    there = True
                except Uncertain:
                    retries += 1
                    there = await asked(parcel.key)  # before anything is sent again
                except TransportError:
                    retries += 1
                    await asyncio.sleep(0.05)

        async def asked(key: str) -> bool:
            while True:
                with contextlib.suppress(TransportError):
                    return await outbox.probe(key) is Presence.PRESENT
                await asyncio.sleep(0.05)

        async def worker(left: list[Parcel]) -> None:
            while left:
                await deliver(left.pop(0))

        async def recipient() -> None:
            while True:
                for path in [one for one in server.folder.iterdir() if one.is_file()]:
                    # A sender that died while it reserved a name has taken it: the next is NAME~2.
                    key = path.name.partition("~")[0]
                    half.update({path.name} if path.read_bytes() != wanted[key] else ())
                    taken[key] += 1
                    path.unlink()
                await asyncio.sleep(0.01)

        async def whole() -> None:
            left = list(parcels)
            async with asyncio.TaskGroup() as tasks:
                receiving = tasks.create_task(recipient())
                await asyncio.gather(killed(server, times=3), *(worker(left) for _ in range(8)))
                while any(one.is_file() for one in server.folder.iterdir()):
                    await asyncio.sleep(0.01)
                receiving.cancel()

        run(outbox, whole())
        assert retries
        assert not half
        assert taken == Counter(one.key for one in parcels)


# Ways in.


def test_hostile_names_links_folders_and_sizes() -> None:
    with shared_sshd() as server:
        folder = server.folder
        for name in (b"a\nb.usr", b"\xff\xfe.usr", b"-rf", b"c\\d", b"x" * 250):
            Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(b"body")
        (folder / "link").symlink_to("/etc/passwd")
        (folder / "directory").mkdir()
        (folder / "large").write_bytes(b"x" * 101)
        (folder / ".hidden").write_bytes(b"")
        (folder / "half.part").write_bytes(b"")
        found = take(reader(server, largest=100))
        good = {one.name for one in found if not one.problem}
        assert good == {"a\nb.usr", "\\xff\\xfe.usr", "-rf", "c\\d", "x" * 250}
        assert all(one.content == b"body" for one in found if not one.problem)
        problems = {one.name: one.problem for one in found if one.problem}
        assert problems == {
            "link": "not a regular file",
            "directory": "not a regular file",
            "large": "101 bytes, more than the 100 allowed",
        }
        assert {path.name for path in (folder / ".dflow" / "problems").iterdir()} == set(problems)
        assert len(list((folder / ".dflow" / "done").iterdir())) == 5
        assert sorted(path.name for path in folder.iterdir()) == [".dflow", ".hidden", "half.part"]


def test_when_a_file_is_whole() -> None:
    with shared_sshd() as server:
        (server.folder / "a.usr").write_bytes(b"1")
        (server.folder / "b.usr").write_bytes(b"2")
        (server.folder / "b.usr.done").write_bytes(b"")
        assert [one.name for one in take(reader(server, ready="done-file"))] == ["b.usr"]
        assert sorted(files(server.folder)) == ["a.usr"]
        past = time.time() - 100
        (server.folder / "c.usr").write_bytes(b"3")
        os.utime(server.folder / "c.usr", (past, past))
        inbox = reader(server, ready="age", settle=50.0)

        async def first() -> str:
            async for one in inbox.receive():
                await inbox.done(one)
                return one.name
            raise AssertionError

        assert run(inbox, first()) == "c.usr"
        inbox = reader(server, ready="stable", settle=0.3, pattern="a.*", after="remove")
        assert [one.name for one in take(inbox)] == ["a.usr"]


def test_a_file_that_is_dated_in_the_future_is_not_waited_for_until_then() -> None:
    with shared_sshd() as server:
        (server.folder / "a.usr").write_bytes(b"1")
        os.utime(server.folder / "a.usr", (time.time() + 60,) * 2)
        began = time.monotonic()
        inbox = reader(server, ready="age", settle=0.3)
        assert [one.name for one in take(inbox)] == ["a.usr"]
        assert time.monotonic() - began < 50


def test_given_back_and_received_again_and_archived() -> None:
    with shared_sshd() as server:
        (server.folder / "a.usr").write_bytes(b"1")
        archive = server.folder.parent / "archive"
        inbox = reader(server, archive=str(archive))

        async def work() -> None:
            async for one in inbox.receive(once=True):
                (server.folder / "a.usr").write_bytes(b"2")
                await inbox.failed(one, "not now")
                break
            found = {}
            async for one in inbox.receive(once=True):
                found[one.name] = one.content
                await inbox.done(one)
                await inbox.done(one)  # twice is as good
            assert found == {"a.usr": b"2", "a~2.usr": b"1"}

        run(inbox, work())
        assert sorted(path.name for path in archive.iterdir()) == ["a.usr", "a~2.usr"]


def test_the_claims_of_the_dead_are_adopted_after_the_lease_and_not_before() -> None:
    """The dead one is a process that was killed; a reader that lives keeps what it has."""
    with shared_sshd() as server:
        for number in range(4):
            (server.folder / f"{number}.usr").write_bytes(b"%d" % number)
        settings = server.settings()
        script = f"""
import asyncio, os, pathlib
from dflow.transport.sftp import SftpInbox, SftpServer
server = SftpServer(host={settings.host!r}, port={settings.port}, user={settings.user!r},
    key_file=pathlib.Path({str(settings.key_file)!r}), host_key={settings.host_key!r})
inbox = SftpInbox(server=server, path={str(server.folder)!r}, ready="named", lease=2.0)
async def main():
    async for one in inbox.receive():
        os._exit(9)
asyncio.run(main())
"""
        dies(script)
        died = time.monotonic()
        assert take(reader(server)) == []
        living = reader(server)

        async def work() -> None:
            stream = living.receive()
            found = [await anext(stream)]
            assert time.monotonic() - died > 1.0
            found += [await anext(stream) for _ in range(3)]
            assert sorted(one.content for one in found) == [b"0", b"1", b"2", b"3"]
            await asyncio.sleep(3.5)  # longer than the lease: signs of life are what counts
            other = reader(server)
            try:
                assert [one async for one in other.receive(once=True)] == []
            finally:
                await other.close()
            for one in found:
                await living.done(one)

        run(living, work())
        assert len(list((server.folder / ".dflow" / "done").iterdir())) == 4
