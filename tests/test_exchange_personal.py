"""A meter point in a file's name, in a body and in the rules: nowhere shown unless asked for."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest
from attrs import define, field

from dflow.cli import main
from dflow.exchange import Mount, open_journal
from dflow.exchange.journal import Query
from dflow.exchange.masking import masked
from dflow.exchange.page import status_page
from dflow.exchange.words import kept_words
from dflow.transport import Capabilities, Parcel, Presence, Receipt, Refused, Unavailable, Uncertain
from support_exchange import World, file
from support_wiring import configured

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


def flow(number: int, mpan: str) -> bytes:
    lines = [
        f"ZHV|000000010{number}|D0150002|R|NORD|M|OLDM|20190603081500||||OPER|",
        f"288|{mpan}|20190601||E|",
        f"ZPT|000000010{number}|1||1|20190603081500|",
    ]
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "missing").mkdir()
    (tmp_path / "missing" / "file").write_text("no folder")  # so that `new` fails
    path = configured(tmp_path, RULES, {"old": "old", "new": "missing/file/new"})
    for number, name in enumerate([f"{NAMED}.usr", f"{HELD}.usr"]):
        (tmp_path / "in" / name).write_bytes(flow(number, HELD if number else NAMED))
    (tmp_path / "in" / f"MPAN_{NAMED}_bad.usr").write_bytes(b"288|" + NAMED.encode() + b"|")
    return str(path)


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

#: Commands that act: what they say, with a reason that names a meter point.
ACTS = [
    ("pause", "old"),
    ("hold", "1", "2"),
    ("release", "--deliveries", "1"),
    ("release", "3", "--to", "old"),
    ("replay", "--all", "--rules", "now"),
    ("dead", "2", "--replace", "edited.usr"),
    ("clones", "backfill", "all"),
    ("journal", "prune", "--older-than", "1d"),
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


def test_no_act_shows_a_meter_point(
    config: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "edited.usr").write_bytes(flow(3, HELD))
    told(config, capsys, "run", "--once")
    for words in ACTS:
        found = json.loads(told(config, capsys, *words, "--json", "--why", f"of {NAMED}"))
        assert NAMED not in json.dumps(found), words
        assert HELD not in json.dumps(found), words
        assert found["why"] == "of 12\u20262"
        assert found["events"], words
    for words in (("pause", "old"), ("replay", "--all", "--rules", "now")):
        found_text = told(config, capsys, *words, "--why", f"of {NAMED}")
        assert NAMED not in found_text, words


def test_an_explanation_shows_none(
    config: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "a.usr"
    file.write_bytes(flow(1, HELD))
    for json_ in ((), ("--json",)):
        assert main(["rules", "explain", str(tmp_path / "x.routes"), str(file), *json_]) == 0
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


def test_a_meter_point_in_a_header_or_behind_a_date_is_masked_too(
    config: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    inbox = tmp_path / "in"
    whole = flow(5, HELD).decode()
    for word in ("0000000105", "D0150002", "NORD", "OLDM"):
        (inbox / f"{word}.usr").write_text(whole.replace(word, NAMED))
    (inbox / f"D0150_20190601{NAMED}.usr").write_bytes(flow(6, HELD))
    for words in WALK:
        assert NAMED not in told(config, capsys, *words), words
    report = tmp_path / "audit.html"
    told(config, capsys, "clones", "audit", "all", "--since", "1d", "--report", str(report))
    journal = open_journal(tmp_path / "journal.db")
    page = status_page(journal, ["old", "new"], now=1.6e9)
    journal.close()
    assert NAMED not in report.read_text("utf-8") + page
    assert f"R/{NAMED}" in told(config, capsys, "journal", "list", "--unmask")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (NAMED, "12\u20262"),
        (f"20190601{NAMED}", "2019060112\u20262"),
        (f"{NAMED}20190601120000", "12\u2026220190601120000"),
        (f"{NAMED}{HELD}", "12\u2026220\u20260"),
        ("20190601120000.usr", "20190601120000.usr"),
        ("20190601120000123", "20190601120000123"),
        (f"{NAMED[:-1]}3", "12\u20263"),
        (f"a{NAMED}" + "f" * 50, f"a{NAMED}" + "f" * 50),
        ("1" * 14, "1" * 14),
    ],
    ids=str,
)
def test_what_is_masked_and_what_stays(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_the_inboxs_own_folder_is_private(
    config: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before = os.umask(0)
    try:
        told(config, capsys, "run", "--once")
    finally:
        os.umask(before)
    private = [tmp_path / "in" / ".dflow", *(tmp_path / "in" / ".dflow").iterdir()]
    private += [tmp_path / "journal.db", *tmp_path.glob("*/.dflow")]
    assert [str(path) for path in private if path.stat().st_mode & 0o077] == []


@define(eq=False)
class Echo:
    """A destination that says what it was sent back, as some mail servers do."""

    kind: type[Exception] = Refused
    capabilities: Capabilities = field(factory=Capabilities)

    async def send(self, parcel: Parcel) -> Receipt:
        body = parcel.content.decode("latin-1").replace("|", " | ")
        raise self.kind(f"550 no such customer (Jo Smith), \x1b[2J {body!r}" + "!" * 10_000)

    async def probe(self, key: str) -> Presence:
        raise self.kind(f"{key} Jo Smith {NAMED} hunter2")


@pytest.mark.parametrize("kind", [Refused, Unavailable, Uncertain, RuntimeError])
def test_what_a_destination_says_back_is_kept_without_values(
    kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    boxes = {name: Echo(kind) for name in ("old", "new", "spare")}
    here = World(mounts=tuple(Mount(name=name, outbox=box) for name, box in boxes.items()))
    here.put(file(1) + f"026|{NAMED}|Jo Smith|V|\n".encode())
    with caplog.at_level("DEBUG"):
        here.run()
    journal = here.journal
    kept = [row.reason for row in journal.deliveries(Query())]
    kept += [one.detail for row in journal.deliveries(Query()) for one in journal.attempts(row.id)]
    kept += [event.why + event.detail for event in journal.events()]
    assert any("550 no such customer (\u2026)" in words for words in kept) or kind is RuntimeError
    assert not [words for words in [*kept, caplog.text] if "Smith" in words or NAMED in words]
    assert max(map(len, kept)) < 1200
    if kind is RuntimeError:
        assert any("failed with RuntimeError at test_exchange_personal.py:" in one for one in kept)


@pytest.mark.parametrize(
    ("words", "body", "kept"),
    [
        ("no Jo Smith here", "Jo Smith|V", "no \u2026 here"),
        ("Smithson", "Smith", "Smithson"),
        ("a Smith, a Jo Smith", "Smith|Jo Smith", "a \u2026, a \u2026"),
        ("12 Acacia Avenue!", "12 Acacia Avenue", "\u2026!"),
        ("abc", "abc", "abc"),
        ("plain", "", "plain"),
    ],
)
def test_values_are_left_out_whole(words: str, body: str, kept: str) -> None:
    assert kept_words(words, f"ZHV|plain|\n999|{body}|\n".encode()) == kept
