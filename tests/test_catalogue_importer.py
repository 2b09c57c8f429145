"""The importer: another catalogue in the same layout, mistakes reported, the official one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from catalogue_facts import DIGESTS, catalogue_lines, digest, fact_files, facts_lines
from dflow.catalogue import Catalogue, bundled
from dflow.catalogue.importer import catalogue_files, import_publication
from dflow.catalogue.publication import Publication, read_publication
from dflow.errors import SourceError
from support import shared_folder
from wordfiles import (
    STRUCTURE_HEAD,
    MadeBlock,
    document,
    flow_blocks,
    group_row,
    item_blocks,
    item_row,
    write_docx,
)

STRUCTURE = [
    group_row(1, "AB1", "Site", "1-*"),
    item_row(2, "1", "EL-00017", "Site number", "NUM(9)"),
    item_row(2, "O", "EL-00018", "Kind of site", "CHAR(1)"),
    group_row(2, "AB2", "", "46, 48, 50"),
    item_row(3, "1", "EL-00019", "Value", "NUM(7)"),
    item_row(3, "N", "EL-00020", "Old value", "(0)"),
    group_row(1, "AB3", "End", "0-1"),
    item_row(2, "1", "EL-00017", "Site number", "NUM(9)"),
]
ITEMS = [
    *item_blocks("EL-00017", "Site number", "NUM(9)"),
    *item_blocks("EL-00018", "Kind of site", "CHAR(1)", ["A - Above ground", "B - Below"]),
    *item_blocks("EL-00019", "Value", "+/-NUM(7 ,2)"),
    *item_blocks("EL-00020", "Old value", ""),
]
INDEX: MadeBlock = [["Flow Ref", "Flow Name", "From", "To"], ["FX-12345", "Site", "Us", "Them"]]


def folder_of(tmp_path: Path, *files: list[MadeBlock]) -> Path:
    folder = tmp_path / "publication"
    folder.mkdir()
    for number, blocks in enumerate(files):
        write_docx(folder / f"part {number}.docx", document(blocks))
    return folder


def flows(*more: MadeBlock, structure: list[list[str]] = STRUCTURE) -> list[MadeBlock]:
    return [
        "ALL OUR FLOWS: OURS",
        "Version 3 Dated: 1 May 2031",
        INDEX,
        *flow_blocks("FX-12345", "7", "Site", [("Us", "Them")], structure),
        *more,
    ]


def messages(publication: Publication) -> list[str]:
    return [str(unread) for unread in publication.unread]


def test_another_catalogue_in_the_same_layout(tmp_path: Path) -> None:
    """Other references, other version numbers, items after flows, files in any order."""
    folder = folder_of(tmp_path, flows(), ITEMS)
    imported = import_publication(folder, tmp_path / "out")
    assert imported.unread == ()
    assert imported.title == "OURS 3, 1 May 2031"
    assert (imported.flows, imported.versions, imported.groups) == (1, 1, 3)
    assert (imported.places, imported.items, imported.code_lists) == (5, 4, 1)
    catalogue = Catalogue(tmp_path / "out")
    assert catalogue.keys == (("FX-12345", "7"),)
    flow = catalogue["FX-12345", "7"]
    assert [group.code for group in flow.walk()] == ["AB1", "AB2", "AB3"]
    assert flow.groups[0].groups[0].range.counts == (46, 48, 50)
    old = flow.groups[0].groups[0].items[1]
    assert (old.position, old.presence, str(old.item.format)) == (2, "blank", "UNSTATED")
    assert str(catalogue.item("EL-00019").format) == "+/-NUM(7,2)"
    assert catalogue.item("EL-00018").codes is not None
    assert flow.provenance.source == "official"
    assert flow.provenance.detail == "OURS 3, 1 May 2031"
    text = "".join(path.read_text("utf-8") for path in (tmp_path / "out").rglob("*.toml"))
    assert "prose" not in text


def test_importing_again_gives_the_same_files_and_leaves_others(tmp_path: Path) -> None:
    folder, out = folder_of(tmp_path, flows(), ITEMS), tmp_path / "out"
    first = import_publication(folder, out, source="ours")
    (out / "FX-12345" / "6.toml").write_text("kept", encoding="ascii")
    (out / "roles.toml").write_text("kept", encoding="ascii")
    before = {path: path.read_bytes() for path in out.rglob("*.toml")}
    second = import_publication(folder, out, source="ours")
    assert before == {path: path.read_bytes() for path in out.rglob("*.toml")}
    assert first.written == second.written
    assert second.untouched == (("FX-12345", "6"),)


def test_an_unreadable_row_costs_the_structure_and_nothing_else(tmp_path: Path) -> None:
    bad = [*STRUCTURE[:3], item_row(3, "1", "EL-00019", "Value", "NUM(7)"), *STRUCTURE[3:]]
    good = flow_blocks("FX-2", "001", "Other", [("Us", "Us")], STRUCTURE)
    publication = read_publication(folder_of(tmp_path, flows(*good, structure=bad), ITEMS))
    (message,) = messages(publication)
    assert message == (
        "part 0.docx, table 6, row 5: FX-12345 v7: item EL-00019 at level 3 belongs to no open"
        " group; the flow is kept without a structure"
    )
    text = catalogue_files(publication)["FX-12345/7.toml"]
    assert 'structure = "unknown"' in text
    assert "Us -> Them" in text
    assert publication.flows["FX-2", "001"].groups is not None


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (group_row(2, "A|B", "", "1"), "'A|B' is no group code"),
        (group_row(4, "AB9", "", "1"), "group AB9 at level 4 has no parent"),
        (item_row(2, "X", "EL-1", "", ""), "'X' is neither a group nor an item"),
        (item_row(2, "1", "../../x", "", ""), "'../../x' is no item reference"),
        (["", "", "", "", "G", "G"] + [""] * 9, "2 of the level columns are filled, not one"),
        (["?"] + [""] * 14, "0 of the level columns are filled, not one"),
    ],
)
def test_rows_that_cannot_be_read(tmp_path: Path, row: list[str], message: str) -> None:
    publication = read_publication(folder_of(tmp_path, flows(structure=[*STRUCTURE, row]), ITEMS))
    (found,) = messages(publication)
    assert message in found
    assert "row 10" in found
    assert publication.flows["FX-12345", "7"].groups is None


def test_what_is_read_with_a_doubt_is_reported(tmp_path: Path) -> None:
    rows = [group_row(1, "AB1", "", "some"), item_row(2, "1", "EL-00017", "Sight", "CHAR(9)")]
    rows[0][3] = "only on Mondays"
    rows.append(item_row(2, "1", "EL-99", "New", "NUM(3)"))
    folder = folder_of(
        tmp_path,
        flows(
            [["Something", "else"]],
            [["Flow Reference:", "../up"], ["Flow Version:", "1"]],
            [["Flow Name:", "lost"]],
            [["Flow Reference:", "FX-12345"], ["Flow Version:", "7"]],
            structure=rows,
        ),
        [
            *ITEMS,
            *item_blocks("EL-00017", "Again", "NUM(9)"),
            *item_blocks("", "Nameless", "NUM(9)"),
            *item_blocks("EL-3", "Odd", "SHAPE(3)", ["Values are:-"]),
            *item_blocks("EL-4", "Half", "CHAR(1)", ["A - a", "sentence"]),
            *item_blocks("EL-5", "Glued", "CHAR(1)", ["T - yes it doesF - no it does not"]),
            *item_blocks("EL-6", "Bare", "CHAR(6)", ["Early -", "Late -"]),
        ],
    )
    publication = read_publication(folder)
    found = "\n".join(messages(publication))
    for expected in (
        "group AB1: 'some' is not a range",
        "group AB1: its condition is prose, and is left out",
        "table 8: not recognised: it starts with 'Something'; left out",
        "'../up' is no flow reference; the flow is left out",
        "'Flow Name:' stands outside a flow that is read",
        "FX-12345 v7: described before; this one is left out",
        "EL-00017: described before; this one is left out",
        "'' is no item reference; the item is left out",
        "EL-3: 'SHAPE(3)' is not a format",
        "EL-3: the list of values was lost in the publication",
        "EL-4: no row of a code list; the list is incomplete",
        "EL-5: several codes in one row; the list is incomplete",
        "EL-6: code 'Early' has lost its label; the list is incomplete",
        "EL-99 is not in the item catalogue; defined from the structure",
        "the structure calls EL-00017 'Sight', the item catalogue 'Site number'",
        "the structure gives the format of EL-00017 'CHAR(9)', the item catalogue 'NUM(9)'",
    ):
        assert expected in found
    assert publication.items["EL-99"].format == "UNSTATED", "its decimals are not known"
    assert publication.items["EL-00017"].name == "Site number"
    half, glued = publication.items["EL-4"].codes, publication.items["EL-5"].codes
    assert half is not None
    assert glued is not None
    assert (half.codes, half.complete) == ({"A": "a"}, False)
    assert (glued.codes, glued.complete) == ({"T": "yes it does"}, False)


def test_what_the_index_names_must_be_described(tmp_path: Path) -> None:
    index: MadeBlock = [["Flow Ref", "Flow Name"], ["FX-12345", "Site"], ["FX-9", "Gone"]]
    blocks = flows()
    blocks[2] = index
    assert messages(read_publication(folder_of(tmp_path, blocks, ITEMS))) == [
        "part 0.docx, table 1, row 3: FX-9: in the index, but not described"
    ]


def test_the_title_is_the_line_above_the_version(tmp_path: Path) -> None:
    blocks = ["NOTE: no title", "Flows we send: OURS", "version 3", *flows()[2:]]
    late = ["Items: OURS", "Version 4 Dated: 2 May 2031", *ITEMS]
    publication = read_publication(folder_of(tmp_path, blocks, late))
    assert publication.title == "OURS 3"
    assert messages(publication) == [
        "part 1.docx: it says version 4 2 May 2031, another file OURS 3"
    ]
    assert "published" not in catalogue_files(publication)["releases/3.toml"]


def test_an_item_after_a_child_group_belongs_to_the_latest_group_above(tmp_path: Path) -> None:
    rows = [*STRUCTURE[:5], item_row(2, "o", "EL-00020", "Old value", ""), *STRUCTURE[5:]]
    publication = read_publication(folder_of(tmp_path, flows(structure=rows), ITEMS))
    groups = publication.flows["FX-12345", "7"].groups
    assert groups is not None
    assert groups[0].items[-1] == ("EL-00020", "optional")
    assert len(groups[1].items) == 2
    (message,) = messages(publication)
    assert message.endswith("item EL-00020 stands after a group below its own")


def test_columns_are_found_by_their_headings(tmp_path: Path) -> None:
    order = [14, 12, 0, 2, *range(4, 12), 13, 1, 3]
    rows = [[row[place] for place in order] for row in [STRUCTURE_HEAD, *STRUCTURE]]
    # The table is recognised by its first cell, so that one stays where it is.
    rows = [[row[2], *row[:2], *row[3:]] for row in rows]
    blocks = flows()
    blocks[-2] = rows
    publication = read_publication(folder_of(tmp_path, blocks, ITEMS))
    groups = publication.flows["FX-12345", "7"].groups
    assert groups is not None
    assert [group.code for group in groups] == ["AB1", "AB2", "AB3"]


def test_folders_that_hold_no_publication(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        read_publication(tmp_path / "missing")
    with pytest.raises(SourceError, match="holds no Word file"):
        read_publication(tmp_path)
    write_docx(tmp_path / "~$lock.docx", document([]))
    write_docx(tmp_path / "letter.docx", document(["Dear all"]))
    with pytest.raises(SourceError, match="describe no flow"):
        import_publication(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# -- the official publication ---------------------------------------------------------------

needs_facts = pytest.mark.skipif(shared_folder() is None, reason="the facts are not there")


def test_the_bundled_catalogue_is_what_was_imported() -> None:
    """Group by group and item by item, by digests, where the facts are not at hand."""
    found = {
        f"{f}_{v}": digest(catalogue_lines(bundled()[f, v]))
        for f, v in bundled().keys
        if bundled()[f, v].structured
    }
    assert len(found) == 206
    assert found == DIGESTS


@needs_facts
def test_the_digests_are_those_of_the_facts() -> None:
    assert {name: digest(facts_lines(data)) for name, data in fact_files()} == DIGESTS


@needs_facts
def test_the_bundled_catalogue_equals_the_facts() -> None:
    compared = 0
    for name, data in fact_files():
        flow = bundled()[data["flow"], data["version"]]
        assert catalogue_lines(flow) == facts_lines(data), name
        assert flow.name == data["name"]
        assert (flow.status, flow.owner) == (data["status"], data["owner"])
        routes = [(route.sender, route.recipient) for route in flow.routes]
        assert routes == [(role["from"], role["to"]) for role in data["roles"]]
        compared += 1
    assert compared == 206


@pytest.mark.untraced
@needs_facts
def test_the_official_publication(tmp_path: Path) -> None:
    shared = shared_folder()
    assert shared is not None
    start = time.process_time()
    publication = read_publication(shared / "official")
    files = catalogue_files(publication)
    assert time.process_time() - start < 30
    flows_read = publication.flows.values()
    groups = [group for flow in flows_read for group in flow.groups or ()]
    assert len({flow.reference for flow in flows_read}) == 203
    assert len(flows_read) == 206
    assert len(groups) == 1_222
    assert sum(len(group.items) for group in groups) == 5_506
    assert len(publication.items) == 1_671
    lists = [item.codes for item in publication.items.values() if item.codes]
    labelled = [codes for codes in lists if all(codes.codes.values())]
    assert len(labelled) == 104
    assert sum(len(codes.codes) for codes in labelled) == 952
    structural = [u for u in publication.unread if u.file != "Data Item Catalogue.docx"]
    assert structural == []
    folder = bundled().folder
    stale = [name for name, text in files.items() if (folder / name).read_text("utf-8") != text]
    assert stale == [], "run: dflow catalogue import ... -o catalogue/dtc"
