"""The catalogue: every flow version, group and item, as data."""

from dflow.catalogue.catalogue import Catalogue, bundled, bundled_folder
from dflow.catalogue.condition_text import ConditionFault, parse_condition
from dflow.catalogue.conditions import (
    Answer,
    Condition,
    Demand,
    Lookups,
    PartySide,
    PlainLookups,
    demand_of,
    evaluate,
)
from dflow.catalogue.formats import UNSTATED, Format, FormatKind, parse_format
from dflow.catalogue.load import flow_from, items_from
from dflow.catalogue.model import (
    CodeList,
    FlowDef,
    FlowRoute,
    GroupDef,
    ItemDef,
    ItemPlace,
    Presence,
    Provenance,
    Range,
    parse_range,
)
from dflow.catalogue.roles import RoleCode, RoleLabel, Roles

__all__ = [
    "UNSTATED",
    "Answer",
    "Catalogue",
    "CodeList",
    "Condition",
    "ConditionFault",
    "Demand",
    "FlowDef",
    "FlowRoute",
    "Format",
    "FormatKind",
    "GroupDef",
    "ItemDef",
    "ItemPlace",
    "Lookups",
    "PartySide",
    "PlainLookups",
    "Presence",
    "Provenance",
    "Range",
    "RoleCode",
    "RoleLabel",
    "Roles",
    "bundled",
    "bundled_folder",
    "demand_of",
    "evaluate",
    "flow_from",
    "items_from",
    "parse_condition",
    "parse_format",
    "parse_range",
]
