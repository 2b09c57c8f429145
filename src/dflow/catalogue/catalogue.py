"""The catalogue as a value: asked by flow and version, loaded entry by entry.

In: folders of catalogue files.  Out: definitions, on demand and once.  This module does
not parse D-flows, and keeps no global state: the bundled catalogue is one value, and
callers may load and pass others.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from attrs import define, evolve, field

from dflow.catalogue.load import flow_from, items_from
from dflow.catalogue.model import CodeList, FlowDef, ItemDef
from dflow.catalogue.roles import Roles
from dflow.catalogue.sidecars import (
    ConditionEntry,
    condition_entries,
    conditions_of,
    roles_from,
    sensitive_from,
)
from dflow.catalogue.tables import FLOW_REFERENCE, ITEM_REFERENCE, VERSION, is_code, shelf_of
from dflow.errors import LookupMiss, SourceError, near_misses
from dflow.tomltext import TomlText, read_toml

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
    _sensitive: dict[str, str] | None = field(default=None, init=False, repr=False)
    _roles: Roles | None = field(default=None, init=False, repr=False)
    _conditions: dict[tuple[str, str], tuple[ConditionEntry, ...]] | None = field(
        default=None, init=False, repr=False
    )

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """Every flow and version, sorted."""
        if self._keys is None:
            if not self.folder.is_dir():
                raise SourceError(f"{self.folder}: no such folder of catalogue files")
            self._keys = tuple(
                sorted(
                    (path.parent.name, path.stem)
                    for path in self.folder.glob("*/*.toml")
                    if is_code(FLOW_REFERENCE, path.parent.name) and is_code(VERSION, path.stem)
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
            found = flow_from(toml, self.item)
            if entries := self._condition_entries.get(key):
                conditions = conditions_of(found, entries, self.roles.known)
                found = evolve(found, conditions=conditions)
            self._flows[key] = found
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

    def holding(self, *flows: FlowDef) -> Catalogue:
        """The same catalogue with these flow versions too, in the place of its own.

        For definitions made in code, such as those of a test.
        """
        added = {flow.key: flow for flow in flows}
        over = Catalogue(self.folder)
        over._flows.update(self._flows | added)
        over._shelves.update(self._shelves)
        over._keys = tuple(sorted({*self.keys, *added}))
        return over

    def item(self, jcode: str) -> ItemDef:
        """A data item.

        Raises:
            LookupMiss: if the catalogue does not hold it, naming what is near.
        """
        known = is_code(ITEM_REFERENCE, jcode)
        shelf = self._shelf(shelf_of(jcode)) if known else {}
        found = shelf.get(jcode)
        if found is None:
            near = near_misses(jcode, shelf)
            hint = f"; near: {', '.join(near)}" if near else ""
            raise LookupMiss(f"no item {jcode}{hint}")
        return found

    def items(self) -> Iterator[ItemDef]:
        """Every data item, sorted by reference; reads every shelf."""
        for path in sorted((self.folder / "items").glob("*.toml")):
            shelf = self._shelf(path.stem)
            yield from (shelf[jcode] for jcode in sorted(shelf))

    @property
    def roles(self) -> Roles:
        """The role labels of the routes, and the header codes they are known to travel under.

        >>> bundled().roles.labels("X")
        ('Supplier',)
        """
        if self._roles is None:
            toml = self._beside("roles")
            self._roles = roles_from(toml) if toml else Roles()
        return self._roles

    @property
    def _condition_entries(self) -> dict[tuple[str, str], tuple[ConditionEntry, ...]]:
        if self._conditions is None:
            toml = self._beside("conditions")
            self._conditions = condition_entries(toml) if toml else {}
        return self._conditions

    def _reasons(self) -> dict[str, str]:
        """Why items are sensitive, by reference."""
        if self._sensitive is None:
            toml = self._beside("sensitive")
            self._sensitive = sensitive_from(toml) if toml else {}
        return self._sensitive

    def _beside(self, name: str) -> TomlText | None:
        path = self.folder / f"{name}.toml"
        return read_toml(path) if path.is_file() else None

    def _shelf(self, name: str) -> dict[str, ItemDef]:
        """The items that stand on one shelf: their references share all but two characters."""
        shelf = self._shelves.get(name)
        if shelf is None:
            path = self.folder / "items" / f"{name}.toml"
            shelf = {}
            if path.is_file():
                shelf = items_from(read_toml(path), self._codes(name), self._reasons())
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
