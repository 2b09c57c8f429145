"""The directory transport: whole files only, each key once, never outside its folder."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.transport import Arrival, Closing, DirectoryInbox, DirectoryOutbox, Inbox, Outbox, Parcel
from dflow.transport import directory_out as out_module
from dflow.transport.faults import Refused, Unavailable
from dflow.transport.names import HALF_WRITTEN, fill_template, safe_name, template_mistakes
from dflow.transport.parcel import Presence, Receipt
from support import CHECKOUT
from support_process import dies
from support_transport import files

ATTACKS = [
    "../../escape.usr",
    "/etc/passwd",
    "..",
    ".",
    "",
    "a/b/c",
    "a\\b",
    "C:\\x",
    "CON",
    "nul.usr",
    "x\x00y",
    "x\ny",
    "é" * 400,
    "-rf",
    ".dflow",
    "trail.",
    "{key}",
]


def send(outbox: DirectoryOutbox, parcel: Parcel) -> str:
    return asyncio.run(outbox.send(parcel)).place


def receive(inbox: DirectoryInbox) -> list[Arrival]:
    async def collect() -> list[Arrival]:
        return [arrival async for arrival in inbox.receive(once=True)]

    return asyncio.run(collect())


def test_the_protocols_are_kept(tmp_path: Path) -> None:
    assert isinstance(DirectoryOutbox(path=tmp_path), Outbox)
    assert isinstance(DirectoryInbox(path=tmp_path), Inbox)


def test_a_parcel_is_one_file_whatever_its_name(tmp_path: Path) -> None:
    for number, name in enumerate(ATTACKS):
        folder = tmp_path / "outer" / str(number)
        outbox = DirectoryOutbox(path=folder, template="{file_id}/{name}")
        parcel = Parcel(key=f"k{number}", name=name, content=b"x", address={"file_id": name})
        send(outbox, parcel)
        assert list(files(folder).values()) == [b"x"]
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.is_relative_to(tmp_path / "outer") for path in everything)


@given(st.text(max_size=300), st.text(max_size=40))
def test_no_value_ever_shapes_a_path(name: str, value: str) -> None:
    path = fill_template(
        "{flow}/{name}", name=name, key="k", address={"flow": value, "name": "../x"}
    )
    assert len(path.parts) == 2
    for part in path.parts:
        assert part == safe_name(part)
        assert not part.startswith((".", "-"))
        assert not set(part) & set('/\\:*?"<>|\x00\n')
        assert len(part.encode()) <= 160


def test_templates_with_mistakes_are_refused(tmp_path: Path) -> None:
    for template in ["../{name}", "/{name}", "a//../b", "{nme}", "{name", "", "x/", "c:{name}"]:
        assert template_mistakes(template)
        with pytest.raises(ValueError, match=r"."):
            DirectoryOutbox(path=tmp_path, template=template)


def test_the_same_key_is_delivered_once_even_if_the_file_was_taken(tmp_path: Path) -> None:
    outbox = DirectoryOutbox(path=tmp_path)
    parcel = Parcel(key="k", name="a.usr", content=b"1")
    assert asyncio.run(outbox.probe("k")) is Presence.ABSENT
    place = send(outbox, parcel)
    (tmp_path / place).unlink()
    again = asyncio.run(DirectoryOutbox(path=tmp_path).send(parcel))
    assert again.repeat
    assert files(tmp_path) == {}
    assert asyncio.run(outbox.probe("k")) is Presence.PRESENT


def test_two_parcels_of_one_name_keep_both(tmp_path: Path) -> None:
    outbox = DirectoryOutbox(path=tmp_path)
    places = [send(outbox, Parcel(key=str(n), name="a.usr", content=b"%d" % n)) for n in range(3)]
    assert places == ["a.usr", "a~2.usr", "a~3.usr"]
    assert files(tmp_path) == {"a.usr": b"0", "a~2.usr": b"1", "a~3.usr": b"2"}


def test_notes_lie_beside_and_the_bytes_are_untouched(tmp_path: Path) -> None:
    send(
        DirectoryOutbox(path=tmp_path),
        Parcel(key="k", name="a.usr", content=b"ZHV|", notes={"rule": "migration"}),
    )
    found = files(tmp_path)
    assert found["a.usr"] == b"ZHV|"
    assert json.loads(found["a.usr.provenance.json"]) == {"rule": "migration"}


STEPS = ["begin_write", "finish_write", "free_name", "sync", "replace", "after"]


@pytest.mark.parametrize("before", [0, 1, 2])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_each_key_is_delivered_once(
    tmp_path: Path, step: str, before: int
) -> None:
    """A real process dies while it sends three parcels together, each step done so often.

    Another process asks, and sends again only what is absent.
    """
    script = f"""
import asyncio, os, pathlib, sys
from dflow.transport import DirectoryOutbox, Parcel, durable
from dflow.transport import directory_out as module
step, left = {step!r}, {before}
def dying(call):
    def called(*words, **more):
        global left
        left -= 1
        if left < 0: os._exit(9)
        return call(*words, **more)
    return called
if step == "replace": pathlib.Path.replace = dying(pathlib.Path.replace)
elif step == "sync": durable.Folder.sync = dying(durable.Folder.sync)
elif step != "after": setattr(module, step, dying(getattr(module, step)))
outbox = DirectoryOutbox(path=pathlib.Path(sys.argv[1]))
async def send():
    parcels = [Parcel(key=key, name=key + ".usr", content=b"whole") for key in "klm"]
    await asyncio.gather(*(outbox.send(one) for one in parcels))
asyncio.run(send())
os._exit(9)
"""
    dies(script, tmp_path)
    outbox = DirectoryOutbox(path=tmp_path)
    for key in "klm":
        present = asyncio.run(outbox.probe(key)) is Presence.PRESENT
        assert present == (f"{key}.usr" in files(tmp_path))
        send(outbox, Parcel(key=key, name=f"{key}.usr", content=b"whole"))
    assert files(tmp_path) == {f"{key}.usr": b"whole" for key in "klm"}


@given(
    parcels=st.lists(
        st.builds(
            Parcel,
            key=st.sampled_from("klmno"),
            name=st.sampled_from(["a.usr", "b.usr", "..", "nul"]),
            content=st.binary(max_size=3),
            notes=st.sampled_from([{}, {"rule": "r"}]),
            address=st.sampled_from([{}, {"flow": "D0010"}]),
        ),
        max_size=12,
    ),
    template=st.sampled_from(["{name}", "{flow}/{name}", "{key}"]),
)
def test_sent_together_is_as_sent_one_after_the_other(parcels: list[Parcel], template: str) -> None:
    """The batch is the fast way; its law is the slow way."""

    async def together(outbox: DirectoryOutbox) -> list[Receipt]:
        return await asyncio.gather(*(outbox.send(one) for one in parcels))

    async def in_turn(outbox: DirectoryOutbox) -> list[Receipt]:
        return [await outbox.send(one) for one in parcels]

    found = []
    for way in (together, in_turn):
        with tempfile.TemporaryDirectory() as home:
            outbox = DirectoryOutbox(path=Path(home), template=template)
            receipts = asyncio.run(way(outbox))
            present = [asyncio.run(outbox.probe(key)) for key in "klmnop"]
            found.append((receipts, files(Path(home)), present))
    for receipts, lying, _ in found:
        assert {one.place for one in receipts if one.place} == {
            name for name in lying if not name.endswith(".provenance.json")
        }
    (receipts, lying, present), (slow, slow_lying, slow_present) = found
    assert [one.repeat for one in receipts] == [one.repeat for one in slow]
    assert lying == slow_lying
    assert present == slow_present


@pytest.mark.parametrize("links", ["work", "are gone", "are not to be had", "are there"])
def test_a_mark_is_made_whether_links_work_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: str
) -> None:
    outbox = DirectoryOutbox(path=tmp_path)
    hidden = tmp_path / ".dflow"
    send(outbox, Parcel(key="k", name="k", content=b""))
    if links == "are gone":
        (hidden / "k.sent").unlink()
    if links == "are there":
        (hidden / "l.sent").touch()
        (hidden / "l.part").touch()

    def refuse(*_: object) -> None:
        raise OSError(errno.EMLINK, "Too many links")

    if links == "are not to be had":
        monkeypatch.setattr(os, "link", refuse)
    for key in "lm":
        send(outbox, Parcel(key=key, name=key, content=b""))
        (tmp_path / key).unlink()
        assert asyncio.run(DirectoryOutbox(path=tmp_path).probe(key)) is Presence.PRESENT
    assert (hidden / "m.sent").stat().st_nlink == {
        "work": 3,
        "are gone": 2,
        "are not to be had": 1,
        "are there": 2,
    }[links]


def test_one_parcel_that_cannot_be_named_does_not_hurt_those_beside_it(tmp_path: Path) -> None:
    outbox = DirectoryOutbox(path=tmp_path, template="{flow}/{name}")
    (tmp_path / "D0010").write_bytes(b"a file where a folder should be")

    async def scenario() -> list[Receipt | BaseException]:
        parcels = [
            Parcel(key=str(n), name="a.usr", content=b"x", address={"flow": flow})
            for n, flow in enumerate(["D0055", "D0010", "D0055"])
        ]
        return await asyncio.gather(*(outbox.send(one) for one in parcels), return_exceptions=True)

    first, second, third = asyncio.run(scenario())
    assert isinstance(first, Receipt)
    assert isinstance(second, Unavailable)
    assert isinstance(third, Receipt)
    assert {first.place, third.place} == {"D0055/a.usr", "D0055/a~2.usr"}


def test_a_folder_that_cannot_be_written_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    parcel = Parcel(key="k", name="a.usr", content=b"x")
    with pytest.raises(Unavailable, match="file"):
        send(DirectoryOutbox(path=blocked / "out"), parcel)

    def full(handle: int) -> None:
        os.close(handle)
        raise OSError(errno.ENOSPC, "No space left on device")

    outbox = DirectoryOutbox(path=tmp_path / "out")
    monkeypatch.setattr(out_module, "finish_write", full)
    with pytest.raises(Unavailable, match="No space left"):
        send(outbox, parcel)
    monkeypatch.undo()
    send(outbox, parcel)
    assert files(tmp_path / "out") == {"a.usr": b"x"}


def test_a_link_inside_the_destination_cannot_lead_out(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "D0010").symlink_to(tmp_path / "outside")
    outbox = DirectoryOutbox(path=tmp_path / "out", template="{flow}/{name}")
    with pytest.raises(Refused, match="leads out"):
        send(outbox, Parcel(key="k", name="a", content=b"x", address={"flow": "D0010"}))
    assert not list((tmp_path / "outside").iterdir())


def test_half_written_files_are_left_alone(tmp_path: Path) -> None:
    for name in ["a.usr.part", "b.usr.tmp", ".c.usr", "..usr", "d.usr~"]:
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / "whole.usr").write_bytes(b"whole")
    assert [arrival.name for arrival in receive(DirectoryInbox(path=tmp_path, settle=0.01))] == [
        "whole.usr"
    ]


def test_the_guide_names_every_ending_that_is_left_alone() -> None:
    page = (CHECKOUT / "docs" / "how-to" / "run-an-exchange.md").read_text("utf-8")
    told = page.partition("Names that start with a dot")[2].partition("they stay where they are")[0]
    assert set(re.findall("`([^`]+)`", told)) == {".a.usr", *HALF_WRITTEN}


def test_a_growing_file_is_taken_when_it_has_settled(tmp_path: Path) -> None:
    async def scenario() -> list[bytes]:
        target = tmp_path / "slow.usr"
        target.write_bytes(b"1")

        async def grow() -> None:
            for _ in range(4):
                await asyncio.sleep(0.05)
                with target.open("ab") as file:
                    file.write(b"1")

        task = asyncio.create_task(grow())
        inbox = DirectoryInbox(path=tmp_path, settle=0.15)
        found = [arrival.content async for arrival in inbox.receive(once=True)]
        await task
        return found

    assert asyncio.run(scenario()) == [b"11111"]


def test_done_files_and_age(tmp_path: Path) -> None:
    (tmp_path / "a.usr").write_bytes(b"a")
    (tmp_path / "b.usr").write_bytes(b"b")
    (tmp_path / "b.usr.done").write_bytes(b"")
    inbox = DirectoryInbox(path=tmp_path, ready="done-file")
    assert [arrival.name for arrival in receive(inbox)] == ["b.usr"]
    assert not (tmp_path / "b.usr.done").exists()
    os.utime(tmp_path / "a.usr", (1, 1))
    aged = DirectoryInbox(path=tmp_path, ready="age", settle=60)
    assert [arrival.name for arrival in receive(aged)] == ["a.usr"]


def test_archived_removed_or_given_back(tmp_path: Path) -> None:
    for name in ["a", "b", "c"]:
        (tmp_path / name).write_bytes(name.encode())

    async def scenario() -> None:
        inbox = DirectoryInbox(path=tmp_path, ready="named", archive=tmp_path / "kept")
        async for arrival in inbox.receive(once=True):
            if arrival.name == "b":
                await inbox.failed(arrival, "the disk is full")
                break
            await inbox.done(arrival)
        await inbox.close()
        await inbox.close()
        remover = DirectoryInbox(path=tmp_path, ready="named", after="remove", pattern="c")
        async for arrival in remover.receive(once=True):
            await remover.done(arrival)

    asyncio.run(scenario())
    assert files(tmp_path) == {"b": b"b", "kept/a": b"a"}


def test_what_a_dead_reader_claimed_is_received_again(tmp_path: Path) -> None:
    (tmp_path / "a.usr").write_bytes(b"a")
    script = """
import asyncio, os, pathlib, sys
from dflow.transport import DirectoryInbox
async def take():
    async for _ in DirectoryInbox(path=pathlib.Path(sys.argv[1]), ready="named").receive():
        os._exit(9)
asyncio.run(take())
"""
    dies(script, tmp_path)
    assert files(tmp_path) == {}
    assert [arrival.content for arrival in receive(DirectoryInbox(path=tmp_path))] == [b"a"]


def test_two_living_readers_share_and_do_not_steal(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}.usr").write_bytes(b"x")
    first = DirectoryInbox(path=tmp_path, ready="named")
    second = DirectoryInbox(path=tmp_path, ready="named")
    assert len(receive(first)) == 10
    assert receive(second) == []


def test_what_is_no_file_is_an_arrival_with_a_problem(tmp_path: Path) -> None:
    (tmp_path / "folder.usr").mkdir()
    (tmp_path / "link.usr").symlink_to("/etc/hostname")
    (tmp_path / "big.usr").write_bytes(b"123456")
    os.mkfifo(tmp_path / "pipe.usr")
    inbox = DirectoryInbox(path=tmp_path, ready="named", largest=5)
    found = {arrival.name: arrival for arrival in receive(inbox)}
    assert {name: arrival.problem for name, arrival in found.items()} == {
        "folder.usr": "not a regular file",
        "link.usr": "not a regular file",
        "pipe.usr": "not a regular file",
        "big.usr": "6 bytes, more than the 5 allowed",
    }
    asyncio.run(inbox.done(found["big.usr"]))
    assert (tmp_path / ".dflow" / "problems" / "big.usr").exists()


def test_a_missing_folder_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no such folder"):
        receive(DirectoryInbox(path=tmp_path / "nowhere"))


def test_an_inbox_that_was_closed_opens_again(tmp_path: Path) -> None:
    inbox = DirectoryInbox(path=tmp_path, ready="named")
    assert isinstance(inbox, Closing)

    async def once() -> list[str]:
        names = [arrival.name async for arrival in inbox.receive(once=True)]
        await inbox.close()
        return names

    (tmp_path / "a.usr").write_bytes(b"a")
    assert asyncio.run(once()) == ["a.usr"]
    # Closed without a word about a.usr, so it is received again.
    assert asyncio.run(once()) == ["a.usr"]
