"""``dflow mounts check``: every end tried at once, and what is wrong in words."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from attrs import define, evolve

from dflow.cli import main
from dflow.exchange import Mount, Source, load_wiring
from dflow.exchange.looking import Look, look_at_ends
from dflow.transport import (
    Capabilities,
    DirectoryInbox,
    DirectoryOutbox,
    MemoryInbox,
    MemoryOutbox,
    Outbox,
    Parcel,
    Presence,
    Receipt,
    Unavailable,
)
from support_wiring import configured

RULES = 'destination there "there"\nroute all: flow * deliver there\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return configured(tmp_path, RULES, {"there": "out/there"}, source="")


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_all_is_well_and_nothing_is_touched(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config.parent / "in" / "a.usr").write_bytes(b"")
    before = names(config.parent)
    assert main(["mounts", "check", str(config)]) == 0
    assert capsys.readouterr().out.replace(str(config.parent), "") == (
        "source gateway  ok  the folder /in can be taken from; 1 names are in it\n"
        "mount there     ok  the folder /out/there is not there yet, and can be made\n"
    )
    assert names(config.parent) == before


def test_what_is_wrong_is_said_with_its_remedy(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config.parent / "in").rmdir()
    (config.parent / "out").write_text("a file")
    assert main(["mounts", "check", str(config), "--json"]) == 1
    looks = json.loads(capsys.readouterr().out)
    assert [(one["side"], one["name"], one["state"]) for one in looks] == [
        ("source", "gateway", "wrong"),
        ("mount", "there", "wrong"),
    ]
    assert "in: no such folder; make it, or correct the path" in looks[0]["words"]
    assert "out is no folder" in looks[1]["words"]


def test_wrong_use_is_two(config: Path) -> None:
    config.write_text("[routes]\n")
    assert main(["mounts", "check", str(config)]) == 2
    assert main(["mounts", "check", str(config), "--limit", "never"]) == 2


@define
class Odd:
    """An outbox that answers as it is told to."""

    how: str
    closed: int = 0

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(probes=self.how != "mute")

    async def send(self, parcel: Parcel) -> Receipt:
        raise AssertionError("a check sent something")

    async def probe(self, key: str) -> Presence:
        match self.how:
            case "hangs":
                await asyncio.sleep(60)
            case "down":
                raise Unavailable("nobody answers at depot:22;\nlook whether it runs")
            case "careless":
                raise ValueError("password hunter2 is wrong")
            case "vague":
                return Presence.UNKNOWN
        return Presence.ABSENT

    async def close(self) -> None:
        self.closed += 1
        if self.how == "careless":
            raise OSError("hunter2")


def looks_of(config: Path, *outboxes: Outbox, limit: float = 0.3) -> list[Look]:
    wiring = load_wiring(config)
    mounts = tuple(Mount(name=str(at), outbox=one) for at, one in enumerate(outboxes))
    sources = (Source(name="memory", inbox=MemoryInbox()),)
    return asyncio.run(look_at_ends(evolve(wiring, mounts=mounts, sources=sources), limit=limit))


def test_each_kind_of_answer(config: Path) -> None:
    odd = [Odd(how) for how in ("well", "hangs", "down", "careless", "vague", "mute")]
    begun = time.monotonic()
    looks = looks_of(config, *odd, *(Odd("hangs") for _ in range(20)), MemoryOutbox())
    assert time.monotonic() - begun < 2.0  # all at once
    assert [one.found for one in looks[:7]] == [None, True, False, False, False, None, None]
    words = [one.words for one in looks]
    assert words[1] == words[-1] == "it answers when it is asked for a key"
    assert words[2] == (
        "no answer in 0.3 s; look whether it runs, and whether a firewall is between"
    )
    assert words[3] == "nobody answers at depot:22; look whether it runs"
    assert words[4] == "the transport failed with ValueError, which is a mistake in it"
    assert words[0] == words[5] == "it cannot be tried without sending or taking something"
    assert all(one.closed == 1 for one in odd)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        ("file", "is no folder"),
        ("link", "is no folder"),
        ("under", "cannot be made, because"),
    ],
)
def test_folders_that_cannot_be_used(tmp_path: Path, make: str, words: str) -> None:
    path = tmp_path / "one"
    if make == "file":
        path.write_text("")
    elif make == "link":
        path.symlink_to(tmp_path / "nowhere")
    else:
        path.write_text("")
        path /= "below"
    with pytest.raises(Unavailable, match=words):
        asyncio.run(DirectoryOutbox(path=path).check())
    with pytest.raises(Unavailable, match=r"no folder|no such folder"):
        asyncio.run(DirectoryInbox(path=path).check())


def test_rights_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    denied: set[int] = set()
    monkeypatch.setattr(
        "dflow.transport.folders.os.access",
        lambda path, mode: not any(mode & one for one in denied),
    )
    for mode, words in ((2, "may not be written to"), (4, "may not be listed")):
        denied = {mode}
        with pytest.raises(Unavailable, match=words):
            asyncio.run(DirectoryInbox(path=tmp_path).check())
    denied = {2}
    with pytest.raises(Unavailable, match="may not be written to; give this user the right"):
        asyncio.run(DirectoryOutbox(path=tmp_path).check())
    with pytest.raises(Unavailable, match="cannot be made, because"):
        asyncio.run(DirectoryOutbox(path=tmp_path / "new").check())
