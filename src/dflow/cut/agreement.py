"""Whether cuts agree on what they say of an MPAN.

In: the folders of cuts, and the items to compare, which are data.  Out: each item of an
MPAN for which cuts' latest values differ.  This module does not know which of them is
right.

The latest value is that of the file whose header was created last among a cut's files
that give one; where an MPAN has several (its meters, say), all of that file's count.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files as package_files
from pathlib import Path

from attrs import frozen

from dflow.catalogue import Catalogue
from dflow.cut.manifest import CutFile, Skip, read_manifest
from dflow.cut.narrowing import units
from dflow.errors import RefusedText, TextFault
from dflow.parse import read
from dflow.tomltext import TomlText, parse_toml

__all__ = ["ComparedItem", "Disagreement", "bundled_items", "disagreements", "items_from"]


@frozen(kw_only=True)
class ComparedItem:
    """An item that cuts must agree on.

    Attributes:
        jcode: its J-code.
        only: the flows whose values count; empty for all.
        but: flows whose values do not count.
    """

    jcode: str
    only: tuple[str, ...] = ()
    but: tuple[str, ...] = ()

    def counts(self, flow: str) -> bool:
        """Whether values of this flow count."""
        return flow not in self.but and (not self.only or flow in self.only)


@frozen(kw_only=True)
class Disagreement:
    """An item of an MPAN for which cuts differ.

    Attributes:
        mpan: the MPAN; personal data.
        jcode: the item.
        values: for each cut's folder, the values of its latest file that has any, and
            that file.
    """

    mpan: str
    jcode: str
    values: tuple[tuple[str, tuple[str, ...], str], ...]


_KEYS = ("jcode", "only", "but")
_JCODE = re.compile(r"J[0-9]{4}", re.ASCII)

#: By MPAN and item: when the file was created, the file, its values.
_Latest = dict[tuple[str, str], tuple[tuple[str, str], tuple[str, ...]]]


def bundled_items() -> tuple[ComparedItem, ...]:
    """The items that are compared unless others are given: ``agreement.toml``."""
    text = (package_files("dflow.cut") / "agreement.toml").read_text("utf-8")
    return items_from(text, source="agreement.toml")


def disagreements(
    folders: Sequence[Path],
    *,
    items: Sequence[ComparedItem] | None = None,
    catalogue: Catalogue | None = None,
) -> tuple[tuple[Disagreement, ...], tuple[Skip, ...]]:
    """Compare what cuts say of the MPANs they share.

    Args:
        folders: the cuts.
        items: what is compared; the bundled table unless given.
        catalogue: the definitions to read by; the bundled ones unless given.

    Returns:
        what differs, and the files of cuts that could not be read or are no longer what
        the manifest says.

    Raises:
        SourceError: if a folder holds no cut.
    """
    compared = bundled_items() if items is None else items
    skipped: list[Skip] = []
    said: list[tuple[str, _Latest]] = [
        (str(folder), _latest(folder, compared, catalogue, skipped)) for folder in folders
    ]
    keys = sorted({key for _, latest in said for key in latest})
    found: list[Disagreement] = []
    for key in keys:
        values = tuple(
            (name, latest[key][1], latest[key][0][1]) for name, latest in said if key in latest
        )
        if len({one for _, one, _ in values}) > 1:
            found.append(Disagreement(mpan=key[0], jcode=key[1], values=values))
    return tuple(found), tuple(skipped)


def _latest(
    folder: Path, items: Sequence[ComparedItem], catalogue: Catalogue | None, skipped: list[Skip]
) -> _Latest:
    latest: _Latest = {}
    for one in read_manifest(folder).files:
        try:
            data = (folder / one.file).read_bytes()
        except OSError as error:
            skipped.append(Skip(f"{folder}/{one.file}", f"cannot be read: {error.strerror}"))
            continue
        if hashlib.sha256(data).hexdigest() != one.sha256:
            skipped.append(Skip(f"{folder}/{one.file}", "is not what the manifest says"))
            continue
        created, values = _said(data, one, items, catalogue)
        for key, found in values.items():
            when = (created, one.file)
            if key not in latest or latest[key][0] < when:
                latest[key] = (when, tuple(sorted(found)))
    return latest


def _said(
    data: bytes, one: CutFile, items: Sequence[ComparedItem], catalogue: Catalogue | None
) -> tuple[str, dict[tuple[str, str], set[str]]]:
    """When the file was created, and its values that are not blank."""
    jcodes = {item.jcode for item in items if item.counts(one.flow)}
    flow = read(data, catalogue=catalogue)
    values: dict[tuple[str, str], set[str]] = {}
    for mpans, unit in units(flow):
        for group in unit.walk():
            places = group.definition.items if group.definition else ()
            for place, value in zip(places, group.values, strict=False):
                if place.item.jcode in jcodes and value.strip():
                    for mpan in mpans:
                        values.setdefault((mpan, place.item.jcode), set()).add(value.strip())
    return (flow.header.created if flow.header else ""), values


def items_from(text: str, *, source: str = "<items>") -> tuple[ComparedItem, ...]:
    """The items to compare, from TOML: tables ``item`` with ``jcode``, ``only``, ``but``.

    Raises:
        RefusedText: if the text is no TOML, or a table is not as it should be.
    """
    document = parse_toml(text, source)
    faults = [
        document.fault((key,), f"unknown key {key!r}", near_to=key, known=("item",))
        for key in document.data
        if key != "item"
    ]
    tables = document.data.get("item")
    if not isinstance(tables, list) or not tables:
        faults.append(document.fault(("item",), "no table [[item]] says what is compared"))
        tables = []
    found = [_item(document, index, table, faults) for index, table in enumerate(tables)]
    if faults:
        raise RefusedText(faults)
    return tuple(found)


def _item(document: TomlText, index: int, table: object, faults: list[TextFault]) -> ComparedItem:
    where = ("item", index)
    if not isinstance(table, dict):
        faults.append(document.fault(where, "an item is a table"))
        return ComparedItem(jcode="")
    for key in table:
        if key not in _KEYS:
            message = f"unknown key {key!r}"
            faults.append(document.fault((*where, key), message, near_to=key, known=_KEYS))
    jcode = table.get("jcode")
    if not isinstance(jcode, str) or not _JCODE.fullmatch(jcode):
        faults.append(document.fault((*where, "jcode"), "no J-code", expected=("such as J0082",)))
        jcode = ""
    flows: dict[str, tuple[str, ...]] = {}
    for key in ("only", "but"):
        given = table.get(key, [])
        if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
            faults.append(document.fault((*where, key), f"{key!r} is no list of flows"))
            given = []
        flows[key] = tuple(given)
    return ComparedItem(jcode=jcode, only=flows["only"], but=flows["but"])
