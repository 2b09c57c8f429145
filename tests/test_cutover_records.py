"""Related meter points, both sides of records, migration files, confirmations."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.cutover import compare, merge, relate
from dflow.cutover.files import made_files
from dflow.cutover.plan import Batch
from dflow.cutover.related import relate_folder
from dflow.envelope import Party
from dflow.errors import DflowError
from dflow.identifiers import mpan_check_digit

A, B, C = "1212345678902", "1098765432106", "2011223344550"
WHEN = datetime(2019, 6, 28, tzinfo=UTC)


def d0386(*actions: tuple[str, list[str]]) -> bytes:
    """A file that says which secondaries a primary has."""
    lines = ["ZHV|0000000001|D0386001|P|XXXX|X|UDMS|20190629080000||||TR01|"]
    for number, (primary, seconds) in enumerate(actions, start=1):
        lines.append(f"18M|{primary}|A|{number}|")
        lines += [f"19M|{second}|A|" for second in seconds]
    body = len(lines) - 1
    lines.append(f"ZPT|0000000001|{body}||{len(actions)}|20190629080000|")
    return ("\n".join(lines) + "\n").encode()


TABLE = [
    pytest.param([d0386((A, [B, C]))], 2, [], id="sound"),
    pytest.param([d0386(("1212345678903", [B]))], 0, ["the primary is no meter point"], id="digit"),
    pytest.param(
        [d0386((A, ["1098765432107"]))], 0, ["secondary 1 is no meter point"], id="second digit"
    ),
    pytest.param([d0386((A, [A]))], 0, ["secondary 1 is its own primary"], id="itself"),
    pytest.param([d0386((A, [B, B]))], 1, ["secondary 2 is named twice"], id="twice"),
    pytest.param([d0386((A, []))], 0, ["a primary without a secondary"], id="alone"),
    pytest.param(
        [d0386((A, [C])), d0386((B, [C]))],
        1,
        ["a secondary of two primaries, the other in 0.usr, instruction 1"],
        id="two primaries in two files",
    ),
    pytest.param(
        [d0386((A, [B]), (B, [C]))],
        1,
        ["a secondary is a primary too, in 0.usr, instruction 2"],
        id="both",
    ),
    pytest.param(
        [d0386((A, [B])), d0386((A, [B]))],
        1,
        ["said before, in 0.usr, instruction 1"],
        id="said again",
    ),
    pytest.param([b"not a flow\n"], 0, ["cannot be read as D0386 v001"], id="no flow"),
    pytest.param([b""], 0, ["cannot be read as D0386 v001"], id="empty"),
]


@pytest.mark.parametrize(("files", "stand", "words"), TABLE)
def test_related_meter_points_are_checked(files: list[bytes], stand: int, words: list[str]) -> None:
    found = relate((f"{number}.usr", one) for number, one in enumerate(files))
    assert len(found.relations) == stand
    assert found.files == len(files)
    assert len(found.faults) == len(words)
    for fault, word in zip(found.faults, words, strict=True):
        assert word in fault.what
        assert fault.where
    # Nothing that is shown holds a meter point.
    assert not any(one in repr(found) for one in (A, B, C))


points = st.integers(1, 8).map(lambda n: f"12{n:010d}" + mpan_check_digit(f"12{n:010d}"))


@given(st.lists(st.lists(st.tuples(points, st.lists(points, max_size=3)), max_size=4), max_size=3))
def test_the_table_says_each_meter_point_once(
    files: list[list[tuple[str, list[str]]]],
) -> None:
    found = relate((f"{n}.usr", d0386(*actions)) for n, actions in enumerate(files) if actions)
    rows = list(csv.DictReader(io.StringIO(found.table().decode())))
    told = [row["mpan"] for row in rows]
    assert len(told) == len(set(told))
    primaries = {row["mpan"] for row in rows if row["indicator"] == "primary"}
    for row in rows:
        assert (row["primary"] in primaries) is (row["indicator"] == "secondary")


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_both_sides_are_compared(tmp_path: Path) -> None:
    left = write(tmp_path / "l.csv", "mpan,meter,old", f"{A},S1,x", f"{B},S2,x", f"{C},S3,x")
    right = write(tmp_path / "r.csv", "meter,mpan,new", f"S1 ,{A},y", f"S9,{B},y", "S4,77,y")
    found = compare(left, right, key="mpan")
    assert (found.left, found.right, found.same) == (3, 3, 1)
    assert found.columns == ("meter",)
    assert found.alone == ("old", "new")
    assert dict(found.kinds) == {"differs: meter": 1, "only left": 1, "only right": 1}
    rows = list(csv.DictReader(io.StringIO(found.listing().decode())))
    assert [row["kind"] for row in rows] == ["differs", "only left", "only right"]
    assert rows[0]["left"] == "S2"
    assert A not in repr(found)
    assert compare(left, right, key="mpan", ignore=("meter",)).same == 2


def merged(left: Path, right: Path, prefer: Literal["left", "right"]) -> list[str]:
    return merge(left, right, key="mpan", prefer=prefer).decode().splitlines()


def test_both_sides_become_one_table(tmp_path: Path) -> None:
    left = write(tmp_path / "l.csv", "mpan,meter,old", f"{A},S1,x", f"{B},S2,x", f"{C},S3,x")
    right = write(tmp_path / "r.csv", "meter,mpan,new", f"S1 ,{A},y", f",{B},y", "S4,77,y")
    heads = "mpan,meter,old,new"
    assert merged(left, right, "left") == [
        heads,
        f"{A},S1,x,y",
        f"{B},S2,x,y",
        f"{C},S3,x,",
        "77,S4,,y",
    ]
    assert merged(left, right, "right") == [
        heads,
        f"{A},S1 ,x,y",
        f"{B},,x,y",  # the right side's blank stands, and the comparison lists it
        f"{C},S3,x,",
        "77,S4,,y",
    ]


tables = st.dictionaries(st.integers(0, 9), st.sampled_from(["x", "y"]), max_size=6)


@given(tables, tables)
def test_a_comparison_counts_every_record_once(
    tmp_path_factory: pytest.TempPathFactory, left: dict[int, str], right: dict[int, str]
) -> None:
    folder = tmp_path_factory.mktemp("sides")
    one = write(folder / "l.csv", "mpan,v", *(f"{k},{v}" for k, v in left.items()))
    other = write(folder / "r.csv", "mpan,v", *(f"{k},{v}" for k, v in right.items()))
    found = compare(one, other, key="mpan")
    kinds = found.kinds
    differ = sum(left[k] != right[k] for k in left.keys() & right.keys())
    assert kinds.get("differs: v", 0) == differ
    assert found.same + differ + kinds.get("only left", 0) == len(left)
    assert found.same + differ + kinds.get("only right", 0) == len(right)


@given(tables, tables)
def test_a_merged_table_agrees_with_the_side_that_stands_and_loses_no_record(
    tmp_path_factory: pytest.TempPathFactory, left: dict[int, str], right: dict[int, str]
) -> None:
    folder = tmp_path_factory.mktemp("merged")
    one = write(folder / "l.csv", "mpan,v", *(f"{k},{v}" for k, v in left.items()))
    other = write(folder / "r.csv", "mpan,v", *(f"{k},{v}" for k, v in right.items()))
    both = folder / "b.csv"
    both.write_bytes(merge(one, other, key="mpan", prefer="right"))
    assert compare(other, both, key="mpan").same == len(right)
    rows = dict(line.split(",") for line in both.read_text().splitlines()[1:])
    assert rows == {str(k): v for k, v in (left | right).items()}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["meter", "S1"], "there is no column 'mpan'"),
        (["mpan,meter", f"{A},S1", f"{A},S2"], "the mpan of line 2 again"),
        (["mpan,meter", f"{A}"], "1 fields under 2 heads"),
        ([], "there is no column"),
    ],
)
def test_tables_that_cannot_be_compared(tmp_path: Path, lines: list[str], words: str) -> None:
    right = write(tmp_path / "r.csv", "mpan,meter", f"{A},S1")
    with pytest.raises(DflowError, match=words):
        compare(write(tmp_path / "l.csv", *lines), right, key="mpan")
    with pytest.raises(DflowError):
        compare(tmp_path / "gone.csv", right, key="mpan")


def batch(**given: object) -> Batch:
    words = {"name": "b", "party": Party("P", "XXXX"), "fetch_by": WHEN, **given}
    return Batch(**words)  # type: ignore[arg-type]  # as they are named


def test_a_party_gets_the_rows_of_its_meter_points(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", "mpan,meter", f"{A},S1", f"{B},S2", "1200000000001,S3")
    made = list(made_files(batch(table=table, prefixes=("12",), count=1)))
    assert [name for name, _ in made] == ["b-0001.csv", "b-0002.csv"]
    assert made[0][1] == f"mpan,meter\n{A},S1\n".encode()
    with pytest.raises(DflowError, match="nothing to give P/XXXX"):
        list(made_files(batch(table=table, prefixes=("99",))))


def test_ready_files_go_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.usr").write_bytes(b"\x00\xff")
    (tmp_path / ".hidden").write_bytes(b"x")
    assert list(made_files(batch(folder=tmp_path))) == [("a.usr", b"\x00\xff")]
    with pytest.raises(DflowError):
        list(made_files(batch(folder=tmp_path / "gone")))
    with pytest.raises(DflowError):
        relate_folder(tmp_path / "gone")
