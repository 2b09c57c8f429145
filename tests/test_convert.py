"""Converting: every value comes out, typed, and can be had again."""

from __future__ import annotations

import csv
import datetime as dt
import json
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow import bundled, read
from dflow.cli import main
from dflow.convert import (
    Column,
    Misfit,
    Table,
    Value,
    arrow_tables,
    json_lines,
    tables_of,
    write_tables,
)
from dflow.errors import SourceError
from dflow.flow import Group
from dflow.records import split_records
from dflow.testing.strategies import flow_bytes
from samples import RIGHT, d0010

D0010 = bundled()["D0010", "002"]
FILE = d0010()
MPANS = [record.split("|")[1] for record in RIGHT if record.startswith("026")]


def _decoded(group: Group, table: Table) -> dict[str, Value | Misfit]:
    values = group.values
    return {
        column.name: column.value(values[column.place.position - 1])
        for column in table.columns
        if column.place.position <= len(values)
    }


def _from_text(column: Column, text: str) -> Value:
    """What a reader of CSV or JSON, who knows the column's kind, makes of a text."""
    return _READERS.get(column.kind, str)(text) if text else None


_READERS: dict[str, Callable[[str], Value]] = {
    "int": int,
    "Decimal": Decimal,
    "bool": {"true": True, "false": False}.__getitem__,
    "date": dt.date.fromisoformat,
    "time": dt.time.fromisoformat,
    "datetime": dt.datetime.fromisoformat,
}


def test_tables_have_place_keys_and_items() -> None:
    table = next(table for table in tables_of(D0010).values() if table.name == "030")
    assert table.header[:7] == (
        "file",
        "line",
        "parent_line",
        "026_mpan_core",
        "028_meter_id",
        "meter_register_id",
        "reading_date_and_time",
    )


def test_every_flow_of_the_catalogue_has_tables_of_unique_columns_and_names() -> None:
    for flow in bundled():
        tables = tables_of(flow)
        names = [table.name for table in tables.values()]
        assert len(set(names)) == len(names), flow
        assert not {"files", "rest"} & set(names)
        for table in tables.values():
            assert len(set(table.header)) == len(table.header), (str(flow), table.name)


# JSON Lines


def _json_groups(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield entry
    for below in entry.get("groups", ()):
        yield from _json_groups(below)


@given(flow_bytes())
def test_json_lines_hold_every_value_typed(data: bytes) -> None:
    """Law of conversion: what comes out, read by its column's kind, is the value that went in."""
    flow = read(data)
    assert flow.definition is not None
    tables = tables_of(flow.definition)
    lines = [json.loads(line, parse_float=Decimal) for line in json_lines(data)]
    out = [group for line in lines for group in _json_groups(line)]
    groups = list(flow.walk())
    assert [entry["line"] for entry in out] == [group.record.line for group in groups]
    for entry, group in zip(out, groups, strict=True):
        assert group.definition is not None
        table = tables[group.definition.seq]
        assert entry["group"] == table.name
        for column in table.columns:
            value = entry["values"][column.name]
            if column.kind in ("date", "time", "datetime"):
                value = _from_text(column, value or "")
            elif column.kind == "Decimal" and value is not None:
                value = Decimal(value)
            assert value == _decoded(group, table).get(column.name)


def test_quantities_keep_their_digits() -> None:
    (line, *_) = json_lines(FILE)
    assert '"register_reading": 88285.0,' in line
    assert '"mpan_core": "1' in line


def test_what_fits_nowhere_is_in_the_lines_too() -> None:
    data = d0010([*RIGHT[:3], "030|01|20260228000000|7,5|||T|N|extra|", "999|x|", *RIGHT[4:5]])
    first, _ = (json.loads(line) for line in json_lines(data, name="a.usr"))
    meter = first["groups"][0]
    wrong = meter["groups"][1]
    assert wrong["values"]["register_reading"] == "7,5"
    assert wrong["surplus"] == ["extra"]
    assert {"line": 6, "rest": "unknown-group", "record": "999|x|"} in wrong["groups"]
    assert first["file"] == "a.usr"
    assert first["from"] == "D/UDMS"


@pytest.mark.untraced
def test_lines_come_while_the_file_is_read() -> None:
    head, *body = FILE.splitlines(keepends=True)[:-1]
    taken = 0

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        yield head
        for taken in range(1, 41):  # noqa: B007  counted by the test
            yield b"".join(body) * 200

    lines = json_lines(chunks())
    assert json.loads(next(lines))["values"]["mpan_core"] == MPANS[0]
    assert 1 <= taken < 20
    assert sum(1 for _ in lines) == 40 * 200 * len(MPANS) - 1


@given(st.binary(max_size=200))
def test_any_bytes_convert_to_json(data: bytes) -> None:
    body = data.replace(b"ZPT", b"zpt")
    out = [json.loads(line) for line in json_lines(FILE[:60] + b"||\n" + body)]
    records = [group for line in out for group in _json_groups(line)]
    kept = [record for record in split_records(body) if record.raw]
    assert len(records) == len(kept)


# Tables in files


def _read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@given(flow_bytes())
def test_csv_holds_every_value_typed(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("csv")
    (folder / "a.usr").write_bytes(data)
    flow = read(data)
    definition = flow.definition
    assert definition is not None
    prefix = f"{definition.flow}_{definition.version}_"
    written = write_tables([folder / "a.usr"], folder / "out")
    assert written.rest == 0
    groups = {group.record.line: group for group in flow.walk()}
    seen = 0
    for table in tables_of(definition).values():
        if prefix + table.name not in written.rows:
            continue
        for row in _read_csv(folder / "out" / f"{prefix}{table.name}.csv"):
            group = groups[int(row["line"])]
            seen += 1
            for column in table.columns:
                expected = _decoded(group, table).get(column.name)
                assert _from_text(column, row[column.name]) == expected
            if row["parent_line"]:
                parent = groups[int(row["parent_line"])]
                assert group in parent.groups
    assert seen == len(groups)


def test_rows_carry_their_parents_keys(tmp_path: Path) -> None:
    (tmp_path / "a.usr").write_bytes(FILE)
    write_tables([tmp_path / "a.usr"], tmp_path / "out")
    rows = _read_csv(tmp_path / "out" / "D0010_002_030.csv")
    assert [row["026_mpan_core"] for row in rows] == MPANS
    assert [row["028_meter_id"] for row in rows] == ["METER0", "METER1", "METER2"]
    (file,) = _read_csv(tmp_path / "out" / "D0010_002_files.csv")
    assert (file["from_mpid"], file["to_mpid"], file["test_flag"]) == ("UDMS", "MRCY", "OPER")


def test_the_rest_has_what_no_table_holds(tmp_path: Path) -> None:
    body = [*RIGHT[:2], "030|01|20260228000000|7,5|||T|N|extra|", "999|x|"]
    (tmp_path / "a.usr").write_bytes(d0010(body))
    written = write_tables([tmp_path / "a.usr"], tmp_path / "out")
    assert written.rest == 3
    rest = _read_csv(tmp_path / "out" / "D0010_002_rest.csv")
    assert [(row["line"], row["why"], row["column"], row["text"]) for row in rest] == [
        ("4", "format", "register_reading", "7,5"),
        ("4", "too-many-fields", "", "extra"),
        ("5", "unknown-group", "", "999|x|"),
    ]
    (reading,) = _read_csv(tmp_path / "out" / "D0010_002_030.csv")
    assert reading["register_reading"] == "7,5"


def test_no_header_becomes_a_file_name(tmp_path: Path) -> None:
    evil = FILE.replace(b"D0010002", b"../../../etc/x001")
    (tmp_path / "a.usr").write_bytes(evil)
    (tmp_path / "b.usr").write_bytes(b"\x00|" * 20)
    write_tables([tmp_path / "a.usr", tmp_path / "b.usr"], tmp_path / "in" / "out")
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {
        "a.usr",
        "b.usr",
        "in/out/unknown_files.csv",
        "in/out/unknown_rest.csv",
    }


def test_masking_leaves_personal_values_out(tmp_path: Path) -> None:
    data = d0010([*RIGHT[:2], "999|" + MPANS[0] + "|"])
    (tmp_path / "a.usr").write_bytes(data)
    write_tables([tmp_path / "a.usr"], tmp_path / "out", mask=True)
    text = "".join(path.read_text() for path in (tmp_path / "out").iterdir())
    text += "".join(json_lines(data, mask=True))
    assert MPANS[0] not in text
    assert "METER0" not in text


def test_what_is_there_is_replaced_only_when_asked_and_never_by_half(tmp_path: Path) -> None:
    (tmp_path / "a.usr").write_bytes(FILE)
    out = tmp_path / "out"
    write_tables([tmp_path / "a.usr"], out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(SourceError, match="is there already"):
        write_tables([tmp_path / "a.usr"], out)
    with pytest.raises(SourceError, match="no such file"):
        write_tables([tmp_path / "a.usr", tmp_path / "none"], out, replace=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    write_tables([tmp_path / "a.usr", tmp_path / "a.usr"], out, replace=True)
    assert len(_read_csv(out / "D0010_002_026.csv")) == 6


# Arrow and Parquet


@given(flow_bytes())
def test_arrow_tables_hold_every_value_typed(data: bytes) -> None:
    pytest.importorskip("pyarrow")
    flow = read(data)
    assert flow.definition is not None
    out = arrow_tables(data, name="a.usr")
    tables = {table.name: table for table in tables_of(flow.definition).values()}
    groups = {group.record.line: group for group in flow.walk()}
    rows = 0
    for name, arrow in out.items():
        if name == "files":
            continue
        for row in arrow.to_pylist():
            rows += 1
            values = _decoded(groups[row["line"]], tables[name])
            assert {key: row[key] for key in values} == values
    assert rows == len(groups)


def test_every_column_of_the_catalogue_has_an_arrow_type() -> None:
    pa = pytest.importorskip("pyarrow")
    from dflow.convert.arrow import arrow_schema
    from dflow.convert.sheets import fields_of

    for flow in bundled():
        for table in tables_of(flow).values():
            assert isinstance(arrow_schema(fields_of(table)), pa.Schema)


def test_arrow_types_follow_the_catalogue() -> None:
    pa = pytest.importorskip("pyarrow")
    schema = arrow_tables(FILE)["030"].schema
    assert schema.field("register_reading").type == pa.decimal128(10, 1)
    assert schema.field("reading_date_and_time").type == pa.timestamp("s")
    assert schema.field("meter_reading_flag").type == pa.bool_()
    assert schema.field("026_mpan_core").type == pa.string()
    assert schema.field("line").type == pa.int64()


def test_a_misfit_is_null_in_arrow_and_stands_in_the_rest() -> None:
    pytest.importorskip("pyarrow")
    out = arrow_tables(d0010([*RIGHT[:2], "030|01|20260228000000|7,5|||T|N|"]))
    assert out["030"].to_pylist()[0]["register_reading"] is None
    assert out["rest"].to_pylist()[0]["text"] == "7,5"


def test_parquet_files_are_read_back(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "a.usr").write_bytes(FILE)
    written = write_tables([tmp_path / "a.usr"] * 3, tmp_path / "out", "parquet")
    assert written.rows["D0010_002_026"] == 9
    table = parquet.read_table(tmp_path / "out" / "D0010_002_030.parquet")
    assert table.num_rows == 9
    assert table.to_pylist()[0]["register_reading"] == Decimal("88285.0")


# The command


def test_the_command_writes_lines_to_standard_output_or_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.usr"
    path.write_bytes(FILE)
    assert main(["convert", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["values"]["mpan_core"] for line in lines] == MPANS
    out = tmp_path / "a.jsonl"
    assert main(["convert", str(path), "--out", str(out)]) == 0
    assert out.read_text("utf-8").splitlines() == lines
    assert main(["convert", str(path), "--out", str(out)]) == 2
    assert main(["convert", str(path), "--out", str(out), "--force"]) == 0
    assert main(["convert", str(tmp_path / "none"), "--out", str(tmp_path / "b")]) == 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.jsonl", "a.usr"]


def test_the_command_writes_tables_to_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.usr"
    path.write_bytes(FILE)
    assert main(["convert", str(path), "--to", "csv"]) == 2
    assert "--out" in capsys.readouterr().err
    assert main(["convert", "-", "--to", "csv", "--out", str(tmp_path / "t")]) == 2
    assert main(["convert", str(path), "--to", "csv", "--out", str(tmp_path / "t")]) == 0
    assert f"{tmp_path / 't' / 'D0010_002_026.csv'}: 3 rows" in capsys.readouterr().out


def test_many_rows_go_out_batch_by_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("dflow.convert.arrow._BATCH", 2)
    (tmp_path / "a.usr").write_bytes(FILE)
    write_tables([tmp_path / "a.usr"], tmp_path / "out", "parquet")
    path = tmp_path / "out" / "D0010_002_026.parquet"
    assert parquet.read_table(path).column("mpan_core").to_pylist() == MPANS
    assert parquet.ParquetFile(path).num_row_groups == 2
    assert arrow_tables(FILE)["026"].column("mpan_core").to_pylist() == MPANS


def test_without_pyarrow_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "a.usr").write_bytes(FILE)
    words = ["convert", str(tmp_path / "a.usr"), "--to", "parquet", "--out", str(tmp_path / "t")]
    assert main(words) == 2
    assert "dflow[arrow]" in capsys.readouterr().err
    assert not list((tmp_path / "t").glob("*"))


def test_a_folder_that_cannot_be_written_is_an_error_not_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "a.usr").write_bytes(FILE)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SourceError, match="cannot be written"):
        write_tables([tmp_path / "a.usr"], tmp_path / "file")
