"""Definitions as plain values, for ``--json`` and other machines.

In: definitions.  Out: dictionaries and lists of texts, numbers and truth values only, in
a stable order.  This module does not write JSON itself.
"""

from __future__ import annotations

from dflow.catalogue.changes import CatalogueDiff, FlowDiff
from dflow.catalogue.importer import Imported
from dflow.catalogue.model import FlowDef, GroupDef, ItemDef, ItemPlace, Provenance

__all__ = ["Plain", "diff_plain", "flow_plain", "imported_plain", "item_plain"]

#: What JSON can hold.
Plain = str | int | bool | None | list["Plain"] | dict[str, "Plain"]


def flow_plain(flow: FlowDef) -> dict[str, Plain]:
    """A flow version: its facts, routes, conditions and the tree of its groups."""
    return {
        "flow": flow.flow,
        "version": flow.version,
        "name": flow.name,
        "status": flow.status,
        "owner": flow.owner,
        "structured": flow.structured,
        "provenance": _provenance(flow.provenance),
        "routes": [{"sender": r.sender, "recipient": r.recipient} for r in flow.routes],
        "conditions": [{"rule": str(c), "source": c.source} for c in flow.conditions],
        "groups": [_group(group) for group in flow.groups],
        "sketch": [_group(group) for group in flow.sketch],
    }


def _group(group: GroupDef) -> dict[str, Plain]:
    return {
        "seq": group.seq,
        "code": group.code,
        "name": group.name,
        "range": group.range.text,
        "min": group.range.least,
        "max": group.range.most,
        "allowed_counts": list(group.range.counts),
        "items": [_place(place) for place in group.items],
        "groups": [_group(below) for below in group.groups],
    }


def _place(place: ItemPlace) -> dict[str, Plain]:
    return {"position": place.position, "presence": place.presence, **item_plain(place.item)}


def item_plain(item: ItemDef) -> dict[str, Plain]:
    """An item: its facts and its code list, None where it has none that is known."""
    codes = item.codes
    return {
        "jcode": item.jcode,
        "name": item.name,
        "format": str(item.format) if item.format.stated else None,
        "domain": item.domain,
        "units": item.units,
        "owner": item.owner,
        "sensitive": item.sensitive,
        "codes": {"complete": codes.complete, "codes": dict(codes.codes)} if codes else None,
        "provenance": _provenance(item.provenance),
    }


def _provenance(provenance: Provenance) -> dict[str, Plain]:
    return {"source": provenance.source, "detail": provenance.detail}


def diff_plain(found: CatalogueDiff | FlowDiff) -> dict[str, Plain]:
    """Differences between two flow versions, or between two editions."""
    if isinstance(found, FlowDiff):
        return {
            "old": str(found.old),
            "new": str(found.new),
            "parses": found.parses.value,
            "changes": [{**change.as_json()} for change in found.changes],
        }
    return {
        "started": [f"{flow} v{version}" for flow, version in found.started],
        "ended": [f"{flow} v{version}" for flow, version in found.ended],
        "changed": [diff_plain(one) for one in found.changed],
        "replaced": [diff_plain(one) for one in found.replaced],
    }


def imported_plain(imported: Imported) -> dict[str, Plain]:
    """What an import gave."""
    return {
        "title": imported.title,
        "flows": imported.flows,
        "versions": imported.versions,
        "groups": imported.groups,
        "places": imported.places,
        "items": imported.items,
        "code_lists": imported.code_lists,
        "written": list(imported.written),
        "untouched": [f"{flow} v{version}" for flow, version in imported.untouched],
        "unread": [
            {
                "file": unread.file,
                "table": unread.table,
                "row": unread.row,
                "about": unread.about,
                "message": unread.message,
            }
            for unread in imported.unread
        ],
    }
