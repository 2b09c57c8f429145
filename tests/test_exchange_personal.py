"""A meter point in a file's name, in a body and in the rules: nowhere shown unless asked for."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from dflow.cli import main
from dflow.exchange import open_journal
from dflow.exchange.page import status_page

NAMED, HELD = "1212345678902", "2011223344550"

RULES = f"""
timezone Europe/London
destination old "the old agent"
destination new "the new agent"
list movers = {HELD}
route pilot: flow D0150 where J0003 in movers deliver old
route rest: flow D0150 deliver new
clone all: flow D0150 copy new
"""

CONFIG = """
[journal]
url = "sqlite:///journal.db"
[routes]
file = "rules.routes"
[source.gateway]
transport = "directory"
path = "inbox"
ready = "named"
[mount.old]
transport = "directory"
path = "old"
[mount.new]
transport = "directory"
path = "missing/file/new"
"""


def flow(number: int, mpan: str) -> bytes:
    lines = [
        f"ZHV|000000010{number}|D0150002|R|NORD|M|OLDM|20190603081500||||OPER|",
        f"288|{mpan}|20190601||E|",
        f"ZPT|000000010{number}|1||1|20190603081500|",
    ]
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "missing").mkdir()
    (tmp_path / "missing" / "file").write_text("no folder")  # so that `new` fails
    (tmp_path / "rules.routes").write_text(RULES)
    (tmp_path / "dflow.toml").write_text(CONFIG)
    for number, name in enumerate([f"{NAMED}.usr", f"{HELD}.usr"]):
        (tmp_path / "inbox" / name).write_bytes(flow(number, HELD if number else NAMED))
    (tmp_path / "inbox" / f"MPAN_{NAMED}_bad.usr").write_bytes(b"288|" + NAMED.encode() + b"|")
    return str(tmp_path / "dflow.toml")


WALK = [
    ("run", "--once", "--log", "json"),
    ("run", "--once", "--log", "text"),
    ("run", "--once", "--json"),
    ("run", "--once"),
    ("status",),
    ("status", "--json"),
    ("journal", "list"),
    ("journal", "list", "--json"),
    ("journal", "show", "1"),
    ("journal", "show", "1", "--json"),
    ("journal", "show", "2"),
    ("journal", "show", "2", "--json"),
    ("journal", "show", "3"),
    ("journal", "events"),
    ("journal", "events", "--json"),
    ("dead",),
    ("dead", "--json"),
    ("clones", "audit", "all", "--since", "1d"),
    ("clones", "audit", "all", "--since", "1d", "--json"),
]


def told(config: str, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    at = 2 if words[0] in {"journal", "clones"} else 1
    assert main([*words[:at], config, *words[at:]]) in {0, 1}
    out = capsys.readouterr()
    return out.out + out.err


def test_no_output_shows_a_meter_point(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in WALK:
        found = told(config, capsys, *words)
        assert NAMED not in found, words
        assert HELD not in found, words
    assert "MPAN_12\u20262_bad.usr" in told(config, capsys, "journal", "list")


def test_an_explanation_shows_none(
    config: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "a.usr"
    file.write_bytes(flow(1, HELD))
    for json_ in ((), ("--json",)):
        assert main(["rules", "explain", str(tmp_path / "rules.routes"), str(file), *json_]) == 0
        found = capsys.readouterr().out
        assert "pilot" in found
        assert HELD not in found


def test_what_is_asked_for_is_shown(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"{NAMED}.usr" in told(config, capsys, "run", "--once", "--unmask")
    for words in WALK[6:10]:
        shown = told(config, capsys, *words, "--unmask")
        assert NAMED in shown or HELD in shown, words


def test_reports_and_the_page_show_none(
    config: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    told(config, capsys, "run", "--once")
    for name in ("audit.html", "audit.json"):
        report = tmp_path / name
        told(config, capsys, "clones", "audit", "all", "--since", "1d", "--report", str(report))
        assert NAMED not in report.read_text("utf-8")
        assert HELD not in report.read_text("utf-8")
    journal = open_journal(tmp_path / "journal.db")
    page = status_page(journal, ["old", "new"], now=1.6e9)
    journal.close()
    assert NAMED not in page
    assert HELD not in page


def test_events_and_explanations_are_kept_without(
    config: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Names are kept whole, since they are the files'; bodies and lists are not looked into."""
    told(config, capsys, "run", "--once")
    database = sqlite3.connect(tmp_path / "journal.db")
    kept = json.dumps(
        [
            *database.execute("SELECT decision, reason, address FROM arrival"),
            *database.execute("SELECT kind, why, detail FROM event"),
        ]
    )
    database.close()
    assert "clause" in kept
    assert NAMED not in kept
    assert HELD not in kept
