"""Releases of the catalogue, as dated data.

In: the TOML texts of `releases/`.  Out: `Release` values, or `RefusedText` with file, line
and near miss.  This module does not know what a release means for a flow version's life.

A release says which flow versions start with it, which change under the same number, and
which are withdrawn; a whole publication says what it holds, all of it.  What is not
known (the day of going live, the day of publication) is left out and stays unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from attrs import field, frozen

from dflow.catalogue.model import FlowDef, Provenance
from dflow.catalogue.tables import TableReader
from dflow.tomltext import TomlText

__all__ = ["FlowKey", "Release", "release_from"]

#: A flow and a version, as the catalogue is keyed.
FlowKey = tuple[str, str]

_KEYS = (
    "release",
    "live",
    "published",
    "starts",
    "changes",
    "withdraws",
    "holds",
    "provenance",
    "corrects",
)


@frozen(kw_only=True)
class Release:
    """A release of the catalogue.

    Attributes:
        name: its version, such as ``12.5``.
        live: the day it goes live; None if not known.
        published: the day it was published, as printed; None if not known.
        starts: the flow versions that are live from then on; each supersedes lower ones.
        changes: flow versions that changed under the same number.
        withdraws: flow versions that end without a successor.
        holds: every flow version, where the release is known as a whole publication;
            empty where only its changes are known.
        provenance: where the entry comes from.
    """

    name: str
    live: date | None = None
    published: date | None = None
    starts: tuple[FlowKey, ...] = ()
    changes: tuple[FlowKey, ...] = ()
    withdraws: tuple[FlowKey, ...] = ()
    holds: tuple[FlowKey, ...] = ()
    provenance: Provenance
    _flow: Callable[[FlowKey], FlowDef] = field(eq=False, repr=False)

    @property
    def keys(self) -> tuple[FlowKey, ...]:
        """The release's flow versions: all it holds, or, if only that is known, all it starts."""
        return self.holds or self.starts

    @property
    def flows(self) -> tuple[FlowDef, ...]:
        """The definitions of its flow versions, loaded now.

        Raises:
            LookupMiss: if the catalogue does not hold one of them.
        """
        return tuple(self._flow(key) for key in self.keys)

    @property
    def seen(self) -> date | None:
        """The day for which the release speaks: live, or else published."""
        return self.live or self.published

    def __str__(self) -> str:
        return self.name


def release_from(toml: TomlText, flow: Callable[[FlowKey], FlowDef]) -> Release:
    """The release that a file describes.

    Args:
        toml: the file.
        flow: gives the definition of a flow version when it is asked for.

    Raises:
        RefusedText: with every mistake of the file.
    """
    reader = TableReader(toml)
    reader.keys(toml.data, (), _KEYS)
    release = Release(
        name=reader.text(toml.data, (), "release"),
        live=reader.date("live"),
        published=reader.date("published"),
        starts=reader.flow_keys("starts"),
        changes=reader.flow_keys("changes"),
        withdraws=reader.flow_keys("withdraws"),
        holds=reader.flow_keys("holds"),
        provenance=reader.provenance(toml.data, ()),
        flow=flow,
    )
    if not (release.starts or release.holds or release.changes or release.withdraws):
        reader.fault((), "a release without a single flow version")
    reader.done()
    return release
