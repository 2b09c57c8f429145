"""The catalogue as a value: asked by flow and version, loaded entry by entry.

In: folders of catalogue files, one over another.  Out: definitions, on demand and once.
This module does not parse D-flows, does not know how layers merge, and keeps no global
state: the bundled catalogue is one value, and callers may load and pass others.
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
from dflow.catalogue.layers import Layer
from dflow.catalogue.lives import Life, lives_of
from dflow.catalogue.merged import (
    merged_conditions,
    merged_flow,
    merged_roles,
    merged_sensitive,
    merged_shelf,
)
from dflow.catalogue.model import FlowDef, ItemDef
from dflow.catalogue.releases import FlowKey, Release, release_from
from dflow.catalogue.roles import Roles
from dflow.catalogue.sidecars import ConditionEntry, conditions_of
from dflow.catalogue.tables import ITEM_REFERENCE, is_code, shelf_of, version_order
from dflow.errors import LookupMiss, near_misses

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
            if key not in self.keys:
                raise LookupMiss(_misasked(key) or self._miss(*key))
            found = merged_flow(self._layers, key, self.item)
            if entries := self._conditions.get(key):
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

    def over(self, *overlays: str | PathLike[str]) -> Catalogue:
        """The same catalogue under further overlays, the last on top."""
        return Catalogue(self.folder, (*self.overlays, *map(Path, overlays)))

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
        return self._once("roles", lambda: merged_roles(self._layers))

    @property
    def _conditions(self) -> dict[FlowKey, tuple[ConditionEntry, ...]]:
        return self._once("conditions", lambda: merged_conditions(self._layers))

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
            shelf = self._shelves[name] = merged_shelf(self._layers, name, self._sensitive)
        return shelf

    def _sensitive(self) -> dict[str, str]:
        return self._once("sensitive", lambda: merged_sensitive(self._layers))

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


def _misasked(key: object) -> str:
    """What is wrong with a key that is no flow and version; empty if it is one."""
    match key:
        case (str(), str()):
            return ""
    return (
        f"{key!r} is no flow and version; ask for them as two texts, such as ['D0010', '002'],"
        " or for latest('D0010')"
    )


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
