"""A clone campaign as a file: scope, window, destinations, portfolio, acceptance.

In: a TOML file and the files it names.  Out: a `Campaign`, whole, or every mistake with
its place.  This module opens no exchange and changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Literal, cast
from zoneinfo import ZoneInfo

from attrs import field, frozen

from dflow.campaign.kinds import Classes, Kind, bundled_kinds, group_from, load_classes
from dflow.campaign.reading import Reading
from dflow.envelope import Party
from dflow.errors import RefusedText
from dflow.exchange.settings import TableReader
from dflow.generator.portfolio import portfolio_from
from dflow.timeline import Pairs, load_pairs
from dflow.tomltext import read_toml

__all__ = ["Campaign", "Direction", "Drop", "Look", "day_of", "load_campaign"]

#: Which side of the traffic is copied.
Direction = Literal["received", "sent", "both"]
#: How it is proved that a copy lies at its destination: by looking at the file that a
#: folder should hold, by asking the transport for its mark, or by the journal alone.
Look = Literal["files", "marks", "journal"]

_TABLES: dict[str, tuple[str, ...]] = {
    "campaign": (
        "name",
        "kind",
        "because",
        "owner",
        "flows",
        "parties",
        "direction",
        "start",
        "end",
        "cut_over",
        "destinations",
        "old",
        "readdressed_to",
        "portfolio",
        "zone",
    ),
    "exchange": ("config",),
    "backfill": ("since",),
    "acceptance": ("complete_when", "share", "look"),
    "drop": ("folder", "list", "into", "cut_at"),
    "pairs": ("file",),
    "watch": ("file",),
}


@frozen(kw_only=True)
class Drop:
    """What was handed over before the copies began: a migration drop.  Capability 30.

    Attributes:
        cut_at: the instant when it was cut.
        folder: a folder that ``dflow cut`` made; None for a list.
        listed: a CSV of what was handed over: columns mpan and flow; None for a folder.
        into: for a list, the folder of files that have passed since.
    """

    cut_at: datetime
    folder: Path | None = None
    listed: Path | None = None
    into: Path | None = None


@frozen(kw_only=True)
class Campaign:
    """Everything that the file says.

    Attributes:
        path: the file.
        digest: SHA-256 of the file, for reports.
        name: its name.
        kind: what kind of move it is, and what that presumes.
        because: why it is done; it stands in every rule.
        owner: who answers for it.
        flows: the flows of its scope; empty for all.
        parties: whose traffic is copied.
        direction: what they receive, what they send, or both.
        start: when copying begins.
        end: when it ends; None for good.
        cut_over: when the old side is to be switched off; None if that is not settled.
        destinations: where copies go.
        old: the destination whose receipt ends; empty for nobody's.
        readdressed_to: the recipient that copies bear; None for the original's.
        portfolio: its meter points, in order; empty if none are measured.
        portfolio_path: their file.
        exchange: the exchange's configuration.
        backfill: whether what passed before is copied.
        backfill_since: since when; None for everything that the journal has.
        complete_when: of each group one flow must have reached the new side.
        share: how much of the portfolio must be complete, from 0 to 1.
        look: how copies are looked for at their destinations.
        drop: what was handed over before; None for nothing.
        pairs: which flows are answered by which.
        classes: which flows are gain, loss, meter works.
        zone: where days begin.
    """

    path: Path
    digest: str
    name: str
    kind: Kind
    because: str
    owner: str
    flows: tuple[str, ...] = ()
    parties: tuple[Party, ...]
    direction: Direction = "received"
    start: datetime
    end: datetime | None = None
    cut_over: datetime | None = None
    destinations: tuple[str, ...]
    old: str = ""
    readdressed_to: Party | None = None
    portfolio: tuple[str, ...] = field(default=(), repr=False)
    portfolio_path: Path | None = None
    exchange: Path
    backfill: bool = False
    backfill_since: datetime | None = None
    complete_when: tuple[tuple[str, ...], ...] = ()
    share: float = 1.0
    look: Look = "files"
    drop: Drop | None = None
    pairs: Pairs
    classes: Classes = field(repr=False)
    zone: str = "Europe/London"

    @property
    def slug(self) -> str:
        """The name as rules can bear it."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    @property
    def changes_path(self) -> Path:
        """The change set beside the campaign's file."""
        return self.path.with_name(self.path.name + ".changes")

    @property
    def ledger_path(self) -> Path:
        """The ledger beside the campaign's file."""
        return self.path.with_name(self.path.name + ".ledger")

    @property
    def line_of(self) -> dict[str, int]:
        """The place of each meter point in the portfolio, from 1: it names without telling."""
        return {mpan: place for place, mpan in enumerate(self.portfolio, start=1)}


def load_campaign(path: Path) -> Campaign:
    """Read a campaign's file.

    Raises:
        SourceError: a file cannot be read.
        RefusedText: with every mistake and its place.
    """
    toml = read_toml(path)
    tables = TableReader(toml, path.parent)
    tables.only((), _TABLES)
    for name, known in _TABLES.items():
        tables.only((name,), known)
    zone = tables.table("campaign").get("zone", "Europe/London")
    words = Reading(tables, zone if isinstance(zone, str) else "")
    head, kind = ("campaign",), _kind(words)
    begin, end = words.instant("campaign", "start"), words.instant("campaign", "end")
    if begin is None and not tables.faults:
        tables.fault(head, "the campaign does not say when it starts", expected=("start",))
    portfolio_path = words.path("campaign", "portfolio")
    pairs_path, classes_path = words.path("pairs", "file"), words.path("watch", "file")
    exchange = words.path("exchange", "config")
    if exchange is None:
        tables.fault((), "the campaign names no exchange", expected=('[exchange] config = "..."',))
    backfill = "backfill" in toml.data or kind.backfill_all
    made = {
        "name": words.text("campaign", "name", owed=True),
        "because": words.text("campaign", "because", owed=True),
        "owner": words.text("campaign", "owner", owed=True),
        "flows": words.flows("campaign", "flows"),
        "parties": words.parties("campaign", "parties"),
        "direction": words.one_of("campaign", "direction", ("received", "sent", "both")),
        "cut_over": words.instant("campaign", "cut_over"),
        "destinations": words.texts("campaign", "destinations", owed=True),
        "old": words.text("campaign", "old"),
        "readdressed_to": words.party("campaign", "readdressed_to"),
        "portfolio": _portfolio(words, portfolio_path),
        "backfill_since": words.instant("backfill", "since"),
        "complete_when": _groups(words, kind),
        "share": words.part("acceptance", "share"),
        "look": words.one_of("acceptance", "look", ("files", "marks", "journal")),
        "drop": _drop(words),
    }
    tables.refuse()
    campaign = Campaign(
        path=path,
        digest=hashlib.sha256(toml.text.encode()).hexdigest(),
        kind=kind,
        start=cast("datetime", begin),
        end=end,
        portfolio_path=portfolio_path,
        exchange=cast("Path", exchange),
        backfill=backfill,
        pairs=load_pairs(pairs_path),
        classes=load_classes(classes_path),
        zone=words.zone,
        **made,  # type: ignore[arg-type]  # each was read as its field's kind just above
    )
    _contradictions(tables, campaign)
    tables.refuse()
    return campaign


def _kind(words: Reading) -> Kind:
    kinds = bundled_kinds()
    name = words.one_of("campaign", "kind", tuple(kinds))
    return kinds.get(name) or kinds["change of agent"]


def _portfolio(words: Reading, path: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    try:
        found = portfolio_from(path.read_text("utf-8"), source=str(path))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        words.fault(("campaign", "portfolio"), f"{path}: {why}")
        return ()
    except RefusedText as refused:
        words.tables.faults.extend(refused.faults)
        return ()
    if len(set(found)) < len(found):
        twice = len(found) - len(set(found))
        words.fault(("campaign", "portfolio"), f"{twice} meter points stand in it more than once")
    return found


def _groups(words: Reading, kind: Kind) -> tuple[tuple[str, ...], ...]:
    given = words.texts("acceptance", "complete_when")
    if "complete_when" not in words.tables.table("acceptance"):
        return kind.complete_when
    found = []
    for number, one in enumerate(given):
        here = ("acceptance", "complete_when", number)
        group = group_from(one)
        if group is None:
            words.fault(here, f"{one!r} is no flow, nor several", expected=("D0150 | D0268",))
            continue
        for flow in group:
            words.known_flow(flow, here)
        found.append(group)
    return tuple(found)


def _drop(words: Reading) -> Drop | None:
    table = words.tables.table("drop")
    if not table:
        return None
    folder, listed = words.path("drop", "folder"), words.path("drop", "list")
    into, cut_at = words.path("drop", "into"), words.instant("drop", "cut_at")
    if (folder is None) == (listed is None):
        words.fault(("drop",), "a drop is either a folder or a list", expected=("folder", "list"))
    if listed is not None and into is None:
        words.fault(("drop",), "a list needs into, the folder for what has passed since")
    if cut_at is None:
        words.fault(("drop",), "the drop does not say when it was cut", expected=("cut_at",))
        return None
    return Drop(cut_at=cut_at, folder=folder, listed=listed, into=into)


def _contradictions(tables: TableReader, one: Campaign) -> None:
    """What cannot be meant, told before anything is changed."""
    for key, message, expected in (*_window(one), *_sides(one), *_completes(one)):
        tables.fault(("campaign", key), message, expected=expected)
    if one.backfill_since is not None and one.backfill_since >= one.start:
        tables.fault(("backfill", "since"), "that is not before the campaign's start")
    if one.drop is not None and one.end is not None and one.drop.cut_at >= one.end:
        tables.fault(("drop", "cut_at"), "the drop was cut after the campaign's end")


#: A mistake: at which key, what, and what could have stood there.
_Mistake = tuple[str, str, tuple[str, ...]]


def _window(one: Campaign) -> Iterator[_Mistake]:
    if one.end is None and not one.kind.permanent:
        said = f"a {one.kind.name} ends: say when its copies stop"
        yield "end", said, ("end = 2026-06-01",)
    if one.end is not None and one.kind.permanent:
        yield "end", f"{one.kind.name} are for good: leave the end out", ()
    if one.end is not None and one.end <= one.start:
        yield "end", "the campaign ends before it starts", ()
    if one.cut_over is not None and one.kind.permanent:
        yield "cut_over", f"with {one.kind.name} nobody is switched off", ()
    elif one.cut_over is not None and not one.start < one.cut_over <= (one.end or one.cut_over):
        yield "cut_over", "the cut-over does not lie within the campaign", ()


def _sides(one: Campaign) -> Iterator[_Mistake]:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,50}", one.slug):
        yield "name", "rules bear the name: it begins with a letter, and is short", ()
    if one.kind.readdressed and one.readdressed_to is None:
        yield "readdressed_to", f"{one.kind.name} needs the recipient of the copies", ("M/NEWM",)
    if one.readdressed_to is not None and one.readdressed_to in one.parties:
        yield "readdressed_to", "copies would be readdressed to a party of the scope itself", ()
    if one.old in one.destinations:
        yield "old", f"{one.old} cannot be switched off: copies go there", ()
    if one.kind.permanent and one.old:
        yield "old", f"with {one.kind.name} nobody is switched off: leave it out", ()
    if not one.kind.permanent and not one.old:
        yield "old", "the destination whose receipt ends is not named", ()


def _completes(one: Campaign) -> Iterator[_Mistake]:
    if one.complete_when and not one.portfolio:
        yield "portfolio", "there is no portfolio to measure: name it, or complete_when = []", ()
    for group in one.complete_when if one.flows else ():
        if not set(group) & set(one.flows):
            words = " or ".join(group)
            yield "flows", f"{words} makes a meter point complete, and is not in the scope", ()


def day_of(instant: datetime, zone: str) -> date:
    """The day of an instant where the campaign is."""
    return instant.astimezone(ZoneInfo(zone)).date()
