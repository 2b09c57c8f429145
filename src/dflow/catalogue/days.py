"""The catalogue on a day: which flow versions are live.

In: a catalogue and a day.  Out: standings, and the flow versions of the day.  This module
does not know how lives come about.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Protocol

from attrs import field, frozen

from dflow.catalogue.lives import Life, Standing
from dflow.catalogue.model import FlowDef
from dflow.catalogue.releases import FlowKey
from dflow.errors import LookupMiss

__all__ = ["CatalogueDay"]


class _Catalogue(Protocol):
    @property
    def keys(self) -> tuple[FlowKey, ...]: ...

    def life(self, flow: str, version: str) -> Life: ...

    def versions(self, flow: str) -> tuple[str, ...]: ...

    def __getitem__(self, key: FlowKey) -> FlowDef: ...


@frozen(kw_only=True)
class CatalogueDay:
    """A catalogue as it stands on a day.

    Attributes:
        catalogue: whose day it is.
        date: the day.
    """

    catalogue: _Catalogue = field(repr=False)
    date: date

    def standing(self, flow: str, version: str) -> Standing:
        """Whether a flow version is announced, live, superseded or withdrawn that day.

        Raises:
            LookupMiss: if the catalogue does not hold it.
        """
        return self.catalogue.life(flow, version).on(self.date)

    @property
    def live(self) -> tuple[FlowKey, ...]:
        """The flow versions that are live that day, surely or as presumed, sorted."""
        return tuple(key for key in self.catalogue.keys if self.standing(*key).state == "live")

    @property
    def surely_live(self) -> tuple[FlowKey, ...]:
        """Those of `live` for which the known dates settle it."""
        return tuple(key for key in self.live if self.standing(*key).sure)

    def latest(self, flow: str) -> FlowDef:
        """The flow's highest version that is live that day; a sure one before a presumed one.

        Raises:
            LookupMiss: if no version of the flow is live, saying how each stands.
        """
        versions = self.catalogue.versions(flow)
        standings = {version: self.standing(flow, version) for version in versions}
        live = [version for version in versions if standings[version].state == "live"]
        if not live:
            told = "; ".join(f"v{version} {standings[version]}" for version in versions)
            raise LookupMiss(f"no version of {flow} is live on {self.date}: {told or 'none known'}")
        sure = [version for version in live if standings[version].sure]
        return self.catalogue[flow, (sure or live)[-1]]

    def __iter__(self) -> Iterator[FlowDef]:
        return (self.catalogue[key] for key in self.live)

    def __len__(self) -> int:
        return len(self.live)

    def __contains__(self, key: object) -> bool:
        return key in self.live
