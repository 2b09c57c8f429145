"""The catalogue as a value: asked by flow and version, loaded entry by entry.

In: folders of catalogue files.  Out: definitions, on demand and once.  This module does
not parse D-flows, and keeps no global state: the bundled catalogue is one value, and
callers may load and pass others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from attrs import define, field

from dflow.catalogue.load import flow_from, items_from
from dflow.catalogue.model import CodeList, FlowDef, ItemDef
from dflow.errors import LookupMiss, SourceError, near_misses
from dflow.tomltext import read_toml

__all__ = ["Catalogue", "bundled", "bundled_folder"]


@define(eq=False)
class Catalogue:
    """The flow versions and items of one folder of catalogue files.

    >>> catalogue = bundled()
    >>> catalogue["D0010", "002"].name
    'Meter Readings'

    Attributes:
        folder: where the files are.
    """

    folder: Path
    _flows: dict[tuple[str, str], FlowDef] = field(factory=dict, init=False, repr=False)
    _shelves: dict[str, dict[str, ItemDef]] = field(factory=dict, init=False, repr=False)
    _keys: tuple[tuple[str, str], ...] | None = field(default=None, init=False, repr=False)

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """Every flow and version, sorted."""
        if self._keys is None:
            if not self.folder.is_dir():
                raise SourceError(f"{self.folder}: no such folder of catalogue files")
            self._keys = tuple(
                sorted(
                    (path.parent.name, path.stem)
                    for path in self.folder.glob("*/[0-9][0-9][0-9].toml")
                    if re.fullmatch(r"[A-Z][0-9A-Z]{4}", path.parent.name)
                )
            )
        return self._keys

    def __iter__(self) -> Iterator[FlowDef]:
        return (self[flow, version] for flow, version in self.keys)

    def __len__(self) -> int:
        return len(self.keys)

    def __contains__(self, key: object) -> bool:
        return key in self.keys

    def __getitem__(self, key: tuple[str, str]) -> FlowDef:
        """A flow version.

        Raises:
            LookupMiss: if the catalogue does not hold it, naming what is near.
            RefusedText: if its file holds a mistake.
        """
        found = self._flows.get(key)
        if found is None:
            flow, version = key
            if key not in self.keys:
                raise LookupMiss(self._miss(flow, version))
            toml = read_toml(self.folder / flow / f"{version}.toml")
            found = self._flows[key] = flow_from(toml, self.item)
        return found

    def get(self, flow: str, version: str) -> FlowDef | None:
        """A flow version, or None if the catalogue does not hold it."""
        return self[flow, version] if (flow, version) in self.keys else None

    def versions(self, flow: str) -> tuple[str, ...]:
        """The versions of a flow that the catalogue holds, sorted; empty if none."""
        return tuple(version for number, version in self.keys if number == flow)

    def latest(self, flow: str) -> FlowDef:
        """The flow's highest version.

        Raises:
            LookupMiss: if the catalogue does not hold the flow.
        """
        versions = self.versions(flow)
        if not versions:
            raise LookupMiss(self._miss(flow, ""))
        return self[flow, versions[-1]]

    def item(self, jcode: str) -> ItemDef:
        """A data item.

        Raises:
            LookupMiss: if the catalogue does not hold it, naming what is near.
        """
        found = self._shelf(jcode[:3]).get(jcode) if re.fullmatch("J[0-9]{4}", jcode) else None
        if found is None:
            near = near_misses(jcode, self._shelf(jcode[:3])) if jcode[:1] == "J" else ()
            hint = f"; near: {', '.join(near)}" if near else ""
            raise LookupMiss(f"no item {jcode}{hint}")
        return found

    def _shelf(self, name: str) -> dict[str, ItemDef]:
        """The hundred items whose J-codes share their first two digits."""
        shelf = self._shelves.get(name)
        if shelf is None:
            path = self.folder / "items" / f"{name}.toml"
            known = re.fullmatch(r"J[0-9]{2}", name) and path.is_file()
            shelf = items_from(read_toml(path), self._codes(name), {}) if known else {}
            self._shelves[name] = shelf
        return shelf

    def _codes(self, shelf: str) -> dict[str, CodeList]:
        path = self.folder / "codes" / f"{shelf}.toml"
        if not path.is_file():
            return {}
        lists: dict[str, CodeList] = {}
        for jcode, table in read_toml(path).data.items():
            if isinstance(table, dict):
                codes = {str(code): str(label) for code, label in table["codes"].items()}
                lists[jcode] = CodeList(codes=codes, complete=bool(table.get("complete", True)))
        return lists

    def _miss(self, flow: str, version: str) -> str:
        if versions := self.versions(flow):
            return f"no flow {flow} v{version}; known: {', '.join('v' + v for v in versions)}"
        near = near_misses(flow, dict.fromkeys(number for number, _ in self.keys))
        hint = f"; near: {', '.join(near)}" if near else ""
        return f"no flow {flow}{hint}"


def bundled_folder() -> Path:
    """Where the catalogue that comes with dflow lies: in the package, or in the checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "catalogue_data" / "dtc"
    return installed if installed.is_dir() else package.parents[1] / "catalogue" / "dtc"


@cache
def bundled() -> Catalogue:
    """The catalogue that comes with dflow, the same value at every call."""
    return Catalogue(bundled_folder())
