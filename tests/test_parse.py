"""Reading: any bytes come back, everything that fits nowhere is kept with its reason."""

from __future__ import annotations

import io
import pickle
import random
from itertools import pairwise
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import dflow
from damage import damaged
from dflow.catalogue import bundled
from dflow.errors import SourceError
from dflow.generator.heads import HEADER_WIDTH, header_from
from dflow.generator.plan import plan_flow
from dflow.generator.shape import make_body, make_file
from samples import HEADER, RIGHT, d0010


def test_a_file_becomes_a_tree() -> None:
    flow = dflow.read(d0010())
    assert flow.header is not None
    assert str(flow.header.sender) == "D/UDMS"
    assert [group.code for group in flow.groups] == ["026", "026", "026"]
    assert [group.code for group in flow.groups[0].walk()] == ["026", "028", "030", "032"]
    assert flow.groups[0].groups[0].groups[0]["J0040"] == "88285.0"
    assert flow.trailer is not None
    assert flow.trailer.group_count == 12
    assert flow.strays == ()


def test_strays_keep_their_place_and_reason() -> None:
    body = ["028|X|C|", RIGHT[0], "", "999|?|", *RIGHT[1:4], HEADER, *RIGHT[4:]]
    data = d0010(body)
    flow = dflow.read(data + b"\nmore|\n\n")
    reasons = [(stray.code, stray.stray) for stray in flow.strays]
    assert reasons == [
        ("028", "misplaced-group"),
        ("", "blank-line"),
        ("999", "unknown-group"),
        ("ZHV", "header-repeated"),
        ("", "blank-line-at-end"),
        ("more", "after-trailer"),
        ("", "blank-line-at-end"),
    ]
    assert bytes(flow) == data + b"\nmore|\n\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\r",
        b"ZPT|1|",
        b"ZHV",
        b"\xef\xbb\xbf" + d0010(),
        d0010().replace(b"\n", b"\r\n"),
        d0010()[:-1],
        d0010()[:70],
        b"\0" * 100,
        b"|" * 1000,
        d0010(header="ZHF0000000001D0010002"),
        d0010(header=HEADER.replace("D0010002", "D9999001")),
    ],
)
def test_every_byte_comes_back(data: bytes) -> None:
    assert bytes(dflow.read(data)) == data
    scanned = list(dflow.scan(data))
    assert [group.code for group in scanned] == [group.code for group in dflow.read(data).groups]
    dflow.check(data)


@given(st.binary(max_size=300) | st.lists(st.sampled_from([HEADER, *RIGHT, "", "ZPT|", "x"])))
def test_any_bytes_come_back(drawn: bytes | list[str]) -> None:
    data = drawn if isinstance(drawn, bytes) else "\n".join(drawn).encode()
    assert bytes(dflow.read(data)) == data


@given(st.lists(st.integers(0, 500), max_size=6))
def test_however_the_bytes_are_cut(cuts: list[int]) -> None:
    data = d0010()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    assert dflow.read(pieces) == dflow.read(data)
    assert dflow.check(pieces) == dflow.check(data)


def test_the_sources(tmp_path: Path) -> None:
    data = d0010()
    path = tmp_path / "a.usr"
    path.write_bytes(data)
    with path.open("rb") as file:
        from_file = dflow.read(file)
    whole = dflow.read(data)
    assert dflow.read(str(path)) == dflow.read(path) == from_file == whole
    assert dflow.read(io.BytesIO(data)) == dflow.read(bytearray(data)) == whole
    assert dflow.read(memoryview(data)) == whole


def test_bytes_that_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a directory"):
        dflow.check(tmp_path)
    with pytest.raises(SourceError, match="no such file"):
        dflow.read(tmp_path / "none")
    with pytest.raises(SourceError, match="cannot be read"):
        dflow.read("nul\0name")
    with pytest.raises(SourceError, match="binary mode"):
        dflow.read(io.StringIO("x"))  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(SourceError, match="not bytes"):
        dflow.read(["x"])  # type: ignore[list-item]  # the mistake under test
    with pytest.raises(SourceError, match="cannot read from int"):
        dflow.read(3)  # type: ignore[arg-type]  # the mistake under test


def test_a_scan_knows_its_header_first_and_its_trailer_last() -> None:
    scanned = dflow.scan(d0010())
    assert scanned.header is not None
    assert scanned.definition is not None
    before = scanned.trailer
    assert len(list(scanned)) == 3
    assert before is None
    assert scanned.trailer == dflow.read(d0010()).trailer


@pytest.mark.untraced
def test_a_scan_reads_every_flow_as_a_read_does() -> None:
    """Twice each, damaged or not: the second time along steps that are known by then."""
    for number, flow in enumerate(flow for flow in bundled() if flow.structured):
        chance = random.Random(number)
        plan = plan_flow(flow, bundled().roles)
        head = header_from(chance.randbytes(HEADER_WIDTH), *flow.key, plan.roles)
        choices = [chance.randbytes(plan.width) for _ in range(6)]
        data = make_file(plan, head.header, make_body(plan, choices, head), end=head.end)
        big = [chance.getrandbits(20) for _ in range(9)]
        for faults in ([], [], list(zip(big[::3], big[1::3], big[2::3], strict=True))):
            made = damaged(data, faults)
            assert tuple(dflow.scan(made)) == dflow.read(made).groups


def test_a_scan_stopped_early_closes_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.usr"
    path.write_bytes(d0010())
    scanned = dflow.scan(path)
    next(scanned)
    scanned.close()
    assert list(scanned) == []


_PIECES = [HEADER, *RIGHT, "", "ZPT|", "ZPT", "ZPTX|", "x", "030|\r", "026|", "028"]


@given(st.lists(st.sampled_from(_PIECES), max_size=30), st.sampled_from(["\n", "\r\n"]), st.data())
def test_a_scan_reads_what_a_read_reads(records: list[str], end: str, data: st.DataObject) -> None:
    whole = end.join([data.draw(st.sampled_from([HEADER, "026|"])), *records]).encode()
    size = data.draw(st.integers(1, 200))
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    flow, scanned = dflow.read(whole), dflow.scan(pieces)
    groups = tuple(scanned)
    assert groups == flow.groups
    assert tuple(scanned.after) == flow.after
    assert (scanned.header, scanned.trailer) == (flow.header, flow.trailer)
    assert scanned.trailer_record == flow.trailer_record


def test_a_group_that_is_not_read_yet_is_like_any_other() -> None:
    eager = dflow.read(d0010()).groups[1]

    def lazy() -> dflow.Group:
        return list(dflow.scan(d0010()))[1]

    assert lazy() == eager
    assert eager == lazy()
    assert hash(lazy()) == hash(eager)
    assert repr(lazy()) == repr(eager)
    assert pickle.loads(pickle.dumps(lazy())) == eager  # noqa: S301  our own bytes
    assert evolve(lazy(), groups=()).record == eager.record
    assert lazy().definition is eager.definition
    assert lazy().code == "026"
    with pytest.raises(AttributeError, match="nothing"):
        lazy().nothing  # type: ignore[attr-defined]  # noqa: B018  the mistake under test


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("028|S95A12345|R|", ""),
        ("028|S95A12345|", "too-few-fields"),
        ("028|S95A12345", "too-few-fields"),
        ("028|", "too-few-fields"),
        ("028", "too-few-fields"),
        ("028|S95A12345|R", ""),
        ("028|S95A12345|R||", "too-many-fields"),
        ("028|S95A12345|R|x|y|", "too-many-fields"),
        ("999|x|", "unknown-group"),
        ("032|01|T|", "misplaced-group"),
    ],
)
def test_the_tree_gives_the_reason_that_the_check_gives(record: str, reason: str) -> None:
    data = d0010(["026|1212345678902|V|", record])
    (group,) = [one for one in dflow.read(data).walk() if one.record.line == 3]
    assert group.reason == reason
    told = {found.code for found in dflow.check(data).findings if found.line == 3}
    kinds = {"too-few-fields", "too-many-fields", "unknown-group", "misplaced-group"}
    assert told & kinds == ({reason} if reason else set())
