"""Overlays: filled, joined, corrected by word, and conflicts that name both places."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalogue_folders import FLOW, base, made
from dflow.catalogue import Catalogue, bundled, format_hints_folder
from dflow.errors import LookupMiss, RefusedText, SourceError


def test_private_flows_are_added(tmp_path: Path) -> None:
    private = made(tmp_path / "own", flow_X9001_001=FLOW.replace("F0001", "X9001"))
    catalogue = base(tmp_path).over(private)
    assert catalogue.keys == (("F0001", "001"), ("X9001", "001"))
    assert catalogue["X9001", "001"].groups[0].items[0].item is catalogue.item("J0001")


def test_what_is_unsaid_is_filled_and_its_source_named(tmp_path: Path) -> None:
    own = made(
        tmp_path / "own",
        items_J00='[J0002]\nformat = "CHAR(9)"\nunits = "kWh"\nprovenance = "private: our guess"\n',
    )
    catalogue = base(tmp_path).over(own)
    item = catalogue.item("J0002")
    assert (item.name, str(item.format), item.units) == ("Two", "CHAR(9)", "kWh")
    assert item.provenance.source == "made"
    assert item.provenance.detail == "by hand; format, units by private: our guess"
    assert base(tmp_path).item("J0002").format.stated is False, "the one below is another value"
    assert catalogue["F0001", "001"].groups[0].items[1].item is item


def test_a_conflict_names_both_places(tmp_path: Path) -> None:
    own = made(
        tmp_path / "own",
        items_J00='\n[J0001]\nprovenance = "private"\nformat = "INT(6)"\n',
    )
    with pytest.raises(RefusedText) as caught:
        base(tmp_path).over(own).item("J0001")
    (fault,) = caught.value.faults
    assert (fault.source, fault.line) == (str(own / "items" / "J00.toml"), 4)
    below = tmp_path / "base" / "items" / "J00.toml"
    assert fault.message == f"'format' is 'INT(6)' here, and 'INT(5)' in {below}:3"
    assert fault.expected == ('corrects = "why"',)


def test_a_correction_says_why_and_stands(tmp_path: Path) -> None:
    own = made(
        tmp_path / "own",
        items_J00='[J0001]\nformat = "INT(6)"\ncorrects = "six seen"\nprovenance = "private"\n',
    )
    assert str(base(tmp_path).over(own).item("J0001").format) == "INT(6)"


def test_flows_merge_by_value(tmp_path: Path) -> None:
    head = 'flow = "F0001"\nversion = "001"\nprovenance = "private: ours"\n'
    routes = made(tmp_path / "r", flow_F0001_001=head + 'routes = ["Us -> Them", "Us -> You"]\n')
    flow = base(tmp_path).over(routes)["F0001", "001"]
    assert [str(route) for route in flow.routes] == ["Us -> Them", "Us -> You"]
    assert flow.structured
    other = made(tmp_path / "n", flow_F0001_001=head + 'name = "Otherwise"\n')
    with pytest.raises(RefusedText) as caught:
        _ = base(tmp_path).over(other)["F0001", "001"]
    (fault,) = caught.value.faults
    assert "'name' is 'Otherwise' here, and 'Made up' in" in fault.message
    assert fault.message.endswith("001.toml:3")
    groups = '[[group]]\ncode = "AAA"\nlevel = 1\nrange = "1"\nitems = ["J0001"]\n'
    shape = made(tmp_path / "g", flow_F0001_001=head + groups)
    with pytest.raises(RefusedText, match=r"'group' is not what .*base.F0001.001.toml:8 says"):
        _ = base(tmp_path).over(shape)["F0001", "001"]
    right = made(tmp_path / "c", flow_F0001_001=head + 'corrects = "seen"\n' + groups)
    assert len(list(base(tmp_path).over(right)["F0001", "001"].walk())) == 1


def test_a_structure_fills_an_envelope_only_entry(tmp_path: Path) -> None:
    own = made(
        tmp_path / "own",
        flow_D0091_002=(
            'flow = "D0091"\nversion = "002"\nprovenance = "private: from our files"\n'
            '[[group]]\ncode = "AAA"\nlevel = 1\nrange = "1-*"\nitems = ["J0003"]\n'
        ),
    )
    flow = bundled().over(own)["D0091", "002"]
    assert flow.structured
    assert flow.name == "Notification of Removal of a Registration Objection"
    assert "group by private: from our files" in flow.provenance.detail


def test_code_lists_are_joined(tmp_path: Path) -> None:
    more = made(tmp_path / "m", codes_J00='[J0003]\ncomplete = true\n[J0003.codes]\nB = "Bean"\n')
    codes = base(tmp_path).over(more).item("J0003").codes
    assert codes is not None
    assert (codes.codes, codes.complete) == ({"A": "Apple", "B": "Bean"}, True)
    other = made(tmp_path / "o", codes_J00='[J0003]\n[J0003.codes]\nA = "Ant"\n')
    with pytest.raises(RefusedText, match=r"code 'A' is 'Ant' here, and 'Apple' in .*J00.toml:3"):
        base(tmp_path).over(other).item("J0003")


def test_sidecars_of_all_layers_count(tmp_path: Path) -> None:
    one = made(
        tmp_path / "one",
        sensitive='source = "s"\n[items]\nJ0001 = "number of a person"\n',
        roles=(
            '[code.U]\nnames = ["Us"]\n'
            '[label.Us]\ncodes = ["U"]\nbasis = "seen"\nprovenance = "p"\n'
        ),
        conditions=(
            '[[condition]]\nflow = "F0001"\nversion = "001"\n'
            "rule = 'group BBB absent when J0001 > 3'\nsource = \"ours\"\n"
        ),
    )
    two = made(
        tmp_path / "two",
        roles='[label.Them]\ncodes = ["U"]\nbasis = "name"\nprovenance = "p"\n',
    )
    catalogue = base(tmp_path).over(one, two)
    assert catalogue.item("J0001").sensitive == "number of a person"
    assert catalogue.roles.labels("U") == ("Us", "Them")
    assert [str(c) for c in catalogue["F0001", "001"].conditions] == [
        "group BBB absent when J0001 > 3"
    ]


def test_an_overlay_of_its_own_mistakes_is_refused_at_its_place(tmp_path: Path) -> None:
    own = made(tmp_path / "own", items_J00='[J0001]\nformt = "INT(6)"\nprovenance = "private"\n')
    with pytest.raises(RefusedText) as caught:
        base(tmp_path).over(own).item("J0001")
    (fault,) = caught.value.faults
    assert (fault.line, fault.near) == (2, ("format",))
    assert fault.source.endswith("own/items/J00.toml")
    with pytest.raises(SourceError, match="no such folder"):
        _ = base(tmp_path).over(tmp_path / "missing").keys


def test_a_file_in_the_wrong_place_is_refused(tmp_path: Path) -> None:
    wrong = made(tmp_path / "own", flow_F0002_001=FLOW)
    with pytest.raises(RefusedText, match=r"describes F0001 v001, and stands where F0002 v001"):
        _ = base(tmp_path).over(wrong)["F0002", "001"]


def test_other_shapes_of_references(tmp_path: Path) -> None:
    folder = made(
        tmp_path / "other",
        **{
            "flow_FX-12_1": (
                'flow = "FX-12"\nversion = "1"\nname = "n"\nprovenance = "p"\n'
                '[[group]]\ncode = "Z1"\nlevel = 1\nrange = "1"\nitems = ["EL-00017", "X7"]\n'
            ),
            "items_EL-000": '[EL-00017]\nname = "n"\nprovenance = "p"\n',
            "items_X7": '[X7]\nname = "x"\nprovenance = "p"\n',
        },
    )
    flow = Catalogue(folder)["FX-12", "1"]
    assert [place.jcode for place in flow.groups[0].items] == ["EL-00017", "X7"]
    for hostile in ("../x", "..", ".", "A/../B", "A..B", "/etc/passwd", "", "J0003\n", "a", "A\0"):
        with pytest.raises(LookupMiss):
            Catalogue(folder).item(hostile)
        with pytest.raises(LookupMiss):
            _ = Catalogue(folder)[hostile, "001"]


def test_format_hints_are_applied_only_where_asked_for() -> None:
    plain, hinted = bundled(), bundled().over(format_hints_folder())
    assert not plain.item("J1312").format.stated
    assert str(hinted.item("J1312").format) == "+/-NUM(13,3)"
    assert "format by hint: medium: sibling" in hinted.item("J1312").provenance.detail
    assert str(hinted.item("J0566").format) == "CHAR(10)"
    filled = [
        i for i in hinted.items() if i.format.stated and not plain.item(i.jcode).format.stated
    ]
    assert len(filled) == 311
    assert all("hint: " in item.provenance.detail for item in filled)


def test_loading_one_flow_does_not_load_others() -> None:
    catalogue = Catalogue(bundled().folder)
    _ = catalogue["D0010", "002"]
    assert set(catalogue._flows) == {("D0010", "002")}
    assert len(catalogue._shelves) < 8
