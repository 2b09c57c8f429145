"""A clone campaign over real files: complete, or exactly what is missing."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dflow.campaign import (
    Campaign,
    CampaignRefused,
    Contents,
    Orders,
    Seen,
    accept,
    in_flight,
    load_campaign,
    look,
    run_campaign,
    take_back,
)
from dflow.campaign.rehearsal import rehearse
from dflow.campaign.seeing import ledger_of, opened
from dflow.cli import main
from dflow.delivery import State
from dflow.exchange.journal import Journal, Query
from dflow.operation import ClockWentBack, SetClock, interrupted
from dflow.routing import Routes
from support_campaign import come, prepared
from support_postgres import database
from support_process import dies, example, ran

START = datetime(2026, 3, 1, tzinfo=UTC)
LATER = datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The example's configuration with thirty meter points, and three weeks of traffic."""
    return prepared(tmp_path, 30)


def campaign_in(folder: Path) -> Campaign:
    return load_campaign(folder / "campaign.toml")


def arrive(folder: Path, *, start: date = date(2026, 2, 25), days: int = 20, seed: int = 1) -> None:
    come(campaign_in(folder), start=start, days=days, seed=seed)


def pass_by(folder: Path, instant: datetime) -> None:
    with opened(campaign_in(folder)) as (wiring, journal):
        exchange = wiring.exchange(journal)
        exchange.clock = instant.timestamp
        exchange.run_once()


def seen_at(folder: Path, now: datetime = LATER) -> Seen:
    campaign = campaign_in(folder)
    with opened(campaign) as (wiring, journal):
        return look(campaign, wiring, journal, now=now)


@contextlib.contextmanager
def journal_of(folder: Path) -> Iterator[Journal]:
    with opened(campaign_in(folder)) as (_, journal):
        yield journal


def forget_rows(folder: Path, places: list[str]) -> None:
    with contextlib.closing(sqlite3.connect(folder / "journal.db")) as base, base:
        for place in places:
            found = base.execute(
                "SELECT id FROM delivery WHERE place = ? AND destination = 'new-agent'", (place,)
            ).fetchall()
            base.executemany("DELETE FROM attempt WHERE delivery = ?", found)
            base.executemany("DELETE FROM delivery WHERE id = ?", found)


def whole(folder: Path) -> None:
    """Some traffic before the campaign, the rest within it."""
    arrive(folder)
    past = sorted((folder / "inbox").glob("*.usr"))[::4]
    away = folder / "later"
    away.mkdir()
    for path in (folder / "inbox").glob("*.usr"):
        if path not in past:
            path.rename(away / path.name)
    pass_by(folder, START - timedelta(days=2))
    for path in away.glob("*.usr"):
        path.rename(folder / "inbox" / path.name)
    run_campaign(campaign_in(folder), SetClock(LATER - timedelta(hours=1)))


def test_what_is_deleted_behind_its_back_is_named_and_mended(folder: Path) -> None:
    whole(folder)
    seen = seen_at(folder)
    assert seen.missing() == ()
    assert len(seen.completeness.since) == 30
    copies = sorted((folder / "new-agent").glob("*.usr"))
    assert len(copies) == len(seen.copies.owed) > 20
    files, rows, both = copies[0:4], copies[4:8], copies[8:10]
    for path in (*files, *both):
        path.unlink()
    forget_rows(folder, [path.name for path in (*rows, *both)])
    seen = seen_at(folder)
    lost = {path.name for path in (*files, *rows, *both)}
    assert {one.original.name for one in seen.copies.gaps} == lost
    by_name = {one.original.name: one for one in seen.copies.gaps}
    assert {by_name[path.name].mend for path in files} == {"replay"}
    assert {by_name[path.name].mend for path in (*rows, *both)} == {"backfill"}
    orders = Orders(mending="deleted by a test", who="a test")
    run_campaign(campaign_in(folder), SetClock(LATER), orders)
    seen = seen_at(folder)
    assert seen.missing() == ()
    assert lost <= {path.name for path in (folder / "new-agent").glob("*.usr")}
    # What was only forgotten by the journal lies there once, and mending what is whole makes
    # nothing.
    before = sorted((folder / "new-agent").glob("*.usr"))
    assert before == copies
    run_campaign(campaign_in(folder), SetClock(LATER), orders)
    assert sorted((folder / "new-agent").glob("*.usr")) == before


def test_a_copy_with_other_bytes_is_named(folder: Path) -> None:
    whole(folder)
    path = sorted((folder / "new-agent").glob("*.usr"))[3]
    path.write_bytes(path.read_bytes().replace(b"|", b"!", 1))
    (gap,) = seen_at(folder).copies.gaps
    assert gap.original.name == path.name
    assert "has other bytes now" in gap.problem


def test_the_report_masks_meter_points_unless_asked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole(folder)
    for path in sorted((folder / "new-agent").glob("D01*.usr"))[:5]:
        path.unlink()
    file = str(folder / "campaign.toml")
    assert main(["campaign", "report", file, "--at", LATER.isoformat(), "--json"]) == 1
    masked = capsys.readouterr().out
    assert "5 copies are missing" in json.loads(masked)["verdict"]
    points = campaign_in(folder).portfolio
    assert not any(point in masked for point in points)
    # By its place, which is not cut off in a table as wide as this one.
    main(["campaign", "report", file, "--at", LATER.isoformat()])
    lines = capsys.readouterr().out.split("Copies that are missing\n")[1].split("\n\n")[0]
    (_, *rows) = lines.strip("\n").splitlines()
    assert len(rows) == 5
    assert all(re.search(r" no\. \d+ .* [0-9a-f]{64}$", row) for row in rows), rows
    main(["campaign", "report", file, "--at", LATER.isoformat(), "--json", "--unmask"])
    told = capsys.readouterr().out
    assert any(point in told for point in points)


def test_the_old_side_is_switched_off_on_a_day_and_back_again(folder: Path) -> None:
    rules = Routes.load(folder / "market.routes")
    whole(folder)
    begins = LATER + timedelta(days=1)
    accept(campaign_in(folder), SetClock(LATER), who="a test", at=begins)
    had = {p.name for p in (folder / "old-agent").glob("*.usr")}
    arrive(folder, start=date(2026, 3, 22), days=3, seed=9)
    run_campaign(campaign_in(folder), SetClock(begins + timedelta(days=4)))
    assert {p.name for p in (folder / "old-agent").glob("*.usr")} == had
    news = [p for p in (folder / "new-agent").glob("*.usr") if p.name not in had]
    with journal_of(folder) as journal:
        late = [
            row
            for row in journal.deliveries(Query(destination="new-agent"))
            if row.made >= begins.timestamp()
        ]
    # After the switch-off they are originals there, each once.
    assert {row.kind for row in late} == {"original"}
    assert len(late) == len(news) > 5
    assert seen_at(folder, begins + timedelta(days=5)).missing() == ()
    assert take_back(campaign_in(folder), SetClock(begins + timedelta(days=6)), who="x", why="y")
    assert Routes.load(folder / "market.routes").rules_hash == rules.rules_hash


def test_nobody_is_switched_off_before_acceptance_but_by_name(folder: Path) -> None:
    whole(folder)
    next(iter((folder / "new-agent").glob("D0150*.usr"))).unlink()
    campaign, clock = campaign_in(folder), SetClock(LATER)
    with pytest.raises(CampaignRefused, match=r"1 copy is missing.*anyway"):
        accept(campaign, clock, who="a test")
    with pytest.raises(CampaignRefused, match="why"):
        accept(campaign, clock, who="a test", anyway=True)
    with pytest.raises(CampaignRefused, match="past"):
        accept(campaign, clock, who="a test", at=LATER - timedelta(days=1))
    with pytest.raises(CampaignRefused, match="would receive nothing"):
        accept(campaign, clock, who="a test", at=datetime(2026, 8, 1, tzinfo=UTC))
    rules = (folder / "market.routes").read_text()
    accept(campaign, clock, who="a test", anyway=True, why="the contract ends")
    assert (folder / "market.routes").read_text() != rules
    (said,) = [one for one in ledger_of(campaign).read() if one.kind == "accepted"]
    assert (said.who, said.why) == ("a test", "the contract ends")
    assert "1 copy is missing" in str(said.data["missing"])


def test_a_run_that_was_killed_says_so_and_goes_on(folder: Path) -> None:
    arrive(folder)
    script = (
        "import os, sys; from datetime import *; from pathlib import Path\n"
        "from dflow.campaign import *; from dflow.operation import SetClock\n"
        "import dflow.campaign.running as running\n"
        "running.copy_past = lambda *a, **k: os._exit(9)\n"
        "run_campaign(load_campaign(Path(sys.argv[1])),"
        " SetClock(datetime(2026, 3, 18, tzinfo=UTC)))\n"
    )
    dies(script, folder / "campaign.toml")
    campaign = campaign_in(folder)
    assert interrupted(ledger_of(campaign)) is not None
    # The rules were whole when it died: the clone stands, and stands once after the next run.
    assert str(Routes.load(folder / "market.routes")).count("clone ") == 1
    run_campaign(campaign, SetClock(LATER))
    assert str(Routes.load(folder / "market.routes")).count("clone ") == 1
    assert interrupted(ledger_of(campaign)) is None
    kinds = [one.kind for one in ledger_of(campaign).read()]
    assert kinds.count("backfilled") == 1
    assert seen_at(folder).missing() == ()


def test_an_acceptance_that_was_cut_short_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole(folder)
    campaign, clock = campaign_in(folder), SetClock(LATER)

    def die(*_: object) -> None:
        raise SystemExit(9)

    monkeypatch.setattr("dflow.campaign.acceptance.put_in", die)
    with pytest.raises(SystemExit):
        accept(campaign, clock, who="a test")
    monkeypatch.undo()
    file = str(folder / "campaign.toml")
    assert main(["campaign", "status", file, "--at", LATER.isoformat()]) == 0
    assert "interrupted after 'accepted'" in capsys.readouterr().out
    accept(campaign, clock, who="a test")
    main(["campaign", "status", file, "--at", LATER.isoformat()])
    assert "interrupted" not in capsys.readouterr().out


def test_what_the_old_side_sends_can_be_copied_too(folder: Path) -> None:
    text = (folder / "campaign.toml").read_text()
    text = text.replace('"D0155"]', '"D0155", "D0011"]').replace(
        'parties = ["M/OLDM"]', 'parties = ["M/OLDM"]\ndirection = "both"'
    )
    (folder / "campaign.toml").write_text(text)
    whole(folder)
    seen = seen_at(folder)
    assert seen.missing() == ()
    assert [rule.name[-4:] for rule in seen.standing.clones] == ["s-to", "from"]
    senders = {one.original.address["sender"] for one in seen.copies.owed}
    assert {"OLDM", "ZZMU"} <= senders


def test_a_clock_that_went_back_changes_nothing(folder: Path) -> None:
    run_campaign(campaign_in(folder), SetClock(LATER))
    rules = (folder / "market.routes").read_text()
    take_back(campaign_in(folder), SetClock(LATER), who="x", why="y")
    assert (folder / "market.routes").read_text() != rules
    with pytest.raises(ClockWentBack):
        run_campaign(campaign_in(folder), SetClock(START))
    assert "clone " not in (folder / "market.routes").read_text()


def test_a_failing_new_side_holds_no_original(folder: Path) -> None:
    (folder / "new-agent").write_text("not a folder")
    arrive(folder)
    run_campaign(campaign_in(folder), SetClock(LATER))
    seen = seen_at(folder)
    assert seen.originals.delivered == seen.originals.seen > 0
    assert seen.originals.copy_failed == seen.originals.went_first > 0
    assert len(seen.copies.waiting) == seen.originals.seen
    assert "are on their way" in " ".join(seen.missing())


def test_in_flight_is_what_was_asked_and_not_answered(folder: Path) -> None:
    whole(folder)
    campaign = campaign_in(folder)
    asked: dict[str, set[str]] = {"D0155": set(), "D0011": set()}
    with opened(campaign) as (_, journal):
        contents = Contents(journal)
        for row in journal.arrivals(Query()):
            if (flow := row.address["flow"]) in asked:
                asked[flow] |= contents.mpans(row.hash)
        flying = {one.mpan for one in in_flight(campaign, journal, contents, at=LATER)}
    assert flying == asked["D0155"] - asked["D0011"]
    assert flying


def test_other_copies_and_lost_originals_are_exceptions(folder: Path) -> None:
    whole(folder)
    with contextlib.closing(sqlite3.connect(folder / "journal.db")) as base, base:
        one, two = (
            row[0]
            for row in base.execute(
                "SELECT id FROM delivery WHERE kind = 'original' AND destination = 'old-agent'"
                " LIMIT 2"
            )
        )
        base.execute("UPDATE delivery SET state = ? WHERE id = ?", (State.DEAD.value, one))
        base.execute("UPDATE delivery SET hash = ? WHERE id = ?", ("0" * 64, two))
        base.execute(
            "UPDATE delivery SET destination = 'others' WHERE id ="
            " (SELECT max(id) FROM delivery WHERE destination = 'new-agent')"
        )
        base.execute(
            "UPDATE delivery SET notes = '{}' WHERE id ="
            " (SELECT min(id) FROM delivery WHERE destination = 'new-agent')"
        )
    seen = seen_at(folder)
    weights = ("lost", "changed", "outside", "unmarked", "moved")
    assert [len(seen.originals.of(weight)) for weight in weights] == [1, 1, 1, 1, 0]
    assert len(seen.missing()) == 6  # and the copy that went elsewhere is a gap
    # A person turns the clone into a route before all others: originals would go elsewhere.
    text = (folder / "market.routes").read_text()
    text = text.replace("clone oldm-to-newm-copies-to", "route oldm-to-newm-copies-to")
    (folder / "market.routes").write_text(text.replace("copy new-agent", "deliver others"))
    proof = seen_at(folder).originals
    since = [one for one in proof.of("moved") if one.original.at >= START.timestamp()]
    assert len(since) == len(proof.of("moved")) > 10


def test_a_rehearsal_finds_what_it_took_away(folder: Path) -> None:
    campaign = campaign_in(folder)
    seen = rehearse(campaign)
    assert seen.wrong(campaign) == ()
    assert 0 < seen.taken == seen.found
    assert set(seen.after) == {"new-agent"}
    assert rehearse(campaign).copies.owed[0].original.hash == seen.copies.owed[0].original.hash
    assert not (folder / "journal.db").exists()
    assert "clone " not in (folder / "market.routes").read_text()


def test_the_example_runs(tmp_path: Path) -> None:
    copy = example("campaign", tmp_path)
    told = ran(copy / "run.py", "--points", "100", "--deleted", "12")
    assert "Complete: 100 of 100 meter points" in told
    assert "12 copies are missing." in told
    assert "exactly the 12 copies that were deleted" in told
    assert "Since the cut-over the old agent has received 0 files." in told
    assert {page.name for page in (copy / "out").glob("*.html")} == {
        "plan.html",
        "rehearsal.html",
        "complete.html",
        "missing.html",
        "report.html",
    }


def test_a_journal_in_postgresql_does_as_well(folder: Path) -> None:
    with database(lease=5.0) as place:
        text = (folder / "dflow.toml").read_text()
        url = f"postgresql://{place.host}:{place.port}/{place.database}"
        text = text.replace('url = "sqlite:///journal.db"', f'url = "{url}"\nuser = "postgres"')
        (folder / "dflow.toml").write_text(text)
        whole(folder)
        assert not (folder / "journal.db").exists()
        assert seen_at(folder).missing() == ()
        lost = sorted((folder / "new-agent").glob("*.usr"))[5]
        lost.unlink()
        (gap,) = seen_at(folder).copies.gaps
        assert gap.original.name == lost.name
        run_campaign(campaign_in(folder), SetClock(LATER), Orders(mending="a test", who="a test"))
        assert seen_at(folder).missing() == ()
        accept(campaign_in(folder), SetClock(LATER), who="a test")
