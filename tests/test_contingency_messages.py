"""Market messages, the counts of a day, figures, and the command line of a contingency."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.cli import main
from dflow.contingency import (
    Standing,
    counts_from_message,
    day_of,
    percentile,
    read_counts,
    read_message,
    reconcile,
    write_message,
)
from dflow.contingency.message import masked, reason_of
from dflow.errors import RefusedText
from dflow.operation import Entry
from support import swapped
from support_contingency import message
from support_process import example, ran

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
TEXTS = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"
    ),
    max_size=12,
)


@given(st.dictionaries(NAMES, TEXTS, max_size=4), st.sampled_from(["", "urn:made-up"]))
def test_what_is_written_is_read(values: dict[str, str], namespace: str) -> None:
    header = {"MessageTypeCode": "017", "SenderID": "SUP", "RecipientID": "NET", "TxRefNbr": "T1"}
    content = write_message(header, body="MIM017_MadeUp", values=values, namespace=namespace)
    found, why = read_message(content)
    assert found is not None, why
    assert (found.header.flow, found.header.file_id, found.body) == ("017", "T1", "MIM017_MadeUp")
    assert dict(found.values) == values
    assert ET.fromstring(content)[1].attrib == values  # noqa: S314  our own bytes


@pytest.mark.parametrize("name", ["", "a b", "1a", 'x" y="', "é", "a" * 99])
def test_a_name_that_is_none_is_not_written(name: str) -> None:
    with pytest.raises(ValueError, match="no name of an element"):
        write_message({"MessageTypeCode": "017"}, body=name, values={})


def test_a_value_that_xml_cannot_hold_is_not_written() -> None:
    with pytest.raises(ValueError, match="cannot stand in XML"):
        write_message({"MessageTypeCode": "017"}, body="M", values={"MPRN": "1\x00"})


@given(st.binary(max_size=300))
def test_reading_never_raises(content: bytes) -> None:
    for hostile in (content, b"<ieXMLDocument><MessageHeader " + content):
        found, why = read_message(hostile)
        assert (found is None) == bool(why)


def test_a_document_type_is_refused_wherever_it_stands() -> None:
    good = message("T1", "10000000001", "E05")
    assert read_message(good)[0] is not None
    bomb = good.replace(b"<ieXML", b'<!DOCTYPE x [<!ENTITY a "b">]><ieXML', 1)
    found, why = read_message(bomb)
    assert found is None
    assert "document type" in why


def test_a_reason_is_found_by_its_value_unless_two_are_possible() -> None:
    known = ("E05", "D05")
    one, _ = read_message(message("T", "10000000001", "E05"))
    header = {"MessageTypeCode": "017", "SenderID": "S", "RecipientID": "N", "TxRefNbr": "T"}
    two, _ = read_message(write_message(header, body="M", values={"A": "E05", "B": "D05"}))
    assert one is not None
    assert two is not None
    assert reason_of(one, known) == "E05"
    assert reason_of(two, known) == ""
    assert reason_of(two, known, "B") == "D05"


@given(st.text("0123456789", max_size=20))
def test_a_meter_point_is_not_shown_whole(mprn: str) -> None:
    assert mprn == "" or mprn not in masked(mprn)


@given(st.lists(st.integers(0, 100).map(float), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_the_least_value_that_covers_its_share(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    assert found in values
    covered = sum(value <= found for value in values)
    below = sum(value < found for value in values)
    assert covered >= share * len(values) - 1e-9
    assert below < share * len(values) + 1e-9


@given(st.integers(0, 3 * 365 * 24 * 60))
def test_a_day_begins_at_three_by_the_local_clock(minute: int) -> None:
    at = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    day = day_of(at, "Europe/Dublin")
    assert day_of(at - timedelta(days=1), "Europe/Dublin") <= day
    assert timedelta(hours=2) <= at - datetime.combine(day, datetime.min.time(), UTC)
    assert at - datetime.combine(day, datetime.min.time(), UTC) <= timedelta(hours=27)


def _standing(*sent: tuple[str, str]) -> Standing:
    entries = []
    for tx, at in sent:
        when = datetime.fromisoformat(at)
        data = {"mprn": "10000000001", "reason": "E05", "kind": "reconnect"}
        entries.append(Entry(at=when, kind="request", about=f"SUP/{tx}", data=data))
        entries.append(Entry(at=when, kind="sent", about=f"SUP/{tx}", data={"at": at}))
        if tx != "T9":
            answer = {"message": "106E"}
            entries.append(Entry(at=when, kind="answered", about=f"SUP/{tx}", data=answer))
    return Standing.of(entries)


def test_a_difference_names_the_transactions_that_may_explain_it() -> None:
    standing = _standing(
        ("T1", "2026-06-01T10:00:00+01:00"),
        ("T2", "2026-06-02T02:58:00+01:00"),
        ("T9", "2026-06-01T11:00:00+01:00"),
        ("T4", "2026-06-02T03:30:00+01:00"),
    )
    day = date(2026, 6, 1)
    first, second = reconcile(standing, {(day, "017"): 2}, "Europe/Dublin")
    assert (first.ours, first.theirs, first.difference) == (3, 2, -1)
    assert first.suspects == (
        ("SUP/T2", "sent at 02:58:00, beside the day's end"),
        ("SUP/T9", "sent, and nothing was answered"),
    )
    assert (second.ours, second.theirs, second.suspects) == (1, None, ())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("day,count\n", "column 'type' is missing"),
        ("day,type,count\n2026-06-01,017,x\n", "a line holds"),
        ("day,type,count\n2026-06-01,017,-1\n", "a line holds"),
        ("day,type,count\n2026-06-01,017,1\n2026-06-01,017,2\n", "each day and type once"),
        ("day,type,count\nsoon,017,1\n", "a line holds"),
    ],
)
def test_counts_that_are_wrong_are_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(RefusedText, match=why):
        read_counts(path)


def test_counts_of_a_message_are_read_by_names_that_are_given() -> None:
    content = (
        b"<a:ieXMLDocument xmlns:a='u'><a:Row t='017' n='3'/><a:Row t='106E' n='2'/>"
        b"<Other t='017' n='9'/></a:ieXMLDocument>"
    )
    day = date(2026, 6, 1)
    found = counts_from_message(content, day, row="Row", type_attribute="t", count_attribute="n")
    assert found == {(day, "017"): 3, (day, "106E"): 2}
    with pytest.raises(ValueError, match="cannot be read"):
        counts_from_message(b"<a>", day, row="Row", type_attribute="t", count_attribute="n")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The example's folder after its run, and what it said."""
    copy = example("contingency", tmp_path_factory.mktemp("story"))
    return copy, ran(copy / "run.py")


def test_the_example_runs(story: tuple[Path, str]) -> None:
    folder, said = story
    assert "20 of 21 requests are done, 2 acts by hand" in said
    assert "4 reconnections passed their backstop, 0 of them without a warning before" in said
    assert "none was sent twice, none done by hand was repeated" in said
    hub = sorted(path.name for path in (folder / "out" / "hub").glob("017-*.xml"))
    assert len(hub) == 17
    # By phone, on life support, and before a later reconnection of the same meter point.
    assert not {f"017-TX{number}.xml" for number in ("000", "001", "005", "002")} & set(hub)
    for name in ("plan", "rehearsal", "report"):
        page = (folder / "out" / f"{name}.html").read_text("utf-8")
        assert "<svg" in page
        assert "10000000001" not in page
        assert "10099999999" not in page


def test_acts_are_typed_by_people(
    story: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(story[0] / "chain.toml")
    at = ["--at", "2026-06-01T12:00"]
    who = ["--who", "me", "--why", "w", "--reference", "r"]
    assert main(["contingency", "run", file, "--confirm", "B5", "B6-B7", *who, *at]) == 0
    assert main(["contingency", "run", file, "--confirm", "B5", *who, *at]) == 2
    assert "B5 was confirmed by me" in capsys.readouterr().err
    assert main(["contingency", "run", file, "--confirm", "all", *who, *at]) == 0
    assert main(["contingency", "run", file, "--who", "me", *at]) == 2
    assert "say what is done" in capsys.readouterr().err
    assert main(["contingency", "run", file, "--open", "1", "--who", "me", *at]) == 2
    assert "say who and why" in capsys.readouterr().err
    early = ["--at", "2026-06-01T09:00"]
    assert main(["contingency", "run", file, "--once", *early]) == 2
    assert "set the clock right" in capsys.readouterr().err
    assert main(["contingency", "status", file, *at, "--json"]) == 0
    facts = json.dumps(json.loads(capsys.readouterr().out))
    assert "10099999999" not in facts
    assert main(["contingency", "status", file, *at, "--about", "TX999"]) == 1
    assert "Nothing is known of it" in capsys.readouterr().out
    assert main(["contingency", "rehearse", file, "--requests", "0"]) == 2


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('destination = "hub"\nevery', 'destination = "hob"\nevery', "did you mean|go to hob"),
        ('config = "dflow.toml"', 'config = "none.toml"', "none.toml"),
        ("[exchange]\n", "[nothing]\n", "nothing"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_moves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, why: str
) -> None:
    copy = example("contingency", tmp_path)
    path = copy / "chain.toml"
    path.write_text(swapped(path.read_text("utf-8"), old, new), "utf-8")
    assert main(["contingency", "run", str(path), "--once", "--at", "2026-06-01"]) == 2
    said = capsys.readouterr().err
    assert any(one in said for one in why.split("|")), said
    assert not (copy / "chain.toml.ledger").exists()


def test_an_interrupted_run_says_where_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = example("contingency", tmp_path)
    begun = {"at": "2026-06-01T09:00:00+01:00", "kind": "run begun"}
    (copy / "chain.toml.ledger").write_text(json.dumps(begun) + "\n", "utf-8")
    file = str(copy / "chain.toml")
    assert main(["contingency", "status", file, "--at", "2026-06-01T10:00"]) == 0
    assert "has not ended" in capsys.readouterr().out
    (copy / "out" / "inbox").mkdir(parents=True)
    assert main(["contingency", "run", file, "--once", "--at", "2026-06-01T10:00"]) == 0
    capsys.readouterr()
    assert main(["contingency", "status", file, "--at", "2026-06-01T10:01"]) == 0
    assert "has not ended" not in capsys.readouterr().out
