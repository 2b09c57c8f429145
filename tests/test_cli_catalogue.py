"""``dflow catalogue``: list, show, diff, import; on a terminal, in a pipe, as JSON."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from catalogue_folders import FLOW, base, made
from dflow.catalogue import bundled, diff
from dflow.cli import main
from dflow.cli.catalogue_text import Look, diff_lines, flow_lines, list_lines
from dflow.show import PLAIN, VIVID
from wordfiles import MadeBlock, document, flow_blocks, group_row, item_blocks, item_row, write_docx

Said = pytest.CaptureFixture[str]


def lines(capsys: Said, *words: str) -> list[str]:
    assert main(["catalogue", *words]) == 0
    return capsys.readouterr().out.splitlines()


def plain(capsys: Said, *words: str) -> Any:
    assert main(["catalogue", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_list_is_one_line_a_flow_version(capsys: Said) -> None:
    listed = lines(capsys, "list")
    assert len(listed) == len(bundled())
    assert (
        "D0089 v002 live, 3 groups: Notification from MPAS of Changed Metering Point Details"
        in (listed)
    )
    assert "\x1b" not in "".join(listed)
    assert len(lines(capsys, "list", "--release", "12.5")) == 13
    assert lines(capsys, "list", "D0312", "--on", "2019-06-27") == [
        "D0312 v002 live, envelope only: Notification of Meter Information to ECOES"
    ]
    (entry,) = plain(capsys, "list", "D0386", "--release", "12.5")
    assert (entry["flow"], entry["version"], entry["state"]) == ("D0386", "001", "live")


def test_show_is_a_tree(capsys: Said) -> None:
    shown = lines(capsys, "show", "D0010")
    assert shown[0] == "D0010 v002  Meter Readings"
    assert "route Supplier -> Distributor" in shown
    assert "        032 Meter Reading Validation Result [1]" not in shown
    assert "      032 Meter Reading Validation Result [1]" in shown
    assert "  1 J0003 MPAN Core NUM(13): sensitive (meter point identifier)" in shown
    assert "J0171 Reading Type" in shown
    assert any(line.startswith("condition: group 032 optional") for line in shown)
    assert "Code lists" not in lines(capsys, "show", "D0010", "002", "--no-codes")
    assert lines(capsys, "show", "D0010v002") == lines(capsys, "show", "D0010", "v002") == shown


def test_show_as_json_holds_the_tree(capsys: Said) -> None:
    flow = plain(capsys, "show", "D0018", "001")
    assert flow["name"] == bundled()["D0018", "001"].name
    codes: list[str] = []

    def walk(groups: list[dict[str, Any]]) -> None:
        for group in groups:
            codes.append(group["code"])
            assert [item["position"] for item in group["items"]] == list(
                range(1, len(group["items"]) + 1)
            )
            walk(group["groups"])

    walk(flow["groups"])
    assert codes == [group.code for group in bundled()["D0018", "001"].walk()]


def test_show_says_what_is_not_known(capsys: Said) -> None:
    shown = "\n".join(lines(capsys, "show", "D0055", "001"))
    assert "Its structure is not known" in shown
    assert "nothing is checked against this" in shown
    assert "3 ? MPAN Core not stated: optional" in shown


def test_a_terminal_gets_a_drawn_tree_within_its_width() -> None:
    catalogue = bundled()
    look = Look(paint=PLAIN, width=72, drawn=True)
    flow = catalogue["D0010", "002"]
    standing = catalogue.life(*flow.key).on(date(2026, 5, 1))
    drawn = list(flow_lines(flow, standing, look))
    assert "\u2514\u2500 028 Meter/Reading Types [1-*]" in drawn
    assert any(line.startswith("   Supplier \u2192 ADSA, AMEM") for line in drawn)
    assert max(len(line) for line in drawn if "\u2192" in line) <= 72
    columns = [line.index("J0") for line in drawn if line.startswith("\u2502    1  J")]
    assert len(set(columns)) == 1
    vivid = list(flow_lines(flow, standing, Look(paint=VIVID, width=72, drawn=True)))
    assert any("\x1b[" in line for line in vivid)
    (row,) = list_lines([(flow, standing)], look)
    assert row.split() == ["D0010", "v002", "live", "7", "groups", "Meter", "Readings"]


def test_diff_of_flow_versions(capsys: Said, tmp_path: Path) -> None:
    told = lines(capsys, "diff", "D0269v002", "D0269/004")
    assert told[0] == (
        "D0269 v002 -> D0269 v004: a file of the old version may not parse under the new one"
    )
    assert "  - group removed: SCI Standard Settlement Configuration Details (0-*)" in told
    found = plain(capsys, "diff", "D0312002", "D0312003")
    assert found["parses"] == "cannot be told"
    assert [change["kind"] for change in found["changes"]] == ["flow renamed"]
    flow = base(tmp_path)["F0001", "001"]
    look = Look(paint=PLAIN, width=80, drawn=False)
    assert list(diff_lines(diff(flow, flow), look))[1] == "  nothing differs"


def test_diff_of_editions(capsys: Said, tmp_path: Path) -> None:
    told = lines(capsys, "diff", "2019-06-26", "2019-06-27")
    assert sum(line.startswith("starts ") for line in told) == 13
    assert sum(line.startswith("ends ") for line in told) == 12
    assert plain(capsys, "diff", "12.5", "15.4")["started"] == ["D0312 v003"]
    old = base(tmp_path).folder
    new = made(tmp_path / "new", flow_F0001_001=FLOW.replace("0-1", "0-*"))
    for room in ("items", "codes"):
        (new / room).symlink_to(old / room)
    told = lines(capsys, "diff", str(old), str(new))
    assert (
        told[1]
        == "F0001 v001 -> F0001 v001: a file of the old version still parses under the new one"
    )
    assert told[2] == "  ~ group range: AAA/BBB: 0-1 -> 0-*"
    assert lines(capsys, "diff", "15.4", "15.4") == ["Nothing differs."]


def test_another_folder_and_overlays(capsys: Said, tmp_path: Path) -> None:
    folder = str(base(tmp_path).folder)
    assert lines(capsys, "list", "--folder", folder) == ["F0001 v001 live?, 2 groups: Made up"]
    own = made(tmp_path / "own", flow_X9001_001=FLOW.replace("F0001", "X9001"))
    listed = lines(capsys, "list", "--folder", folder, "--overlay", str(own))
    assert len(listed) == 2


def test_import_writes_and_reports(capsys: Said, tmp_path: Path) -> None:
    source = tmp_path / "publication"
    source.mkdir()
    structure = [group_row(1, "AB1", "Site", "1"), item_row(2, "1", "E0001", "Number", "NUM(9)")]
    blocks: list[MadeBlock] = ["CATALOGUE: OURS", "Version 2 Dated: 1 May 2031"]
    blocks += flow_blocks("F0001", "001", "Site", [("Us", "Them")], structure)
    blocks += [[["Surprise", "table"]], *item_blocks("E0001", "Number", "NUM(9,1)")]
    write_docx(source / "all.docx", document(blocks))
    told = lines(capsys, "import", str(source), "-o", str(tmp_path / "out"), "--source", "ours")
    assert told[:3] == [
        "OURS 2, 1 May 2031",
        "1 flows, 1 versions, 1 groups, 1 item places, 1 items, 0 code lists",
        f"3 files written to {tmp_path / 'out'}",
    ]
    assert told[-1] == "  all.docx, table 7: not recognised: it starts with 'Surprise'; left out"
    assert (tmp_path / "out" / "releases" / "2.toml").is_file()
    found = plain(capsys, "import", str(source), "-o", str(tmp_path / "out"))
    assert found["unread"][0]["table"] == 7
    shown = lines(capsys, "show", "F0001", "--folder", str(tmp_path / "out"))
    assert "  1 E0001 Number NUM(9,1)" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "D0090"], "no flow D0090; near: "),
        (["show", "D0089", "003"], "no flow D0089 v003; known: v001, v002"),
        (["list", "D0090"], "no flow D0090; near: "),
        (["list", "--release", "12.6"], "no release 12.6; known: 12.5, 15.4"),
        (["list", "--on", "June"], "'June' is no day, such as 2019-06-27"),
        (["diff", "12.5", "D0089v002"], "a flow version can only be compared with another"),
        (["list", "--folder", "missing"], "missing: no such folder of catalogue files"),
        (["import", "missing", "-o", "out"], "missing: no such folder"),
        (["import", "."], "-o/--out"),
        ([], "ACTION"),
    ],
)
def test_mistakes_are_status_2_with_what_is_near(
    words: list[str],
    said: str,
    capsys: Said,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["catalogue", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_hostile_file_is_refused_with_status_2(capsys: Said, tmp_path: Path) -> None:
    xml = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///dev/null">]><a>&b;</a>'
    write_docx(tmp_path / "hostile.docx", xml)
    assert main(["catalogue", "import", str(tmp_path), "-o", str(tmp_path / "out")]) == 2
    assert "refused: its document declares a document type" in capsys.readouterr().err


def test_control_characters_never_reach_the_terminal(capsys: Said, tmp_path: Path) -> None:
    own = made(tmp_path / "own", flow_X9001_001=FLOW.replace("Made up", "Made\\u001b[2J up"))
    (own / "items").symlink_to(base(tmp_path).folder / "items")
    assert main(["catalogue", "list", "--folder", str(own)]) == 2
    said = capsys.readouterr()
    assert "holds a control character" in said.err
    assert "\x1b" not in said.err + said.out
