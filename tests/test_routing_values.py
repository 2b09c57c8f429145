"""Lists from files: read whole, held small, refused with the line."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.errors import RefusedText
from dflow.identifiers import mpan_check_digit
from dflow.routing import FileValues, Routes, ValueSet
from dflow.routing.values import read_values

RULES = 'destination a\nlist movers = file "{}"{}\nclone c: where J0003 in movers copy a\n'


def mpan(number: int) -> str:
    first = f"12{number:010d}"
    return first + mpan_check_digit(first)


def load(folder: Path, content: bytes, column: str = "") -> Routes:
    (folder / "movers.csv").write_bytes(content)
    column = f' column "{column}"' if column else ""
    (folder / "x.routes").write_text(RULES.format("movers.csv", column))
    return Routes.load(folder / "x.routes")


def refusal(folder: Path, content: bytes, column: str = "") -> list[tuple[str, int, str]]:
    with pytest.raises(RefusedText) as caught:
        load(folder, content, column)
    return [(Path(fault.source).name, fault.line, fault.message) for fault in caught.value.faults]


@given(st.sets(st.text(max_size=4) | st.from_regex(r"[0-9]{3}", fullmatch=True), max_size=8))
def test_a_set_holds_what_it_was_given(values: set[str]) -> None:
    held = ValueSet.of(values)
    assert set(held) == values
    assert len(held) == len(values)
    for value in (*values, "000", "0000", "٣٣٣", "x"):
        assert (value in held) == (value in values)


@given(
    st.sets(st.from_regex(r"[0-9]{13}", fullmatch=True), min_size=1, max_size=20), st.integers(0)
)
def test_numbers_of_one_length_are_held_as_numbers(values: set[str], number: int) -> None:
    held = ValueSet.of(values)
    assert list(held) == sorted(values)
    assert (str(number) in held) == (str(number) in values)
    assert held == ValueSet.of(sorted(values))


def test_one_value_a_line_blank_lines_do_not_count(tmp_path: Path) -> None:
    routes = load(tmp_path, f"{mpan(1)}\r\n\r\n {mpan(2)} \n".encode())
    assert list(routes.values["movers"]) == sorted([mpan(1), mpan(2)])


def test_a_column_of_a_csv_file(tmp_path: Path) -> None:
    content = f'name,mpan\n"a, b",{mpan(1)}\nc,{mpan(2)}\n'.encode()
    assert len(load(tmp_path, content, "mpan").values["movers"]) == 2


def test_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "x.routes").write_text(RULES.format("none.csv", ""))
    with pytest.raises(RefusedText, match="cannot be read"):
        Routes.load(tmp_path / "x.routes")


def test_an_empty_file(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"\n\n") == [("movers.csv", 0, "the list's file holds no value")]


def test_malformed_mpans_each_with_its_line(tmp_path: Path) -> None:
    wrong = mpan(3)[:12] + str((int(mpan(3)[12]) + 1) % 10)
    found = refusal(tmp_path, f"{mpan(1)}\n{wrong}\n123\nabc\n".encode())
    assert [line for _, line, _ in found] == [2, 3, 4]
    assert wrong not in str(found)  # a fault does not give a meter point away


def test_many_malformed_mpans_are_counted(tmp_path: Path) -> None:
    found = refusal(tmp_path, b"1\n" * 100)
    assert len(found) == 21
    assert "80 more values" in found[0][2] + found[-1][2]


def test_no_such_column_with_the_near_miss(tmp_path: Path) -> None:
    with pytest.raises(RefusedText, match=r"did you mean mpan\?"):
        load(tmp_path, f"mpan\n{mpan(1)}\n".encode(), "mpna")


def test_several_columns_and_none_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, f"{mpan(1)},x\n".encode())[0][1] == 1


def test_a_file_that_is_not_utf8_or_not_csv(tmp_path: Path) -> None:
    assert "UTF-8" in refusal(tmp_path, b"\xff\n")[0][2]
    assert "comma-separated" in refusal(tmp_path, b'"a\n')[0][2]


@pytest.mark.parametrize("path", ["/etc/passwd", "../movers.csv", "a/../../b", "C:\\\\x", "\\\\x"])
def test_a_path_outside_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(RefusedText, match="outside the folder"):
        Routes.parse(RULES.format(path, ""), folder=tmp_path)


def test_values_of_other_items_need_not_be_mpans(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("abc\n")
    reading = read_values(tmp_path / "l.txt", FileValues(path="l.txt"), mpans=False)
    assert reading.values is not None
    assert "abc" in reading.values


def test_a_rule_set_is_swapped_whole_or_not_at_all(tmp_path: Path) -> None:
    routes = load(tmp_path, f"{mpan(1)}\n".encode())
    with pytest.raises(RefusedText):
        load(tmp_path, b"bad\n")
    assert mpan(1) in routes.values["movers"]


@given(st.lists(st.integers(0, 10**10 - 1), max_size=6), st.booleans(), st.booleans())
def test_the_fast_reader_is_the_slow_one(numbers: list[int], wrong: bool, spaced: bool) -> None:
    values = [mpan(number) for number in numbers]
    if wrong:
        values.append("1200000000000")  # its check digit does not fit
    text = "\n".join(values) + ("\n \n" if spaced else "")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "l.txt"
        path.write_text(text)
        fast = read_values(path, FileValues(path="l.txt"), mpans=True)
        path.write_text("mpan\n" + text)
        slow = read_values(path, FileValues(path="l.txt", column="mpan"), mpans=True)
    assert fast.values == slow.values
    assert bool(fast.faults) == bool(slow.faults)
    assert [one.line + 1 for one in fast.faults if one.line] == [
        one.line for one in slow.faults if one.line
    ]
