"""Copies that differ from their originals: the address, or the instances, and what follows."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given

from dflow import check, read
from dflow.envelope import Party, pool_checksum
from dflow.errors import StructureError
from dflow.exchange.copies import copied
from dflow.flow import Flow
from dflow.routing import Copy, Target
from dflow.routing.match import Matching
from dflow.routing.values import ValueSet
from dflow.testing.strategies import flow_bytes
from samples import RIGHT, d0010

FILE = d0010()
MPANS = [record.split("|")[1] for record in RIGHT if record.startswith("026")]
TO = Party("M", "NEWM")


def _copied(copy: Copy, data: bytes) -> bytes:
    flow: Flow = read(data)
    assert flow.header is not None
    content, header = copied(copy, data, flow.header, flow)
    assert header.recipient == (copy.readdressed or flow.header.recipient)
    return data if content is None else content


def _copy(*, to: Party | None = None, mpan: str = "") -> Copy:
    matching = Matching((("J0003", ValueSet.of([mpan])),)) if mpan else None
    return Copy(rule="migration", target=Target("bench"), readdressed=to, matching=matching)


def test_a_plain_copy_is_the_originals_bytes() -> None:
    assert _copied(_copy(), FILE) == FILE


def test_a_readdressed_copy_differs_in_the_recipient_only() -> None:
    crlf = FILE.replace(b"\n", b"\r\n").replace(b"OPER|", b"OPER")  # kept, as the sender wrote it
    assert _copied(_copy(to=TO), crlf) == crlf.replace(b"|X|MRCY|", b"|M|NEWM|")


def test_the_sum_of_a_readdressed_pool_file_follows() -> None:
    before = [b"ZHD|P0142001|X|EBES|Z|POOL|20260804141806", b"100|A"]
    data = b"\n".join([*before, f"ZPT|3|{pool_checksum(before)}".encode()]) + b"\n"
    *lines, trailer = _copied(_copy(to=TO), data).splitlines()
    assert lines[0] == b"ZHD|P0142001|X|EBES|M|NEWM|20260804141806"
    assert trailer == f"ZPT|3|{pool_checksum(lines)}".encode()


def test_a_copy_of_some_instances_has_their_bytes_and_right_counts() -> None:
    content = _copied(_copy(to=TO, mpan=MPANS[1]), FILE)
    assert content.splitlines()[1:-1] == [record.encode() for record in RIGHT[4:8]]
    assert content.endswith(b"ZPT|0000000001|4||1|20260302154650|\n")
    assert check(content).codes == check(FILE).codes


@given(flow_bytes())
def test_a_copy_of_everything_counts_as_its_original(data: bytes) -> None:
    """A flow of several level-1 groups is one instance, however many groups it has."""
    copy = evolve(_copy(), matching=Matching(()))
    assert _copied(copy, data) == data


def test_a_file_that_is_not_whole_is_not_taken_apart() -> None:
    with pytest.raises(StructureError, match="not whole"):
        _copied(_copy(mpan=MPANS[0]), d0010(trailer=""))
