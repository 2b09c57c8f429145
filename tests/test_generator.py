"""Generated files: valid, reproducible, as many as asked for, about the right meter points."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest

from dflow.catalogue import bundled
from dflow.envelope import Party
from dflow.errors import LookupMiss, RefusedText, StructureError
from dflow.findings import Severity
from dflow.flow import Group
from dflow.generator import GeneratedFile, generate, header_for, mpan
from dflow.generator.calendar import EPOCH
from dflow.generator.portfolio import portfolio_from
from dflow.generator.scenario import bundled_names, files_of, load
from dflow.identifiers import is_mpan
from dflow.parse import read
from dflow.validate import check
from support import swapped
from test_testing_strategies import conditioned

KEYS = [flow.key for flow in bundled() if flow.structured]


def made(
    key: tuple[str, str],
    count: int = 1,
    *,
    seed: int = 0,
    mpans: Sequence[str] = (),
    fixed: Mapping[str, str] = MappingProxyType({}),
    each: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> bytes:
    definition = bundled()[key]
    wanted = GeneratedFile(
        definition=definition,
        header=header_for(definition),
        count=count,
        seed=seed,
        mpans=mpans,
        fixed=fixed,
        each=each,
    )
    return b"".join(generate(wanted))


@pytest.mark.parametrize("key", KEYS, ids="/".join)
def test_files_of_every_flow_version_are_clean(key: tuple[str, str]) -> None:
    several = 1 if key == ("D0236", "001") else 4
    report = check(made(key, several))
    assert report.clean, report.findings
    assert report.codes == ()


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others() -> None:
    assert made(("D0150", "002"), 20, seed=7) == made(("D0150", "002"), 20, seed=7)
    assert made(("D0150", "002"), 20, seed=7) != made(("D0150", "002"), 20, seed=8)


def test_the_bytes_do_not_change_between_machines() -> None:
    """Written down once: a seed means the same file everywhere, and in every release."""
    data = made(("D0010", "002"), 1, seed=7)
    assert data.splitlines()[1] == made(("D0010", "002"), 3, seed=7).splitlines()[1]
    assert data.startswith(b"ZHV|0000000000|D0010002|")


def test_every_instance_has_its_own_meter_point() -> None:
    flow = read(made(("D0010", "002"), 500))
    points = [group["J0003"] for group in flow.find("026")]
    assert len(set(points)) == 500
    assert all(map(is_mpan, points))


def test_a_portfolio_is_used_in_order_and_again_from_the_start() -> None:
    portfolio = [mpan(5), mpan(9)]
    flow = read(made(("D0150", "002"), 5, mpans=portfolio))
    points = [group["J0003"] for group in flow.find("288")]
    assert points == [portfolio[at % 2] for at in range(5)]


def test_values_can_be_fixed_for_the_file_or_for_each_instance() -> None:
    data = made(("D0010", "002"), 6, fixed={"J0022": "U"}, each={"J0004": ["K100%", "K2"]})
    flow = read(data)
    assert {group["J0022"] for group in flow.find("026")} == {"U"}
    for at, instance in enumerate(flow.groups):
        assert {group["J0004"] for group in instance.find("028")} == {("K100%", "K2")[at % 2]}


def test_a_flow_of_one_instance_repeats_what_repeats_in_it() -> None:
    """D0217 has one 754 a file and a 492 for every meter point."""
    flow = read(made(("D0217", "002"), 12))
    assert [group.code for group in flow.groups] == ["754"]
    assert len(list(flow.find("492"))) == 12


def test_what_cannot_repeat_is_refused() -> None:
    with pytest.raises(StructureError, match="a file of D0236 v001 holds one instance, so not 2"):
        made(("D0236", "001"), 2)
    definition = bundled()["D0091", "002"]
    with pytest.raises(StructureError, match="D0091 v002 has no known structure"):
        header_for(definition)


def test_large_files_come_in_chunks() -> None:
    definition = bundled()["D0010", "002"]
    wanted = GeneratedFile(definition=definition, header=header_for(definition), count=2000)
    chunks = list(generate(wanted))
    assert len(chunks) > 2
    assert max(map(len, chunks)) < 1 << 20
    assert check(b"".join(chunks)).clean


def test_documented_conditions_are_kept() -> None:
    flow = conditioned('group 9B required when J9001 = "A"', 'group 9B absent when J9001 = "B"')
    known = bundled().holding(flow)
    wanted = GeneratedFile(
        definition=flow, header=header_for(flow, catalogue=known), count=60, catalogue=known
    )
    tree = read(b"".join(generate(wanted)), catalogue=known)
    colours = {group["J9001"]: any(group.find("9B")) for group in tree.groups}
    assert colours == {"A": True, "B": False}
    for group in tree.groups:
        assert any(group.find("9B")) == (group["J9001"] == "A")


def test_headers_are_marked_as_tests_and_take_known_roles() -> None:
    header = header_for(bundled()["D0150", "002"], recipient=Party("X", "NEWS"))
    assert header.test_flag == "TR01"
    assert header.recipient == Party("X", "NEWS")
    assert header.sender.role in "MR"


def test_portfolios_are_lists_or_tables() -> None:
    one, two = mpan(1), mpan(2)
    assert portfolio_from(f"{one}\n\n{two}\n") == (one, two)
    assert portfolio_from(f"name,MPAN\nA EXAMPLE,{one}\n,{two}\n") == (one, two)
    assert portfolio_from(f"\ufeffmpan\r\n{one}\r\n") == (one,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no MPAN"),
        ("name\nx\n", "p.csv:1: no column is named mpan"),
        ("1000000000003\n1000000000004\n", "p.csv:2: '1000000000004' is no MPAN"),
        ("mpan,x\n1,2\n3\n", "p.csv:3: '3' is no MPAN"),
    ],
)
def test_portfolios_with_mistakes_are_refused_whole(text: str, message: str) -> None:
    with pytest.raises(RefusedText, match=re.escape(message)):
        portfolio_from(text, source="p.csv")


@pytest.mark.parametrize("name", bundled_names())
def test_bundled_scenarios_give_clean_files_about_the_same_meter_points(name: str) -> None:
    points = [mpan(70), mpan(71), mpan(72)]
    created: list[str] = []
    for file_name, chunks in files_of(load(name), count=3, seed=2, mpans=points):
        data = b"".join(chunks)
        report = check(data)
        assert report.clean, (file_name, report.findings)
        tree = read(data)
        assert tree.header is not None
        created.append(tree.header.created)
        found = [value for group in tree.walk() if (value := group.get("J0003"))]
        assert list(dict.fromkeys(found)) == points
    assert created == sorted(created)


def test_a_meter_keeps_its_serial_through_a_story() -> None:
    """In a meter exchange, the last reading is the old meter's, the first the new one's."""
    files = dict(files_of(load("meter-exchange"), count=2))
    trees = {name: read(b"".join(chunks)) for name, chunks in files.items()}
    serials = {
        name: [next(g["J0004"] for g in one.walk() if g.get("J0004")) for one in tree.groups]
        for name, tree in trees.items()
        if "D0142" not in name
    }
    assert serials["03_D0150_OLDM.usr"] == serials["06_D0010_OLDM.usr"]
    assert serials["03_D0150_OLDM.usr"] == serials["04_D0150_OLDM.usr"]
    assert not set(serials["02_D0010_OLDM.usr"]) & set(serials["06_D0010_OLDM.usr"])
    [start] = {group["J1254"] for group in trees["03_D0150_OLDM.usr"].find("288")}
    assert start == "20200111"


OWN = """
title = "Own"
provenance = "private"
[parties]
a = "X/UDMS"
b = "M/OLDM"
[[step]]
flow = "D0010"
version = "002"
from = "a"
to = "b"
values = { J0016 = "day+1" }
"""


def test_scenarios_of_ones_own_are_files(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    story = load(str(path))
    assert (story.title, len(story.steps)) == ("Own", 1)
    [(name, chunks)] = files_of(story, count=8, day=EPOCH)
    assert name == "01_D0010_UDMS.usr"
    times = {group["J0016"] for group in read(b"".join(chunks)).find("030")}
    assert times == {"20200102000000"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"X/UDMS"', '"Supplier"', "'Supplier' is no party"),
        ('from = "a"', 'from = "c"', "no party 'c'"),
        ('"D0010"', '"D0011"', "no flow D0011 v002; known: v001"),
        ("J0016", "J0017", "D0010 v002 has no item J0017"),
        ('"day+1"', '"tomorrow"', "'tomorrow' is not DATETIME"),
        ("[[step]]", "[other]", "the scenario has no steps"),
        ("title", "titel", "unknown key 'titel'"),
        ("values = {", 'day = "x"\nvalues = {', "'x' is no number of days"),
    ],
)
def test_scenarios_with_mistakes_are_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "own.toml"
    path.write_text(swapped(OWN, old, new))
    with pytest.raises(RefusedText, match=re.escape(message)):
        load(str(path))


def test_a_scenario_must_be_known() -> None:
    with pytest.raises(LookupMiss, match="near: meter-exchange"):
        load("meter-exchang")


def test_severity_is_below_warning_everywhere() -> None:
    """The oracle of the first test would see a warning if there were one."""
    data = made(("D0010", "002")).replace(b"ZPT|0000000000|", b"ZPT|0000000001|")
    assert check(data).at_least(Severity.WARNING)


def test_conditions_are_met_from_both_sides() -> None:
    """D0260: group 60M is left out when its indicator is N, and only then."""
    definition = bundled()["D0260", "002"]
    seen: set[tuple[bool, bool]] = set()
    for seed in range(40):
        wanted = GeneratedFile(definition=definition, header=header_for(definition), seed=seed)
        flow = read(b"".join(generate(wanted)))
        for root in flow.groups:
            codes = {group.code for group in root.walk()}
            none = any("N" in group.values for group in root.walk() if _says(group))
            seen.add((none, "60M" in codes))
    assert seen >= {(True, False), (False, True)}
    assert (False, False) not in seen


def _says(group: Group) -> bool:
    places = group.definition.items if group.definition else ()
    return any(place.item.jcode == "J2245" for place in places)
