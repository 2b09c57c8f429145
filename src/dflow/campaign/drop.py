"""A migration drop: what was handed over at one instant, and what has passed since.

In: a folder that a cut made, or a list of what was handed over; and the journal.  Out: what
the drop holds, and a folder made fresh with the traffic since.  This module decides no
content: `dflow.cut` narrows files to the portfolio, by its own rules.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from attrs import field, frozen

from dflow.campaign.config import Campaign, Drop
from dflow.campaign.copies import in_scope
from dflow.catalogue import bundled
from dflow.cut import CutRules, cut, read_manifest, refresh
from dflow.cut.narrowing import mpans_of
from dflow.errors import DflowError, RefusedText, SourceError, TextFault
from dflow.exchange.journal import Journal
from dflow.identifiers import is_mpan
from dflow.parse import read

__all__ = ["Handed", "Refreshed", "handed_over", "passed_since", "refresh_drop"]


@frozen(kw_only=True)
class Handed:
    """What was handed over.

    Attributes:
        has: since when the new side has a flow about a meter point.
        files: how many files the drop's folder holds.
        refreshed: when it was last made fresh; empty if never.
        hashes: SHA-256 of the originals that it holds.
    """

    has: Mapping[tuple[str, str], datetime] = field(factory=dict, repr=False)
    files: int = 0
    refreshed: str = ""
    hashes: frozenset[str] = field(default=frozenset(), repr=False)


@frozen(kw_only=True)
class Refreshed:
    """What refreshing did.  Capability 30.

    Attributes:
        passed: how many files of the scope arrived since the drop was cut.
        added: how many of them it did not hold yet, and now does.
        folder: the folder.
    """

    passed: int
    added: int
    folder: Path


def handed_over(campaign: Campaign) -> Handed:
    """What the drop holds; nothing if there is none.

    Raises:
        DflowError: it cannot be read.
    """
    drop = campaign.drop
    if drop is None:
        return Handed()
    has: dict[tuple[str, str], datetime] = {}
    if drop.listed is not None:
        for mpan, flow in _listed(drop.listed):
            has[flow, mpan] = drop.cut_at
    folder = _folder(drop)
    if folder is None or (drop.folder is None and not folder.exists()):
        return Handed(has=has)
    manifest = read_manifest(folder)
    for one in manifest.files:
        at = max(drop.cut_at, datetime.fromisoformat(one.added)) if drop.listed else drop.cut_at
        try:
            about = mpans_of(read(folder / one.file))[0]
        except SourceError as error:
            raise DflowError(f"{error}; the drop's manifest names it: cut it again") from error
        for mpan in about:
            has[one.flow, mpan] = min(at, has.get((one.flow, mpan), at))
    return Handed(
        has=has,
        files=len(manifest.files),
        refreshed=manifest.refreshed,
        hashes=frozenset(one.original_sha256 for one in manifest.files),
    )


def _folder(drop: Drop) -> Path | None:
    return drop.into if drop.folder is None else drop.folder


def _listed(path: Path) -> list[tuple[str, str]]:
    """The rows of a list of what was handed over: columns mpan and flow."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        raise SourceError(f"{path}: {why}") from error
    rows = csv.DictReader(text.splitlines())
    faults: list[TextFault] = []
    found: list[tuple[str, str]] = []
    known = {flow for flow, _ in bundled().keys}
    if not {"mpan", "flow"} <= set(rows.fieldnames or ()):
        fault = TextFault(source=str(path), line=1, column=0, message="no columns mpan and flow")
        raise RefusedText([fault])
    for row in rows:
        mpan, flow = (row["mpan"] or "").strip(), (row["flow"] or "").strip()
        if is_mpan(mpan) and flow in known:
            found.append((mpan, flow))
            continue
        what = "no MPAN with its check digit" if not is_mpan(mpan) else f"no flow {flow!r}"
        faults.append(TextFault(source=str(path), line=rows.line_num, column=0, message=what))
    if faults:
        raise RefusedText(faults[:20])
    return found


def passed_since(campaign: Campaign, journal: Journal, now: datetime) -> list[tuple[str, str]]:
    """Name and hash of each file of the scope that arrived since the drop was cut."""
    if campaign.drop is None:
        return []
    since = campaign.drop.cut_at.timestamp()
    rows = in_scope(campaign, journal, since=since, until=now.timestamp() + 1)
    return [(f"{row.id:010}_{Path(row.name).name}", row.hash) for row in rows]


def refresh_drop(campaign: Campaign, journal: Journal, now: datetime) -> Refreshed:
    """Add to the drop what passed since it was cut, narrowed to the portfolio.

    Doing it twice adds nothing twice.

    Raises:
        DflowError: there is no drop, or it cannot be read or written.
    """
    drop, folder = campaign.drop, _folder(campaign.drop) if campaign.drop else None
    if drop is None or folder is None:
        raise DflowError(f"{campaign.path}: there is no [drop] to refresh")
    passed = passed_since(campaign, journal, now)
    at = now.astimezone(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory(prefix="dflow-drop-") as name:
        archive = Path(name)
        for file, hash_ in passed:
            (archive / file).write_bytes(journal.payload(hash_))
        if drop.folder is None and not folder.exists():
            rules = CutRules(
                phase="migration drop",
                party=", ".join(campaign.destinations),
                mpans=campaign.portfolio,
                flows=campaign.flows,
            )
            manifest = cut(archive, folder, rules, at=at)
            added = len(manifest.files)
        else:
            _, added = refresh(archive, folder, at=at)
    return Refreshed(passed=len(passed), added=added, folder=folder)
