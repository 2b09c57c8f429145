"""What stands beside flows and items: sensitive items, roles, conditions.

In: the TOML texts `sensitive.toml`, `roles.toml` and `conditions.toml` of a folder of the
catalogue.  Out: plain values, or `RefusedText` with file, line and near miss.  This
module does not know where the files are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from attrs import frozen

from dflow.catalogue.condition_text import ConditionFault, check_condition, parse_condition
from dflow.catalogue.conditions import Condition
from dflow.catalogue.model import FlowDef
from dflow.catalogue.roles import Basis, RoleCode, RoleLabel, Roles
from dflow.catalogue.tables import FLOW_REFERENCE, ITEM_REFERENCE, VERSION, TableReader, is_code
from dflow.errors import RefusedText, TextFault
from dflow.tomltext import TomlText

__all__ = ["ConditionEntry", "condition_entries", "conditions_of", "roles_from", "sensitive_from"]


def sensitive_from(toml: TomlText) -> dict[str, str]:
    """Why items are sensitive, by item reference.

    Raises:
        RefusedText: with every mistake of the file.
    """
    reader = TableReader(toml)
    reader.keys(toml.data, (), ("source", "items"))
    reader.text(toml.data, (), "source")
    reasons: dict[str, str] = {}
    table = reader.table(toml.data, (), "items")
    for jcode in table:
        if not is_code(ITEM_REFERENCE, jcode):
            reader.fault(("items", jcode), f"{jcode!r} is no item", expected=("such as J0003",))
        reasons[jcode] = reader.text(table, ("items",), jcode)
        if not reasons[jcode]:
            reader.fault(("items", jcode), "the reason is missing")
    reader.done()
    return reasons


def roles_from(toml: TomlText, *, known: Mapping[str, object] | None = None) -> Roles:
    """The role codes and labels.

    Args:
        toml: the file.
        known: role codes of other layers, which labels may name too.

    Raises:
        RefusedText: with every mistake of the file.
    """
    reader = TableReader(toml)
    reader.keys(toml.data, (), ("code", "label"))
    codes: dict[str, RoleCode] = {}
    for code, table in reader.named_tables("code"):
        reader.keys(table, ("code", code), ("names", "seen"))
        codes[code] = RoleCode(
            code=code,
            names=tuple(reader.texts(table, ("code", code), "names")),
            seen=tuple(reader.texts(table, ("code", code), "seen")),
        )
    labels: dict[str, RoleLabel] = {}
    for label, table in reader.named_tables("label"):
        path = ("label", label)
        reader.keys(table, path, ("codes", "basis", "provenance"))
        word = reader.text(table, path, "basis", "unknown")
        bases: tuple[Basis, ...] = get_args(Basis)
        basis: Basis = next((known for known in bases if known == word), "unknown")
        if basis != word:
            reader.fault((*path, "basis"), f"{word!r} is no basis", expected=bases)
        stands_for = tuple(reader.texts(table, path, "codes"))
        for index, code in enumerate(stands_for):
            if code not in codes and code not in (known or {}):
                reader.fault((*path, "codes", index), f"no role code {code!r}")
        labels[label] = RoleLabel(
            label=label,
            codes=stands_for,
            basis=basis,
            provenance=reader.provenance(table, path),
        )
    reader.done()
    return Roles(codes, labels)


@frozen(kw_only=True)
class ConditionEntry:
    """A condition as its file has it, not yet read: the text waits for its flow.

    Attributes:
        toml: the file.
        index: its place among the file's entries.
        rule: the text.
        source: where the condition is documented.
    """

    toml: TomlText
    index: int
    rule: str
    source: str


def condition_entries(toml: TomlText) -> dict[tuple[str, str], tuple[ConditionEntry, ...]]:
    """The entries of a file of conditions, by flow and version.

    Raises:
        RefusedText: with every mistake of the file, but for the rules' own texts.
    """
    reader = TableReader(toml)
    reader.keys(toml.data, (), ("condition",))
    entries: dict[tuple[str, str], list[ConditionEntry]] = {}
    for index, table in enumerate(reader.tables("condition")):
        path = ("condition", index)
        reader.keys(table, path, ("flow", "version", "rule", "source"))
        flow, version = reader.text(table, path, "flow"), reader.text(table, path, "version")
        if flow and not is_code(FLOW_REFERENCE, flow):
            reader.fault((*path, "flow"), f"{flow!r} is no flow number")
        if version and not is_code(VERSION, version):
            reader.fault((*path, "version"), f"{version!r} is no version")
        rule, source = reader.text(table, path, "rule"), reader.text(table, path, "source")
        entry = ConditionEntry(toml=toml, index=index, rule=rule, source=source)
        entries.setdefault((flow, version), []).append(entry)
    reader.done()
    return {key: tuple(found) for key, found in entries.items()}


def conditions_of(
    flow: FlowDef, entries: tuple[ConditionEntry, ...], labels: Mapping[str, object]
) -> tuple[Condition, ...]:
    """The conditions of a flow, read and checked against its structure.

    Raises:
        RefusedText: with every mistake of the rules, at their columns.
    """
    conditions: list[Condition] = []
    faults: list[TextFault] = []
    for entry in entries:
        try:
            condition = parse_condition(entry.rule, source=entry.source)
        except ConditionFault as fault:
            faults.append(_placed(entry, fault))
            continue
        conditions.append(condition)
        faults += [
            _placed(entry, fault) for fault in check_condition(condition, flow.groups, labels)
        ]
    if faults:
        raise RefusedText(faults)
    return tuple(conditions)


def _placed(entry: ConditionEntry, fault: ConditionFault) -> TextFault:
    """The fault at its place in the file: the rule's key, moved to the column in the rule."""
    key = entry.toml.fault(("condition", entry.index, "rule"), fault.message)
    start = key.text.find(entry.rule)
    column = start + fault.column if fault.column and start >= 0 else key.column
    return TextFault(
        source=key.source,
        line=key.line,
        column=column,
        message=fault.message,
        expected=fault.expected,
        near=fault.near,
        text=key.text,
    )
