"""The catalogue as a value: asked by flow and version, loaded entry by entry.

In: folders of catalogue files, one over another.  Out: definitions, on demand and once.
This module does not parse D-flows, and keeps no global state: the bundled catalogue is
one value, and callers may load and pass others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from functools import cache
from os import PathLike
from pathlib import Path
from typing import TypeVar

from attrs import define, evolve, field

from dflow.catalogue.changes import CatalogueDiff, FlowDiff, diff, diff_all
from dflow.catalogue.days import CatalogueDay
from dflow.catalogue.detect import Addressed, Detection, detect_in
from dflow.catalogue.layers import Layer, Part, merge_parts, merged_tables
from dflow.catalogue.lives import Life, lives_of
from dflow.catalogue.load import flow_from
from dflow.catalogue.model import FlowDef, ItemDef
from dflow.catalogue.releases import FlowKey, Release, release_from
from dflow.catalogue.roles import Roles
from dflow.catalogue.shelves import codes_from, items_from
from dflow.catalogue.sidecars import (
    ConditionEntry,
    condition_entries,
    conditions_of,
    roles_from,
    sensitive_from,
)
from dflow.catalogue.tables import ITEM_REFERENCE, is_code, shelf_of, version_order
from dflow.errors import LookupMiss, RefusedText, TextFault, near_misses
from dflow.tomltext import TomlText

__all__ = ["Catalogue", "Edition", "bundled", "bundled_folder", "format_hints_folder"]

_T = TypeVar("_T")

#: What `Catalogue.diff` compares: a release's name, a day, or flow versions themselves.
Edition = str | date | Iterable[FlowDef]


@define(eq=False)
class Catalogue:
    """The flow versions and items of a folder of catalogue files, and of overlays over it.

    >>> catalogue = bundled()
    >>> catalogue["D0010", "002"].name
    'Meter Readings'
    >>> catalogue.latest("D0089").version
    '002'

    Attributes:
        folder: where the files are.
        overlays: folders in the same form, such as private flows and corrections, each
            merged by value over what lies under it; see `dflow.catalogue.layers`.
    """

    folder: Path
    overlays: tuple[Path, ...] = ()
    _layers: tuple[Layer, ...] = field(init=False, repr=False)
    _flows: dict[FlowKey, FlowDef] = field(factory=dict, init=False, repr=False)
    _shelves: dict[str, dict[str, ItemDef]] = field(factory=dict, init=False, repr=False)
    _kept: dict[str, object] = field(factory=dict, init=False, repr=False)
    _keys: tuple[FlowKey, ...] | None = field(default=None, init=False, repr=False)

    @_layers.default
    def _all_layers(self) -> tuple[Layer, ...]:
        return tuple(Layer(folder) for folder in (self.folder, *self.overlays))

    # -- flow versions -------------------------------------------------------------------

    @property
    def keys(self) -> tuple[FlowKey, ...]:
        """Every flow and version, sorted.

        Raises:
            SourceError: if a folder is not there.
        """
        if self._keys is None:
            keys = {key for layer in self._layers for key in layer.flow_keys()}
            self._keys = tuple(sorted(keys, key=lambda key: (key[0], version_order(key[1]))))
        return self._keys

    def __iter__(self) -> Iterator[FlowDef]:
        return (self[flow, version] for flow, version in self.keys)

    def __len__(self) -> int:
        return len(self.keys)

    def __contains__(self, key: object) -> bool:
        return key in self.keys

    def __getitem__(self, key: FlowKey) -> FlowDef:
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
            found = self._load(flow, version)
            if entries := self._conditions.get(key):
                conditions = conditions_of(found, entries, self.roles.known)
                found = evolve(found, conditions=conditions)
            self._flows[key] = found
        return found

    def _load(self, flow: str, version: str) -> FlowDef:
        documents = [toml for layer in self._layers if (toml := layer.document(flow, version))]
        found = flow_from(documents[0], self.item)
        if found.key != (flow, version):
            message = f"the file describes {found}, and stands where {flow} v{version} belongs"
            raise RefusedText([documents[0].fault(("flow",), message)])
        if len(documents) == 1:
            return found
        for toml in documents[1:]:
            flow_from(toml, self.item, partial=True)
        merged, faults = merge_parts([Part(toml, (), toml.data) for toml in documents])
        if faults:
            raise RefusedText(faults)
        top = documents[-1]
        return flow_from(TomlText(top.source, top.text, merged), self.item)

    def get(self, flow: str, version: str) -> FlowDef | None:
        """A flow version, or None if the catalogue does not hold it."""
        return self[flow, version] if (flow, version) in self.keys else None

    def versions(self, flow: str) -> tuple[str, ...]:
        """The versions of a flow that the catalogue holds, sorted; empty if none."""
        return tuple(version for number, version in self.keys if number == flow)

    def latest(self, flow: str) -> FlowDef:
        """The flow's highest version, whether live or not; `on` knows days.

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
        over = Catalogue(self.folder, self.overlays)
        over._flows.update(self._flows | added)
        over._shelves.update(self._shelves)
        over._kept.update(self._kept)
        over._keys = tuple(sorted({*self.keys, *added}))
        return over

    def over(self, *overlays: Path) -> Catalogue:
        """The same catalogue under further overlays, the last on top."""
        return Catalogue(self.folder, (*self.overlays, *overlays))

    # -- items and roles -----------------------------------------------------------------

    def item(self, jcode: str) -> ItemDef:
        """A data item.

        Raises:
            LookupMiss: if the catalogue does not hold it, naming what is near.
        """
        known = is_code(ITEM_REFERENCE, jcode)
        shelf = self._shelf(shelf_of(jcode)) if known else {}
        found = shelf.get(jcode)
        if found is None:
            near = near_misses(jcode, shelf) or near_misses(jcode, (i.jcode for i in self.items()))
            hint = f"; near: {', '.join(near)}" if near else ""
            raise LookupMiss(f"no item {jcode}{hint}")
        return found

    def items(self) -> Iterator[ItemDef]:
        """Every data item, sorted by reference; reads every shelf."""
        for name in sorted({name for layer in self._layers for name in layer.names("items")}):
            shelf = self._shelf(name)
            yield from (shelf[jcode] for jcode in sorted(shelf))

    @property
    def roles(self) -> Roles:
        """The role labels of the routes, and the header codes they are known to travel under.

        >>> bundled().roles.labels("X")
        ('Supplier',)
        """
        return self._once("roles", self._read_roles)

    def _read_roles(self) -> Roles:
        codes, labels = Roles(), Roles()
        for toml in self._beside("roles"):
            found = roles_from(toml, known=codes.codes)
            codes = Roles(codes.codes | found.codes, {})
            labels = Roles({}, labels.known | found.known)
        return Roles(codes.codes, labels.known)

    @property
    def _conditions(self) -> dict[FlowKey, tuple[ConditionEntry, ...]]:
        return self._once("conditions", self._read_conditions)

    def _read_conditions(self) -> dict[FlowKey, tuple[ConditionEntry, ...]]:
        entries: dict[FlowKey, tuple[ConditionEntry, ...]] = {}
        for toml in self._beside("conditions"):
            for key, found in condition_entries(toml).items():
                rules = {entry.rule for entry in entries.get(key, ())}
                new = tuple(entry for entry in found if entry.rule not in rules)
                entries[key] = (*entries.get(key, ()), *new)
        return entries

    def _read_sensitive(self) -> dict[str, str]:
        reasons: dict[str, str] = {}
        for toml in self._beside("sensitive"):
            reasons = sensitive_from(toml) | reasons
        return reasons

    def _beside(self, name: str) -> list[TomlText]:
        return [toml for layer in self._layers if (toml := layer.document(name))]

    def _once(self, name: str, read: Callable[[], _T]) -> _T:
        """What was read before under this name, or is read now."""
        if name not in self._kept:
            self._kept[name] = read()
        found: _T = self._kept[name]  # type: ignore[assignment]  # one name, one reader
        return found

    def _shelf(self, name: str) -> dict[str, ItemDef]:
        """The items that stand on one shelf: their references share all but two characters."""
        shelf = self._shelves.get(name)
        if shelf is None:
            items = [toml for layer in self._layers if (toml := layer.document("items", name))]
            lists = [toml for layer in self._layers if (toml := layer.document("codes", name))]
            sensitive = self._once("sensitive", self._read_sensitive)
            codes = codes_from(_merged(lists, lambda toml, _: codes_from(toml))) if lists else {}
            shelf = {}
            if items:
                merged = _merged(items, lambda toml, known: items_from(toml, {}, {}, known=known))
                shelf = items_from(merged, codes, sensitive)
            self._shelves[name] = shelf
        return shelf

    # -- releases and days ---------------------------------------------------------------

    @property
    def releases(self) -> tuple[Release, ...]:
        """The releases that are known, by date, then name; those of overlays too."""
        found = [release for layer in self._releases for release in layer]
        return tuple(sorted(found, key=lambda r: (r.seen or date.max, version_order(r.name))))

    @property
    def _releases(self) -> list[list[Release]]:
        """The releases layer by layer."""
        return self._once(
            "releases",
            lambda: [
                [
                    release_from(toml, self.__getitem__)
                    for name in layer.names("releases")
                    if (toml := layer.document("releases", name))
                ]
                for layer in self._layers
            ],
        )

    def release(self, name: str) -> Release:
        """A release by its version, such as ``12.5``.

        Raises:
            LookupMiss: if it is not known, naming those that are.
        """
        for release in self.releases:
            if release.name == name:
                return release
        known = ", ".join(release.name for release in self.releases) or "none"
        raise LookupMiss(f"no release {name}; known: {known}")

    def life(self, flow: str, version: str) -> Life:
        """What is known of a flow version's days.

        Raises:
            LookupMiss: if the catalogue does not hold it.
        """
        if (flow, version) not in self.keys:
            raise LookupMiss(self._miss(flow, version))
        return self._once("lives", self._read_lives).get((flow, version), Life())

    def _read_lives(self) -> dict[FlowKey, Life]:
        """A layer's releases speak for the flow versions that the layer brings."""
        lives: dict[FlowKey, Life] = {}
        for layer, releases in zip(self._layers, self._releases, strict=True):
            brought = layer.flow_keys() - set(lives)
            lives |= lives_of(brought, releases)
        return lives

    def on(self, day: date) -> CatalogueDay:
        """The catalogue as it stands on a day: which flow versions are live, and how surely."""
        return CatalogueDay(catalogue=self, date=day.date() if isinstance(day, datetime) else day)

    def detect(self, source: Addressed | bytes | str | PathLike[str]) -> Detection:
        """Which flow versions a header names, or a file fits.

        Args:
            source: a header, or anything with a flow and a version; or a file's path; or
                a file's first bytes, as many as there are: the records that are whole are
                tried.

        See `dflow.catalogue.detect` for what fitting means.

        Raises:
            SourceError: if the file cannot be read.
        """
        return detect_in(self, source)

    def diff(self, old: Edition, new: Edition) -> CatalogueDiff:
        """What differs between two editions of the catalogue.

        Args:
            old: a release's name, a day, a `CatalogueDay`, or another catalogue.
            new: likewise.

        A release that is known by its changes only stands for the day it went live.

        Raises:
            LookupMiss: if a release is not known, or neither what it holds nor its day.
        """
        return diff_all(self._edition(old), self._edition(new))

    def diff_flows(self, old: FlowKey, new: FlowKey) -> FlowDiff:
        """What differs between two flow versions.

        Raises:
            LookupMiss: if the catalogue does not hold one of them.
        """
        return diff(self[old], self[new])

    def _edition(self, edition: Edition) -> Iterable[FlowDef]:
        if isinstance(edition, date):
            return self.on(edition)
        if not isinstance(edition, str):
            return edition
        release = self.release(edition)
        if release.holds:
            return release.flows
        if release.live is None:
            raise LookupMiss(f"release {release} has no day, and not all of it is known")
        return self.on(release.live)

    def _miss(self, flow: str, version: str) -> str:
        if versions := self.versions(flow):
            return f"no flow {flow} v{version}; known: {', '.join('v' + v for v in versions)}"
        near = near_misses(flow, dict.fromkeys(number for number, _ in self.keys))
        hint = f"; near: {', '.join(near)}" if near else ""
        return f"no flow {flow}{hint}"


def _merged(
    documents: list[TomlText], check: Callable[[TomlText, frozenset[str]], object]
) -> TomlText:
    """The documents of a shelf as one; each layer's own is checked first, with its places."""
    if len(documents) == 1:
        return documents[0]
    seen: set[str] = set()
    for toml in documents:
        check(toml, frozenset(seen))
        seen |= set(toml.data)
    data: dict[str, object] = {}
    faults: list[TextFault] = []
    for name, parts in merged_tables(documents):
        data[name], found = merge_parts(parts)
        faults += found
    if faults:
        raise RefusedText(faults)
    return TomlText(documents[-1].source, documents[-1].text, data)


def bundled_folder() -> Path:
    """Where the catalogue that comes with dflow lies: in the package, or in the checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "catalogue_data" / "dtc"
    return installed if installed.is_dir() else package.parents[1] / "catalogue" / "dtc"


def format_hints_folder() -> Path:
    """Where the overlay of format hints lies: guesses for formats the publication leaves out.

    Hints are not facts, and are applied only where a caller asks:
    ``bundled().over(format_hints_folder())``.
    """
    return bundled_folder().parent / "format-hints"


@cache
def bundled() -> Catalogue:
    """The catalogue that comes with dflow, the same value at every call."""
    return Catalogue(bundled_folder())
