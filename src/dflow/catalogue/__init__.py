"""The catalogue: every flow version, group and item, as data."""

from dflow.catalogue.catalogue import Catalogue, bundled, bundled_folder
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

__all__ = [
    "UNSTATED",
    "Catalogue",
    "CodeList",
    "FlowDef",
    "FlowRoute",
    "Format",
    "FormatKind",
    "GroupDef",
    "ItemDef",
    "ItemPlace",
    "Presence",
    "Provenance",
    "Range",
    "bundled",
    "bundled_folder",
    "flow_from",
    "items_from",
    "parse_format",
    "parse_range",
]
