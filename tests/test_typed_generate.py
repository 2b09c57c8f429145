"""The generated models: fresh, whole, named by the rule."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import dflow.flows
from dflow.catalogue import (
    FlowDef,
    GroupDef,
    ItemDef,
    ItemPlace,
    Provenance,
    bundled,
    parse_format,
    parse_range,
)
from dflow.errors import SourceError
from dflow.typed import FlowShape
from dflow.typed.generate import GENERATED, model_source, models, write_models
from dflow.typed.names import attribute_name, class_name, group_names, item_names, module_name

FOLDER = Path(dflow.flows.__file__).parent
MADE = Provenance(source="made up")


def item(jcode: str, name: str, form: str = "CHAR(5)") -> ItemDef:
    return ItemDef(jcode=jcode, name=name, format=parse_format(form), provenance=MADE)


def group(
    seq: int, code: str, name: str, *items: ItemDef, below: tuple[GroupDef, ...] = ()
) -> GroupDef:
    places = tuple(ItemPlace(item=one, position=n) for n, one in enumerate(items, start=1))
    return GroupDef(
        seq=seq, code=code, name=name, range=parse_range("0-*"), items=places, groups=below
    )


def flow(*groups: GroupDef) -> FlowDef:
    return FlowDef(flow="X0001", version="001", name="Made", groups=groups, provenance=MADE)


def test_the_modules_are_what_the_catalogue_gives() -> None:
    """Run ``dflow catalogue models --out src/dflow/flows`` again if this fails."""
    wanted = models(bundled())
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py")}
    del found["__init__.py"]
    assert sorted(found) == sorted(wanted)
    stale = [name for name, text in wanted.items() if found[name] != text]
    assert not stale


def test_every_structured_flow_version_has_a_module_and_each_says_so() -> None:
    structured = [definition for definition in bundled() if definition.structured]
    assert len(structured) >= 206
    for definition in structured:
        text = (FOLDER / f"{module_name(definition)}.py").read_text(encoding="utf-8")
        assert text.startswith(GENERATED + "\n")


def test_every_module_defines_what_the_catalogue_defines() -> None:
    for definition in bundled():
        if not definition.structured:
            continue
        shape = importlib.import_module(f"dflow.flows.{module_name(definition)}").FLOW
        assert isinstance(shape, FlowShape)
        told = [
            (group.seq, group.code, group.name, _bounds(group), _items(group))
            for group in definition.walk()
        ]
        assert [
            (group.seq, group.code, group.name, _bounds(group), _items(group))
            for group in shape.definition.walk()
        ] == told


def _bounds(group: GroupDef) -> str:
    return str(group.range).replace(" ", "")


def _items(group: GroupDef) -> list[tuple[str, str, str, int, str, str]]:
    return [
        (p.jcode, p.name, str(p.item.format), p.position, p.presence, _kept(p)) for p in group.items
    ]


def _kept(place: ItemPlace) -> str:
    """Why a value is sensitive; a field that is always blank has none."""
    return "" if place.presence == "blank" else place.item.sensitive


@pytest.mark.parametrize(
    ("published", "attribute", "model"),
    [
        ("MPAN Core", "mpan_core", "MpanCore"),
        ("Reading Date & Time", "reading_date_and_time", "ReadingDateAndTime"),
        ("Supplier's Demand", "suppliers_demand", "SuppliersDemand"),
        ("Phase/wire", "phase_wire", "PhaseWire"),
        ("Effective From Date {MMT}", "effective_from_date_mmt", "EffectiveFromDateMmt"),
        ("Class", "class_", "Class"),
        ("2nd Address", "_2nd_address", "_2ndAddress"),
        ("Group", "group", "Group_"),
        ("Caf\u00e9", "cafe", "Cafe"),
    ],
)
def test_names(published: str, attribute: str, model: str) -> None:
    assert (attribute_name(published), class_name(published)) == (attribute, model)


def test_groups_that_share_a_name_carry_their_code_and_a_code_that_stands_twice_a_number() -> None:
    one = flow(
        group(1, "AAA", "Header", below=(group(2, "BBB", "Visit"), group(3, "CCC", "Visit"))),
        group(4, "DDD", "Other", below=(group(5, "BBB", "Visit"),)),
        group(6, "GP1", ""),
        group(7, "GP1", ""),
    )
    names = group_names(one)
    assert [names[seq].model for seq in range(1, 8)] == [
        "Header",
        "VisitBBB_1",
        "VisitCCC",
        "Other",
        "VisitBBB_2",
        "GroupGP1_1",
        "GroupGP1_2",
    ]
    assert [names[seq].attribute for seq in (2, 3, 5)] == ["visit_bbb_1", "visit_ccc", "visit"]


def test_items_that_share_a_name_carry_their_jcode_and_one_that_stands_twice_a_number() -> None:
    one = group(
        1,
        "AAA",
        "Header",
        item("J0001", "Date"),
        item("J0002", "Date"),
        item("J0003", "Value"),
        item("J0003", "Value"),
    )
    assert item_names(one) == ("date_j0001", "date_j0002", "value_1", "value_2")


def test_child_groups_give_way_to_an_item_of_their_name() -> None:
    one = flow(
        group(1, "AAA", "Top", item("J0001", "Meter Id"), below=(group(2, "BBB", "Meter Id"),))
    )
    assert group_names(one)[2].attribute == "meter_id_groups"


def test_a_flow_without_structure_has_no_model() -> None:
    with pytest.raises(ValueError, match="X0001 v001 is not known"):
        model_source(flow())
    assert models([flow()]) == {}


def test_writing_leaves_alone_what_is_right_and_refuses_what_is_not_generated(
    tmp_path: Path,
) -> None:
    one = flow(group(1, "AAA", "Top", item("J0001", "Meter Id")))
    assert {path.name for path in write_models([one], tmp_path)} == {"x0001_001.py", "__init__.py"}
    assert write_models([one], tmp_path) == []
    (tmp_path / "x0001_001.py").write_text("print('mine')\n", encoding="utf-8")
    with pytest.raises(SourceError, match="not a generated file"):
        write_models([one], tmp_path)
