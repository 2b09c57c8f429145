"""Laws of what people meet: whatever the bytes are, it is shown, repaired and converted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dflow import Report, check, edit, read
from dflow.cli import main
from dflow.convert import json_lines, write_tables
from dflow.show import Mask, group_json, group_text, head_text, lines_of, report_text, tail_text
from dflow.testing.strategies import flow_bytes
from dflow.writer import write

_SCRAPS = [
    b"",
    b"|",
    b"\n",
    b"\r\n",
    b"\r",
    b"\x00",
    b"\x1b[2J",
    b"\xff",
    b"ZPT|",
    b"ZHV|",
    b"999|",
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A right file with a few scraps put in and a few pieces taken out."""
    data = draw(flow_bytes() | st.binary(max_size=400))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        gone = draw(st.integers(0, 12))
        data = data[:at] + draw(st.sampled_from(_SCRAPS)) + data[at + gone :]
    return data


def _printable(text: str) -> bool:
    return all(character == "\n" or character.isprintable() for character in text)


class TestShowing:
    """Nothing that a file holds reaches a terminal as a command, and nothing is lost."""

    @example(b"\xad")  # the soft hyphen: no control, and yet not to be seen
    @given(damaged())
    def test_a_report_of_anything_is_printable(self, data: bytes) -> None:
        report = check(data)
        lines = lines_of(report, [data], Mask(read(data).definition))
        assert _printable(report_text(report, lines))

    @given(damaged(), st.booleans())
    def test_a_tree_of_anything_is_printable_and_holds_every_record(
        self, data: bytes, off: bool
    ) -> None:
        flow = read(data)
        mask = Mask(flow.definition, off=off)
        shown = 0
        text = [*head_text(flow.header, flow.definition), *tail_text(flow.trailer)]
        for group in (*flow.groups, *flow.after):
            text += group_text(group, mask)
            shown += len(json.loads(json.dumps(list(group_json(group, mask)))))
        assert _printable("\n".join(text))
        ends = (flow.header_record is not None) + (flow.trailer_record is not None)
        assert shown + ends == sum(1 for _ in flow.records())


class TestRepair:
    """What is repaired stays repaired; what is not touched keeps its bytes."""

    @example(b"ZHV|0|D0001001|R|UDMS|C|OLDM|20200101000000|||||\n001|1|\r\r\n001|2|\n")
    @given(damaged())
    def test_a_repair_is_done_at_once(self, data: bytes) -> None:
        mended = edit.repair(read(data))
        once = write(mended.flow)
        assert mended.needed == (once != data)
        assert not edit.repair(read(once)).needed

    @given(damaged())
    def test_only_the_lines_that_it_names_change(self, data: bytes) -> None:
        flow = read(data)
        mended = edit.repair(flow)
        changed = {change.before.line: change.after for change in mended.changes}
        expected = b"" if mended.mark else flow.mark
        for record in flow.records():
            kept = changed.get(record.line, record)
            expected += b"" if kept is None else bytes(kept)
        assert write(mended.flow) == expected

    @given(damaged())
    def test_a_patch_is_printable_and_names_every_change(self, data: bytes) -> None:
        flow = read(data)
        mended = edit.repair(flow)
        lines = list(edit.patch(flow, mended, "a.usr", Mask(flow.definition)))
        assert _printable("\n".join(lines))
        gone = sum(line.startswith("-") for line in lines[2:])
        assert gone == len(mended.changes)


class TestConversion:
    """Every record comes out of a conversion, of whatever bytes."""

    @given(damaged())
    def test_every_record_is_in_a_table(
        self, tmp_path_factory: pytest.TempPathFactory, data: bytes
    ) -> None:
        folder = tmp_path_factory.mktemp("any")
        (folder / "a.usr").write_bytes(data)
        written = write_tables([folder / "a.usr"], folder / "out")
        rows = {name: n for name, n in written.rows.items() if not name.endswith("_files")}
        flow = read(data)
        body = [group for group in (*flow.walk(), *flow.after) if group.record.raw]
        assert sum(rows.values()) >= len(body)
        for line in json_lines(data):
            json.loads(line)


class TestCommands:
    """No file makes a command fail: the status is 0 or 1, and standard error is silent."""

    @given(damaged(), st.sampled_from(["text", "json", "sarif", "github"]))
    def test_check(self, tmp_path_factory: pytest.TempPathFactory, data: bytes, form: str) -> None:
        path: Path = tmp_path_factory.mktemp("any") / "a.usr"
        path.write_bytes(data)
        report = check(data)
        assert main(["check", "--format", form, str(path)]) == int("error" in _severities(report))


def _severities(report: Report) -> set[str]:
    return {found.severity.value for found in report.findings}
