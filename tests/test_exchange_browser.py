"""The status page as a person sees it: a real server, a real browser, typed searches."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import browser
from dflow.exchange import Operations, load_wiring
from dflow.exchange.journal import Query
from dflow.transport import Parcel, Receipt, Refused
from support import CHECKOUT
from support_exchange import file
from support_wiring import configured

MPAN = "1212345678902"
TOKEN = "sesame-open"

RULES = """
destination old "the old agent"
destination new "the new agent"
route all: flow D0010 to M/OLDM deliver old
clone migration: flow D0010 to M/OLDM copy new
"""


@pytest.fixture
def exchange(tmp_path: Path) -> Path:
    """An exchange that has run: one file delivered, one refused, one unrouted."""
    mounts, small = {"old": "old", "new": "new"}, "[journal]\npayloads_above = 200\n"
    config = configured(tmp_path, RULES, mounts, more=small)
    body = b"026|" + MPAN.encode() + b"|V|\n"
    (tmp_path / "in" / f"one-{MPAN}.usr").write_bytes(file(1) + body * 20)  # in the folder
    (tmp_path / "in" / "two.usr").write_bytes(file(2, sender="NORD"))
    (tmp_path / "in" / "<b>three.usr").write_bytes(file(3, flow="D0004"))
    (tmp_path / "in" / f"{'x' * 240}.usr").write_bytes(b"no flow")
    wiring = load_wiring(config)
    journal = wiring.open_journal()
    running = wiring.exchange(journal)
    old = next(mount.outbox for mount in running.mounts if mount.name == "old")
    send = type(old).send

    async def picky(self: object, parcel: Parcel) -> Receipt:
        if parcel.name == "two.usr" and "old" in str(self):
            raise Refused("not for us")
        return await send(self, parcel)  # type: ignore[arg-type]  # its own method

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(old), "send", picky)
        running.run_once()
    (row, *_) = journal.deliveries(Query(destination="new"))
    act = Operations(journal=journal, who="ann", why="<i>the</i> release weekend")
    act.pause("new")
    act.replay(Query(arrival=row.arrival), destination="new")
    for number in (6, 8, 9, 12):
        journal.sequence("X/<u>WEST", "N/NADA", number)
    journal.close()
    return tmp_path


@pytest.fixture
def address(exchange: Path) -> Iterator[str]:
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "src"), "DFLOW_TOKEN": TOKEN}
    words = ["serve", str(exchange / "dflow.toml"), "--read-only", "--port", "0"]
    with subprocess.Popen(
        [sys.executable, "-m", "dflow", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        told = server.stdout.readline().strip()
        assert told.endswith(f"/?token={TOKEN}")
        yield told.partition("?")[0]
        server.terminate()
        server.communicate(timeout=30)


def test_a_person_sees_the_exchange_and_finds_files(address: str, tmp_path: Path) -> None:
    with browser(tmp_path / "profile") as page:
        page.open(address)
        assert page.read() == "a token is needed: /?token=..."
        page.open(f"{address}?token=wrong")
        assert page.read() == "the token is wrong"
        page.open(f"{address}?token={TOKEN}")
        assert page.ask("location.href") == address, "the token does not stay in the address"
        text = page.read()
        assert "something waits for a person" in text
        assert re.search(r"new\s+paused\s+due\s+1\s+\d+ s", text), "queue, state, depth, age"
        assert re.search(r"two\.usr\s+old\s+not for us", text), "the dead letter"
        assert re.search(r"X/<u>WEST\s+N/NADA\s+7, 10 to 11\s+3\s+12\s", text), "missing numbers"
        for words in ("unrouted", "old: dead", "routed", "<b>three.usr", "<i>the</i> release"):
            assert words in text
        assert page.ask("document.querySelectorAll('b, i, u, script').length") == "0"
        assert MPAN not in text
        assert "one-12\u20262.usr" in text, "a meter point in a name is masked"
        shown = page.ask("document.querySelector('td time').innerText")
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (GMT|BST)", shown)
        title = page.ask("document.querySelector('td time').title")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", title)

        for width in (360, 800, 1280, 1920):
            page.call(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=800,
                deviceScaleFactor=1,
                mobile=False,
            )
            wide = page.ask("document.documentElement.scrollWidth - innerWidth")
            assert int(wide) <= 0, f"nothing is out of sight at {width}"
        page.call("Emulation.clearDeviceMetricsOverride")

        hash_ = hashlib.sha256(file(2, sender="NORD")).hexdigest()
        for words, found in (
            (MPAN, [f"one-{MPAN}.usr"]),
            ("0000000002", ["two.usr"]),
            ("D0004", ["<b>three.usr"]),
            (hash_, ["two.usr"]),
            ("'\"><script>alert(1)</script>", []),
        ):
            page.search(words)
            assert "Found" in page.read()
            names = page.ask(
                "[...document.querySelectorAll('#found td:nth-child(3)')]"
                ".map(one => one.innerText).join('\\n')"
            )
            assert names.splitlines() == found
            assert page.ask("document.querySelector('input').value") == words
