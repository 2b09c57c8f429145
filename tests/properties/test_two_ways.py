"""The two ways of checking say the same, for every flow version and whatever the fault.

"The expression accepts exactly when the slow way has no finding of severity warning or
worse" (check digits and the envelope apart, which are counted beside it); and the report
with the fast path is the report without it, advice and places included.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dflow
from damage import damaged
from dflow.catalogue import FlowDef, bundled
from dflow.findings import Report, Severity
from dflow.generator.heads import HEADER_WIDTH, header_from
from dflow.generator.plan import FlowPlan, plan_flow
from dflow.generator.shape import make_body, make_file
from dflow.recognise import expression
from dflow.validate import fast, intake

#: What the expression does not say: identifiers and the envelope are counted beside it,
#: and these findings are about lines that are no part of a body.
BESIDE = {"mpan-check-digit", "condition"}


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut small files into several blocks, so that the seams are tested too."""
    monkeypatch.setattr(intake, "WORTH", 0)
    monkeypatch.setattr(intake, "BLOCK", 256)


def made(plan: FlowPlan, chance: random.Random) -> bytes:
    head = header_from(chance.randbytes(HEADER_WIDTH), *plan.definition.key, plan.roles)
    choices = [chance.randbytes(plan.width) for _ in range(chance.randrange(24))]
    return make_file(plan, head.header, make_body(plan, choices, head), end=head.end)


def faults(chance: random.Random) -> list[tuple[int, int, int]]:
    big = 1 << 20
    return [
        (chance.randrange(big), chance.randrange(big), chance.randrange(big))
        for _ in range(chance.choice((0, 1, 1, 1, 2, 5)))
    ]


def pieces(data: bytes, size: int = 100) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def assert_same(data: bytes) -> Report:
    slow = dflow.check(data, fast=False)
    fast = dflow.check(pieces(data))
    assert [found.as_json() for found in fast.findings] == [
        found.as_json() for found in slow.findings
    ], data
    return slow


def body_of(data: bytes) -> bytes | None:
    """The body alone, if header and trailer stand where they should."""
    first, last = data.find(b"\n") + 1, data.rfind(b"\nZPT|") + 1
    if not data.startswith(b"ZHV|") or last < first or b"\nZPT|" in data[: last - 1]:
        return None
    return data[first:last]


def assert_expressed(flow: FlowDef, data: bytes, report: Report) -> None:
    body = body_of(data)
    if body is None or report.flow != flow.flow or report.version != flow.version:
        return
    last = body.count(b"\n") + 1
    weighty = {
        found.code
        for found in report.at_least(Severity.WARNING)
        if 1 < found.line <= last and found.code not in BESIDE
    }
    accepted = expression(flow).fullmatch(body) is not None
    assert accepted == (not weighty), (weighty, body)


@pytest.mark.untraced
@pytest.mark.parametrize("part", range(8))
def test_every_flow_version(part: int) -> None:
    flows = [flow for flow in bundled() if flow.structured]
    for number, flow in enumerate(flows[part::8]):
        chance = random.Random(1000 * part + number)
        plan = plan_flow(flow, bundled().roles)
        for _ in range(2):
            data = made(plan, chance)
            assert_expressed(flow, data, assert_same(data))
            for _ in range(3):
                wrong = damaged(data, faults(chance))
                assert_expressed(flow, wrong, assert_same(wrong))


@pytest.mark.slow
def test_every_flow_version_at_length() -> None:
    for number, flow in enumerate(flow for flow in bundled() if flow.structured):
        chance = random.Random(100_000 + number)
        plan = plan_flow(flow, bundled().roles)
        for _ in range(40):
            data = made(plan, chance)
            assert_expressed(flow, data, assert_same(data))
            for _ in range(10):
                wrong = damaged(data, faults(chance))
                assert_expressed(flow, wrong, assert_same(wrong))


@given(st.integers(0, 2**32), st.sampled_from(["D0010", "D0030", "D0209", "D0401", "D0150"]))
def test_the_flows_that_are_hardest(seed: int, number: str) -> None:
    chance = random.Random(seed)
    flow = bundled().latest(number)
    data = damaged(made(plan_flow(flow, bundled().roles), chance), faults(chance))
    assert_expressed(flow, data, assert_same(data))


@pytest.mark.untraced
@pytest.mark.parametrize("most", [1, 3, 256])
@pytest.mark.parametrize("number", ["D0010", "D0150", "D0149", "D0030", "D0036"])
def test_long_files_with_many_faults(
    number: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stretches of many instances, cut where a round has found enough, anywhere in a file."""
    monkeypatch.setattr(fast, "_ROUND", most)
    flow = bundled().latest(number)
    plan = plan_flow(flow, bundled().roles)
    for seed in range(3):
        chance = random.Random(f"{number} {most} {seed}")
        monkeypatch.setattr(intake, "BLOCK", chance.choice((300, 2_000, 1 << 18)))
        head = header_from(chance.randbytes(HEADER_WIDTH), *flow.key, plan.roles)
        choices = [chance.randbytes(plan.width) for _ in range(60)]
        data = make_file(plan, head.header, make_body(plan, choices, head), end=head.end)
        for share in (40, 8):
            records = data.count(b"\n")
            big = [chance.getrandbits(20) for _ in range(records // share * 3)]
            wrong = damaged(data, list(zip(big[::3], big[1::3], big[2::3], strict=True)))
            assert_expressed(flow, wrong, assert_same(wrong))


@pytest.mark.untraced
@pytest.mark.parametrize("crs", [False, True])
def test_faults_within_fields_alone(crs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records that stand as they should and hold what they should not, one, two, all in a row."""
    monkeypatch.setattr(intake, "BLOCK", 4_000)
    monkeypatch.setattr(fast, "_ROUND", 7)
    chance = random.Random(2)
    fields = [b"", b"V", b"X", b"007.0", b"20261322000000", b"1200000000011", b"1200000000012"]
    fields += [b"1" * 13, b"9900000000012", b"a|b", b"\xe9", b"\x00", b"T", b"\r"]
    right = [b"026|1200000000011|V|", b"028|METER1|C|", b"030|01|20260222000000|7.0|||T|N|"]
    for share in (1, 3, 30):
        body: list[bytes] = []
        for _ in range(200):
            for record in [right[0], *right[1:] * chance.randrange(4), right[1], right[2]]:
                values = record.split(b"|")
                if not chance.randrange(share):
                    values[chance.randrange(1, len(values))] = chance.choice(fields)
                body.append(b"|".join(values))
        header = b"ZHV|0000000001|D0010002|D|UDMS|X|MRCY|20260302153151||||OPER|"
        counts = b"ZPT|0000000001|%d||200|20260302154650|" % len(body)
        end = b"\r\n" if crs else b"\n"
        report = assert_same(end.join([header, *body, counts, b""]))
        assert len(report.findings) > 20


def test_profiles_change_what_is_told_on_both_ways() -> None:
    profile = {"missing-group": Severity.ERROR, "leading-zero": Severity.WARNING}
    chance = random.Random(7)
    plan = plan_flow(bundled()["D0150", "002"], bundled().roles)
    for _ in range(50):
        data = damaged(made(plan, chance), faults(chance))
        slow = dflow.check(data, profile=profile, fast=False)
        assert dflow.check(pieces(data), profile=profile) == slow
