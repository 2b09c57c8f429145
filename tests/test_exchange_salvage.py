"""A journal cut short or damaged: it says so, what can be read is saved, and work goes on."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dflow.cli import main
from dflow.delivery import State
from dflow.exchange import Exchange, Mount, Source, open_journal
from dflow.exchange.journal import (
    Cipher,
    Journal,
    JournalError,
    Outcome,
    Query,
    Standing,
    content_hash,
    is_whole,
)
from dflow.exchange.losses import lost_between
from dflow.routing import Routes
from dflow.transport import DirectoryInbox, DirectoryOutbox, Secret
from dflow.transport.durable import sync_folder
from support_exchange import file
from support_salvage import arrival, cut, fill, is_sound, mend, rows, zeros
from support_wiring import configured

RULES = """
destination old "the old agent"
destination new "the new agent"
route all: flow D0010 deliver old
clone migration: flow D0010 copy new
"""


def run(folder: Path, journal: Journal) -> None:
    exchange = Exchange(
        routes=Routes.parse(RULES),
        journal=journal,
        mounts=[
            Mount(name=name, outbox=DirectoryOutbox(path=folder / name)) for name in ("old", "new")
        ],
        sources=[
            Source(name="gateway", inbox=DirectoryInbox(path=folder / "inbox", ready="named"))
        ],
    )
    asyncio.run(exchange.run(once=True))


@pytest.mark.parametrize("part", [0.2, 0.4, 0.6, 0.8, 0.95])
def test_work_resumes_and_nothing_comes_twice(tmp_path: Path, part: float) -> None:
    """Files that went, files on their way, and files that arrive again after the loss."""
    path = tmp_path / "j.db"
    (tmp_path / "inbox").mkdir()
    files = {f"{number}.usr": file(number, size=5000) for number in range(120)}
    for name, content in files.items():
        (tmp_path / "inbox" / name).write_bytes(content)
    with closing(open_journal(path)) as journal:
        run(tmp_path, journal)
        # Forgotten, as if the file had been put back from an older copy.
        journal._connection.execute("UPDATE delivery SET state = 'due' WHERE id % 2")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(JournalError, match="dflow journal salvage"):
        open_journal(path)
    found = mend(path)
    assert not found.whole
    for name, content in files.items():
        (tmp_path / "inbox" / name).write_bytes(content)
    with closing(open_journal(path)) as journal:
        run(tmp_path, journal)
        run(tmp_path, journal)
        kept = {row.hash for row in journal.arrivals(Query())}
        assert kept == {content_hash(content) for content in files.values()}
        for row in kept:
            assert content_hash(journal.payload(row)) == row
        assert not [one for one in journal.backlog() if one.state is not State.DEAD]
    for name in ("old", "new"):
        there = Counter(one.read_bytes() for one in (tmp_path / name).glob("*.usr*"))
        copies = Counter({one: n for one, n in there.items() if one in set(files.values())})
        assert copies == Counter(files.values())


def test_bytes_that_were_lost_come_back_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with closing(open_journal(path, payloads_above=100)) as journal:
        journal.record(arrival(1))
    (payload,) = [one for one in (tmp_path / "j.db.payloads").rglob("*") if one.is_file()]
    payload.unlink()
    found = mend(path)
    assert found.without_bytes == (1,)
    with closing(open_journal(path, payloads_above=100)) as journal:
        with pytest.raises(JournalError, match="No such file"):
            journal.payload(content_hash(arrival(1).content or b""))
        assert journal.record(arrival(1)).outcome is Outcome.REPEAT
        assert journal.payload(content_hash(arrival(1).content or b"")) == arrival(1).content


@pytest.mark.parametrize("ranges", ["", "9-8", "8-9,10-10", "x", "8-9,"])
def test_which_numbers_are_missing_is_kept_if_it_can_be_believed(
    tmp_path: Path, ranges: str
) -> None:
    path = tmp_path / "j.db"
    with closing(open_journal(path)) as journal:
        journal.sequence("WEST", "OLDM", 7)
        journal.sequence("WEST", "OLDM", 11)
        if ranges:
            journal._connection.execute("UPDATE sequence SET missing = ?", (ranges,))
            with pytest.raises(JournalError, match="dflow journal salvage"):
                journal.missing()
    found = mend(path)
    assert [str(one) for one in found.unread] == ["sequence 1"] * bool(ranges)
    with closing(open_journal(path)) as journal:
        expected = Standing.FIRST if ranges else Standing.FILLED
        assert journal.sequence("WEST", "OLDM", 9).standing is expected


SITE = "dflow.exchange.journal.site"


@pytest.mark.parametrize("at", range(8))
def test_a_salvage_that_is_interrupted_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """The log of the damaged file is part of it until the new one is in its place."""
    path = tmp_path / "j.db"
    journal = open_journal(path, payloads_above=5000)
    fill(journal, 20)
    journal._connection.execute("PRAGMA wal_checkpoint")
    journal.record(arrival(20))
    data, log = path.read_bytes(), path.with_name("j.db-wal").read_bytes()
    journal.close()
    path.write_bytes(zeros({40})(data))
    path.with_name("j.db-wal").write_bytes(log)
    calls = 0

    def stopping(whole: Callable[..., object]) -> Callable[..., object]:
        def step(*given: object, **more: object) -> object:
            nonlocal calls
            calls += 1
            if calls > at:
                raise KeyboardInterrupt
            return whole(*given, **more)

        return step

    with monkeypatch.context() as patch:
        for name in ("hardlink_to", "unlink", "replace"):
            patch.setattr(Path, name, stopping(getattr(Path, name)))
        patch.setattr(f"{SITE}.sync_folder", stopping(sync_folder))
        with pytest.raises(KeyboardInterrupt):
            mend(path)
    if not is_whole(path):
        mend(path)
    assert 21 in rows(path)[0], "it is in the log alone"
    is_sound(path)


def test_sealed_payloads_are_proved_with_their_key_or_not_at_all(tmp_path: Path) -> None:
    path, cipher = tmp_path / "j.db", Cipher.of(Secret("QUJD" * 10 + "QUI="))
    with closing(open_journal(path, cipher=cipher)) as journal:
        for number in range(400):
            journal.record(arrival(number))
    # The pages of the table's end.
    path.write_bytes(cut(0.6)(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(JournalError, match="no key is given"):
        mend(path)
    assert path.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["j.db", "j.db.lock"]
    found = mend(path, cipher=cipher)
    assert found.unread
    with closing(open_journal(path, cipher=cipher)) as journal:
        for row in journal.arrivals(Query()):
            if row.id not in found.without_bytes:
                assert content_hash(journal.payload(row.hash)) == row.hash


def test_a_text_that_is_none_is_damage_and_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with closing(open_journal(path)) as journal:
        journal.record(arrival(1))
    data = path.read_bytes()
    assert data.count(b"gateway") == 1
    path.write_bytes(data.replace(b"gateway", b"g\xffteway"))
    with closing(open_journal(path)) as journal, pytest.raises(JournalError) as failed:
        list(journal.arrivals(Query()))
    assert "dflow journal salvage" in str(failed.value)
    assert "teway" not in str(failed.value)
    assert mend(path).unread


def test_a_header_with_nul_in_it_is_no_damage(tmp_path: Path) -> None:
    """Zeros are what a lost page reads; what a file's sender wrote is not taken for them."""
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a.usr").write_bytes(file(1, sender="W\0ST"))
    with closing(open_journal(tmp_path / "j.db")) as journal:
        run(tmp_path, journal)
    assert mend(tmp_path / "j.db").whole


def test_what_is_saved_is_private(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with closing(open_journal(path)) as journal:
        journal.record(arrival(1))
    found = mend(path)
    assert found.whole
    for one in (path, found.damaged):
        assert one.stat().st_mode & 0o777 == 0o600


def wired(folder: Path) -> str:
    place = '[journal]\nurl = "sqlite:///j.db"\n'
    return str(configured(folder, RULES, {"old": "old", "new": "new"}, more=place))


def test_the_command_tells_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, path = wired(tmp_path), tmp_path / "j.db"
    with closing(open_journal(path)) as journal:
        for number in range(200):
            journal.record(arrival(number))
    assert main(["journal", "salvage", config, "--why", "a look"]) == 0
    assert (
        capsys.readouterr().out
        == "nothing is wrong with its pages; --anyway makes it anew all the same\n"
    )
    assert not list(tmp_path.glob("*.damaged"))

    assert main(["journal", "salvage", config, "--why", "an old copy", "--anyway"]) == 0
    out = capsys.readouterr().out
    assert "200 arrival, 200 delivery" in out
    assert "200 deliveries are asked about before they are sent" in out
    assert "not read" not in out

    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert main(["status", config]) == 2
    assert "dflow journal salvage" in capsys.readouterr().err
    assert main(["journal", "salvage", config, "--why", "cut short", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["whole"] is False
    assert told["damaged"] == str(tmp_path / "j.db.damaged-1")
    assert {one["table"] for one in told["unread"]} >= {"arrival"}
    assert main(["status", config]) == 1, "some wait for a person"


def test_a_journal_in_use_or_of_no_file_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = wired(tmp_path)
    with closing(open_journal(tmp_path / "j.db")) as journal:
        journal.own()
        assert main(["journal", "salvage", config, "--why", "x", "--anyway"]) == 2
        assert "another process is running this exchange" in capsys.readouterr().err
    text = (tmp_path / "dflow.toml").read_text()
    (tmp_path / "dflow.toml").write_text(text.replace("sqlite:///j.db", "memory:"))
    assert main(["journal", "salvage", config, "--why", "x"]) == 2
    assert "no file" in capsys.readouterr().err
    (tmp_path / "dflow.toml").write_text(text.replace("j.db", "none.db"))
    assert main(["journal", "salvage", config, "--why", "x"]) == 2
    assert "none.db" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    "content", [b"", b"not a database at all", b"SQLite format 3\0", b"\0" * 9000]
)
def test_what_is_no_journal_is_refused_and_left(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "j.db"
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"nothing of it|schema version 0"):
        mend(path)
    assert path.read_bytes() == content
    assert sorted(one.name for one in tmp_path.iterdir()) == ["j.db", "j.db.lock"]


def test_an_audit_knows_of_the_arrivals_that_were_lost(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with closing(open_journal(path, payloads_above=5000)) as journal:
        fill(journal, 400)
    path.write_bytes(zeros(set(range(12, 400, 12)))(path.read_bytes()))
    spans = [one for one in mend(path).unread if one.table == "arrival"]
    with closing(open_journal(path, payloads_above=5000)) as journal:
        (event,) = journal.events(kind="salvaged")
        assert event.detail.startswith(f"{spans[0]}, {spans[1]}, "), "before all others"
        lost = lost_between(journal, 0, 1e9)
        assert lost.arrivals == sum(one.last - one.first + 1 for one in spans)
