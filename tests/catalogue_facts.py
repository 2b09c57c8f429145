"""Flows of the facts and flows of the catalogue in one form, so that they can be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dflow.catalogue import FlowDef, GroupDef, parse_format
from support import shared_folder

#: One digest a flow version: made from the facts by `facts_lines`, so that the catalogue
#: can be compared with them where they are not at hand.
DIGESTS: dict[str, str] = dict(
    line.split()
    for line in (Path(__file__).parent / "catalogue_digests.txt").read_text("ascii").splitlines()
    if not line.startswith("#")
)


def digest(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def catalogue_lines(flow: FlowDef) -> list[str]:
    """Every group and every item of a flow of the catalogue, a line each."""
    lines: list[str] = []

    def put(group: GroupDef, parent: int | None) -> None:
        limits = (group.range.least, group.range.most, list(group.range.counts))
        lines.append(f"group {group.seq} {group.code} under {parent} {limits} {group.name}")
        lines.extend(
            f"item {place.position} {place.jcode} {place.presence} {place.item.format} {place.name}"
            for place in group.items
        )
        for child in group.groups:
            put(child, group.seq)

    for group in flow.groups:
        put(group, None)
    return lines


def facts_lines(data: dict[str, Any]) -> list[str]:
    """The same of a flow of the facts."""
    lines: list[str] = []
    for group in data["groups"]:
        limits = (group["min"], group["max"], group.get("allowed_counts") or [])
        lines.append(
            f"group {group['seq']} {group['code']} under {group['parent_seq']} {limits}"
            f" {group['name'] or ''}"
        )
        for item in group["items"]:
            presence = "optional" if item["optional"] else "mandatory"
            presence = "blank" if item.get("always_blank") else presence
            lines.append(
                f"item {item['position']} {item['jcode']} {presence}"
                f" {parse_format(item['format'] or '')} {item['name']}"
            )
    return lines


def fact_files() -> Iterator[tuple[str, dict[str, Any]]]:
    """The official flow versions of the facts, by name."""
    shared = shared_folder()
    assert shared is not None
    for path in sorted((shared / "facts" / "dtc-15.4" / "flows").glob("*.json")):
        data = json.loads(path.read_text("utf-8"))
        if data["confidence"] == "official":
            yield path.stem, data
