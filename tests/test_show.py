"""Showing: carets under their fields, nothing personal unasked, nothing a terminal obeys."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from dflow.catalogue import FlowDef, GroupDef, ItemPlace, bundled
from dflow.envelope import read_header, read_trailer
from dflow.findings import Place, Report, Severity, finding, summary
from dflow.flow import Group
from dflow.records import Record
from dflow.show import (
    VIVID,
    Mask,
    ReportStyle,
    TreeStyle,
    excerpt,
    github_annotations,
    group_json,
    group_text,
    head_json,
    head_text,
    json_chunks,
    json_report,
    lines_of,
    meaning,
    printable,
    report_text,
    sarif,
    summary_text,
    tail_text,
    unmasked,
)

HEADER = b"ZHV|0000000001|D0010002|N|UPLD|R|EELC|20260320160032||ROUTE||OPER|"
FILE = (
    HEADER
    + b"\n026|1200000000001|F|\n028|METER00001|R|\n030|01|20260316000000|78,4|||F|N|\n"
    + b"ZPT|0000000001|4||1||\n"
)


def _with_secret(definition: FlowDef, *jcodes: str) -> FlowDef:
    """The definition in which these items are sensitive, and no others."""

    def place(old: ItemPlace) -> ItemPlace:
        why = "made up for a test" if old.jcode in jcodes else ""
        return evolve(old, item=evolve(old.item, sensitive=why))

    def group(old: GroupDef) -> GroupDef:
        below = tuple(group(child) for child in old.groups)
        return evolve(old, items=tuple(place(item) for item in old.items), groups=below)

    return evolve(definition, groups=tuple(group(old) for old in definition.groups))


D0010 = _with_secret(bundled()["D0010", "002"])
SECRET = _with_secret(D0010, "J0003", "J0040")

FORMAT = finding(
    "format",
    Place(line=4, column=23, width=4, path="026[1]/028[1]/030[1]", jcode="J0040", item="Reading"),
    "The value is no number.",
    value="****",
    expected="NUM(9,1)",
)
COUNT = finding("group-count", Place(line=5, column=16, width=1), "4 is not 3.", expected="3")
WHOLE = finding("empty-file", Place(), "The file holds no bytes.")
REPORT = Report(source="made_up.usr", flow="D0010", version="002", findings=(COUNT, FORMAT, WHOLE))


def test_the_report_has_record_caret_expectation_and_remedy() -> None:
    text = report_text(REPORT, lines_of(REPORT, [FILE], Mask(D0010)))
    lines = text.splitlines()
    assert lines[0] == "made_up.usr  D0010 v002  3 errors"
    at = next(i for i, line in enumerate(lines) if line.startswith("4 | "))
    assert lines[at] == "4 | 030|01|20260316000000|78,4|||F|N|"
    assert lines[at + 1] == "  |                       ^^^^ expected NUM(9,1)"
    assert lines[at][lines[at + 1].index("^") :].startswith("78,4")
    assert lines[at + 2] == "  = remedy: Write the value in the item's format."
    assert " --> made_up.usr:4:23  026[1]/028[1]/030[1]  J0040 Reading" in lines


def test_a_finding_about_the_whole_file_has_no_line() -> None:
    text = report_text(Report(source="e.usr", findings=(WHOLE,)))
    assert " --> e.usr\n" in text
    assert "|" not in text


def test_a_clean_file_is_one_line() -> None:
    clean = Report(source="a.usr", flow="D0010", version="002")
    assert report_text(clean) == "a.usr  D0010 v002  clean\n"


def test_many_findings_of_one_code_are_counted_not_drawn() -> None:
    many = Report(findings=tuple(evolve(COUNT, place=Place(line=n)) for n in range(1, 31)))
    text = report_text(many, {}, ReportStyle(most=3))
    assert text.count("error[group-count]") == 3
    assert "... and 27 more of group-count" in text
    assert report_text(many, {}, ReportStyle(most=0)).count("error[group-count]") == 30


def test_mild_findings_are_left_out_when_asked_and_still_counted() -> None:
    mild = finding("missing-group", Place(line=1), "Group 032 is missing.")
    text = report_text(Report(findings=(mild,)), {}, ReportStyle(least=Severity.WARNING))
    assert "missing-group" not in text
    assert "1 piece of advice" in text


def test_nothing_a_file_or_a_name_holds_reaches_the_terminal_as_a_command() -> None:
    evil = Report(
        source="a\x1b]0;x\x07.usr",
        flow="D\x1b[2J",
        version="002",
        findings=(evolve(FORMAT, message="\x1b[31m", expected="\x9b2J", remedy="\r"),),
    )
    text = report_text(evil, lines_of(evil, [b"\n\n\n030|\x1b[2J|\x9b|\n"], Mask(off=True)))
    assert all(character == "\n" or character.isprintable() for character in text)


@given(st.text(max_size=200))
def test_printable_keeps_the_length_and_holds_no_control(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert shown.isprintable()
    assert [new for old, new in zip(text, shown, strict=True) if old.isprintable()] == [
        old for old in text if old.isprintable()
    ]


def test_sensitive_values_are_hidden_at_their_width() -> None:
    mask = Mask(SECRET)
    assert mask.text(b"026|1200000000001|F|") == "026|*************|F|"
    assert mask.text(b"030|01|20260316000000|78,4|||F|N|") == "030|01|20260316000000|****|||F|N|"
    assert Mask(SECRET, off=True).text(b"026|1200000000001|F|") == "026|1200000000001|F|"
    assert mask.text(HEADER) == HEADER.decode()


@pytest.mark.parametrize(
    "record",
    [
        b"026||1200000000001|F|",  # a surplus field before it
        b"026|F|1200000000001|x|y|",
        b"026|1200000000001|",  # a field lost
        b"026|1200000000001",
        b"099|1200000000001|",  # a group the flow does not have
        b"1200000000001",  # no pipe at all
    ],
)
def test_a_record_of_the_wrong_shape_does_not_leak(record: bytes) -> None:
    shown = Mask(SECRET).text(record)
    assert "1200000000001" not in shown
    assert len(shown) == len(record)


def test_without_a_definition_the_whole_body_is_hidden() -> None:
    assert Mask(None).text(b"100|Jo Bloggs|1 High St|") == "100|*********|*********|"


@given(st.binary(max_size=120).filter(lambda raw: b"\n" not in raw))
def test_masking_never_moves_a_column(raw: bytes) -> None:
    for mask in (Mask(SECRET), Mask(None), Mask(off=True)):
        shown = mask.text(raw)
        assert len(shown) == len(raw)
        assert [i for i, c in enumerate(shown) if c == "|"] == [
            i for i, byte in enumerate(raw) if byte == ord("|")
        ]


def test_unmasking_takes_the_values_from_the_lines() -> None:
    report = unmasked(REPORT, lines_of(REPORT, [FILE], Mask(off=True)))
    assert [found.value for found in report.findings if found.code == "format"] == ["78,4"]


@given(
    st.integers(0, 300), st.integers(1, 300), st.integers(0, 50), st.integers(20, 120), st.data()
)
def test_an_excerpt_fits_and_keeps_the_place_in_sight(
    length: int, column: int, width: int, room: int, data: st.DataObject
) -> None:
    line = data.draw(st.text("ab|", min_size=length, max_size=length))
    column = min(column, length + 1)
    part = excerpt(line, column, width, room)
    assert len(part.text) <= room
    assert 0 <= part.start <= len(part.text)
    assert part.width >= 1
    if part.start < len(part.text) and column <= length and part.text[part.start] != "…":
        assert part.text[part.start] == line[column - 1]


def test_lines_come_from_any_chunks_and_stop_at_the_last_one_wanted() -> None:
    def chunks() -> Iterator[bytes]:
        for start in range(0, len(FILE), 7):
            yield FILE[start : start + 7]
        yield b"\n"
        pytest.fail("read on after the last line that was wanted")

    assert lines_of(REPORT, chunks(), Mask(D0010)) == {
        4: "030|01|20260316000000|78,4|||F|N|",
        5: "ZPT|0000000001|4||1||",
    }


def test_json_is_the_form_the_design_fixes() -> None:
    form = json_report([REPORT])
    assert set(form) == {"files", "summary"}
    streamed = "".join(
        json_chunks((r.as_json() for r in [REPORT] * 2), lambda: summary([REPORT] * 2))
    )
    assert json.loads(streamed) == json_report([REPORT, REPORT])
    assert json.loads("".join(json_chunks([], lambda: summary([])))) == json_report([])


def test_sarif_names_rule_place_and_level() -> None:
    log = json.loads(json.dumps(sarif([REPORT])))
    run = log["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == sorted({"format", "group-count", "empty-file"})
    result = next(r for r in run["results"] if r["ruleId"] == "format")
    assert rules[result["ruleIndex"]] == "format"
    assert result["level"] == "error"
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "made_up.usr"
    assert place["region"] == {"startLine": 4, "startColumn": 23, "endColumn": 27}
    whole = next(r for r in run["results"] if r["ruleId"] == "empty-file")
    assert "region" not in whole["locations"][0]["physicalLocation"]
    assert "78,4" not in json.dumps(log)


def test_annotations_cannot_be_broken_out_of() -> None:
    evil = Report(
        source="a,b:c%\n::error::x", findings=(evolve(FORMAT, message="50%\n::stop::\x1b["),)
    )
    (line,) = github_annotations(evil)
    assert line.isprintable()
    assert line.startswith("::error file=a%2Cb%3Ac%25%0A%3A%3Aerror%3A%3Ax,line=4,col=23,")
    assert "50%25%0A::stop::" in line


def test_the_summary_counts_files_and_findings() -> None:
    text = summary_text(summary([REPORT, Report()]))
    assert text == "2 files: 1 clean, 1 not clean; 3 errors"


def _groups() -> Group:
    g026 = D0010.groups[0]
    g028 = next(group for group in g026.groups if group.code == "028")
    g030 = next(group for group in g028.groups if group.code == "030")
    reading = Group(record=Record(4, b"030|01|20260316000000|78.4|||F|N|extra|"), definition=g030)
    stray = Group(record=Record(5, b"999|x|"), stray="unknown-group")
    meter = Group(record=Record(3, b"028|METER00001|R|"), definition=g028, groups=(reading, stray))
    return Group(record=Record(2, b"026|1200000000001|F|"), definition=g026, groups=(meter,))


def test_the_tree_has_names_beside_values_and_strays_with_their_reason() -> None:
    text = "\n".join(group_text(_groups(), Mask(D0010)))
    assert "MPAN Core" in text
    assert "1200000000001" in text
    assert "2026-03-16 00:00:00" in text
    assert "surplus field" in text
    assert "999|*|  <- unknown-group" in text
    assert "MD Reset" not in text  # blank
    assert "MD Reset" in "\n".join(group_text(_groups(), Mask(D0010), TreeStyle(blanks=True)))
    secret = "\n".join(group_text(_evolved(_groups(), SECRET), Mask(SECRET)))
    assert "1200000000001" not in secret


def _evolved(root: Group, definition: FlowDef) -> Group:
    return evolve(root, definition=definition.groups[0])


def test_the_tree_as_json_is_a_list_with_levels() -> None:
    entries = list(group_json(_groups(), Mask(D0010)))
    assert [(entry["level"], entry["code"]) for entry in entries] == [
        (1, "026"),
        (2, "028"),
        (3, "030"),
        (3, "999"),
    ]
    assert entries[3]["stray"] == "unknown-group"
    assert json.loads(json.dumps(entries)) == entries


def test_a_tree_nested_without_end_is_shown_all_the_same() -> None:
    group = Group(record=Record(1, b"x"))
    for _ in range(5_000):
        group = Group(record=Record(1, b"x"), groups=(group,))
    assert sum(1 for _ in group_text(group, Mask(None))) == 5_001
    assert sum(1 for _ in group_json(group, Mask(None))) == 5_001


def test_the_head_and_tail_say_who_what_and_when() -> None:
    header = read_header(HEADER).header
    trailer = read_trailer(b"ZPT|0000000001|4||1||", line=5).trailer
    text = "\n".join([*head_text(header, D0010), *tail_text(trailer)])
    assert "D0010 v002  Meter Readings" in text
    assert "N/UPLD" in text
    assert "2026-03-20 16:00:32" in text
    assert "(blank) to ROUTE" in text
    assert "trailer says 4 groups, 1 instance" in text
    assert list(head_text(None, None)) == ["no header"]
    assert list(tail_text(None)) == ["no trailer"]
    pool = read_trailer(b"ZPT|7|99", line=5, pool=True).trailer
    assert list(tail_text(pool)) == ["trailer says 7 records, checksum 99"]
    assert head_json(header, D0010, "a.usr")["name"] == "Meter Readings"
    assert head_json(None, None)["header"] is None


def test_meanings_are_labels_dates_times_and_units() -> None:
    catalogue = bundled()
    assert meaning(catalogue.item("J0016"), "20260316235900") == "2026-03-16 23:59:00"
    assert meaning(catalogue.item("J0014"), "20260316") == "2026-03-16"
    assert meaning(catalogue.item("J0014"), "20261316") == ""
    assert meaning(evolve(catalogue.item("J0045"), codes=None), "T") == "yes"


def test_colour_is_there_when_asked_and_only_then() -> None:
    assert "\x1b[" in report_text(REPORT, {}, ReportStyle(paint=VIVID))
    assert "\x1b[" not in report_text(REPORT, {})
