"""The strategies: what they give is valid, shrinks well and comes fast enough."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from attrs import evolve
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from dflow.catalogue import (
    CodeList,
    FlowDef,
    GroupDef,
    ItemDef,
    ItemPlace,
    Provenance,
    Range,
    bundled,
    parse_format,
    parse_range,
)
from dflow.catalogue.condition_text import parse_condition
from dflow.envelope import Header, read_header, read_trailer
from dflow.errors import LookupMiss, StructureError
from dflow.exchange.intake import Intake
from dflow.flow import Flow
from dflow.generator.plan import plan_flow
from dflow.generator.values import mpan, value_maker
from dflow.identifiers import is_mpan, known_distributor, mpan_check_digit
from dflow.parse import read
from dflow.records import split_records
from dflow.routing import Routes
from dflow.testing import entry
from dflow.testing.strategies import (
    arrivals,
    faulty,
    flow_bytes,
    flow_definitions,
    flows,
    headers,
    items,
    pool_bytes,
    rule_sets,
)
from dflow.transport import Arrival
from dflow.validate import check
from support import swapped

MADE_UP = Provenance(source="private")
QUICK = settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow])


def item(jcode: str, name: str, fmt: str, *codes: str) -> ItemDef:
    listed = CodeList(codes=dict.fromkeys(codes, "")) if codes else None
    return ItemDef(
        jcode=jcode, name=name, format=parse_format(fmt), codes=listed, provenance=MADE_UP
    )


def private_flow(*, codes: tuple[str, ...] = ("A", "B")) -> FlowDef:
    """A flow that no catalogue holds: three levels, a list of counts, blanks, optionals."""
    colour = ItemPlace(item=item("J9001", "Colour", "CHAR(1)", *codes), position=1)
    note = ItemPlace(item=item("J9002", "Note", "CHAR(7)"), position=2, presence="optional")
    never = ItemPlace(item=item("J9003", "Never", "CHAR(7)"), position=3, presence="blank")
    reading = ItemPlace(item=item("J9004", "Reading", "+/-NUM(3,2)"), position=1)
    leaf = GroupDef(seq=3, code="9C", name="", range=parse_range("46,48,50"), items=(reading,))
    middle = GroupDef(seq=2, code="9B", name="", range=parse_range("0-2"), groups=(leaf,))
    items_of_top = (colour, note, never)
    top = GroupDef(
        seq=1, code="9A", name="", range=parse_range("1-*"), items=items_of_top, groups=(middle,)
    )
    return FlowDef(flow="Q0001", version="001", name="Own", groups=(top,), provenance=MADE_UP)


def problems(definition: FlowDef, data: bytes) -> list[str]:
    """An oracle of its own: structure, values and counts, read the plainest way."""
    records = list(split_records(data))
    head, body, tail = read_header(records[0].raw), records[1:-1], records[-1]
    trailer = read_trailer(tail.raw, line=tail.line)
    found = [fault.message for fault in (*head.findings, *trailer.findings)]
    assert head.header is not None
    assert trailer.trailer is not None
    if (head.header.flow, head.header.version) != definition.key:
        found.append("another flow")
    if trailer.trailer.group_count != len(body):
        found.append("group count")
    first = definition.groups[0].code
    instances = sum(record.code == first for record in body)
    second_uses = sum(group.code == first for group in definition.walk()) > 1
    if trailer.trailer.flow_count != instances and not second_uses:
        found.append("flow count")
    excused = {condition.group for condition in definition.conditions if not condition.jcode}
    reader = PlainReader([(record.code, record.values) for record in body], excused)
    found += reader.groups(definition.groups)
    return found + ([] if reader.at == len(body) else [f"stray at {reader.at}"])


class PlainReader:
    """A recursive reader of groups in catalogue order, greedy, and nothing else."""

    def __init__(self, records: list[tuple[str, tuple[str, ...]]], excused: set[str]) -> None:
        self.records = records
        self.excused = excused
        self.at = 0

    def groups(self, definitions: tuple[GroupDef, ...]) -> list[str]:
        found: list[str] = []
        for definition in definitions:
            count = 0
            most = definition.range.most or 1_000_000
            while self.at < len(self.records) and count < most:
                code, values = self.records[self.at]
                if code != definition.code:
                    break
                self.at += 1
                count += 1
                found += self.values(definition, values)
                found += self.groups(definition.groups)
            if not count and definition.code in self.excused:
                continue
            if not definition.range.admits(count):
                found.append(f"{count} of {definition.code}, not {definition.range}")
        return found

    def values(self, definition: GroupDef, values: tuple[str, ...]) -> list[str]:
        if len(values) != len(definition.items):
            return [f"{len(values)} values in {definition.code}"]
        return [
            f"{place.jcode} {value!r}"
            for place, value in zip(definition.items, values, strict=True)
            if not allowed(place, value)
        ]


def allowed(place: ItemPlace, value: str) -> bool:
    if not value or place.presence == "blank":
        return not value and place.presence != "mandatory"
    codes = place.item.codes
    if codes is not None and codes.complete and value not in codes:
        return False
    return place.item.format.admits(value)


def test_the_oracle_sees_what_is_wrong() -> None:
    definition = bundled()["D0010", "002"]
    good = (
        b"ZHV|1|D0010002|D|UDMS|X|OLDS|20200101000000|||||\n026|1000000000003|V|\n"
        b"028|K1|A|\nZPT|1|2||1|20200101000000|\n"
    )
    assert problems(definition, good) == []
    for old, new in ((b"|2||1|", b"|3||1|"), (b"028|K1|A|\n", b""), (b"|V|", b"|%|")):
        assert problems(definition, swapped(good, old, new))


def conditioned(*rules: str) -> FlowDef:
    flow = private_flow()
    return evolve(flow, conditions=tuple(parse_condition(rule) for rule in rules))


def body_of(data: bytes) -> list[tuple[str, tuple[str, ...]]]:
    return [(record.code, record.values) for record in split_records(data)][1:-1]


@given(data=flow_bytes(conditioned('group 9B required when J9001 = "A"')))
def test_a_group_that_a_condition_requires_is_there(data: bytes) -> None:
    codes = [(code, values[:1]) for code, values in body_of(data)]
    for (code, values), after in zip(codes, [*codes[1:], ("ZPT", ())], strict=True):
        assert (code, values) != ("9A", ("A",)) or after[0] == "9B"


@given(data=flow_bytes(conditioned('group 9B absent when J9001 = "A"'), fewest=4))
def test_a_group_that_a_condition_forbids_is_not_there(data: bytes) -> None:
    colour = ""
    for code, values in body_of(data):
        colour = values[0] if code == "9A" else colour
        assert code != "9B" or colour != "A"


@given(
    data=flow_bytes(
        conditioned(
            'item J9002 of 9A required when J9001 = "A"', 'item J9002 of 9A absent when J9001 = "B"'
        )
    )
)
def test_values_follow_conditions_on_items(data: bytes) -> None:
    for code, values in body_of(data):
        if code == "9A":
            assert bool(values[1]) == (values[0] == "A")


@given(data=flow_bytes("D0304", "001", fewest=6))
def test_conditions_on_parties_are_kept(data: bytes) -> None:
    """D0304 72M is for MPAS instances only (facts, envelope section 7)."""
    header = read_header(data.splitlines()[0]).header
    assert header is not None
    if "P" not in (header.sender.role, header.recipient.role):
        assert b"\n72M|" not in data


def test_conditions_that_contradict_each_other_are_refused() -> None:
    flow = conditioned("item J9002 of 9A required", "item J9002 of 9A absent")
    with pytest.raises(StructureError, match="conditions on group 9A contradict each other"):
        find(flow_bytes(flow), lambda _: True)
    blank = conditioned("item J9003 of 9A required")
    with pytest.raises(StructureError, match="contradicts the catalogue, where J9003 is blank"):
        find(flow_bytes(blank), lambda _: True)


@pytest.mark.untraced
@given(data=st.data())
@pytest.mark.parametrize("key", bundled().keys, ids="/".join)
@QUICK
def test_files_of_every_flow_version_are_valid(key: tuple[str, str], data: st.DataObject) -> None:
    definition = bundled()[key]
    if definition.structured:
        assert problems(definition, data.draw(flow_bytes(*key))) == []


@given(data=pool_bytes())
def test_pool_files_are_valid_and_their_sums_are_right(data: bytes) -> None:
    report = check(data)
    assert report.codes == ()
    flow = read(data)
    assert flow.header is not None
    assert flow.header.envelope in ("ZHD", "ZHD short")
    assert bytes(flow) == data
    *records, trailer = data.split(b"\r\n" if b"\r\n" in data else b"\n")[:-1]
    count, total = len(records) + 1, 0
    for record in records:
        padded = record + bytes(-len(record) % 4)
        for at in range(0, len(padded), 4):
            total ^= int.from_bytes(padded[at : at + 4], "big")
    assert trailer == b"ZPT|%d|%d" % (count, total)


@given(one=arrivals(pool_bytes("D0010", "002")), routes=rule_sets())
@QUICK
def test_pool_files_arrive(one: Arrival, routes: Routes) -> None:
    new = Intake(routes=routes).consider(one, source="gateway", at=1_600_000_000.0)
    assert new.address["flow"] == "D0010"


def test_a_fault_cannot_be_put_into_a_pool_file() -> None:
    with pytest.raises(StructureError, match="not a pool file"):
        find(faulty(pool_bytes("D0010", "002"), "mpan-check-digit"), lambda _: True)


@given(data=flow_bytes(private_flow()))
def test_private_definitions_make_valid_files(data: bytes) -> None:
    assert problems(private_flow(), data) == []


@given(definition=flow_definitions(), data=st.data())
@QUICK
def test_files_have_as_many_records_as_asked_for(definition: FlowDef, data: st.DataObject) -> None:
    owed = data.draw(flow_bytes(definition, most=0)).count(b"\n") - 2
    assert data.draw(flow_bytes(definition, most=0)).count(b"\n") - 2 == owed
    if definition.instance_sure and owed == 1:
        asked = data.draw(flow_bytes(definition, fewest=9, most=9)).count(b"\n") - 2
        assert asked >= 9


@given(header=headers("D0150", "002"))
def test_headers_take_roles_from_the_routes(header: Header) -> None:
    label = {"X": "Supplier", "M": "MOP", "R": "Distributor", "C": "HHDC", "D": "NHHDC"}
    routes = {(route.sender, route.recipient) for route in bundled()["D0150", "002"].routes}
    assert (label[header.sender.role], label[header.recipient.role]) in routes
    assert header.sender.mpid != header.recipient.mpid
    assert read_header(header.encode()).findings == ()
    assert read_header(header.encode()).header == header


@given(header=headers())
def test_headers_of_any_flow_are_read_back(header: Header) -> None:
    assert read_header(header.encode()).header == header
    assert (header.flow, header.version) in bundled()


@given(value=items("J0003"))
def test_mpans_have_real_distributors_and_right_check_digits(value: str) -> None:
    assert is_mpan(value)
    assert known_distributor(value)


@given(jcode=st.sampled_from(["J0004", "J0016", "J0022", "J0040", "J0263", "J0375"]), d=st.data())
def test_values_have_their_format_and_stand_in_their_list(jcode: str, d: st.DataObject) -> None:
    definition = bundled().item(jcode)
    value = d.draw(items(definition))
    assert definition.format.admits(value)
    assert definition.codes is None or value in definition.codes


def test_every_item_of_the_catalogue_has_values() -> None:
    for definition in bundled():
        for group in definition.walk():
            for place in group.items:
                maker = value_maker(place.item)
                for number in (*range(9), 255, maker.span // 3, maker.span - 1):
                    value = maker.make(number, 737791)
                    assert allowed(place, value) or place.presence == "blank", (place.item, value)


@given(data=flow_bytes("D0052", "001", fewest=1))
def test_dates_make_sense_together(data: bytes) -> None:
    """Whatever starts has started by the file's day, whatever ends has not ended."""
    definition = bundled()["D0052", "001"]
    places = {group.code: group.items for group in definition.walk()}
    records = list(split_records(data))
    day = records[0].values[6][:8]
    for record in records[1:-1]:
        for place, value in zip(places[record.code], record.values, strict=True):
            if value and place.name.startswith("Effective from"):
                assert value <= day
            if value and place.name.startswith("Effective to"):
                assert value >= day


def test_the_smallest_file_of_a_fault_is_found() -> None:
    """Two readings on one meter point: nothing else is left, and the counts are right."""
    found = find(
        flow_bytes("D0010", "002"),
        lambda data: data.count(b"\n030|") >= 2,
        settings=settings(max_examples=2000, database=None, phases=[Phase.generate, Phase.shrink]),
    )
    assert [record.code for record in split_records(found)] == [
        "ZHV", "026", "028", "030", "030", "ZPT",
    ]  # fmt: skip
    assert found.endswith(b"\nZPT|0000000000|4||1|20200101000000|\n")
    assert found.startswith(b"ZHV|0000000000|D0010002|")


def test_a_value_shrinks_alone() -> None:
    """A reading over 500 comes near 500 (a step of its first byte); the rest is the simplest."""

    def large(data: bytes) -> bool:
        return any(
            float(value) > 500 for value in re.findall(rb"\n030\|..?\|[0-9]+\|([0-9.]+)", data)
        )

    quiet = settings(max_examples=5000, database=None, phases=[Phase.generate, Phase.shrink])
    found = find(flow_bytes("D0010", "002"), large, settings=quiet)
    assert found.count(b"\n030|") == 1
    value = float(re.findall(rb"\n030\|..?\|[0-9]+\|([0-9.]+)", found)[0])
    assert 500 < value < 700
    assert b"|20200101000000|%.1f||||" % value in found


def test_the_asked_for_must_be_possible() -> None:
    with pytest.raises(LookupMiss, match="no flow D0010 v009; known: v002"):
        flow_bytes("D0010", "009")
    bare = FlowDef(flow="Q0002", version="001", name="Bare", provenance=MADE_UP)
    with pytest.raises(StructureError, match="Q0002 v001 has no known structure"):
        flow_bytes(bare)
    with pytest.raises(StructureError, match=r"J9001 Colour: none of its codes \(LONG\)"):
        flow_bytes(private_flow(codes=("LONG",)))


def test_hypothesis_learns_the_types() -> None:
    entry.register()
    header = find(st.from_type(Header), lambda _: True)
    assert isinstance(header.created_at, datetime)
    assert len(header.sender.mpid) == 4


def test_hypothesis_makes_whole_flows() -> None:
    entry.register()
    data = find(st.from_type(Flow).map(bytes), lambda data: data.count(b"\n") > 5)
    assert read(data).strays == ()
    assert read(data).definition is not None


@given(flow=flows("D0150", "002"))
def test_flows_are_read_trees(flow: Flow) -> None:
    assert flow.definition is bundled()["D0150", "002"]
    assert flow.trailer is not None
    assert flow.trailer.group_count == len(list(flow.walk()))


@given(flow=flows(private_flow()))
def test_flows_of_private_definitions_are_read_by_them(flow: Flow) -> None:
    assert flow.definition == private_flow()
    assert flow.strays == ()


def test_a_catalogue_can_hold_a_definition_made_in_code() -> None:
    own = bundled().holding(private_flow())
    assert own["Q0001", "001"] == private_flow()
    assert own["D0010", "002"] is bundled()["D0010", "002"]
    assert ("Q0001", "001") not in bundled()
    assert len(own) == len(bundled()) + 1
    assert own.roles == bundled().roles


def test_mpans_differ() -> None:
    made = [mpan(number) for number in range(5000)]
    assert len(set(made)) == 5000
    assert all(map(is_mpan, made))


def test_counts_that_are_listed_are_kept() -> None:
    plan = plan_flow(private_flow(), bundled().roles)
    assert plan.groups[0].groups[0].groups[0].bounds == (48, 48)
    assert Range("46,48,50", 46, 50, (46, 48, 50)).admits(48)


@given(number=st.integers(0, 2**63))
def test_a_check_digit_by_threes_is_the_one_by_twelve(number: int) -> None:
    made = mpan(number)
    assert len(made) == 13
    assert made[12] == mpan_check_digit(made[:12])
