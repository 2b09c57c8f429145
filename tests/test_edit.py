"""Editing: only what was touched changes in the bytes, and the counts follow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow import bundled, check, edit, read
from dflow.envelope import Party, pool_checksum
from dflow.errors import LookupMiss, StructureError
from dflow.findings import Severity
from dflow.show import Mask
from dflow.testing.strategies import flow_bytes
from dflow.writer import RefusedFlow, group, write
from samples import RIGHT, d0010
from support import swapped

D0010 = bundled()["D0010", "002"]
FILE = d0010()
MPANS = [record.split("|")[1] for record in RIGHT if record.startswith("026")]


def _changed_lines(before: bytes, after: bytes) -> list[int]:
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    assert len(old) == len(new)
    return [line for line, pair in enumerate(zip(old, new, strict=True), 1) if pair[0] != pair[1]]


def test_a_changed_value_changes_one_field_of_one_line() -> None:
    flow = edit.set_value(read(FILE), "026[2]/028[1]/030[1]", "J0040", "7.5")
    assert _changed_lines(FILE, write(flow)) == [8]
    assert write(flow).splitlines()[7] == b"030|01|20260228000000|7.5|||T|N|"
    assert edit.group_at(flow, 8)["J0040"] == "7.5"


@pytest.mark.parametrize("at", ["026[2]", 6])
def test_a_group_is_named_by_path_line_or_itself(at: str | int) -> None:
    flow = read(FILE)
    found = edit.group_at(flow, at)
    assert found["J0003"] == MPANS[1]
    assert edit.locate(flow, found) == (1,)
    assert edit.path_of(flow, (1, 0, 0)) == "026[2]/028[1]/030[1]"


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("026[4]", r"no group 026\[4\]; there are 3"),
        ("026[0]", "no group"),
        ("027", "groups there: 026"),
        ("026[1]/030", "no group 030.* under 026.*; groups there: 028"),
        ("", "no step"),
        (99, "line 99 is no group"),
        (1, "line 1 is no group"),
    ],
)
def test_a_group_that_is_not_there_says_how_far_the_way_goes(at: str | int, said: str) -> None:
    with pytest.raises(LookupMiss, match=said):
        edit.group_at(read(FILE), at)


def test_a_value_the_catalogue_does_not_allow_is_refused_with_its_finding() -> None:
    flow = read(FILE)
    with pytest.raises(RefusedFlow) as refusal:
        edit.set_value(flow, 4, "J0040", "7,5")
    (found,) = refusal.value.findings
    made = edit.set_value(flow, 4, "J0040", "7,5", check=False)
    (checked,) = check(write(made)).at_least(Severity.ERROR)
    assert found == checked
    with pytest.raises(RefusedFlow, match="pipe"):
        edit.set_value(flow, 4, "J0040", "7|5", check=False)
    with pytest.raises(LookupMiss, match="no item J0041; near: J004"):
        edit.set_value(flow, 4, "J0041", "7.5")


def test_a_value_beyond_a_short_record_adds_the_fields_between() -> None:
    data = d0010([*RIGHT[:2], "030|01|20260228000000|88285.0|"])
    flow = edit.set_value(read(data), 4, "J1888", "N", check=False)
    assert write(flow).splitlines()[3] == b"030|01|20260228000000|88285.0||||N|"


def test_setting_what_is_there_changes_nothing() -> None:
    flow = read(FILE)
    assert edit.set_value(flow, 2, "J0003", MPANS[0]) is flow


@given(flow_bytes(), st.data())
def test_an_edit_touches_its_line_only(data: bytes, draw: st.DataObject) -> None:
    """Only what was touched changes in the bytes (law of editing)."""
    flow = read(data)
    places = [
        (group.record.line, place.position, place.jcode)
        for group in flow.walk()
        if group.definition is not None
        for place in group.definition.items
        if group.definition.place(place.jcode) is place
    ]
    if not places:
        return
    line, position, jcode = draw.draw(st.sampled_from(places))
    value = draw.draw(st.text("AZ09 .é", max_size=12))
    changed = edit.set_value(flow, line, jcode, value, check=False)
    assert edit.group_at(changed, line).values[position - 1] == value
    assert set(_changed_lines(data, write(changed))) <= {line}
    old = edit.group_at(flow, line).values
    new = edit.group_at(changed, line).values
    assert [i for i, pair in enumerate(zip(old, new, strict=True), 1) if pair[0] != pair[1]] in (
        [],
        [position],
    )
    assert read(write(changed)) == changed


@given(flow_bytes("D0010", "002", fewest=4), st.data())
def test_dropping_a_group_takes_its_lines_and_the_counts_follow(
    data: bytes, draw: st.DataObject
) -> None:
    flow = read(data)
    gone = draw.draw(st.sampled_from(list(flow.walk())))
    dropped = edit.drop_group(flow, gone)
    lines = {below.record.line for below in gone.walk()}
    kept = [line for number, line in enumerate(data.splitlines()[:-1], 1) if number not in lines]
    assert write(dropped).splitlines()[:-1] == kept
    assert read(write(dropped)) == dropped
    found = check(write(dropped)).codes
    assert "group-count" not in found
    assert "flow-count" not in found


def test_dropping_by_a_predicate() -> None:
    flow = edit.drop_where(read(FILE), lambda group: group.code == "032")
    assert b"032|" not in write(flow)
    assert b"ZPT|0000000001|9||3|" in write(flow)
    same = read(FILE)
    assert edit.drop_where(same, lambda group: group.code == "999") is same


def test_a_group_is_added_in_the_catalogues_order_and_the_counts_follow() -> None:
    visit = D0010.groups[0].groups[0]
    assert visit.code == "027"
    flow = read(FILE.replace(b"\n", b"\r\n"))
    grown = edit.add_group(flow, group(visit, {"J0024": "01"}), under="026[2]")
    lines = write(grown).splitlines(keepends=True)
    assert lines[6] == b"027|01||\r\n"
    assert lines[-1].startswith(b"ZPT|0000000001|13||3|")
    assert read(write(grown)) == grown
    twice = edit.add_group(grown, group(visit, {"J0024": "02"}), under="026[2]")
    assert write(twice).splitlines()[7] == b"027|02||"
    with pytest.raises(StructureError, match="027 cannot stand at level 1; there may stand: 026"):
        edit.add_group(flow, group(visit, {}))


def test_an_instance_from_another_file_is_added_at_the_end() -> None:
    flow = read(FILE)
    grown = edit.add_group(flow, edit.group_at(flow, "026[1]"))
    assert b"|16||4|" in write(grown)
    assert [g["J0003"] for g in grown.groups] == [*MPANS, MPANS[0]]


def test_a_file_without_a_last_terminator_can_grow() -> None:
    data = d0010(trailer="").rstrip(b"\n")
    flow = read(data)
    grown = edit.add_group(flow, edit.group_at(flow, "026[1]"))
    assert read(write(grown)) == grown
    assert write(grown).startswith(data + b"\n")


def test_readdressing_changes_the_named_fields_and_what_repeats_them() -> None:
    flow = edit.readdress(
        read(FILE), recipient=Party("M", "OLDM"), file_id="0000000002", test_flag="TR01"
    )
    data = write(flow)
    assert _changed_lines(FILE, data) == [1, 14]
    assert data.startswith(b"ZHV|0000000002|D0010002|D|UDMS|M|OLDM|20260302153151||||TR01|\n")
    assert b"ZPT|0000000002|12||3|" in data
    assert flow.header == read(data).header
    with pytest.raises(ValueError, match="not a time"):
        edit.readdress(flow, created="2026")
    with pytest.raises(RefusedFlow):
        edit.readdress(flow, file_id="a|b")
    with pytest.raises(StructureError, match="no address"):
        edit.readdress(read(b"x"), file_id="1")


def _pool() -> bytes:
    records = [b"ZHD|P0142001|X|EBES|Z|POOL|20260804141806", b"100|A", b"101|B|C"]
    return b"\n".join([*records, f"ZPT|4|{pool_checksum(records)}".encode()]) + b"\n"


def test_a_pool_files_sum_follows() -> None:
    changed = write(edit.readdress(read(_pool()), sender=Party("X", "ABCD")))
    *before, trailer = changed.splitlines()
    assert trailer == f"ZPT|4|{pool_checksum(before)}".encode()
    with pytest.raises(StructureError, match="no field for file id"):
        edit.readdress(read(_pool()), file_id="1")


def test_a_user_files_checksum_is_renewed_if_it_is_the_pool_sum_and_blanked_if_not() -> None:
    body = [record.encode() for record in RIGHT]
    header = FILE.splitlines()[0]
    total = pool_checksum([header, *body])
    for claimed, kept in ((total, True), (7, False)):
        data = d0010(trailer=f"ZPT|0000000001|12|{claimed}|3||")
        changed = write(edit.set_value(read(data), 4, "J0040", "1.0"))
        *before, trailer = changed.splitlines()
        wanted = str(pool_checksum(before)) if kept else ""
        assert trailer == f"ZPT|0000000001|12|{wanted}|3||".encode()


@given(flow_bytes("D0010", "002", fewest=3), st.integers(0, 2**16))
def test_a_split_loses_nothing_and_both_sides_count_right(data: bytes, bits: int) -> None:
    flow = read(data)
    pick = {id(group): bool(bits >> n & 1) for n, group in enumerate(flow.groups)}
    yes, no = edit.split(flow, lambda group: pick[id(group)])
    bodies = [write(side).splitlines()[1:-1] for side in (yes, no)]
    assert sorted(bodies[0] + bodies[1]) == sorted(data.splitlines()[1:-1])
    for side in (yes, no):
        assert read(write(side)) == side
        assert not {"group-count", "flow-count"} & set(check(write(side)).codes)
    kept = edit.keep_instances(flow, lambda group: pick[id(group)])
    assert write(kept) == write(yes)
    if not bits % 2 and all(pick.values()):
        assert write(yes) == data


@given(flow_bytes("D0010", "002", fewest=3), st.integers(0, 2**16))
def test_merging_the_sides_of_a_split_by_place_gives_the_file_back(data: bytes, cut: int) -> None:
    flow = read(data)
    if not flow.groups:
        return
    first = {id(group) for group in flow.groups[: cut % (len(flow.groups) + 1)]}
    sides = edit.split(flow, lambda group: id(group) in first)
    assert write(edit.merge(sides)) == data


def test_a_stray_goes_with_the_instance_before_it() -> None:
    data = d0010([*RIGHT[:4], "999|stray|", *RIGHT[4:8]])
    yes, no = edit.split(read(data), lambda group: group["J0003"] == MPANS[0])
    assert b"999|stray|" in write(yes)
    assert b"999|stray|" not in write(no)


def test_a_split_needs_to_know_what_an_instance_is() -> None:
    unknown = read(FILE.replace(b"D0010002", b"D9999001"))
    with pytest.raises(StructureError, match="not known"):
        edit.split(unknown, lambda _: True)
    single = next(flow for flow in bundled() if flow.instance and flow.instance.range.most == 1)
    one = read(FILE.replace(b"D0010002", f"{single.flow}{single.version}".encode()))
    with pytest.raises(StructureError, match="one instance a file"):
        edit.split(one, lambda _: True)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b"|X|MRCY|", b"|X|ABCD|", "recipient"),
        (b"OPER", b"TR01", "test flag"),
        (b"D0010002", b"D0150002", "flow"),
        (b"ZHV|", b"|", "no header"),
    ],
)
def test_files_of_different_addresses_are_not_merged(old: bytes, new: bytes, what: str) -> None:
    with pytest.raises(StructureError, match=f"file 2 .*{what}"):
        edit.merge([read(FILE), read(swapped(FILE, old, new, 1))])


def test_merging_keeps_the_first_ones_envelope() -> None:
    merged = edit.merge([read(FILE), read(FILE.rstrip(b"\n"))], file_id="0000000009")
    data = write(merged)
    assert data.startswith(b"ZHV|0000000009|")
    assert data.endswith(b"ZPT|0000000009|24||6|20260302154650|\n")
    assert check(data).codes == check(FILE).codes
    with pytest.raises(StructureError, match="nothing to merge"):
        edit.merge([])
    with pytest.raises(StructureError, match="behind its trailer"):
        edit.merge([read(FILE), read(FILE + b"x|\n")])


# Repairs


def _repaired(data: bytes) -> bytes:
    return write(edit.repair(read(data)).flow)


@pytest.mark.parametrize(
    "wrong",
    [
        FILE.replace(b"|12||3|", b"|13||5|"),
        FILE.replace(b"028|METER1|C|", b"028|METER1|C"),
        FILE.replace(b"OPER|", b"OPER"),
        FILE.replace(b"20260302154650|", b"20260302154650"),
        FILE.replace(b"C|\n", b"C|\r\n"),
        FILE.replace(b"032|01|T|\n", b"032|01|T|\n\n", 2),
        b"\xef\xbb\xbf" + FILE,
        FILE.replace(b"ZPT|0000000001", b"ZPT|0000000002"),
    ],
)
def test_a_repair_gives_the_right_file_back(wrong: bytes) -> None:
    assert check(wrong).codes != check(FILE).codes
    assert _repaired(wrong) == FILE
    assert edit.repair(read(wrong)).needed
    assert not edit.repair(read(FILE)).needed


def test_a_cut_record_is_left_alone() -> None:
    cut = FILE.replace(b"030|01|20260228000000|88285.0|||T|N|", b"030|01|20260228000000|88", 1)
    assert _repaired(cut) == cut


@given(flow_bytes(), st.data())
def test_a_repair_repairs_what_it_says_and_is_done_after_once(
    data: bytes, draw: st.DataObject
) -> None:
    cut = draw.draw(st.integers(0, len(data)))
    junk = draw.draw(st.sampled_from([b"", b"\r", b"\n", b"|", b"\r\n", b"x", b"\x00"]))
    wrong = data[:cut] + junk + data[cut + draw.draw(st.integers(0, 3)) :]
    mended = edit.repair(read(wrong))
    if not mended.needed:
        assert write(mended.flow) == wrong
        return
    again = read(write(mended.flow))
    assert not edit.repair(again).needed
    left = set(check(write(mended.flow)).codes)
    assert not left & {"group-count", "blank-line", "mixed-terminators", "byte-order-mark"}
    old = wrong.splitlines(keepends=True)
    assert len(mended.changes) <= len(old) + 1


def test_what_is_no_d_flow_is_not_repaired() -> None:
    for data in (b"", b"hello\r\nworld\n\n", b"ZPT|1|2||3||\n"):
        assert not edit.repair(read(data)).needed
        assert _repaired(data) == data


def test_a_patch_shows_old_and_new_with_context() -> None:
    wrong = FILE.replace(b"|12||3|", b"|13||3|").replace(b"METER1|C|\n", b"METER1|C|\r\n")
    flow = read(wrong)
    lines = list(edit.patch(flow, edit.repair(flow), "a.usr", Mask(D0010)))
    assert lines[:3] == ["--- a.usr", "+++ a.usr, repaired", "@@ -5,5 +5,5 @@"]
    assert "-028|******|C| [CRLF]" in lines
    assert "+028|******|C| [LF]" in lines
    assert "-ZPT|0000000001|13||3|20260302154650|" in lines
    assert "+ZPT|0000000001|12||3|20260302154650|" in lines
    assert not any(MPANS[1] in line for line in lines)


def test_hunks_count_lines_that_go() -> None:
    wrong = FILE.replace(b"032|01|T|\n", b"032|01|T|\n\n", 1).replace(b"|12||3|", b"|1||3|")
    flow = read(wrong)
    heads = [
        line
        for line in edit.patch(flow, edit.repair(flow), "a.usr", Mask(D0010))
        if line.startswith("@@")
    ]
    assert heads == ["@@ -4,5 +4,4 @@", "@@ -13,3 +12,3 @@"]


@given(flow_bytes() | st.just(_pool()) | st.binary(max_size=200), st.booleans())
def test_readdressing_bytes_is_readdressing_the_tree(data: bytes, summed: bool) -> None:
    if summed:
        data = data.replace(b"||", b"|7|")
    to = Party("M", "NEWM")
    flow = read(data)
    if flow.header is None:
        with pytest.raises(StructureError):
            edit.readdress_bytes(data, recipient=to)
    else:
        assert edit.readdress_bytes(data, recipient=to) == write(edit.readdress(flow, recipient=to))


def test_a_patch_tells_of_a_mark_that_goes() -> None:
    flow = read(b"\xef\xbb\xbf" + FILE)
    lines = list(edit.patch(flow, edit.repair(flow), "a.usr", Mask(D0010)))
    assert lines[2:] == ["the byte-order mark before the first record goes"]


def test_two_files_that_end_without_a_line_end_are_merged_into_whole_lines() -> None:
    bare = read(d0010(trailer="").rstrip(b"\n"))
    data = write(edit.merge([bare, bare]))
    assert data.splitlines()[1:] == [record.encode() for record in (*RIGHT, *RIGHT)]
    header = read(FILE.splitlines()[0])
    grown = edit.add_group(header, edit.group_at(read(FILE), "026[1]"))
    assert write(grown).splitlines() == FILE.splitlines()[:5]


def test_a_claim_of_ten_thousand_digits_is_repaired_like_any_other() -> None:
    wrong = FILE.replace(b"|12||3|", b"|" + b"9" * 10_000 + b"||" + b"0" * 10_000 + b"3|")
    assert _repaired(wrong).endswith(b"|12||" + b"0" * 10_000 + b"3|20260302154650|\n")
