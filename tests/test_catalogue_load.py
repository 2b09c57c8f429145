"""Catalogue files: read whole, and refused with every mistake at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalogue_folders import CODES, FLOW, ITEMS, base, made
from dflow.catalogue import Catalogue, parse_range
from dflow.errors import LookupMiss, RefusedText, SourceError
from support import swapped


def faults(tmp_path: Path, flow: str = FLOW, items: str = ITEMS, codes: str = CODES) -> list[str]:
    """The mistakes of a folder with these files, as ``file:line:column message``."""
    folder = made(tmp_path / "f", flow_F0001_001=flow, items_J00=items, codes_J00=codes)
    with pytest.raises(RefusedText) as caught:
        _ = Catalogue(folder)["F0001", "001"]
    found: list[str] = []
    for fault in caught.value.faults:
        assert Path(fault.source).is_relative_to(folder)
        near = f" (near {', '.join(fault.near)})" if fault.near else ""
        name = Path(fault.source).name
        found.append(f"{name}:{fault.line}:{fault.column} {fault.message}{near}")
    return found


def test_a_flow_file_is_read(tmp_path: Path) -> None:
    flow = base(tmp_path)["F0001", "001"]
    assert str(flow) == "F0001 v001"
    assert (flow.name, flow.owner, flow.status) == ("Made up", "US", "")
    assert [str(route) for route in flow.routes] == ["Us -> Them"]
    (top,) = flow.groups
    assert [(p.jcode, p.position, p.presence) for p in top.items] == [
        ("J0001", 1, "mandatory"),
        ("J0002", 2, "optional"),
    ]
    assert [group.seq for group in flow.walk()] == [1, 2]
    assert flow.codes == {"AAA", "BBB"}
    assert (flow.provenance.source, flow.provenance.detail) == ("made", "by hand")
    assert flow.instance is top
    assert flow.instance_sure


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "Made up"', 'nmae = "Made up"', "001.toml:3:1 unknown key 'nmae' (near name)"),
        ('name = "Made up"\n', "", "001.toml:0:0 the key 'name' is missing"),
        ('owner = "US"', "owner = 7", "001.toml:4:1 'owner' holds no text"),
        ('"made: by hand"', "1", "001.toml:5:1 the key 'provenance' is missing or holds no text"),
        ('["Us -> Them"]', '"Us"', "001.toml:6:1 'routes' is not a list of texts"),
        ('["Us -> Them"]', '["Us to Them"]', "001.toml:6:11 'Us to Them' is no route"),
        ('code = "AAA"', 'code = "A A"', "001.toml:9:1 'A A' is no group code"),
        ("level = 1", "level = 2", "001.toml:10:1 level 2 cannot follow level 0"),
        ("level = 2", 'level = "2"', "001.toml:20:1 level '2' cannot follow level 1"),
        ('range = "1-*"', 'range = "many"', "001.toml:11:1 'many' is not a range"),
        (
            "J0002 optional",
            "J0002 optinal",
            "001.toml:15:5 'optinal' says nothing about the item's presence (near optional)",
        ),
        ("J0003", "J0033", "001.toml:22:10 no item J0033; near: J0003"),
        ('flow = "F0001"', 'flow = "f 1"', "001.toml:1:1 'f 1' is no flow number"),
        ('version = "001"', 'version = "x/1"', "001.toml:2:1 'x/1' is no version"),
        (
            "owner = ",
            'structure = "unknwon"\nowner = ',
            "'unknwon' says nothing about the structure",
        ),
        ("owner = ", 'structure = "unknown"\nowner = ', "001.toml:4:1 a flow without groups says"),
        ("[[group]]", "[group]", "001.toml:"),
        ("level = 1", "level = ", "001.toml:10:"),
    ],
)
def test_a_mistake_in_a_flow(tmp_path: Path, old: str, new: str, message: str) -> None:
    found = faults(tmp_path, flow=swapped(FLOW, old, new, 1))
    assert any(message in fault for fault in found), found


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = FLOW.replace("owner", "ownr").replace("0-1", "no").replace("J0001", "J9999")
    assert len(faults(tmp_path, flow=text)) == 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "One"\n', "", "the key 'name' is missing"),
        ('"INT(5)"', '"INTEGER"', "J00.toml:3:1 'INTEGER' is not a format"),
        ("[J0001]", "[one]", "J00.toml:1:1 'one' is no item"),
        ("name = ", "unit = 'kWh'\nname = ", "unknown key 'unit' (near units)"),
        ("[J0001]", "J0001 = 1\n[J0004]", "'J0001' is not a table"),
    ],
)
def test_a_mistake_in_a_shelf_of_items(tmp_path: Path, old: str, new: str, message: str) -> None:
    found = faults(tmp_path, items=swapped(ITEMS, old, new, 1))
    assert any(message in fault for fault in found), found


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"Apple"', "1", "J00.toml:4:1 'A' holds no text"),
        ("complete = false", "complete = 0", "J00.toml:2:1 'complete' says neither true nor false"),
        ("complete", "compleat", "unknown key 'compleat' (near complete)"),
        ("[J0003]", "[three]", "'three' is no item"),
    ],
)
def test_a_mistake_in_code_lists(tmp_path: Path, old: str, new: str, message: str) -> None:
    found = faults(tmp_path, codes=swapped(CODES, old, new, 1))
    assert any(message in fault for fault in found), found


def test_what_cannot_be_read_at_all(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        len(Catalogue(tmp_path / "missing"))
    folder = base(tmp_path).folder
    (folder / "F0001" / "001.toml").write_bytes(b'flow = "\xff"')
    with pytest.raises(RefusedText, match="not UTF-8"):
        _ = Catalogue(folder)["F0001", "001"]


def test_get_and_membership(tmp_path: Path) -> None:
    catalogue = base(tmp_path)
    assert ("F0001", "001") in catalogue
    assert catalogue.get("F0001", "002") is None
    assert catalogue.get("F0001", "001") is catalogue["F0001", "001"]
    assert catalogue.versions("F0001") == ("001",)
    assert catalogue.versions("F0002") == ()
    assert len(catalogue) == 1
    assert [flow.key for flow in catalogue] == [("F0001", "001")]
    with pytest.raises(LookupMiss, match="no flow F0002; near: F0001"):
        catalogue.latest("F0002")


def test_a_sketch_may_name_items_without_a_reference(tmp_path: Path) -> None:
    text = FLOW.replace('owner = "US"', 'structure = "sketch"').replace('"J0003"', '"? Thing", "?"')
    folder = made(tmp_path / "s", flow_F0001_001=text, items_J00=ITEMS)
    flow = Catalogue(folder)["F0001", "001"]
    assert not flow.structured
    assert [place.name for place in flow.sketch[0].groups[0].items] == ["Thing", ""]
    plain = FLOW.replace('"J0003"', '"? Thing"')
    assert any("says nothing about the item" in fault for fault in faults(tmp_path, flow=plain))


@pytest.mark.parametrize(
    ("text", "least", "most", "counts"),
    [
        ("1", 1, 1, ()),
        ("0-*", 0, None, ()),
        ("1-*", 1, None, ()),
        ("0-1", 0, 1, ()),
        ("0, 1", 0, 1, ()),
        ("2", 2, 2, ()),
        ("46, 48,50", 46, 50, (46, 48, 50)),
    ],
)
def test_ranges(text: str, least: int, most: int | None, counts: tuple[int, ...]) -> None:
    found = parse_range(text)
    assert (found.least, found.most, found.counts) == (least, most, counts)
    assert str(found) == text
    assert found.admits(least)
    assert not found.admits(47 if counts else -1)


@pytest.mark.parametrize("text", ["", "*", "2-1", "1-", "one", "-1", "1..2"])
def test_texts_that_are_no_range(text: str) -> None:
    with pytest.raises(ValueError, match="is not a range"):
        parse_range(text)
