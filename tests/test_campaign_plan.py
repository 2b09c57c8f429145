"""Campaigns on paper: kinds, drops, and what is refused before anything is changed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dflow.campaign import (
    Campaign,
    CampaignRefused,
    Seen,
    accept,
    bundled_kinds,
    handed_over,
    load_campaign,
    load_classes,
    look,
    propose,
    refresh_drop,
    run_campaign,
)
from dflow.campaign.copies import in_scope
from dflow.campaign.planning import reported
from dflow.campaign.rehearsal import rehearse
from dflow.campaign.rules import without
from dflow.campaign.seeing import opened
from dflow.campaign.setting import put_in
from dflow.campaign.traffic import made_up_traffic
from dflow.catalogue import bundled
from dflow.cli import main
from dflow.cut import CutRules, cut
from dflow.errors import DflowError, RefusedText
from dflow.exchange.intake import read_address
from dflow.operation import SetClock
from dflow.report import report_json
from dflow.routing import Routes
from support import swapped
from support_campaign import come, prepared

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The example's configuration with twelve meter points."""
    return prepared(tmp_path, 12)


def change(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in changes:
        text = swapped(text, old, new)
    path.write_text(text)


def seen_at(campaign: Campaign, now: datetime = NOW) -> Seen:
    with opened(campaign) as (wiring, journal):
        return look(campaign, wiring, journal, now=now)


CASES: list[tuple[str, str, str]] = [
    ("end = 2026-07-01", "end = 2026-02-01", "ends before it starts"),
    ("end = 2026-07-01", "", "say when its copies stop"),
    ("cut_over = 2026-06-01", "cut_over = 2026-08-01", "does not lie within"),
    ("start = 2026-03-01", "start = 'soon'", "start is no instant"),
    ("start = 2026-03-01", "start = 09:00:00", "start is no instant"),
    ("start = 2026-03-01\n", "", "does not say when it starts"),
    ('parties = ["M/OLDM"]', 'parties = ["?/OLDM"]', "no participant in a role"),
    ('parties = ["M/OLDM"]', 'parties = ["7/OLDM"]', "knows no role '7'"),
    ('parties = ["M/OLDM"]', "parties = []", "no parties"),
    ('"D0010", ', '"D9010", ', "no flow 'D9010' in the catalogue"),
    ('"D0149", "D0150", "D0151"', '"D0150", "D0151"', "D0149 makes a meter point complete"),
    ('kind = "change of agent"', 'kind = "change of agents"', "did you mean change of agent"),
    ('kind = "change of agent"', 'kind = "data centres"', "are for good"),
    ('kind = "change of agent"', 'kind = "mpid to mpid"', "needs the recipient of the copies"),
    ('old = "old-agent"', 'old = "new-agent"', "cannot be switched off"),
    ('old = "old-agent"\n', "", "whose receipt ends is not named"),
    ('portfolio = "portfolio.csv"\n', "", "there is no portfolio to measure"),
    ("share = 1.0", "share = 100", "from 0 to 1"),
    ("share = 1.0", "shore = 1.0", "did you mean share"),
    ('["D0150", "D0149"]', '["D0150 or D0149"]', "is no flow, nor several"),
    ("since = 2026-02-01", "since = 2026-03-02", "not before the campaign's start"),
    ("[backfill]", "[drop]\n[backfill]", ""),
    ("[backfill]", '[drop]\nfolder = "d"\n[backfill]', "when it was cut"),
    (
        "[backfill]",
        '[drop]\nlist = "d.csv"\ncut_at = 2026-03-01\n[backfill]',
        "the folder for what has passed since",
    ),
    ('owner = "data migration"\n', "", "no owner"),
    ('name = "OLDM to NEWM"', 'name = "1"', "begins with a letter"),
    ('config = "dflow.toml"', "", "names no exchange"),
    ('because = "change', 'zone = "Mars/Base"\nbecause = "change', "no time zone"),
    ('because = "change of', 'because = "change\\nof', "text of one line"),
]


@pytest.mark.parametrize(("old", "new", "why"), CASES)
def test_a_plan_that_cannot_be_meant_is_refused(
    folder: Path, old: str, new: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(folder / "campaign.toml", (old, new))
    if not why:
        load_campaign(folder / "campaign.toml")
        return
    rules = (folder / "market.routes").read_bytes()
    at = ("--at", "2026-03-02")
    assert main(["campaign", "run", str(folder / "campaign.toml"), "--once", *at]) == 2
    said = capsys.readouterr().err
    assert why in said
    assert "campaign.toml" in said
    assert (folder / "market.routes").read_bytes() == rules
    assert not (folder / "journal.db").exists()


@pytest.mark.parametrize(
    ("portfolio", "why"),
    [
        ("mpan\n1212345678903\n", "is no MPAN"),
        ("mpan\n", "holds no MPAN"),
        ("mpan\n1212345678902\n1212345678902\n", "more than once"),
    ],
)
def test_a_portfolio_with_mistakes_is_refused(folder: Path, portfolio: str, why: str) -> None:
    (folder / "portfolio.csv").write_text(portfolio)
    with pytest.raises(RefusedText, match=why):
        load_campaign(folder / "campaign.toml")


RULES: list[tuple[str, str, str]] = [
    # A clone that copies the same files there already.
    (
        "route answers:",
        "clone other:  flow D0150  copy new-agent\nroute answers:",
        "clone other copies files of the scope to new-agent already",
    ),
    (
        "route answers:",
        "route new:  flow D0150  to M/NEWM, M/OLDM  test none  deliver new-agent\nroute answers:",
        "conflict",
    ),
    ('destination new-agent  "NEWM migration inbox"', "", "new-agent"),
    (
        "route meter-works:",
        "route all:  flow *\n            deliver old-agent\nroute meter-works:",
        "can never fire",
    ),
]


@pytest.mark.parametrize(("old", "new", "why"), RULES)
def test_rules_that_conflict_are_not_built_on(
    folder: Path, old: str, new: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(folder / "market.routes", (old, new))
    if "destination" in old:
        change(folder / "market.routes", ("flow *  to M/OLDM", "flow *  to M/OLDM"))
        change(folder / "dflow.toml", ('[mount.new-agent]\ntransport = "directory"', ""))
        change(folder / "dflow.toml", ('path = "new-agent"', ""))
    rules = (folder / "market.routes").read_bytes()
    assert main(["campaign", "plan", str(folder / "campaign.toml"), "--at", "2026-03-02"]) > 0
    said = capsys.readouterr()
    assert why in said.out + said.err
    with pytest.raises(DflowError, match=why):
        run_campaign(load_campaign(folder / "campaign.toml"), SetClock(NOW))
    assert (folder / "market.routes").read_bytes() == rules


def test_a_window_in_the_past_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(folder / "campaign.toml")
    assert main(["campaign", "plan", file, "--at", "2026-07-02"]) == 1
    assert "its window is past" in capsys.readouterr().out
    assert main(["campaign", "run", file, "--once", "--at", "2026-07-02"]) == 2
    assert "ended 2026-07-01" in capsys.readouterr().err
    assert "clone" not in Routes.load(folder / "market.routes").rules_hash
    assert main(["campaign", "run", file, "--mend", "--at", "2026-03-02"]) == 2
    assert main(["campaign", "run", file, "--accept", "--anyway", "--at", "2026-03-02"]) == 2
    assert main(["campaign", "run", file, "--take-back", "--at", "2026-03-02"]) == 2


def test_only_its_own_rules_are_put_in_and_taken_out(folder: Path) -> None:
    campaign = load_campaign(folder / "campaign.toml")
    path = folder / "market.routes"
    before = Routes.load(path)
    proposal = propose(campaign, before, at=NOW)
    assert proposal.obstacles == ()
    assert proposal.changes.reverse(proposal.after).rules_hash == before.rules_hash
    assert put_in(campaign, proposal, path)
    assert not put_in(campaign, proposal, path)
    with opened(campaign) as (wiring, _):
        assert wiring.routes.rules_hash == proposal.after.rules_hash
    # Somebody adds a rule of their own meanwhile: it stays, whatever the campaign does.
    path.write_text(
        path.read_text() + "\nroute late:  flow D0001  from X/LATE  to X/LATE\n    deliver others\n"
    )
    run_campaign(campaign, SetClock(NOW))
    assert "late" in [rule.name for rule in Routes.load(path).rules]
    assert "late" in [rule.name for rule in without(campaign, Routes.load(path)).rules]


def _kind(name: str, *changes: tuple[str, str]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        change(folder / "campaign.toml", ('kind = "change of agent"', f'kind = "{name}"'), *changes)

    return make


KINDS = {
    "change of agent": _kind("change of agent"),
    "mpid to mpid": _kind(
        "mpid to mpid", ('old = "old-agent"', 'old = "old-agent"\nreaddressed_to = "M/NEWM"')
    ),
    "platform to platform": _kind(
        "platform to platform",
        ('[acceptance]\ncomplete_when = ["D0150", "D0149"]\n', "[acceptance]\n"),
        ('flows = ["D0010", "D0142", "D0149", "D0150", "D0151", "D0155"]\n', ""),
    ),
    "supplier of last resort": _kind(
        "supplier of last resort",
        ('parties = ["M/OLDM"]', 'parties = ["X/OLDS"]'),
        ('[acceptance]\ncomplete_when = ["D0150", "D0149"]\n', "[acceptance]\n"),
        ('flows = ["D0010", "D0142", "D0149", "D0150", "D0151", "D0155"]\n', ""),
        ("[backfill]\nsince = 2026-02-01", ""),
    ),
    "data centres": _kind(
        "data centres",
        ('destinations = ["new-agent"]', 'destinations = ["new-agent", "others"]'),
        ("end = 2026-07-01\n", ""),
        ("cut_over = 2026-06-01\n", ""),
        ('old = "old-agent"\n', ""),
        ('complete_when = ["D0150", "D0149"]', "complete_when = []"),
    ),
}


def test_every_kind_is_tried() -> None:
    assert set(KINDS) == set(bundled_kinds())


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_runs_to_its_end(folder: Path, kind: str) -> None:
    KINDS[kind](folder)
    if kind == "supplier of last resort":
        change(
            folder / "market.routes", ("to M/OLDM\n", "to X/OLDS\n"), ("from M/OLDM", "from X/OLDS")
        )
        change(folder / "market.routes", ("except M/OLDM", "except X/OLDS"))
    if kind == "data centres":
        # Two sites: what the old side answers is nobody's here.
        change(folder / "market.routes", ("to * except M/OLDM", "to * except M/OLDM, Z/*"))
    campaign = load_campaign(folder / "campaign.toml")
    assert campaign.kind.name == kind
    # Some of it passes before there is a campaign.
    come(campaign, start=date(2026, 2, 20), days=15, batch=3)
    later = sorted((folder / "inbox").glob("*.usr"))[::2]
    for path in later:
        path.rename(path.with_suffix(".later"))
    with opened(campaign) as (wiring, journal):
        exchange = wiring.exchange(journal)
        exchange.clock = datetime(2026, 2, 27, tzinfo=UTC).timestamp
        exchange.run_once()
    for path in later:
        path.with_suffix(".later").rename(path)
    run_campaign(campaign, SetClock(NOW - timedelta(hours=1)))
    seen = seen_at(campaign)
    assert seen.missing() == ()
    assert len(seen.copies.owed) == seen.originals.seen * len(campaign.destinations) > 10
    for name in campaign.destinations:
        for path in (folder / name).glob("*.usr"):
            header, _ = read_address(path.read_bytes())
            assert header is not None
            if header.sender not in campaign.parties:
                assert header.recipient == (campaign.readdressed_to or campaign.parties[0])
    if campaign.kind.permanent:
        with pytest.raises(CampaignRefused, match="nobody is switched off"):
            accept(campaign, SetClock(NOW), who="a test")
        return
    accept(campaign, SetClock(NOW), who="a test")
    assert seen_at(campaign, NOW + timedelta(days=1)).standing.switched is not None
    assert rehearse(campaign, points=8).wrong(campaign) == ()


def test_a_drop_counts_and_is_refreshed_once(folder: Path) -> None:
    change(
        folder / "campaign.toml",
        ("[acceptance]", '[drop]\nfolder = "drop"\ncut_at = 2026-03-04\n[acceptance]'),
    )
    campaign = load_campaign(folder / "campaign.toml")
    archive = folder / "archive"
    archive.mkdir()
    files = list(made_up_traffic(campaign, campaign.portfolio, start=date(2026, 3, 5), days=9))
    old = [one for one in files if one.name.startswith(("D0149", "D0010"))]
    for one in old:
        (archive / one.name).write_bytes(one.content)
    rules = CutRules(phase="drop", party="NEWM", mpans=campaign.portfolio)
    cut(archive, folder / "drop", rules, at="2026-03-04T00:00:00+00:00")
    for one in files:
        if one not in old:
            (folder / "inbox" / one.name).write_bytes(one.content)
    run_campaign(campaign, SetClock(NOW - timedelta(hours=1)))
    seen = seen_at(campaign)
    assert seen.missing() == ()  # D0149 from the drop, D0150 by copies
    assert {flow for flow, _ in handed_over(campaign).has} >= {"D0149"}
    with opened(campaign) as (_, journal):
        done = refresh_drop(campaign, journal, NOW)
        scope = list(in_scope(campaign, journal, since=0, until=NOW.timestamp()))
        assert done.passed == len(scope) == done.added
        assert refresh_drop(campaign, journal, NOW).added == 0
    assert "Since then" in str(report_json(reported(campaign, NOW)))
    fresh = handed_over(campaign)
    assert {flow for flow, _ in fresh.has} >= {"D0149", "D0150"}
    assert fresh.files == len(old) + done.added


def test_a_list_of_what_was_handed_over_counts(folder: Path) -> None:
    change(
        folder / "campaign.toml",
        (
            "[acceptance]",
            '[drop]\nlist = "handed.csv"\ninto = "since"\ncut_at = 2026-03-04\n[acceptance]',
        ),
    )
    campaign = load_campaign(folder / "campaign.toml")
    rows = "".join(f"{mpan},D0149\n" for mpan in campaign.portfolio)
    (folder / "handed.csv").write_text("mpan,flow\n" + rows)
    for one in made_up_traffic(campaign, campaign.portfolio, start=date(2026, 3, 5), days=9):
        if not one.name.startswith("D0149"):
            (folder / "inbox" / one.name).write_bytes(one.content)
    run_campaign(campaign, SetClock(NOW - timedelta(hours=1)))
    assert seen_at(campaign).missing() == ()
    with opened(campaign) as (_, journal):
        done = refresh_drop(campaign, journal, NOW)
        assert done.added == done.passed > 5
        assert refresh_drop(campaign, journal, NOW).added == 0
    (folder / "handed.csv").write_text("mpan,flow\n1212345678903,D0149\n")
    with pytest.raises(RefusedText, match="check digit"):
        handed_over(campaign)
    (folder / "handed.csv").unlink()
    with pytest.raises(DflowError, match="No such file"):
        handed_over(campaign)


def test_the_classes_are_flows_of_the_catalogue_each_in_one() -> None:
    classes = load_classes()
    known = {flow for flow, _ in bundled().keys}
    assert set(classes.by_flow) <= known
    assert classes.made_up
    assert {"gain", "loss", "meter works"} <= set(classes.about)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "whose reading"),
        ('provenance = "x"\n[class.a]\nflows = ["D9999"]', "no flow 'D9999'"),
        ('provenance = "x"\n[class.a]\nflows = ["D0010"]\n[class.b]\nflows = ["D0010"]', "already"),
        ('provenance = "x"\n[class.a]\n', "a list"),
    ],
)
def test_classes_with_mistakes_are_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "classes.toml"
    path.write_text(text)
    with pytest.raises(RefusedText, match=why):
        load_classes(path)


@settings(max_examples=50)
@given(data=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_file_is_a_campaign_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any-campaign.toml"
    path.write_bytes(data)
    with contextlib.suppress(DflowError):
        load_campaign(path)


@settings(max_examples=50)
@given(
    head=st.dictionaries(
        st.sampled_from(["name", "kind", "flows", "parties", "start", "end", "old", "portfolio"]),
        st.sampled_from(["1", "true", '"x"', "[]", '["M/OLDM"]', "2026-01-01", "{}", "[1]"]),
    )
)
def test_any_values_are_told_with_their_places(
    tmp_path_factory: pytest.TempPathFactory, head: dict[str, str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "values.toml"
    path.write_text("[campaign]\n" + "\n".join(f"{key} = {value}" for key, value in head.items()))
    with pytest.raises(DflowError) as refused:
        load_campaign(path)
    assert isinstance(refused.value, RefusedText)
    assert all(fault.message and fault.source for fault in refused.value.faults)
