"""Differences between flow versions and between editions."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from attrs import evolve

from catalogue_folders import FLOW, base, made
from dflow.catalogue import Answer, Catalogue, FlowDef, bundled, diff, diff_all
from dflow.errors import LookupMiss
from support import swapped

HOLDS, FAILS, CANNOT_TELL = Answer.HOLDS, Answer.FAILS, Answer.CANNOT_TELL


def changed(tmp_path: Path, *swaps: tuple[str, str], items: str = "", codes: str = "") -> FlowDef:
    """The made-up flow with parts of its text exchanged."""
    text = FLOW
    for old, new in swaps:
        text = swapped(text, old, new)
    source = base(tmp_path).folder
    folder = made(tmp_path / "changed", flow_F0001_001=text)
    for name, more in (("items", items), ("codes", codes)):
        low = (source / name / "J00.toml").read_text("utf-8")
        made(folder, **{f"{name}_J00": more or low})
    return Catalogue(folder)["F0001", "001"]


ONE_LINE = [
    (('name = "Made up"', 'name = "Renamed"'), "flow renamed: Made up -> Renamed", HOLDS),
    (('"Us -> Them"', '"Us -> You"'), "route added: Us -> You", HOLDS),
    (('range = "0-1"', 'range = "0-*"'), "group range: AAA/BBB: 0-1 -> 0-*", HOLDS),
    (('range = "1-*"', 'range = "1"'), "group range: AAA Top: 1-* -> 1", FAILS),
    (('range = "0-1"', 'range = "1"'), "group range: AAA/BBB: 0-1 -> 1", HOLDS),
    (('range = "0-1"', 'range = "46,48"'), "group range: AAA/BBB: 0-1 -> 46,48", FAILS),
    (('name = "Top"', 'name = "Head"'), "group renamed: AAA: Top -> Head", HOLDS),
    (("J0002 optional", "J0002"), "item presence: AAA J0002 Two: optional -> mandatory", FAILS),
    (
        ('"J0001",', '"J0001 optional",'),
        "item presence: AAA J0001 One: mandatory -> optional",
        HOLDS,
    ),
    (('"J0001",', '"J0001 blank",'), "item presence: AAA J0001 One: mandatory -> blank", FAILS),
    (('items = ["J0003"]', "items = []"), "item removed: AAA/BBB J0003 Three (position 1)", FAILS),
    (
        ('items = ["J0003"]', 'items = ["J0002", "J0003"]'),
        "item added: AAA/BBB J0002 Two (position 1)",
        FAILS,
    ),
]


@pytest.mark.parametrize(("swap", "told", "parses"), ONE_LINE)
def test_one_change(tmp_path: Path, swap: tuple[str, str], told: str, parses: Answer) -> None:
    found = diff(base(tmp_path)["F0001", "001"], changed(tmp_path, swap))
    assert told in [str(change) for change in found.changes]
    assert found.parses is parses


def test_nothing_changed(tmp_path: Path) -> None:
    found = diff(base(tmp_path)["F0001", "001"], changed(tmp_path))
    assert not found
    assert found.parses is HOLDS


def test_groups_added_removed_and_moved(tmp_path: Path) -> None:
    old = base(tmp_path)["F0001", "001"]
    more = '\n[[group]]\ncode = "CCC"\nlevel = 2\nrange = "1"\nitems = ["J0001"]\n'
    new = changed(tmp_path, ('items = ["J0003"]\n', 'items = ["J0003"]\n' + more))
    assert [str(c) for c in diff(old, new).changes] == ["group added: AAA/CCC (1)"]
    assert diff(old, new).parses is HOLDS, "a group that is missing is only advice"
    assert [str(c) for c in diff(new, old).changes] == ["group removed: AAA/CCC (1)"]
    assert diff(new, old).parses is FAILS
    moved = changed(tmp_path, ("level = 2", "level = 1"))
    assert [c.kind for c in diff(old, moved).changes] == ["group moved"]
    assert diff(old, moved).parses is FAILS


def test_items_that_swap_places_have_moved(tmp_path: Path) -> None:
    two = '    "J0001",  # One\n    "J0002 optional",  # Two\n'
    swapped = changed(tmp_path, (two, '    "J0002 optional",\n    "J0001",\n'))
    found = diff(base(tmp_path)["F0001", "001"], swapped)
    assert [change.kind for change in found.changes] == ["item moved"]
    assert found.parses is FAILS


@pytest.mark.parametrize(
    ("old", "new", "parses"),
    [
        ("INT(5)", "INT(6)", HOLDS),
        ("INT(6)", "INT(5)", FAILS),
        ("INT(5)", "NUM(5,2)", HOLDS),
        ("NUM(5,2)", "INT(5)", FAILS),
        ("NUM(5)", "+/-NUM(5)", HOLDS),
        ("+/-NUM(5)", "NUM(5)", FAILS),
        ("DATE", "CHAR(8)", HOLDS),
        ("DATE", "CHAR(7)", FAILS),
        ("CHAR(8)", "DATE", FAILS),
        ("DATE", "DATETIME", FAILS),
        ("CHAR(8)", "UNSTATED", HOLDS),
        ("UNSTATED", "CHAR(8)", CANNOT_TELL),
    ],
)
def test_formats_that_cover_others(tmp_path: Path, old: str, new: str, parses: Answer) -> None:
    one = '[J0001]\nname = "One"\nformat = "INT(5)"\n'
    shelf = (base(tmp_path).folder / "items" / "J00.toml").read_text("utf-8")
    assert one in shelf
    before = changed(tmp_path, items=shelf.replace("INT(5)", old))
    after = changed(tmp_path, items=shelf.replace("INT(5)", new))
    found = diff(before, after)
    assert [change.kind for change in found.changes] == ["item reformatted"]
    assert found.parses is parses
    assert found.changes[0].as_json()["parses"] == parses.value


def test_code_lists(tmp_path: Path) -> None:
    def having(text: str) -> FlowDef:
        return changed(tmp_path, codes="[J0003]\n" + text)

    ab = having('[J0003.codes]\nA = "a"\nB = "b"\n')
    a = having('[J0003.codes]\nA = "a"\n')
    some = having('complete = false\n[J0003.codes]\nA = "a"\n')
    assert diff(a, ab).parses is HOLDS
    assert diff(ab, a).parses is FAILS
    assert "of them gone: B" in str(diff(ab, a).changes[0])
    assert diff(some, a).parses is CANNOT_TELL
    assert diff(a, some).parses is HOLDS


def test_a_code_that_stands_twice_is_matched_by_its_turn() -> None:
    flow = bundled()["D0030", "001"]
    assert not diff(flow, flow)
    top = evolve(flow.groups[0], name="Other")
    found = diff(flow, evolve(flow, groups=(top, *flow.groups[1:])))
    assert [change.kind for change in found.changes] == ["group renamed"]


def test_an_unknown_structure_cannot_be_told() -> None:
    found = bundled().diff_flows(("D0312", "002"), ("D0312", "003"))
    assert found.parses is CANNOT_TELL
    assert [change.kind for change in found.changes] == ["flow renamed"]


def test_every_flow_equals_itself() -> None:
    for flow in bundled():
        assert not diff(flow, flow)


def test_the_cut_over_of_june_2019() -> None:
    found = bundled().diff(date(2019, 6, 26), date(2019, 6, 27))
    assert len(found.started) == 13
    assert len(found.ended) == 12
    assert {one.new.flow for one in found.replaced} == {flow for flow, _ in found.ended}
    assert found.changed == ()


def test_editions_are_releases_days_or_catalogues(tmp_path: Path) -> None:
    catalogue = bundled()
    found = catalogue.diff("12.5", "15.4")
    assert found.started == (("D0312", "003"),)
    assert ("D0091", "002") in found.ended
    assert not catalogue.diff("15.4", catalogue.release("15.4").flows)
    own = base(tmp_path)
    other = Catalogue(made(tmp_path / "o", flow_F0001_002=FLOW.replace('"001"', '"002"')))
    other = Catalogue(own.folder, (other.folder,))
    found = own.diff(own, other)
    assert (found.started, found.ended) == ((("F0001", "002"),), ())
    assert [str(one.new) for one in found.replaced] == ["F0001 v002"]
    assert diff_all(own, own) == own.diff(own, own)
    with pytest.raises(LookupMiss, match=r"no release 9\.9"):
        catalogue.diff("9.9", "15.4")


def test_two_live_versions_of_one_flow() -> None:
    found = bundled().diff_flows(("D0269", "002"), ("D0269", "004"))
    assert found.parses is FAILS
    assert {c.group for c in found.of("group added")} >= {"SCE"}
    assert {c.group for c in found.of("group removed")} == {"SCI"}
