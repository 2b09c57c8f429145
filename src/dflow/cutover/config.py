"""A cut-over plan as a file.

In: a TOML file, and the catalogue that its flows and roles are looked up in.  Out: a
`CutoverPlan`, or every mistake with its place.  A plan that contradicts itself is refused
whole, before anything is moved.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dflow.catalogue import Catalogue, Release, bundled
from dflow.cutover.contradictions import contradictions
from dflow.cutover.plan import (
    ACTIONS,
    Action,
    Batch,
    Comparing,
    CutoverPlan,
    Member,
    Outage,
    Relating,
    Repoint,
    Reprocessing,
    Restriction,
    Retention,
    Step,
)
from dflow.cutover.words import Table, Words
from dflow.envelope import Party
from dflow.errors import LookupMiss
from dflow.exchange.settings import TableReader
from dflow.routing import PartyPattern
from dflow.tomltext import read_toml

__all__ = ["load_plan"]

_TABLES = (
    "plan",
    "party",
    "step",
    "outage",
    "restriction",
    "repoint",
    "retention",
    "files",
    "reprocess",
    "related",
    "compare",
)
_HEAD = (
    *("name", "version", "zone", "release", "closure", "exchange", "work", "changes"),
    *("flows", "contact"),
)


def load_plan(path: Path, *, catalogue: Catalogue | None = None) -> CutoverPlan:
    """Read a plan's file.

    Raises:
        SourceError: the file cannot be read.
        RefusedText: with every mistake and its place.
    """
    toml = read_toml(path)
    reader = TableReader(toml, path.parent)
    reader.only((), _TABLES)
    head = reader.table("plan", required=True)
    words = Words(reader, _zone(reader, head.get("zone", "Europe/London")))
    digest = hashlib.sha256(toml.text.encode()).hexdigest()
    plan = _Reading(words, catalogue or bundled()).plan(path, digest)
    reader.refuse()
    for one in contradictions(plan):
        reader.fault(_place(plan, one.about), one.words)
    reader.refuse()
    return plan


def _zone(reader: TableReader, value: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        reader.fault(("plan", "zone"), f"no time zone {value!r}", expected=("Europe/London",))
        return ZoneInfo("Europe/London")


def _place(plan: CutoverPlan, name: str) -> tuple[str | int, ...]:
    """Where the step or the system of a contradiction stands."""
    for number, step in enumerate(plan.steps):
        if step.name == name:
            return ("step", number)
    for number, outage in enumerate(plan.outages):
        if outage.system == name:
            return ("outage", number)
    return ("restriction", 0)


def _is_participant(text: str) -> bool:
    """One participant in one role, of letters that are safe in names of files."""
    try:
        pattern = PartyPattern.parse(text)
    except ValueError:
        return False
    return bool(pattern.role) and "*" not in text


class _Reading:
    def __init__(self, words: Words, catalogue: Catalogue) -> None:
        self.words = words
        self.catalogue = catalogue

    def plan(self, path: Path, digest: str) -> CutoverPlan:
        """The whole plan; what is wrong has been noted."""
        head = self.words.table("plan") or Table(self.words, ("plan",), {})
        head.only(*_HEAD)
        release = self._release(head)
        steps = self._unique([self._step(one) for one in self.words.tables("step")])
        members = tuple(self._member(one) for one in self.words.tables("party"))
        if not steps:
            head.fault("name", "the plan has no [[step]]")
        if not members:
            head.fault("name", "the plan has no [[party]]: whose files are cut over?")
        known = tuple(one.party for one in members)
        return CutoverPlan(
            path=path,
            digest=digest,
            name=head.text("name"),
            version=head.text("version", needed=False),
            zone=self.words.zone,
            release=release.name if release else "",
            closure=head.instant("closure"),
            config=self._config(head),
            work=head.file("work") or path.with_suffix(".work"),
            changes=head.file("changes") or path.with_suffix(".changes.toml"),
            flows=self._flows(head, release),
            members=members,
            steps=steps,
            outages=tuple(self._outage(one) for one in self.words.tables("outage")),
            restrictions=tuple(self._restriction(t) for t in self.words.tables("restriction")),
            repoints=tuple(self._repoint(one) for one in self.words.tables("repoint")),
            retentions=tuple(self._retention(one) for one in self.words.tables("retention")),
            batches=tuple(self._batch(one, known) for one in self.words.tables("files")),
            reprocessing=self._reprocess(),
            relating=self._related(),
            comparing=self._compare(),
            contact=head.text("contact", needed=False),
        )

    # -- the head ------------------------------------------------------------------

    def _release(self, head: Table) -> Release | None:
        name = head.text("release")
        try:
            release = self.catalogue.release(name) if name else None
        except LookupMiss as miss:
            head.fault("release", str(miss))
            return None
        if release is not None and not release.starts:
            head.fault("release", f"what release {name} starts is not known")
        return release

    def _config(self, head: Table) -> Path:
        head.text("exchange")
        return head.file("exchange", there=True) or Path()

    def _flows(self, head: Table, release: Release | None) -> tuple[tuple[str, str], ...]:
        """The flow versions of the gate: as listed, or all that the release starts."""
        starts = release.starts if release else ()
        listed = head.texts("flows")
        if not listed:
            return tuple(sorted(starts))
        found = []
        for text in listed:
            flow, _, version = text.partition(" v")
            if (flow, version) not in self.catalogue:
                known = [f"{f} v{v}" for f, v in starts]
                head.fault("flows", f"the catalogue has no {text}", known=known, near=text)
            elif (flow, version) not in starts:
                head.fault("flows", f"release {release} does not start {text}")
            found.append((flow, version))
        return tuple(sorted(found))

    def _party(self, table: Table, key: str) -> Party:
        text = table.text(key)
        role, _, mpid = text.partition("/")
        if text and not _is_participant(text):
            table.fault(key, f"{text!r} is no participant", known=("X/UDMS",))
        elif text and role not in self.catalogue.roles.codes:
            table.fault(
                key, f"the catalogue has no role {role!r}", known=sorted(self.catalogue.roles.codes)
            )
        return Party(role, mpid)

    def _member(self, table: Table) -> Member:
        table.only("id", "area")
        return Member(party=self._party(table, "id"), area=table.text("area", needed=False))

    # -- steps ---------------------------------------------------------------------

    def _step(self, table: Table) -> Step:
        table.only("name", "what", "owner", "from", "to", "after", "do", "uses", "alone", "say")
        do = table.text("do", needed=False) or "manual"
        if do not in ACTIONS:
            table.fault("do", f"a step cannot do {do!r}", known=ACTIONS, near=do)
        start, end = table.window()
        return Step(
            name=table.text("name"),
            what=table.text("what"),
            owner=table.text("owner"),
            start=start,
            end=end,
            after=table.texts("after"),
            do=cast("Action", do),
            uses=table.texts("uses"),
            alone=table.flag("alone"),
            say=table.text("say", needed=False),
        )

    def _unique(self, steps: list[Step]) -> tuple[Step, ...]:
        seen: set[str] = set()
        for table, one in zip(self.words.tables("step"), steps, strict=True):
            if one.name in seen:
                table.fault("name", f"there are two steps {one.name}")
            seen.add(one.name)
        for table, one in zip(self.words.tables("step"), steps, strict=True):
            for name in one.after:
                if name not in seen:
                    table.fault("after", f"there is no step {name}", known=sorted(seen), near=name)
        return tuple(steps)

    def _outage(self, table: Table) -> Outage:
        table.only("system", "step", "hours")
        limit = timedelta(hours=table.number("hours"))
        return Outage(system=table.text("system"), step=table.text("step"), limit=limit)

    def _restriction(self, table: Table) -> Restriction:
        table.only("system", "from", "to", "allowed", "gone")
        start, end = table.window()
        return Restriction(
            system=table.text("system"),
            start=start,
            end=end,
            allowed=table.texts("allowed"),
            gone=table.texts("gone"),
        )

    # -- what steps work on --------------------------------------------------------

    def _pattern(self, table: Table, key: str) -> PartyPattern:
        text = table.text(key)
        try:
            pattern = PartyPattern.parse(text)
        except ValueError as error:
            table.fault(key, str(error))
            return PartyPattern("*", "*")
        known = self.catalogue.roles.codes
        if "*" not in pattern.role and pattern.role not in known:
            table.fault(key, f"the catalogue has no role {pattern.role!r}", known=sorted(known))
        return pattern

    def _known_flow(self, table: Table, key: str) -> str:
        flow = table.text(key)
        if flow and not self.catalogue.versions(flow):
            known = sorted({one for one, _ in self.catalogue.keys})
            table.words.reader.fault(
                (*table.path, key), f"the catalogue has no flow {flow}", near_to=flow, known=known
            )
        return flow

    def _repoint(self, table: Table) -> Repoint:
        table.only("flow", "from", "to", "at", "deliver")
        old, new = self._pattern(table, "from"), self._pattern(table, "to")
        if old == new:
            table.fault("to", "the new address is the old one")
        return Repoint(
            flow=self._known_flow(table, "flow"),
            old=old,
            new=new,
            at=table.instant("at"),
            deliver=table.text("deliver", needed=False),
        )

    def _retention(self, table: Table) -> Retention:
        table.only("name", "folder", "until")
        table.text("folder")
        return Retention(
            name=table.text("name"),
            folder=table.file("folder") or Path(),
            until=table.instant("until"),
        )

    def _batch(self, table: Table, known: tuple[Party, ...]) -> Batch:
        table.only(
            *("name", "for", "fetch_by", "folder", "table", "prefixes", "key"),
            *("flow", "version", "count"),
        )
        party = self._party(table, "for")
        names = [one.values.get("name") for one in self.words.tables("files")]
        if names.count(table.values.get("name")) > 1:
            table.fault("name", f"there are two files {table.values.get('name')}")
        if party not in known:
            table.fault("for", f"the plan has no party {party}", known=[str(one) for one in known])
        given = [key for key in ("folder", "table", "flow") if key in table.values]
        if len(given) != 1:
            table.fault("name", "files come from one of folder, table, flow")
        flow, version = "", table.text("version", needed=False)
        if "flow" in given:
            flow = self._known_flow(table, "flow")
            if flow and (flow, version) not in self.catalogue:
                table.fault("version", f"the catalogue has no {flow} v{version}")
        prefixes = table.texts("prefixes")
        if "table" in given and not prefixes:
            table.fault("prefixes", "prefixes is missing: how do the party's meter points begin?")
        return Batch(
            name=table.text("name"),
            party=party,
            fetch_by=table.instant("fetch_by"),
            folder=table.file("folder"),
            table=table.file("table"),
            prefixes=prefixes,
            key=table.text("key", needed=False) or "mpan",
            flow=flow,
            version=version,
            count=table.whole("count", default=1 if flow else 1_000_000),
        )

    def _reprocess(self) -> Reprocessing | None:
        table = self.words.table("reprocess")
        if table is None:
            return None
        table.only("destination", "from", "to", "flows")
        start, end = table.window()
        return Reprocessing(
            destination=table.text("destination"),
            start=start,
            end=end,
            flows=table.texts("flows"),
        )

    def _related(self) -> Relating | None:
        table = self.words.table("related")
        if table is None:
            return None
        table.only("files", "table")
        table.text("files"), table.text("table")
        return Relating(files=table.file("files") or Path(), table=table.file("table") or Path())

    def _compare(self) -> Comparing | None:
        table = self.words.table("compare")
        if table is None:
            return None
        table.only("left", "right", "key", "ignore", "prefer")
        table.text("left"), table.text("right")
        prefer = table.text("prefer", needed=False)
        if prefer not in ("", "left", "right"):
            table.fault("prefer", 'prefer must be "left" or "right": whose value stands')
        return Comparing(
            left=table.file("left") or Path(),
            right=table.file("right") or Path(),
            key=table.text("key", needed=False) or "mpan",
            ignore=table.texts("ignore"),
            prefer="left" if prefer == "left" else "right" if prefer == "right" else "",
        )
