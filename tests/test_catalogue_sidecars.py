"""Roles, sensitive items and envelope-only entries: what is known, and what is not."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from dflow.catalogue import Answer, Catalogue, bundled
from dflow.catalogue.sidecars import roles_from, sensitive_from
from dflow.errors import RefusedText
from dflow.tomltext import parse_toml
from support import shared_folder


def test_labels_of_a_role_code() -> None:
    roles = bundled().roles
    assert roles.labels("X") == ("Supplier",)
    assert roles.labels("M") == ("MOP",)
    assert roles.labels("Z") == ("GDCC", "DCC")
    assert roles.labels("G") is None, "no label is mapped to it: it cannot be told"


def test_a_label_without_a_known_code_cannot_be_told() -> None:
    roles = bundled().roles
    assert roles.may_be("X", "Supplier") is Answer.HOLDS
    assert roles.may_be("M", "Supplier") is Answer.FAILS
    assert roles.may_be("M", "SVAA") is Answer.CANNOT_TELL
    assert roles.may_be("M", "no such label") is Answer.CANNOT_TELL
    assert roles.may_be("I", "Teleswitch Agent") is Answer.HOLDS
    assert roles.may_be("X", "Teleswitch Agent") is Answer.CANNOT_TELL, "known by name only"


def test_whether_a_flow_may_travel_between_two_roles() -> None:
    catalogue = bundled()
    flow = catalogue["D0260", "002"]
    assert catalogue.roles.allows(flow, "P", "X") is Answer.HOLDS
    assert catalogue.roles.allows(flow, "X", "P") is Answer.FAILS
    assert catalogue.roles.allows(catalogue["D0010", "002"], "Q", "X") is Answer.CANNOT_TELL
    assert catalogue.roles.allows(catalogue["D0091", "002"], "P", "X") is Answer.CANNOT_TELL


def test_every_label_of_the_routes_is_known() -> None:
    catalogue = bundled()
    labels = {part for flow in catalogue for r in flow.routes for part in (r.sender, r.recipient)}
    assert labels == set(catalogue.roles.known)
    assert all(label.provenance.detail for label in catalogue.roles.known.values())


@pytest.mark.parametrize(
    ("jcode", "reason"),
    [
        ("J0003", "meter point identifier"),
        ("J0004", "meter or equipment identifier"),
        ("J0263", "address"),
        ("J1036", "address"),
        ("J0375", "name of a person or customer"),
        ("J0490", "telephone or fax number"),
        ("J2060", "e-mail address"),
        ("J1699", "priority services or special needs"),
        ("J0693", "password or key"),
    ],
)
def test_sensitive_items_say_why(jcode: str, reason: str) -> None:
    assert bundled().item(jcode).sensitive == reason


def test_items_that_are_not_sensitive() -> None:
    for jcode in ("J0330", "J0080", "J0049", "J0280"):
        assert not bundled().item(jcode).sensitive


def test_every_sensitive_item_exists() -> None:
    catalogue = bundled()
    toml = Path(catalogue.folder / "sensitive.toml").read_text(encoding="utf-8")
    for jcode in sensitive_from(parse_toml(toml, "sensitive.toml")):
        assert catalogue.item(jcode).sensitive


ENVELOPE_ONLY = {
    *((flow, "002") for flow in ("D0091", "D0259", "D0312")),
    *(
        (f"D{number:04d}", "001")
        for number in (89, 91, 204, 213, 217, 259, 260, 306, 307, 308, 309, 312)
    ),
    ("D0055", "001"),
    ("D0150", "001"),
}


def test_envelope_only_entries_are_marked_and_have_a_provenance() -> None:
    catalogue = bundled()
    found = {flow.key for flow in catalogue if not flow.structured}
    assert found == ENVELOPE_ONLY
    for key in found:
        assert catalogue[key].groups == ()
        assert catalogue[key].provenance.source in {"release", "program", "sample"}
        assert catalogue[key].provenance.detail


def test_names_belong_to_versions() -> None:
    catalogue = bundled()
    assert catalogue["D0312", "002"].name == "Notification of Meter Information to ECOES"
    assert catalogue["D0312", "003"].name == "Notification of Meter Information to MPAS"


def test_a_sketch_is_shown_and_enforced_by_nobody() -> None:
    flow = bundled()["D0055", "001"]
    assert not flow.structured
    assert [group.code for top in flow.sketch for group in top.walk()] == ["733", "126"]
    assert flow.sketch[0].groups[0].items[2].name == "MPAN Core"
    assert flow.sketch[0].groups[0].items[2].jcode == ""


def test_mistakes_in_sidecars_are_refused_with_their_place() -> None:
    with pytest.raises(RefusedText) as caught:
        sensitive_from(parse_toml('source = "s"\n[items]\nnothing = "why"\nJ0003 = ""\n', "s.toml"))
    assert [fault.line for fault in caught.value.faults] == [3, 4]
    text = '[label.MOP]\ncodes = ["M"]\nbasis = "sen"\nprovenance = "p"\n'
    with pytest.raises(RefusedText) as caught:
        roles_from(parse_toml(text, "roles.toml"))
    assert {fault.message for fault in caught.value.faults} == {
        "'sen' is no basis",
        "no role code 'M'",
    }


def test_a_mistake_in_a_condition_is_refused_at_its_column(tmp_path: Path) -> None:
    source = bundled().folder
    for name in ("D0260", "items", "codes"):
        (tmp_path / name).symlink_to(source / name)
    (tmp_path / "conditions.toml").write_text(
        '[[condition]]\nflow = "D0260"\nversion = "002"\n'
        "rule = 'group 60M absnt'\nsource = \"made up\"\n",
        encoding="utf-8",
    )
    with pytest.raises(RefusedText) as caught:
        Catalogue(tmp_path)["D0260", "002"]
    (fault,) = caught.value.faults
    assert (fault.line, fault.column) == (4, 19)
    assert fault.text[fault.column - 1 :].startswith("absnt")


@pytest.mark.skipif(shared_folder() is None, reason="the facts are not beside the project")
def test_the_roles_are_those_of_the_facts() -> None:
    shared = shared_folder()
    assert shared is not None
    facts = shared / "facts" / "dtc-15.4"
    with (facts / "roles.csv").open(encoding="utf-8") as file:
        codes = {row["code"] for row in csv.DictReader(file)}
    with (facts / "dtc_role_labels.csv").open(encoding="utf-8") as file:
        labels = {row["dtc_label"]: row["mdd_code_if_evidenced"] for row in csv.DictReader(file)}
    roles = bundled().roles
    assert set(roles.codes) == codes
    assert set(roles.known) == set(labels)
    seen = {label.label: label.codes[0] for label in roles.known.values() if label.basis == "seen"}
    assert seen == {label: code for label, code in labels.items() if code}
