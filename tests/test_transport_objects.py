"""Object stores: names, marks, claims, and what goes wrong, in a folder and by S3 over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from dflow.exchange import Exchange, Mount, Source, open_journal
from dflow.routing import Routes
from dflow.transport import MemoryInbox, Parcel, Presence, Unavailable
from dflow.transport.built_in import BUILT_IN
from dflow.transport.objects import ObjectInbox, ObjectOutbox, ObjectPlace
from dflow.transport.objects.marks import from_words, mark, to_words
from dflow.transport.objects.place import Taken, _found
from s3_server import S3, SECRET, s3_server
from services import free_port
from support_exchange import file
from support_transport import drained

PARCEL = Parcel(key="k/1", name="../a b.usr", content=b"ZHV|\x00", notes={"kind": "copy"})


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server() as server:
        yield server


@pytest.fixture(params=["memory", "folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectPlace:
    if request.param == "memory":
        return ObjectPlace(url="memory:///")
    if request.param == "folder":
        return ObjectPlace(url=tmp_path.as_uri())
    server: S3 = request.getfixturevalue("s3")
    return server.place(server.bucket())


async def names(place: ObjectPlace) -> list[str]:
    return sorted([one.path async for one in place.listing()])


def test_a_parcel_is_one_object_with_its_words_and_its_marks(place: ObjectPlace) -> None:
    async def story() -> None:
        outbox = ObjectOutbox(place=place, recipient="dflow")
        assert "was not tried" in await outbox.check()
        receipt = await outbox.send(PARCEL)
        assert receipt.place.endswith("/_.._a_b.usr")
        again = await outbox.send(evolve(PARCEL, name="another name.usr"))
        assert (again.repeat, again.place) == (True, receipt.place)
        assert [one for one in await names(place) if ".dflow" not in one] == [receipt.place]
        found = await drained(ObjectInbox(place=place))
        assert [(one.name, one.content, one.notes) for one in found] == [
            (PARCEL.name, PARCEL.content, {"kind": "copy"})
        ]
        assert f".dflow/done/{receipt.place}" in await names(place)
        assert not [one for one in await names(place) if "claims" in one or "beside" in one]
        assert await outbox.probe(PARCEL.key) is Presence.PRESENT
        assert (await outbox.send(PARCEL)).repeat

    asyncio.run(story())


@pytest.mark.parametrize("recipient", ["dflow", "leaves", "takes"])
def test_what_is_known_when_a_process_died_between_two_puts(
    place: ObjectPlace, recipient: str
) -> None:
    known = {"dflow": Presence.ABSENT, "leaves": Presence.ABSENT, "takes": Presence.UNKNOWN}

    async def story() -> None:
        outbox = ObjectOutbox(place=place, recipient=recipient)  # type: ignore[arg-type]  # the table's words are right
        await outbox.send(PARCEL)
        path = (await outbox.send(PARCEL)).place
        await place.delete(mark(PARCEL.key, "sent"))
        assert await outbox.probe(PARCEL.key) is Presence.PRESENT  # it lies there
        await place.delete(path)
        assert await outbox.probe(PARCEL.key) is known[recipient]
        assert not (await outbox.send(PARCEL)).repeat
        await place.delete(mark(PARCEL.key, "sent"))
        await drained(ObjectInbox(place=place, after="remove"))
        assert path not in await names(place)
        assert await outbox.probe(PARCEL.key) is Presence.PRESENT  # dflow says that it took it
        for one in await names(place):
            await place.delete(one)
        assert await outbox.probe(PARCEL.key) is Presence.ABSENT  # nothing was begun

    asyncio.run(story())


def test_an_object_of_others_is_received_under_its_name_and_the_oldest_first(
    place: ObjectPlace,
) -> None:
    async def story() -> None:
        for name in ("b/1.usr", "a/2.txt", "a/3.usr", "x/.hidden/4.usr"):
            await place.put(name, name.encode())
            await asyncio.sleep(0.01)
        found = await drained(ObjectInbox(place=place, pattern="*.usr", archive="old"))
        assert sorted(one.name for one in found) == ["1.usr", "3.usr"]
        left = [one for one in await names(place) if not one.startswith(".")]
        assert left == ["a/2.txt", "old/a/3.usr", "old/b/1.usr", "x/.hidden/4.usr"]
        assert await drained(ObjectInbox(place=place, pattern="*.usr", archive="old")) == []
        await place.put("b/1.usr", b"new bytes, old name")
        assert len(await drained(ObjectInbox(place=place, pattern="1.usr", archive="old"))) == 1
        assert len([one for one in await names(place) if one.startswith("old/b/1")]) == 2

    asyncio.run(story())


def test_a_claim_ends_with_its_lease_and_not_before(place: ObjectPlace) -> None:
    async def story() -> None:
        await place.put("a.usr", b"x")
        dead = ObjectInbox(place=place, lease=1.5)
        taken = [one async for one in dead.receive(once=True)]
        assert len(taken) == 1
        other = ObjectInbox(place=place, lease=1.5, poll=0.1)
        assert [one async for one in other.receive(once=True)] == []
        await asyncio.sleep(2.6)  # S3 tells times in whole seconds
        found = [one async for one in other.receive(once=True)]
        assert [one.content for one in found] == [b"x"]
        third = ObjectInbox(place=place, lease=1.5)
        assert [one async for one in third.receive(once=True)] == []
        await other.failed(found[0], "the journal is full")
        assert len(await drained(other)) == 1

    asyncio.run(story())


def test_an_object_that_changed_meanwhile_is_left_and_received_as_it_is(tmp_path: Path) -> None:
    place = ObjectPlace(url=tmp_path.as_uri())

    async def story() -> None:
        (tmp_path / "a.usr").write_bytes(b"old")
        inbox = ObjectInbox(place=place)
        stream = inbox.receive(once=True)
        arrival = await anext(stream)
        (tmp_path / "a.usr").write_bytes(b"new bytes")
        await inbox.done(arrival)
        assert [one.content for one in await drained(ObjectInbox(place=place))] == [b"new bytes"]

    asyncio.run(story())


def test_too_large_is_set_aside_and_a_wrong_hash_is_a_problem(place: ObjectPlace) -> None:
    async def story() -> None:
        await place.put("a.usr", b"x" * 11)
        outbox = ObjectOutbox(place=place)
        await outbox.send(PARCEL)
        inbox = ObjectInbox(place=place, largest=10)
        found = await drained(inbox)
        assert sorted(one.problem for one in found) == ["", "11 bytes, more than the 10 allowed"]
        assert len([one for one in await names(place) if "problems/" in one]) == 1

    asyncio.run(story())


@given(st.dictionaries(st.sampled_from(["dflow-key", "dflow-notes"]), st.text(max_size=30)))
def test_words_kept_with_an_object_are_the_headers(headers: dict[str, str]) -> None:
    words = to_words(headers)
    assert words is not None
    assert from_words(words) == headers
    assert to_words({"dflow-notes": "x" * 2000}) is None


def test_long_notes_travel_beside_the_object(place: ObjectPlace) -> None:
    async def story() -> None:
        notes = {"rule": "r" * 3000}
        await ObjectOutbox(place=place).send(evolve(PARCEL, notes=notes))
        assert [one.notes for one in await drained(ObjectInbox(place=place))] == [notes]

    asyncio.run(story())


BAD: dict[str, tuple[str, str]] = {
    "missing bucket": ("s3", "no such bucket or container: make it, or check the url"),
    "nobody there": ("down", "no connection: check the endpoint"),
    "missing folder": ("folder", "no such folder: make it, or mount it"),
    "unknown option": ("option", "'nonsense' is not valid"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_told_and_the_delivery_waits(case: str, s3: S3, tmp_path: Path) -> None:
    port = free_port()
    kind, words = BAD[case]
    good = s3.place("no-bucket") if kind == "s3" else s3.place(s3.bucket())
    bad = {
        "s3": good,
        "down": evolve(good, config={**good.config, "endpoint": f"http://127.0.0.1:{port}"}),
        "folder": ObjectPlace(url=(tmp_path / "none").as_uri()),
        "option": evolve(good, config={**good.config, "nonsense": "x"}),
    }[kind]

    async def told() -> None:
        outbox, inbox = ObjectOutbox(place=bad), ObjectInbox(place=bad)
        for call in (outbox.send(PARCEL), outbox.probe("k"), outbox.check(), inbox.check()):
            with pytest.raises(Unavailable) as caught:
                await call
            assert words in str(caught.value)
            assert SECRET.reveal() not in str(caught.value)
            assert "\n" not in str(caught.value)
        with pytest.raises(Unavailable):
            await anext(inbox.receive(once=True))

    asyncio.run(told())
    if case == "unknown option":
        return
    inbox = MemoryInbox()
    inbox.put(file(1), name="1.usr")
    now = [1_790_000_000.0]
    journal = open_journal(None)
    mended = s3.place(s3.bucket())
    for place in (bad, bad, mended):
        Exchange(
            routes=Routes.parse('destination x "x"\nroute all: flow D0010 to M/OLDM deliver x\n'),
            journal=journal,
            mounts=[Mount(name="x", outbox=ObjectOutbox(place=place))],
            sources=[Source(name="in", inbox=inbox)],
            clock=lambda: now[0],
        ).run_once()
        now[0] += 3600
    journal.close()
    assert len([one for one in asyncio.run(names(mended)) if one.endswith("1.usr")]) == 1


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("status code: 403 Forbidden: <Message>No.</Message>", "Unavailable", r"credentials .*No"),
        ("Unable to write: Permission denied (os error 13)", "Unavailable", "folder cannot be"),
        ("Unable to write: Read-only file system", "Unavailable", "folder cannot be"),
        ("status code: 503 Slow Down", "Unavailable", "asked too much"),
        ("status code: 500 Oops", "Uncertain", "Oops"),
        ("sending\n kind: ConnectionReset,", "Uncertain", "sending"),
        ("x\n kind: Connect, InvalidCertificate(\n UnknownIssuer)", "Unavailable", "SSL_CERT_FILE"),
        (
            "x\n kind: Connect, InvalidCertificate(NotValidForNameContext {",
            "Unavailable",
            "another",
        ),
        ("x\n kind: Connect, InvalidCertificate(BadSignature)", "Unavailable", "refused: BadSig"),
        ("sending\n kind: Connect,", "Unavailable", "no connection"),
        (f"odd {SECRET.reveal()}", "Uncertain", r"odd \*\*\*"),
    ],
)
def test_what_an_error_of_a_store_means(text: str, kind: str, words: str) -> None:
    place = ObjectPlace(url="s3://b", secrets={"secret_access_key": SECRET})
    fault = place.fault(RuntimeError(text))
    assert type(fault).__name__ == kind
    assert re.search(words, str(fault))
    assert SECRET.reveal() not in str(fault) + repr(place)


def test_a_version_is_the_same_however_a_store_writes_its_tag() -> None:
    # Azure's listing leaves out the quotes that its answer for one object has.
    when = datetime(2026, 6, 1, tzinfo=UTC)
    told = {"path": "a", "size": 1, "last_modified": when, "version": None}
    versions = {_found({**told, "e_tag": tag}).version for tag in ("0x8D", '"0x8D"', 'W/"0x8D"')}
    assert len(versions) == 1
    assert _found({**told, "e_tag": "0x8E"}).version not in versions


def test_a_folder_that_refuses_is_told(tmp_path: Path) -> None:
    # A file in the way is refused also to the administrator, who may write everywhere.
    (tmp_path / ".dflow").write_text("in the way")
    outbox = ObjectOutbox(place=ObjectPlace(url=tmp_path.as_uri()))
    with pytest.raises(Unavailable):
        asyncio.run(outbox.send(PARCEL))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://x", "one of s3://, az://"),
        ("s3:///x", "names no bucket"),
        ("s3://user:hunter2@b/x", "holds no password"),
    ],
)
def test_a_url_is_checked_at_once(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        ObjectPlace(url=url)
    assert "hunter2" not in str(caught.value)


def test_a_name_holds_the_key() -> None:
    with pytest.raises(ValueError, match="has to hold"):
        ObjectOutbox(place=ObjectPlace(url="memory:///"), template="{name}")


def test_a_mark_that_was_tampered_with_leads_nowhere(tmp_path: Path) -> None:
    place = ObjectPlace(url=tmp_path.as_uri())

    async def story() -> None:
        outbox = ObjectOutbox(place=place)
        await place.put(mark("k/1", "begun"), json.dumps({"path": "../../x"}).encode())
        with pytest.raises(Unavailable, match="is not what it was"):
            await outbox.send(PARCEL)
        assert await outbox.probe("k/1") is Presence.UNKNOWN
        with pytest.raises(Taken):
            await place.put(mark("k/1", "begun"), b"")

    asyncio.run(story())


def test_a_configuration_makes_both_ends(tmp_path: Path) -> None:
    kind = next(one for one in BUILT_IN if one.name == "objects")
    assert kind.inbox and kind.outbox and kind.into and kind.out  # noqa: PT018  one question about a kind
    out = {option.name: option.default for option in kind.out}
    made = kind.outbox({**out, "url": "s3://b/x", "region": "r", "secret_access_key": SECRET})
    assert isinstance(made, ObjectOutbox)
    assert made.place.config == {"region": "r"}
    assert made.place.secrets == {"secret_access_key": SECRET}
    into = {option.name: option.default for option in kind.into}
    assert isinstance(kind.inbox({**into, "url": tmp_path.as_uri()}), ObjectInbox)
