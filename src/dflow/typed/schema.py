"""A flow version as a JSON Schema (draft 2020-12), for readers in other languages.

In: a `FlowDef`.  Out: the schema of a line of ``dflow convert``: a level-1 group and all
below it, its values typed.  This module does not convert anything.

A line of a file that `dflow.check` finds nothing wrong with fits the schema.  Missing groups fit
too, because a published minimum cannot be relied on; surplus groups do not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dflow.catalogue import FlowDef, Format, GroupDef, ItemPlace
from dflow.typed.names import item_names
from dflow.typed.values import Kind, kind_of

__all__ = ["Json", "flow_schema"]

#: What JSON can hold.
Json = str | int | bool | None | Sequence["Json"] | dict[str, "Json"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = "[0-9]{2}:[0-9]{2}:[0-9]{2}"

#: Local times have no zone, so the formats "time" and "date-time", which demand one, do not fit.
_FIXED: dict[Kind, dict[str, Json]] = {
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date", "pattern": f"^{_DAY}$"},
    "time": {"type": "string", "pattern": f"^{_CLOCK}$"},
    "datetime": {"type": "string", "pattern": rf"^{_DAY}T{_CLOCK}(\.[0-9]{{6}})?$"},
}


def flow_schema(definition: FlowDef) -> dict[str, Json]:
    """The JSON Schema of one line of a flow version, as ``dflow convert`` writes it.

    Raises:
        ValueError: if the flow version's structure is not known.
    """
    if not definition.structured:
        raise ValueError(
            f"the structure of {definition} is not known: there is nothing to describe"
        )
    names = _names(definition)
    address = ("from", "to", "file_id", "created", "test_flag")
    head: dict[str, Json] = {"file": {"type": "string"}, "flow": {"const": definition.flow}}
    head["version"] = {"const": definition.version}
    head |= {name: {"type": "string"} for name in address}
    return {
        "$schema": _DIALECT,
        "title": f"{definition} {definition.name}",
        "description": "A level-1 group and all below it, as a line of JSON.",
        "type": "object",
        "properties": head,
        "required": list(head),
        "oneOf": [{"$ref": f"#/$defs/{names[group.seq]}"} for group in definition.groups],
        "unevaluatedProperties": False,
        "$defs": {names[group.seq]: _group(group, names) for group in definition.walk()},
    }


def _names(definition: FlowDef) -> dict[int, str]:
    """Groups as lines of JSON call them: by code, numbered where a code stands twice."""
    often = Counter(group.code for group in definition.walk())
    seen: Counter[str] = Counter()
    names: dict[int, str] = {}
    for group in definition.walk():
        seen[group.code] += 1
        number = f"_{seen[group.code]}" if often[group.code] > 1 else ""
        names[group.seq] = group.code + number
    return names


def _group(group: GroupDef, names: dict[int, str]) -> dict[str, Json]:
    values: dict[str, Json] = {
        name: _value(place)
        for place, name in zip(group.items, item_names(group), strict=True)
        if name
    }
    properties: dict[str, Json] = {
        "line": {"type": "integer", "minimum": 1},
        "group": {"const": names[group.seq]},
        "values": {
            "type": "object",
            "properties": values,
            "required": list(values),
            "additionalProperties": False,
        },
        "groups": _groups(group.groups, names),
    }
    title = group.name.strip() or group.code
    return {
        "title": title,
        "description": f"Group {group.code}; range {group.range}.",
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


def _groups(groups: tuple[GroupDef, ...], names: dict[int, str]) -> dict[str, Json]:
    if not groups:
        return {"type": "array", "maxItems": 0}
    # Told apart by their names before they are looked into, so that a fault in one is
    # reported as what it is and not as "none of these".
    known = [names[group.seq] for group in groups]
    cases: list[Json] = [
        {
            "if": {"properties": {"group": {"const": name}}},
            "then": {"$ref": f"#/$defs/{name}", "unevaluatedProperties": False},
        }
        for name in known
    ]
    most: list[Json] = [
        {
            "contains": {"properties": {"group": {"const": names[group.seq]}}},
            "minContains": 0,
            "maxContains": group.range.most,
        }
        for group in groups
        if group.range.most is not None
    ]
    schema: dict[str, Json] = {
        "type": "array",
        "items": {"properties": {"group": {"enum": known}}, "allOf": cases},
    }
    return schema | ({"allOf": most} if most else {})


def _value(place: ItemPlace) -> dict[str, Json]:
    item, kind = place.item, kind_of(place.item)
    units = f", {item.units}" if item.units else ""
    schema: dict[str, Json] = {
        "title": item.name,
        "description": f"{item.jcode}: {item.format}{units}.",
    }
    if kind == "code" and item.codes is not None:
        codes: list[Json] = list(item.codes.codes)
        # "x-labels" is ours: what each code means.
        schema |= {"type": "string", "enum": codes, "x-labels": dict(item.codes.codes)}
    elif kind in _FIXED:
        schema |= _FIXED[kind]
    elif kind in ("int", "Decimal"):
        schema |= _number(item.format, kind)
    else:
        schema |= {"type": "string", "minLength": 1}
        if item.format.longest is not None:
            schema["maxLength"] = item.format.longest
    if place.presence == "optional":
        schema["type"] = [schema["type"], "null"]
        if isinstance(listed := schema.get("enum"), list):
            schema["enum"] = [*listed, None]
    return schema


def _number(form: Format, kind: Kind) -> dict[str, Json]:
    schema: dict[str, Json] = {"type": "integer" if kind == "int" else "number"}
    if form.length is not None:
        bound = 10**form.length
        schema["exclusiveMaximum"] = bound
        schema |= {"exclusiveMinimum": -bound} if form.signed else {"minimum": 0}
    return schema
