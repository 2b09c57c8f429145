"""What the layers of a catalogue say together, one kind of document at a time.

In: layers, the lowest first.  Out: the flow version, shelf, roles, conditions or reasons that
they hold together, read anew at every call; or `RefusedText` with every mistake and conflict.
This module keeps nothing: `dflow.catalogue.catalogue` asks once and remembers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dflow.catalogue.layers import Layer, Part, merge_parts, merged_tables
from dflow.catalogue.load import flow_from
from dflow.catalogue.model import FlowDef, ItemDef
from dflow.catalogue.releases import FlowKey
from dflow.catalogue.roles import Roles
from dflow.catalogue.shelves import codes_from, items_from
from dflow.catalogue.sidecars import ConditionEntry, condition_entries, roles_from, sensitive_from
from dflow.errors import RefusedText, TextFault
from dflow.tomltext import TomlText

__all__ = ["merged_conditions", "merged_flow", "merged_roles", "merged_sensitive", "merged_shelf"]


def merged_flow(layers: Sequence[Layer], key: FlowKey, item: Callable[[str], ItemDef]) -> FlowDef:
    """A flow version that at least one layer has a file of, without its conditions.

    Args:
        layers: the lowest first.
        key: flow and version.
        item: gives a data item for its reference.

    Raises:
        RefusedText: if a file holds a mistake, describes another flow version than its place
            says, or is in conflict with a lower layer's.
    """
    flow, version = key
    documents = _documents(layers, flow, version)
    found = flow_from(documents[0], item)
    if found.key != key:
        message = f"the file describes {found}, and stands where {flow} v{version} belongs"
        raise RefusedText([documents[0].fault(("flow",), message)])
    if len(documents) == 1:
        return found
    for toml in documents[1:]:
        flow_from(toml, item, partial=True)
    merged, faults = merge_parts([Part(toml, (), toml.data) for toml in documents])
    if faults:
        raise RefusedText(faults)
    top = documents[-1]
    return flow_from(TomlText(top.source, top.text, merged), item)


def merged_shelf(
    layers: Sequence[Layer], name: str, sensitive: Callable[[], dict[str, str]]
) -> dict[str, ItemDef]:
    """The items that stand on one shelf: their references share all but two characters.

    Args:
        layers: the lowest first.
        name: the shelf's, such as ``J00``.
        sensitive: gives the reasons of sensitive items, by reference.

    Raises:
        RefusedText: if a file holds a mistake, or is in conflict with a lower layer's.
    """
    items, lists = _documents(layers, "items", name), _documents(layers, "codes", name)
    reasons = sensitive()
    codes = codes_from(_as_one(lists, lambda toml, _: codes_from(toml))) if lists else {}
    if not items:
        return {}
    merged = _as_one(items, lambda toml, known: items_from(toml, {}, {}, known=known))
    return items_from(merged, codes, reasons)


def merged_roles(layers: Sequence[Layer]) -> Roles:
    """The role labels of all layers, and the header codes they are known to travel under.

    Raises:
        RefusedText: if a file holds a mistake.
    """
    codes, labels = Roles(), Roles()
    for toml in _documents(layers, "roles"):
        found = roles_from(toml, known=codes.codes)
        codes = Roles(codes.codes | found.codes, {})
        labels = Roles({}, labels.known | found.known)
    return Roles(codes.codes, labels.known)


def merged_conditions(layers: Sequence[Layer]) -> dict[FlowKey, tuple[ConditionEntry, ...]]:
    """The conditions of all layers by flow version; a lower layer's rule stands.

    Raises:
        RefusedText: if a file holds a mistake.
    """
    entries: dict[FlowKey, tuple[ConditionEntry, ...]] = {}
    for toml in _documents(layers, "conditions"):
        for key, found in condition_entries(toml).items():
            rules = {entry.rule for entry in entries.get(key, ())}
            new = tuple(entry for entry in found if entry.rule not in rules)
            entries[key] = (*entries.get(key, ()), *new)
    return entries


def merged_sensitive(layers: Sequence[Layer]) -> dict[str, str]:
    """Why items are sensitive, by reference; a lower layer's reason stands.

    Raises:
        RefusedText: if a file holds a mistake.
    """
    reasons: dict[str, str] = {}
    for toml in _documents(layers, "sensitive"):
        reasons = sensitive_from(toml) | reasons
    return reasons


def _documents(layers: Sequence[Layer], *names: str) -> list[TomlText]:
    """The documents at one place in every layer that has one there."""
    return [toml for layer in layers if (toml := layer.document(*names))]


def _as_one(
    documents: list[TomlText], check: Callable[[TomlText, frozenset[str]], object]
) -> TomlText:
    """The documents of a shelf as one; each layer's own is checked first, with its places."""
    if len(documents) == 1:
        return documents[0]
    seen: set[str] = set()
    for toml in documents:
        check(toml, frozenset(seen))
        seen |= set(toml.data)
    data: dict[str, object] = {}
    faults: list[TextFault] = []
    for name, parts in merged_tables(documents):
        data[name], found = merge_parts(parts)
        faults += found
    if faults:
        raise RefusedText(faults)
    return TomlText(documents[-1].source, documents[-1].text, data)
