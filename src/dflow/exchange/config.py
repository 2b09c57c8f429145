"""The wiring of an exchange as a file: `dflow.toml`.

In: a TOML file.  Out: a `Wiring`, from which an `Exchange` is made.  A mistake in it, or
in the rules it names, is refused with its place before anything is opened or moved.  This
module opens neither journal nor transport by reading.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Sequence
from datetime import datetime, time
from math import inf
from pathlib import Path
from typing import cast

from attrs import evolve, field, frozen

from dflow.delivery import Breaker, Closed, Order, Quota, Retry, Treatment, Unanswered
from dflow.errors import DflowError, RefusedText, near_misses, near_or_known
from dflow.exchange.check import held_by_check
from dflow.exchange.contradictions import Inspection, inspect
from dflow.exchange.driver import Exchange, Source
from dflow.exchange.gate import Gate
from dflow.exchange.journal import Journal, PostgresJournal, SqliteJournal
from dflow.exchange.lane import Mount
from dflow.exchange.options import OPTIONS
from dflow.exchange.places import JournalPlace, journal_place
from dflow.exchange.reload import RulesState, rules_state
from dflow.exchange.seen import Watcher
from dflow.exchange.settings import TableReader
from dflow.exchange.telemetry import Telemetry
from dflow.findings import Severity
from dflow.parse import read
from dflow.routing import Routes
from dflow.routing.remark import Remark
from dflow.tomltext import TomlValue, read_toml
from dflow.transport.kinds import Setting, TransportKind
from dflow.transport.plugins import Kinds, transport_kinds

__all__ = ["Wiring", "load_wiring"]


@frozen(kw_only=True)
class Wiring:
    """What a configuration says, checked.

    Attributes:
        path: the file.
        routes_path: the rules' file.
        routes: the rules.
        rules_state: of their files, before they were read.
        journal_place: where the journal is.
        mounts: destinations; opening one touches nothing yet.
        sources: where files come from.
        hold_on: hold a file in which the check finds this or worse; None checks nothing.
        refuse_on: refuse rules of which lint remarks this or worse; None for mistakes only.
        watchers: what watches the exchange, such as OpenTelemetry.
        remarks: what lint remarks about the rules that is not enough to refuse them.
    """

    path: Path
    routes_path: Path
    routes: Routes = field(repr=False)
    journal_place: JournalPlace
    mounts: tuple[Mount, ...]
    sources: tuple[Source, ...]
    hold_on: Severity | None = None
    refuse_on: Severity | None = None
    watchers: tuple[Watcher, ...] = field(default=(), repr=False)
    rules_state: RulesState | None = field(default=None, repr=False)
    remarks: tuple[Remark, ...] = field(default=(), repr=False)

    def mount(self, name: str) -> Mount:
        """A destination by its name.

        Raises:
            DflowError: there is none; it names what is near, or else all that there are.
        """
        by_name = {one.name: one for one in self.mounts}
        if name not in by_name:
            near = near_or_known(name, by_name)
            raise DflowError(f"{self.path}: no destination {name!r}; {near}")
        return by_name[name]

    def gated(self, name: str, gate: Gate) -> Wiring:
        """The same with a gate before one destination.

        Raises:
            DflowError: there is no such destination.
        """
        held = evolve(self.mount(name), gate=gate)
        mounts = tuple(held if one.name == name else one for one in self.mounts)
        return evolve(self, mounts=mounts)

    def open_journal(self) -> SqliteJournal | PostgresJournal:
        """The journal, made if it is missing.

        Raises:
            JournalError: if it cannot be used.
        """
        return self.journal_place.open()

    def exchange(self, journal: Journal) -> Exchange:
        """The exchange over an open journal."""
        return Exchange(
            routes=self.routes,
            journal=journal,
            mounts=self.mounts,
            sources=self.sources,
            read_flow=read,
            check=None if self.hold_on is None else held_by_check(self.hold_on),
            watchers=self.watchers,
        )


def load_wiring(path: Path, *, kinds: Sequence[TransportKind] | None = None) -> Wiring:
    """Read a configuration and the rules it names.

    Args:
        path: the file.
        kinds: the kinds of transport it may name; those that come with dflow and those of
            installed packages if not given, of which only what it names is imported.

    Raises:
        SourceError: if one of them cannot be read.
        RefusedText: if one of them holds mistakes: all of them, with their places.
    """
    reader = TableReader(read_toml(path), path.parent)
    reader.only((), ("journal", "routes", "check", "observe", "source", "mount"))
    journal = reader.options(("journal",), OPTIONS["journal"])
    place = journal_place(reader, journal)
    check = reader.options(("check",), OPTIONS["check"])
    rules = reader.options(("routes",), OPTIONS["routes"])
    watchers = _watchers(reader)
    by_name = _kinds(reader) if kinds is None else Kinds(kinds=tuple(kinds))
    sources: list[Source] = []
    for name, kind, settings in _ends(reader, "source", by_name):
        try:
            if kind.inbox is not None:
                sources.append(Source(name=name, inbox=kind.inbox(settings)))
        except ValueError as error:
            # Options that are right one by one, and wrong together.
            reader.fault(("source", name), str(error), shown=False)
    if not sources and not reader.faults:
        reader.fault((), "no [source.NAME]: nothing can arrive")
    mounts = _mounts(reader, by_name)
    state = rules_state(rules["file"]) if isinstance(rules["file"], Path) else None
    routes = _routes(reader, rules["file"])
    refuse_on = _severity(rules["refuse_on"])
    seen = Inspection()
    if routes is not None:
        _compare(reader, routes)
        seen = inspect(routes, cast("Path", rules["file"]), refuse_on=refuse_on)
        reader.faults.extend(seen.faults)
    reader.refuse()
    return Wiring(
        path=path,
        routes_path=cast("Path", rules["file"]),
        routes=cast("Routes", routes),
        journal_place=place,
        mounts=tuple(mounts),
        sources=tuple(sources),
        hold_on=_severity(check["hold_on"]),
        refuse_on=refuse_on,
        watchers=watchers,
        rules_state=state,
        remarks=seen.told,
    )


def _severity(word: Setting) -> Severity | None:
    return None if word == "never" else Severity(str(word))


def _watchers(reader: TableReader) -> tuple[Watcher, ...]:
    if not reader.options(("observe",), OPTIONS["observe"])["opentelemetry"]:
        return ()
    try:
        return (Telemetry.of(),)
    except DflowError as error:
        reader.fault(("observe", "opentelemetry"), str(error))
        return ()


def _routes(reader: TableReader, path: Setting) -> Routes | None:
    """The rules; their own mistakes are told with those of the configuration."""
    if not isinstance(path, Path):
        return None
    if not path.is_file():
        reader.fault(("routes", "file"), f"no such file: {path}")
        return None
    try:
        return Routes.load(path)
    except RefusedText as refused:
        reader.faults.extend(refused.faults)
        return None


def _compare(reader: TableReader, routes: Routes) -> None:
    """Every destination has a mount, and every mount is a destination."""
    named = [one.name for one in routes.destinations]
    lost = [name for name in reader.table("mount") if name not in named]
    for name in named:
        if name not in reader.table("mount"):
            reader.fault(
                (),
                f"destination {name} of the rules has no [mount.{name}]",
                near_to=name,
                known=lost,
            )
    for name in lost:
        reader.fault(
            ("mount", name),
            f"the rules have no destination {name}",
            expected=named if len(named) <= 12 else (),
            near_to=name,
            known=named,
        )


def _kinds(reader: TableReader) -> Kinds:
    """The kinds that there are; other packages' are imported if the file names them."""
    tables = [reader.toml.data.get(side) for side in ("source", "mount")]
    ends = [end for table in tables if isinstance(table, dict) for end in table.values()]
    words = {end.get("transport") for end in ends if isinstance(end, dict)}
    return transport_kinds({word for word in words if isinstance(word, str)})


def _ends(
    reader: TableReader, side: str, kinds: Kinds
) -> list[tuple[str, TransportKind, dict[str, Setting]]]:
    """The named tables of one side, each with its kind of transport and its options."""
    found: list[tuple[str, TransportKind, dict[str, Setting]]] = []
    able = {
        kind.name: kind
        for kind in kinds.kinds
        if (kind.out if side == "mount" else kind.into) is not None
    }
    for name in reader.table(side):
        table = reader.table(side, name)
        if not isinstance(reader.table(side).get(name), dict):
            continue
        word = table.get("transport")
        if word is None and (slips := near_misses("transport", table)):
            slip = slips[0]
            message = f"unknown key {slip!r}, and transport is missing"
            reader.fault((side, name, slip), message, near_to=slip, known=["transport"])
            continue
        if not isinstance(word, str) or word not in able:
            where = (side, name, "transport") if "transport" in table else (side, name)
            if isinstance(word, str) and (trouble := kinds.trouble(word)):
                reader.fault(where, str(trouble))
                continue
            shown = "transport is missing" if word is None else f"no transport {word!r}"
            known = [*able, *kinds.unread]
            reader.fault(where, shown, expected=known, near_to=str(word), known=known)
            continue
        kind = able[word]
        options = (kind.out if side == "mount" else kind.into) or ()
        also = ["transport"]
        if side == "mount":
            also += [option.name for option in OPTIONS["mount"]]
            also += ["retry", "breaker", "quota", "closed"]
        before = len(reader.faults)
        settings = reader.options((side, name), options, also=also)
        if len(reader.faults) == before:
            found.append((name, kind, settings))
    return found


def _mounts(reader: TableReader, kinds: Kinds) -> list[Mount]:
    mounts: list[Mount] = []
    for name, kind, settings in _ends(reader, "mount", kinds):
        treatment = _treatment(reader, name)
        try:
            if kind.outbox is not None and treatment is not None:
                mounts.append(Mount(name=name, outbox=kind.outbox(settings), treatment=treatment))
        except ValueError as error:
            reader.fault(("mount", name), str(error), shown=False)
    return mounts


def _treatment(reader: TableReader, name: str) -> Treatment | None:
    before = len(reader.faults)
    table = reader.table("mount", name)
    own = {option.name: option.default for option in OPTIONS["mount"]}
    for option in OPTIONS["mount"]:
        if option.name in table:
            own[option.name] = reader.value(("mount", name, option.name), option, table)
    retry = reader.options(("mount", name, "retry"), OPTIONS["mount.retry"])
    breaker = reader.options(("mount", name, "breaker"), OPTIONS["mount.breaker"])
    quota = reader.options(("mount", name, "quota"), OPTIONS["mount.quota"])
    zone = str(quota["zone"])
    if not _is_zone(zone):
        reader.fault(("mount", name, "quota", "zone"), f"no time zone {zone!r}")
    if _number(quota["per_second"]) == inf:
        place = ("mount", name, "quota", "per_second")
        reader.fault(place, "per_second has no limit", expected=("nothing: leave it out",))
    if _number(retry["jitter"]) > 1:
        place = ("mount", name, "retry", "jitter")
        reader.fault(place, f"jitter is {retry['jitter']}", expected=("a part, from 0 to 1",))
    closed = _closed(reader, name)
    if len(reader.faults) > before:
        return None
    return Treatment(
        concurrency=int(_number(own["concurrency"])),
        timeout=_number(own["timeout"]),
        order=cast("Order", own["order"]),
        unanswered=cast("Unanswered", own["unanswered"]),
        fallback_after=_number(own["fallback_after"]),
        retry=Retry(
            first=_number(retry["first"]),
            factor=_number(retry["factor"]),
            cap=_number(retry["cap"]),
            jitter=_number(retry["jitter"]),
            attempts=None if retry["attempts"] is None else int(_number(retry["attempts"])),
            give_up=_number(retry["give_up"]),
        ),
        breaker=Breaker(
            after=int(_number(breaker["after"])),
            rest=_number(breaker["rest"]),
            cap=_number(breaker["cap"]),
        ),
        quota=Quota(
            per_second=None if quota["per_second"] is None else _number(quota["per_second"]),
            per_day=None if quota["per_day"] is None else int(_number(quota["per_day"])),
            zone=zone,
        ),
        closed=closed,
    )


def _closed(reader: TableReader, name: str) -> tuple[Closed, ...]:
    """The maintenance windows of a mount, ``[[mount.NAME.closed]]``."""
    windows = (_window(reader, *one) for one in reader.tables("mount", name, "closed"))
    return tuple(one for one in windows if one is not None)


def _window(
    reader: TableReader, path: tuple[str | int, ...], table: dict[str, TomlValue]
) -> Closed | None:
    reader.only(path, ("from", "to", "days", "zone"))
    start, end, days = table.get("from"), table.get("to"), table.get("days", [])
    zone = str(table.get("zone", "Europe/London"))
    times = isinstance(start, time | datetime) and isinstance(end, time | datetime)
    before = len(reader.faults)
    if not _is_zone(zone):
        reader.fault((*path, "zone"), f"no time zone {zone!r}", expected=("Europe/London",))
    if not isinstance(days, list):
        reader.fault((*path, "days"), "days are a list", expected=('days = ["sun"]',))
    elif days and isinstance(start, datetime):
        reader.fault((*path, "days"), "a single window has no days", expected=("times of day",))
    if not times:
        reader.fault(
            path, "a window needs from and to", expected=("from = 02:00:00, to = 04:00:00",)
        )
    if len(reader.faults) > before:
        return None
    try:
        return Closed(
            start=cast("time | datetime", start),
            end=cast("time | datetime", end),
            days=tuple(map(str, cast("list[TomlValue]", days))),
            zone=zone,
        )
    except ValueError as error:
        reader.fault(path, str(error))
        return None


def _is_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _number(value: Setting) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
