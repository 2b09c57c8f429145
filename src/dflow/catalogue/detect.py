"""Which flow versions a header names, or a file's records fit.

In: a header, or the first bytes of a file.  Out: a `Detection`: what the header names,
and for each candidate whether the records fit.  This module does not parse files: it
looks at group codes, their nesting and their numbers of fields, which is what tells
versions of a flow apart, and at no value.

Candidates are all versions of the flow that the header names; if it names none that the
catalogue holds, every flow version that has a structure.  A version without a known
structure cannot be told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Protocol, runtime_checkable

from attrs import frozen

from dflow.catalogue.conditions import Answer
from dflow.catalogue.model import FlowDef, GroupDef
from dflow.catalogue.releases import FlowKey
from dflow.errors import SourceError, near_misses

__all__ = ["Addressed", "Candidate", "Detection", "detect_in"]

#: The most records that are looked at: enough to meet every group of a flow.
_MOST_RECORDS = 20_000

#: The most bytes of a file that are read.
_MOST_BYTES = 4 * 1024 * 1024


@runtime_checkable
class Addressed(Protocol):
    """A header, or anything that names a flow and its version."""

    @property
    def flow(self) -> str:
        """The flow's number."""

    @property
    def version(self) -> str:
        """The flow's version."""


class _Catalogue(Protocol):
    @property
    def keys(self) -> tuple[FlowKey, ...]: ...

    def versions(self, flow: str) -> tuple[str, ...]: ...

    def __getitem__(self, key: FlowKey) -> FlowDef: ...


@frozen(kw_only=True)
class Candidate:
    """A flow version, and whether a file's records fit it.

    Attributes:
        definition: the flow version.
        fits: whether every record that was looked at has its place and its fields;
            cannot be told where the structure is not known, or no record was given.
        why: the first record that does not fit, or why it cannot be told; empty if it fits.
    """

    definition: FlowDef
    fits: Answer
    why: str = ""

    @property
    def key(self) -> FlowKey:
        """Flow and version."""
        return self.definition.key

    def __str__(self) -> str:
        return f"{self.definition}: {self.fits.value}{f' ({self.why})' if self.why else ''}"


@frozen(kw_only=True)
class Detection:
    """What was found out.

    Attributes:
        flow: the flow that the header names; empty if there is none.
        version: the version that the header names; empty if there is none.
        named: that flow version, or None if the catalogue does not hold it.
        candidates: the flow versions that were tried: those that fit first, the named one
            before the others.
        remark: why `named` is None, with the near misses; else empty.
    """

    flow: str
    version: str
    named: FlowDef | None
    candidates: tuple[Candidate, ...] = ()
    remark: str = ""

    @property
    def fitting(self) -> tuple[FlowDef, ...]:
        """The flow versions that the records fit."""
        return tuple(one.definition for one in self.candidates if one.fits is Answer.HOLDS)


def detect_in(catalogue: _Catalogue, source: Addressed | bytes | str | PathLike[str]) -> Detection:
    """See `Catalogue.detect`."""
    if isinstance(source, str | PathLike):
        source = _first_bytes(Path(source))
    if isinstance(source, bytes):
        flow, version = _named_by(source)
        records = list(_records(source))
    else:
        flow, version, records = source.flow, source.version, []
    versions = catalogue.versions(flow)
    remark, named = "", None
    if (flow, version) in catalogue.keys:
        named = catalogue[flow, version]
    elif versions:
        known = ", ".join("v" + known for known in versions)
        remark = f"no flow {flow} v{version}; known: {known}"
    else:
        near = near_misses(flow, dict.fromkeys(number for number, _ in catalogue.keys))
        remark = f"no flow {flow}" if flow else "no header names a flow"
        remark += f"; near: {', '.join(near)}" if near else ""
    if versions:
        tried = [_candidate(catalogue[flow, version], records) for version in versions]
    else:
        every = [catalogue[key] for key in catalogue.keys] if records else []
        tried = [_candidate(definition, records) for definition in every]
        tried = [candidate for candidate in tried if candidate.fits is Answer.HOLDS]
    order = (Answer.HOLDS, Answer.CANNOT_TELL, Answer.FAILS)
    tried.sort(key=lambda one: (order.index(one.fits), one.key != (flow, version)))
    return Detection(
        flow=flow, version=version, named=named, candidates=tuple(tried), remark=remark
    )


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error


def _named_by(data: bytes) -> tuple[str, str]:
    """Flow and version of the first record: field 2 of a ZHV or long ZHD, field 1 of a short."""
    fields = data.split(b"\n", 1)[0][:200].decode("latin-1").rstrip("\r").split("|")
    if fields[0] not in {"ZHV", "ZHD"}:
        return "", ""
    for field in fields[1:3]:
        if found := re.fullmatch(r"([A-Z][0-9A-Z]{4})([0-9]{3})", field, re.ASCII):
            return found[1], found[2]
    return "", ""


def _records(data: bytes) -> Iterator[tuple[int, str, int, bool]]:
    """Line, group code, number of fields and whether it is closed, of each whole body record."""
    lines = data.split(b"\n", _MOST_RECORDS + 1)
    whole = lines if len(lines) <= _MOST_RECORDS else lines[:_MOST_RECORDS]
    for number, raw in enumerate(whole, start=1):
        line = raw.rstrip(b"\r")
        code, _, rest = line.partition(b"|")
        if not line or code in {b"ZHV", b"ZHD", b"ZPT"}:
            continue
        closed = line.endswith(b"|")
        if number == len(whole) and not closed:
            return  # the last record may be cut
        fields = rest.count(b"|") + (not closed)
        yield number, code.decode("latin-1"), fields, closed


def _candidate(flow: FlowDef, records: list[tuple[int, str, int, bool]]) -> Candidate:
    if not flow.structured:
        return Candidate(definition=flow, fits=Answer.CANNOT_TELL, why="structure not known")
    if not records:
        return Candidate(definition=flow, fits=Answer.CANNOT_TELL, why="no records to look at")
    open_groups: list[GroupDef] = []
    for line, code, fields, closed in records:
        found = _place(flow, open_groups, code)
        if found is None:
            why = f"line {line}: {code} cannot stand there"
            return Candidate(definition=flow, fits=Answer.FAILS, why=why)
        # A record of a pool file need not be closed, and then its last fields may be left out.
        if fields != len(found.items) and (closed or fields > len(found.items)):
            why = f"line {line}: {code} has {fields} fields, not {len(found.items)}"
            return Candidate(definition=flow, fits=Answer.FAILS, why=why)
    return Candidate(definition=flow, fits=Answer.HOLDS)


def _place(flow: FlowDef, open_groups: list[GroupDef], code: str) -> GroupDef | None:
    """The group of this code under the nearest open group that allows it; opens it."""
    for depth in range(len(open_groups), -1, -1):
        under = open_groups[depth - 1].groups if depth else flow.groups
        found = next((group for group in under if group.code == code), None)
        if found is not None:
            open_groups[depth:] = [found]
            return found
    return None
