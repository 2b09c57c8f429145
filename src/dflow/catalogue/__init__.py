"""The catalogue: every flow version, group and item, as data."""

from dflow.catalogue.catalogue import (
    Catalogue,
    Edition,
    bundled,
    bundled_folder,
    format_hints_folder,
)
from dflow.catalogue.changes import CatalogueDiff, Change, ChangeKind, FlowDiff, diff, diff_all
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
from dflow.catalogue.days import CatalogueDay
from dflow.catalogue.detect import Addressed, Candidate, Detection
from dflow.catalogue.formats import UNSTATED, Format, FormatKind, parse_format
from dflow.catalogue.lives import Life, Standing, State
from dflow.catalogue.load import flow_from
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
from dflow.catalogue.release_days import is_release_day, next_release_day, release_days
from dflow.catalogue.releases import FlowKey, Release
from dflow.catalogue.roles import RoleCode, RoleLabel, Roles
from dflow.catalogue.shelves import codes_from, items_from

__all__ = [
    "UNSTATED",
    "Addressed",
    "Answer",
    "Candidate",
    "Catalogue",
    "CatalogueDay",
    "CatalogueDiff",
    "Change",
    "ChangeKind",
    "CodeList",
    "Condition",
    "ConditionFault",
    "Demand",
    "Detection",
    "Edition",
    "FlowDef",
    "FlowDiff",
    "FlowKey",
    "FlowRoute",
    "Format",
    "FormatKind",
    "GroupDef",
    "ItemDef",
    "ItemPlace",
    "Life",
    "Lookups",
    "PartySide",
    "PlainLookups",
    "Presence",
    "Provenance",
    "Range",
    "Release",
    "RoleCode",
    "RoleLabel",
    "Roles",
    "Standing",
    "State",
    "bundled",
    "bundled_folder",
    "codes_from",
    "demand_of",
    "diff",
    "diff_all",
    "evaluate",
    "flow_from",
    "format_hints_folder",
    "is_release_day",
    "items_from",
    "next_release_day",
    "parse_condition",
    "parse_format",
    "parse_range",
    "release_days",
]
