"""Releases, days, lives and detection."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogue_folders import FLOW, base, made
from dflow.catalogue import (
    Answer,
    Catalogue,
    bundled,
    is_release_day,
    next_release_day,
    release_days,
)
from dflow.envelope import read_header
from dflow.errors import LookupMiss, RefusedText, SourceError
from support import shared_folder

DTC_12_5 = date(2019, 6, 27)
THIRTEEN = {
    *((f"D{n:04d}", "002") for n in (89, 91, 204, 213, 217, 259, 260, 306, 307, 308, 309, 312)),
    ("D0386", "001"),
}


@pytest.mark.parametrize(
    "known", [date(2015, 2, 26), date(2015, 6, 25), date(2019, 2, 28), DTC_12_5]
)
def test_the_calendar_rule_gives_the_known_days(known: date) -> None:
    assert is_release_day(known)


@given(st.integers(min_value=1996, max_value=2199))
def test_release_days_are_thursdays_of_their_months(year: int) -> None:
    """Last Thursday of February and June, first Thursday of November."""
    february, june, november = release_days(year)
    assert [day.weekday() for day in (february, june, november)] == [3, 3, 3]
    assert [day.month for day in (february, june, november)] == [2, 6, 11]
    assert february.day > 21
    assert june.day > 23
    assert november.day <= 7
    assert next_release_day(february) == june
    assert next_release_day(november).year == year + 1


def test_the_release_of_june_2019() -> None:
    release = bundled().release("12.5")
    assert release.live == DTC_12_5
    assert set(release.keys) == THIRTEEN
    assert sum(flow.structured for flow in release.flows) == 10
    assert release.changes == (("D0304", "001"),)


def test_the_publication_of_april_2026() -> None:
    release = bundled().release("15.4")
    assert release.live is None, "the day printed on it is not the day of going live"
    assert release.published == date(2026, 4, 28)
    assert len(release.flows) == 206
    assert all(flow.structured for flow in release.flows)


def test_unknown_releases_name_the_known_ones() -> None:
    with pytest.raises(LookupMiss, match=r"no release 12\.6; known: 12\.5, 15\.4"):
        bundled().release("12.6")


def test_look_ups_name_what_is_near() -> None:
    with pytest.raises(LookupMiss, match="no flow D0089 v003; known: v001, v002"):
        _ = bundled()["D0089", "003"]
    with pytest.raises(LookupMiss, match="no flow D008O; near: D0308, D0089"):
        bundled().latest("D008O")
    with pytest.raises(LookupMiss, match="no item J003; near: J2003, J0103"):
        bundled().item("J003")


@pytest.mark.parametrize(
    ("flow", "version", "day", "state", "sure"),
    [
        ("D0089", "002", date(2019, 6, 26), "announced", True),
        ("D0089", "002", DTC_12_5, "live", True),
        ("D0089", "002", date(2022, 1, 1), "live", True),
        ("D0089", "001", date(2019, 6, 26), "live", False),
        ("D0089", "001", DTC_12_5, "superseded", True),
        ("D0010", "002", date(2019, 1, 1), "live", False),
        ("D0010", "002", date(2026, 4, 28), "live", True),
        ("D0312", "002", date(2022, 1, 1), "live", False),
        ("D0312", "002", date(2026, 4, 28), "superseded", True),
        ("D0312", "003", DTC_12_5, "announced", True),
        ("D0312", "003", date(2026, 4, 28), "live", True),
        ("D0091", "002", date(2026, 4, 28), "withdrawn", True),
    ],
)
def test_lives(flow: str, version: str, day: date, state: str, sure: bool) -> None:
    standing = bundled().on(day).standing(flow, version)
    assert (standing.state, standing.sure) == (state, sure)
    assert standing.why


def test_the_catalogue_on_a_day() -> None:
    before, after = bundled().on(date(2019, 6, 26)), bundled().on(DTC_12_5)
    assert ("D0089", "002") not in before
    assert set(after.live) - set(before.live) == THIRTEEN
    assert bundled().on(datetime(2019, 6, 27, 12, tzinfo=UTC)).live == after.live
    assert after.latest("D0312").version == "002"
    assert bundled().on(date(2026, 5, 1)).latest("D0312").version == "003"
    assert len(list(bundled().on(date(2026, 5, 1)))) == 206
    assert set(after.surely_live) == THIRTEEN | {("D0304", "001")}
    with pytest.raises(LookupMiss, match="no version of D0386 is live on 2019-06-26: v001"):
        before.latest("D0386")
    with pytest.raises(LookupMiss, match="no flow D9999"):
        before.standing("D9999", "001")


def test_a_private_release_speaks_for_private_flows_only(tmp_path: Path) -> None:
    own = made(
        tmp_path / "own",
        flow_X0001_001=FLOW.replace("F0001", "X0001"),
        flow_X0001_002=FLOW.replace("F0001", "X0001").replace('"001"', '"002"'),
        releases_2=(
            'release = "2"\nlive = 2030-01-31\npublished = 2029-11-01\nprovenance = "ours"\n'
            'starts = ["X0001 v002"]\nholds = ["X0001 v002"]\n'
        ),
    )
    catalogue = base(tmp_path).over(own)
    day = catalogue.on(date(2030, 2, 1))
    assert day.standing("X0001", "001").state == "superseded"
    assert day.standing("F0001", "001").state == "live"
    assert catalogue.life("X0001", "002").announced_from == date(2029, 11, 1)
    assert catalogue.on(date(2030, 1, 1)).standing("X0001", "002").state == "announced"


def test_a_release_can_withdraw(tmp_path: Path) -> None:
    folder = made(
        base(tmp_path).folder,
        releases_1=(
            'release = "1"\nlive = 2030-01-31\nprovenance = "ours"\nwithdraws = ["F0001 v001"]\n'
        ),
    )
    standing = Catalogue(folder).on(date(2030, 1, 31)).standing("F0001", "001")
    assert (standing.state, standing.sure) == ("withdrawn", True)


def test_mistakes_in_a_release_are_refused(tmp_path: Path) -> None:
    folder = made(
        base(tmp_path).folder,
        releases_1=(
            'release = "1"\nlive = "soon"\nprovenance = "p"\nstart = []\nstarts = ["F1 1"]\n'
        ),
    )
    with pytest.raises(RefusedText) as caught:
        Catalogue(folder).release("1")
    found = {(fault.line, fault.message) for fault in caught.value.faults}
    assert {
        (2, "'live' is no date"),
        (4, "unknown key 'start'"),
        (5, "'F1 1' is no flow version"),
    } <= found
    folder = made(tmp_path / "empty", releases_1='release = "1"\nprovenance = "p"\n')
    with pytest.raises(RefusedText, match="without a single flow version"):
        Catalogue(folder).release("1")


def test_a_catalogue_that_was_used_can_be_sent_to_another_process() -> None:
    catalogue = bundled().over()
    catalogue.release("12.5")
    assert catalogue["D0260", "002"].conditions
    sent = pickle.loads(pickle.dumps(catalogue))  # noqa: S301  our own bytes
    assert sent["D0260", "002"] == catalogue["D0260", "002"]


# -- detection -------------------------------------------------------------------------------

HEADER = b"ZHV|0000000001|D0010002|D|UDMS|X|MEAS|20300101120000||||OPER|\n"
BODY = b"026|1212345678902|V|\n028|S12|C|\n030|01|20300101000000|12.0||||N|\n"
END = b"ZPT|0000000001|3||1|20300101120000|\n"


def test_a_header_names_a_flow_version() -> None:
    header = read_header(HEADER.rstrip()).header
    assert header is not None
    found = bundled().detect(header)
    assert found.named is bundled()["D0010", "002"]
    assert found.fitting == (), "there are no records to look at"


def test_a_file_fits_the_version_it_names() -> None:
    for data in (
        HEADER + BODY + END,
        HEADER + BODY + b"030|0",
        (HEADER + BODY).replace(b"\n", b"\r\n"),
    ):
        found = bundled().detect(data)
        assert found.fitting == (bundled()["D0010", "002"],)


def test_a_file_is_told_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "reads.usr"
    path.write_bytes(HEADER + BODY + END)
    for source in (path, str(path)):
        assert bundled().detect(source).fitting == (bundled()["D0010", "002"],)
    with pytest.raises(SourceError, match="No such file"):
        bundled().detect(tmp_path / "missing.usr")


def test_a_file_that_names_an_unknown_version_may_fit_a_known_one() -> None:
    found = bundled().detect(HEADER.replace(b"D0010002", b"D0010001") + BODY)
    assert found.named is None
    assert found.remark == "no flow D0010 v001; known: v002"
    assert [flow.version for flow in found.fitting] == ["002"]


def test_what_does_not_fit_says_where() -> None:
    (short,) = bundled().detect(HEADER + BODY.replace(b"|N|", b"|")).candidates
    assert (short.fits, short.why) == (Answer.FAILS, "line 4: 030 has 6 fields, not 7")
    (lost,) = bundled().detect(HEADER + b"030|x|\n" + BODY).candidates
    assert lost.why == "line 2: 030 cannot stand there"


def test_an_unknown_structure_cannot_be_told() -> None:
    found = bundled().detect(HEADER.replace(b"D0010002", b"D0091002") + BODY)
    assert {candidate.fits for candidate in found.candidates} == {Answer.CANNOT_TELL}


def test_without_a_header_every_flow_is_tried() -> None:
    found = bundled().detect(BODY)
    assert bundled()["D0010", "002"] in found.fitting
    assert found.remark == "no header names a flow"
    assert bundled().detect(b"").candidates == ()
    assert bundled().detect(b"\xff\x00|").fitting == ()


@given(st.binary(max_size=200))
def test_detection_bears_any_bytes(data: bytes) -> None:
    bundled().detect(b"ZHV|1|D0010002|" + data)


@pytest.mark.skipif(shared_folder() is None, reason="the samples are not there")
def test_good_samples_fit_what_they_name() -> None:
    shared = shared_folder()
    assert shared is not None
    for name in ("D0010_dno_walkthrough", "D0149_filegenerators_1", "D0150_filegenerators_1"):
        data = (shared / "samples" / f"{name}.usr").read_bytes()
        found = bundled().detect(data)
        assert found.named in found.fitting, name
