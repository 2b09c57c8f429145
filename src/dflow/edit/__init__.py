"""Editing: only what was touched changes in the bytes, and the counts follow."""

from dflow.edit.files import keep_instances, merge, readdress, readdress_bytes, split
from dflow.edit.groups import add_group, drop_group, drop_where, settled
from dflow.edit.places import At, group_at, locate, path_of
from dflow.edit.records import set_value
from dflow.edit.repair import Change, Repair, patch, repair

__all__ = [
    "At",
    "Change",
    "Repair",
    "add_group",
    "drop_group",
    "drop_where",
    "group_at",
    "keep_instances",
    "locate",
    "merge",
    "patch",
    "path_of",
    "readdress",
    "readdress_bytes",
    "repair",
    "set_value",
    "settled",
    "split",
]
