"""The tree: every byte in its order, values by J-code, and strays with their reasons."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.catalogue import bundled
from dflow.envelope import read_header, read_trailer
from dflow.flow import Flow, Group
from dflow.records import Record, split_records

DATA = (
    b"ZHV|MADE000001|D0010002|D|READ|X|SUPL|20190601120000||||OPER|\r\n"
    b"026|1212345678902|V|\n"
    b"028|S95A12345|R|\n"
    b"030|01|20190531000000|12345.0|||T|N|\n"
    b"999|stray|\n"
    b"028|S95A12346|R|\n"
    b"ZPT|MADE000001|5||1|20190601120001|\n"
    b"after|"
)


def _tree() -> Flow:
    header, mpan, meter, reading, stray, other, trailer, after = split_records(DATA)
    definition = bundled()["D0010", "002"]
    defined = {group.code: group for group in definition.walk()}
    return Flow(
        header=read_header(header.raw).header,
        definition=definition,
        groups=(
            Group(
                record=mpan,
                definition=defined["026"],
                groups=(
                    Group(
                        record=meter,
                        definition=defined["028"],
                        groups=(
                            Group(record=reading, definition=defined["030"]),
                            Group(record=stray, stray="unknown-group"),
                        ),
                    ),
                    Group(record=other, definition=defined["028"]),
                ),
            ),
        ),
        trailer=read_trailer(trailer.raw, line=trailer.line).trailer,
        header_record=header,
        trailer_record=trailer,
        after=(Group(record=after, stray="after-trailer"),),
    )


def test_the_bytes_of_a_tree_are_the_bytes_of_the_file() -> None:
    flow = _tree()
    assert bytes(flow) == DATA
    assert [record.line for record in flow.records()] == list(range(1, 9))


def test_walking_goes_in_file_order() -> None:
    flow = _tree()
    assert [group.code for group in flow.walk()] == ["026", "028", "030", "999", "028"]
    assert [group.record.line for group in flow.find("028")] == [3, 6]
    assert [group.record.line for group in flow.groups[0].find("026")] == [2]


def test_strays_are_found_with_their_reasons() -> None:
    strays = [(group.code, group.stray) for group in _tree().strays]
    assert strays == [("999", "unknown-group"), ("after", "after-trailer")]


def test_values_by_jcode() -> None:
    reading = next(_tree().find("030"))
    assert reading["J0040"] == "12345.0"
    assert reading["J0044"] == ""  # there, and blank
    assert reading.get("J0003") is None  # an item of another group
    with pytest.raises(KeyError, match="J0003"):
        reading["J0003"]
    short = Group(record=Record(1, b"030|01|"), definition=reading.definition)
    assert short.get("J0040") is None  # the record has no such field
    with pytest.raises(KeyError):
        short["J0040"]
    stray = next(_tree().find("999"))
    assert stray.get("J0003") is None
    assert stray.values == ("stray",)


def test_a_file_of_nothing() -> None:
    flow = Flow(header=None)
    assert bytes(flow) == b""
    assert list(flow.walk()) == []
    assert flow.strays == ()


def test_a_mark_is_kept() -> None:
    flow = Flow(header=None, groups=(Group(record=Record(1, b"026|")),), mark=b"\xef\xbb\xbf")
    assert bytes(flow) == b"\xef\xbb\xbf026|\n"


def test_a_tree_as_deep_as_a_hostile_file_makes_it_is_walked() -> None:
    group = Group(record=Record(1, b"a|"))
    for _ in range(20_000):
        group = Group(record=Record(1, b"a|"), groups=(group,))
    assert sum(1 for _ in group.walk()) == 20_001


@st.composite
def _groups(draw: st.DrawFn, depth: int = 3) -> tuple[Group, ...]:
    groups = []
    for _ in range(draw(st.integers(min_value=0, max_value=3))):
        raw = draw(st.binary(max_size=6)).replace(b"\n", b"")
        below = draw(_groups(depth=depth - 1)) if depth else ()
        end = draw(st.sampled_from([b"\n", b"\r\n"]))
        groups.append(Group(record=Record(0, raw, end), groups=below))
    return tuple(groups)


def _in_order(groups: tuple[Group, ...]) -> list[Group]:
    """Recursive, as the definition of file order reads: a group, then all below it."""
    return list(
        itertools.chain.from_iterable([group, *_in_order(group.groups)] for group in groups)
    )


@given(_groups())
def test_file_order_is_parent_first(groups: tuple[Group, ...]) -> None:
    flow = Flow(header=None, groups=groups)
    assert list(flow.walk()) == _in_order(groups)
    assert bytes(flow) == b"".join(bytes(group.record) for group in _in_order(groups))
