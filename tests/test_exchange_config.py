"""`dflow.toml`: read whole, or refused with every mistake and its place."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from dflow.cli import main
from dflow.errors import DflowError, RefusedText, SourceError
from dflow.exchange import Wiring, load_wiring
from dflow.transport import DirectoryInbox, DirectoryOutbox
from support import swapped

RULES = """\
destination old-agent "old"
destination new-agent "new"
route all: flow D0010 to M/OLDM deliver old-agent
"""

GOOD = """\
[routes]
file = "x.routes"
[source.gateway]
transport = "directory"
path = "in"
ready = "named"
[mount.old-agent]
transport = "directory"
path = "out/old"
order = "sender and flow"
concurrency = 2
[mount.old-agent.retry]
first = 1
attempts = 3
[mount.old-agent.quota]
per_day = 100
[[mount.old-agent.closed]]
days = ["sun"]
from = 22:00:00
to = 02:00:00
[mount.new-agent]
transport = "directory"
path = "out/new"
"""


def load(folder: Path, text: str, rules: str = RULES) -> str:
    (folder / "dflow.toml").write_text(text)
    (folder / "x.routes").write_text(rules)
    with pytest.raises(RefusedText) as refused:
        load_wiring(folder / "dflow.toml")
    return str(refused.value).replace(str(folder) + "/", "")


def loaded(folder: Path) -> Wiring:
    (folder / "dflow.toml").write_text(GOOD)
    (folder / "x.routes").write_text(RULES)
    return load_wiring(folder / "dflow.toml")


def test_a_good_one(tmp_path: Path) -> None:
    wiring = loaded(tmp_path)
    assert wiring.journal_place.path == tmp_path / "journal.db"
    assert [source.name for source in wiring.sources] == ["gateway"]
    assert isinstance(wiring.sources[0].inbox, DirectoryInbox)
    old, new = wiring.mounts
    assert isinstance(old.outbox, DirectoryOutbox)
    assert old.outbox.path == tmp_path / "out" / "old"
    assert (old.treatment.order, old.treatment.concurrency) == ("sender and flow", 2)
    assert (old.treatment.retry.first, old.treatment.retry.attempts) == (1.0, 3)
    assert old.treatment.quota.per_day == 100
    assert old.treatment.closed[0].start == time(22)
    assert new.treatment.retry.attempts is None
    assert not (tmp_path / "journal.db").exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "helps"),
    [
        ("old-agnet", "did you mean old-agent?"),
        ("agent", "did you mean old-agent or new-agent?"),
        ("hub", "known: old-agent, new-agent"),
        ("", "known: old-agent, new-agent"),
    ],
)
def test_a_destination_that_is_not_there_is_named_with_what_is(
    tmp_path: Path, name: str, helps: str
) -> None:
    wiring = loaded(tmp_path)
    with pytest.raises(DflowError) as refused:
        wiring.mount(name)
    assert str(refused.value) == f"{tmp_path / 'dflow.toml'}: no destination {name!r}; {helps}"
    assert wiring.mount("new-agent") is wiring.mounts[1]


MISTAKES = [
    ('file = "x.routes"', 'fil = "x.routes"', 2, "did you mean file?"),
    ('file = "x.routes"', 'file = "y.routes"', 2, "no such file"),
    ('transport = "directory"', 'transport = "directori"', 4, "did you mean directory?"),
    ('transport = "directory"', "", 3, "transport is missing"),
    ('transport = "directory"', 'transprt = "directory"', 4, "did you mean transport?"),
    ('path = "in"', "", 3, "lacks 'path'"),
    ('path = "in"', "path = 3", 5, "expected a path"),
    ('ready = "named"', 'ready = "namd"', 6, "did you mean named?"),
    ("[mount.old-agent]\n", "[mount.old-agnt]\n", 7, "did you mean old-agent?"),
    ("concurrency = 2", "concurrency = 0", 11, "expected at least 1"),
    ("concurrency = 2", "concurrency = 2.5", 11, "expected a whole number"),
    ("concurrency = 2", "concurency = 2", 11, "did you mean concurrency?"),
    ("first = 1", 'first = "soon"', 13, "expected a number of seconds"),
    ("first = 1", "first = nan", 13, "expected at least 0.001"),
    ('days = ["sun"]', 'days = ["sunday"]', 17, "'sunday' is no day"),
    ("to = 02:00:00", "", 17, "needs from and to"),
    ('days = ["sun"]', 'days = "sun"', 18, "days are a list"),
    ('days = ["sun"]', 'zone = "Europe/Lundon"', 18, "no time zone 'Europe/Lundon'"),
    ("to = 02:00:00", "too = 02:00:00", 20, "[[mount.old-agent.closed]] has no key 'too'"),
    ("[[mount.old-agent.closed]]", "[mount.old-agent.closed]", 17, "closed is a list of tables"),
    (
        "from = 22:00:00\nto = 02:00:00",
        "from = 2026-06-27T22:00:00\nto = 2026-06-28T02:00:00",
        18,
        "a single window has no days",
    ),
    ("per_day = 100", "per_second = inf", 16, "per_second has no limit"),
    ("attempts = 3", "jitter = 5", 14, "expected a part, from 0 to 1"),
    ('path = "out/new"', 'path = "out/new"\nname = "../{name}"', 24, "may not be a folder"),
    ('path = "out/new"', 'path = "out/new"\nname = "{flo}"', 24, "no word {flo}"),
    ("[routes]", "[journal]\nurl = 'mysql://x'\n[routes]", 2, "expected sqlite:///journal.db"),
    ("[routes]", "[chek]\n[routes]", 1, "did you mean check?"),
    ("[routes]", "[routes", 1, ""),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), MISTAKES)
def test_mistakes_are_placed(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    told = load(tmp_path, swapped(GOOD, old, new, 1))
    assert f"dflow.toml:{line}" in told, told
    assert words in told, told


def test_a_mistake_is_told_once_however_often_it_is_met(tmp_path: Path) -> None:
    told = load(tmp_path, swapped(GOOD, 'path = "out/new"', 'path = "out/new"\nretry = 3'))
    assert told.count("mount.new-agent.retry is no table") == 1


def test_all_mistakes_are_told_at_once_those_of_the_rules_too(tmp_path: Path) -> None:
    told = load(
        tmp_path,
        GOOD.replace("first = 1", "first = -1").replace('path = "in"', "pth = 'in'"),
        RULES.replace("deliver", "delver"),
    )
    assert "dflow.toml:5" in told
    assert "dflow.toml:13" in told
    assert "x.routes:3" in told


def test_a_destination_without_a_mount(tmp_path: Path) -> None:
    told = load(tmp_path, GOOD[: GOOD.index("[mount.new-agent]")])
    assert "destination new-agent of the rules has no [mount.new-agent]" in told


def test_no_source_and_a_missing_file(tmp_path: Path) -> None:
    told = load(tmp_path, GOOD.replace("[source.gateway]", "[mount.spare]"))
    assert "nothing can arrive" in told or "spare" in told
    with pytest.raises(SourceError, match=r"nowhere\.toml"):
        load_wiring(tmp_path / "nowhere.toml")


def test_the_command_refuses_before_anything_moves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.usr").write_bytes(b"ZHV|")
    (tmp_path / "dflow.toml").write_text(GOOD)
    (tmp_path / "x.routes").write_text(RULES.replace("old-agent\n", "old-agnt\n"))
    assert main(["run", str(tmp_path / "dflow.toml"), "--once"]) == 2
    told = capsys.readouterr().err
    assert "x.routes:3" in told
    assert "did you mean old-agent?" in told
    assert not (tmp_path / "journal.db").exists()
    assert (tmp_path / "in" / "a.usr").exists()
    assert main(["run", str(tmp_path / "missing.toml"), "--once"]) == 2
    assert main(["run", str(tmp_path), "--once"]) == 2


@pytest.mark.parametrize(
    ("journal", "expected"),
    [
        ('url = "postgresql://h/d"\nlease = 0.1', "lease is 0.1"),
        ('url = "postgresql://"', "expected such as postgresql://host:5432/database"),
        ('url = "postgresql://h/d?sslmod=x"', "unknown word 'sslmod'"),
        ('url = "postgresql://u:hunter2@h/d"', "a password does not stand in an address"),
        ('url = "postgresql://h:abc/d"', ":2:1: url: its port is no number from 1 to 65535; exp"),
        ('url = "postgresql://h:65536/d"', ":2:1: url: its port is no number from 1 to 65535; "),
        ('url = "postgresql://h:0/d"', ":2:1: url: its port is no number from 1 to 65535; "),
        ('url = "postgresql://u:hunter2/3@h/d"', ":2:1: url: its port is no number from 1"),
        ('url = "postgresql://[h/d"', ":2:1: url: it is no address; expected such as "),
        ('url = "postgresql://h/d"\npassword = "hunter2"', "password is a secret"),
        ('url = "postgresql://h/d"\nschema = "a-b"', ":3:1: 'a-b' is no schema"),
        ("lease = 3", "lease is for a journal in PostgreSQL"),
    ],
)
def test_a_journal_in_postgresql_is_checked(tmp_path: Path, journal: str, expected: str) -> None:
    path = tmp_path / "dflow.toml"
    path.write_text(f"[journal]\n{journal}\n")
    with pytest.raises(RefusedText) as refused:
        load_wiring(path)
    assert expected in str(refused.value)
    assert "hunter2" not in str(refused.value)
