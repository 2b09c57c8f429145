"""The manifest of a cut: what it holds, where that came from, and by which rules.

In: what was cut.  Out: JSON, and a `Manifest` from it again.  This module does not read
the files that a manifest names.

Personal data: a manifest holds MPANs, because without them nobody can prove that none is
allocated twice, nor refresh a cut.  It holds no other value of any file; but the names of
files are kept as they were, so an archive should not put a person's data in those.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path, PurePosixPath, PureWindowsPath

from attrs import asdict, frozen

from dflow.errors import SourceError

__all__ = ["MANIFEST", "CutFile", "CutRules", "Manifest", "Skip", "manifest_text", "read_manifest"]

#: The manifest's name inside a cut's folder.
MANIFEST = "manifest.json"

_FORMAT = "dflow cut 1"
_PERSONAL = (
    "MPANs stand here because allocation and refresh need them; they are personal data."
    "  No other value of a file stands here."
)
_MEANING = (
    "a file belongs if its sender or recipient is one of mpids, if any are given, its flow one"
    " of flows, if any are given, and if it is about one of mpans, if any are given; then only"
    " the records about those are kept, with all below them"
)


@frozen(kw_only=True)
class CutRules:
    """What belongs to a cut, and for whom it is.

    Attributes:
        phase: the test phase, such as ``SIT``.
        party: for whom the cut is.
        role: what the party is to its MPANs, such as ``supplier``; empty for everything.
            An MPAN is allocated to one party for each role.
        mpids: the participant's MPIDs, all of an organisation; empty for any.
        mpans: the portfolio; empty for any.
        flows: the flows, such as ``D0150``; empty for any.
    """

    phase: str
    party: str
    role: str = ""
    mpids: tuple[str, ...] = ()
    mpans: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()


@frozen(kw_only=True)
class CutFile:
    """One file of a cut.

    Attributes:
        file: its path below the cut's folder, with forward slashes.
        sha256: its hash.
        original: the path of its original below the archive.
        original_sha256: the original's hash; equal to `sha256` if the file is whole.
        flow: the flow, such as ``D0150``.
        version: its version.
        mpans: how many MPANs the file is about.
        told: whether all its MPANs are known; not if the flow's structure is not known, or
            records fit nowhere.
        added: when it came into the cut, UTC, ISO 8601.
    """

    file: str
    sha256: str
    original: str
    original_sha256: str
    flow: str
    version: str
    mpans: int
    told: bool
    added: str


@frozen
class Skip:
    """A file of the archive that could not be judged, so it is not in the cut.

    Attributes:
        original: its path below the archive.
        reason: why, without a value of the file.
    """

    original: str
    reason: str


@frozen(kw_only=True)
class Manifest:
    """What a cut holds.

    Attributes:
        rules: what belongs to it.
        source: the archive, as it was named.
        created: when the cut was made, UTC, ISO 8601.
        refreshed: when refreshing last changed it; empty if never.
        files: its files, in order of coming.
        skipped: what could not be judged when the archive was last read.
        allocated: the MPANs that are the party's: the portfolio, whether files were found
            or not; without a portfolio, every MPAN that a file is about.
        related: other MPANs that the files name, which stay another's.
        missing: the MPANs of the portfolio that no file is about.
    """

    rules: CutRules
    source: str
    created: str
    refreshed: str = ""
    files: tuple[CutFile, ...] = ()
    skipped: tuple[Skip, ...] = ()
    allocated: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def manifest_text(manifest: Manifest) -> str:
    """The manifest as JSON, the same for the same manifest."""
    flows = Counter(f"{one.flow} v{one.version}" for one in manifest.files)
    counts = {
        "files": len(manifest.files),
        "whole": sum(one.sha256 == one.original_sha256 for one in manifest.files),
        "skipped": len(manifest.skipped),
        "allocated": len(manifest.allocated),
        "related": len(manifest.related),
        "untold": sum(not one.told for one in manifest.files),
        "missing": len(manifest.missing),
        "by_flow": dict(sorted(flows.items())),
    }
    head = {"format": _FORMAT, "personal_data": _PERSONAL, "meaning": _MEANING, "counts": counts}
    return json.dumps({**head, **asdict(manifest)}, indent=1) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a cut.

    Args:
        folder: the cut's folder.

    Raises:
        SourceError: if there is none, or it is not one that `cut` wrote.
    """
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read as a manifest: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path}: cannot be read as a manifest: {error}") from error
    try:
        return _manifest(found)
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(f"{path}: is no manifest of a cut: {error}") from error


def _manifest(found: object) -> Manifest:
    table = _table(found)
    if table.get("format") != _FORMAT:
        raise ValueError(f"its format is not {_FORMAT!r}")
    rules = _table(table["rules"])
    return Manifest(
        rules=CutRules(
            phase=_text(rules["phase"]),
            party=_text(rules["party"]),
            role=_text(rules["role"]),
            mpids=_texts(rules["mpids"]),
            mpans=_texts(rules["mpans"]),
            flows=_texts(rules["flows"]),
        ),
        **{name: _text(table[name]) for name in ("source", "created", "refreshed")},
        files=tuple(_file(_table(one)) for one in _list(table["files"])),
        skipped=tuple(
            Skip(_text(one["original"]), _text(one["reason"]))
            for one in map(_table, _list(table["skipped"]))
        ),
        allocated=_texts(table["allocated"]),
        related=_texts(table["related"]),
        missing=_texts(table["missing"]),
    )


def _file(one: dict[str, object]) -> CutFile:
    name = _text(one["file"])
    windows = PureWindowsPath(name)  # knows both kinds of slash, and drives
    if windows.drive or windows.root or ".." in windows.parts or PurePosixPath(name).is_absolute():
        raise ValueError(f"{name!r} lies outside the cut")
    return CutFile(
        file=name,
        sha256=_text(one["sha256"]),
        original=_text(one["original"]),
        original_sha256=_text(one["original_sha256"]),
        flow=_text(one["flow"]),
        version=_text(one["version"]),
        mpans=_number(one["mpans"]),
        told=one["told"] is True,
        added=_text(one["added"]),
    )


def _table(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError("a table was expected")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("a list was expected")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text was expected")
    return value


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(_text, _list(value)))


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("a number was expected")
    return value
