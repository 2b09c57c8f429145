"""The tables of a migration plan, each value with its mistake noted where it is wrong.

In: tables of a TOML file.  Out: values of the plan.  This module reads no CSV, and
compares no value with another table's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

from attrs import frozen

from dflow.exchange.settings import TableReader
from dflow.migration.allocation import METHODS
from dflow.migration.limits import Calendar, Limit, Ramp
from dflow.migration.plan import Plan, Sprint, Supplier
from dflow.migration.reverse import Excepted
from dflow.migration.whatif import Change
from dflow.transport.kinds import Option

__all__ = ["Running", "Words", "number", "whole"]

_WEEK = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
_PLAN = ("name", "version", "start", "end", "zone", "volumes", "requests", "method", "seed")


@frozen(kw_only=True)
class Running:
    """How the plan is enforced while it runs.

    Attributes:
        config: the exchange's configuration.
        destination: the destination whose deliveries are migrations.
        supplier: which word of the address names the supplier.
        network: ``mpan`` for the first two digits of the meter point, or a word of the
            address.
    """

    config: Path
    destination: str
    supplier: str = "sender"
    network: str = "mpan"


def whole(value: object) -> int | None:
    """A whole number, None if it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number(value: object) -> float | None:
    """A number, None if it is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


class Words:
    """Reads the values of a plan through a table reader, which keeps the mistakes."""

    def __init__(self, reader: TableReader) -> None:
        self.reader = reader

    def day(self, table: Mapping[str, object], path: tuple[str | int, ...]) -> date | None:
        """A date, None if it is left out."""
        value = table.get(str(path[-1]))
        if value is None:
            return None
        if isinstance(value, datetime) or not isinstance(value, date):
            self.reader.fault(path, f"{path[-1]} is no date", expected=("2026-06-01",))
            return None
        return value

    def stretch(
        self, table: Mapping[str, object], path: tuple[str | int, ...], *, ends: tuple[str, str]
    ) -> tuple[date, date]:
        """Two days, the second after the first."""
        first, last = self.day(table, (*path, ends[0])), self.day(table, (*path, ends[1]))
        if first is None or last is None:
            self.reader.fault(path, f"needs {ends[0]} and {ends[1]}, both dates")
            return date.min, date.max
        if last <= first:
            self.reader.fault((*path, ends[1]), f"{ends[1]} is not after {ends[0]}")
        return first, last

    def path(self, *words: str) -> Path | None:
        """A file's path, None if it is left out."""
        table = self.reader.table(*words[:-1])
        if words[-1] not in table:
            return None
        value = self.reader.value(words, Option(name=words[-1], kind="path", meaning=""), table)
        return value if isinstance(value, Path) else None

    def ramps(self, table: Mapping[str, object], path: tuple[str | int, ...]) -> tuple[Ramp, ...]:
        """The ramps of a limit."""
        found: list[Ramp] = []
        listed = table.get("ramps", [])
        for place, one in enumerate(listed if isinstance(listed, list) else ()):
            here = (*path, "ramps", place)
            if not isinstance(one, dict):
                self.reader.fault(here, "a ramp is a table")
                continue
            self.reader.only(here, ("from", "to", "first", "last"))
            start, end = self.stretch(one, here, ends=("from", "to"))
            first, last = number(one.get("first")), number(one.get("last"))
            if first is None or last is None or not (0 <= first <= 1 and 0 <= last <= 1):
                self.reader.fault(here, "first and last are parts of the limit, from 0 to 1")
                continue
            found.append(Ramp(start=start, end=end, first=first, last=last))
        for one, other in pairwise(found):
            if other.start < one.end:
                self.reader.fault(path, f"two ramps share the day {other.start}")
        return tuple(found)

    def limit(self, name: str, *path: str) -> Limit:
        """A limit; none if `daily` is left out."""
        table = self.reader.table(*path)
        daily = whole(table.get("daily"))
        if "daily" in table and (daily is None or daily < 0):
            self.reader.fault((*path, "daily"), "daily is a whole number, 0 or more")
        return Limit(name=name, daily=daily, ramps=self.ramps(table, path))

    def plan(self) -> Plan:
        """The plan, without volumes and waves."""
        head = self.reader.table("plan", required=True)
        self.reader.only(("plan",), (*_PLAN, "comments"))
        start, end = self.stretch(head, ("plan",), ends=("start", "end"))
        calendar = self.reader.table("calendar")
        self.reader.only(("calendar",), ("days_off", "holidays"))
        off, holidays = calendar.get("days_off", ["sat", "sun"]), calendar.get("holidays", [])
        if not isinstance(off, list) or not set(off) <= _WEEK:
            self.reader.fault(("calendar", "days_off"), "days_off is a list of mon ... sun")
            off = []
        if not isinstance(holidays, list) or not all(type(one) is date for one in holidays):
            self.reader.fault(("calendar", "holidays"), "holidays is a list of dates")
            holidays = []
        networks = {
            name: self.limit(f"network {name}", "network", name)
            for name in self.reader.table("network")
        }
        suppliers = {mpid: self.supplier(mpid) for mpid in self.reader.table("supplier")}
        if not suppliers:
            self.reader.fault((), "no [supplier.MPID]: nobody may migrate")
        if not networks:
            self.reader.fault((), "no [network.ID]: nowhere may anyone migrate")
        comments = head.get("comments", [])
        return Plan(
            name=str(head.get("name", "migration")),
            version=str(head.get("version", "1")),
            start=start,
            end=end,
            calendar=Calendar(days_off=tuple(map(str, off)), holidays=frozenset(holidays)),
            industry=self.limit("industry", "industry"),
            networks=networks,
            suppliers=suppliers,
            sprints=self.sprints(),
            comments=tuple(map(str, comments)) if isinstance(comments, list) else (),
        )

    def supplier(self, mpid: str) -> Supplier:
        """One supplier."""
        path = ("supplier", mpid)
        table = self.reader.table(*path)
        self.reader.only(path, ("daily", "ramps", "qualified", "portfolio", "tranche"))
        return Supplier(
            mpid=mpid,
            limit=self.limit(f"supplier {mpid}", *path),
            qualified=self.day(table, (*path, "qualified")),
            portfolio=whole(table.get("portfolio")),
            tranche=whole(table.get("tranche")),
        )

    def sprints(self) -> tuple[Sprint, ...]:
        """The sprints, which may not overlap."""
        found: list[Sprint] = []
        for here, table in self.reader.tables("sprint"):
            self.reader.only(here, ("name", "from", "to", "tranches", "most"))
            start, end = self.stretch(table, here, ends=("from", "to"))
            waves = table.get("tranches", [])
            if found and start < found[-1].end:
                self.reader.fault((*here, "from"), f"it begins before sprint {found[-1].name} ends")
            found.append(
                Sprint(
                    name=str(table.get("name", f"S{len(found) + 1}")),
                    start=start,
                    end=end,
                    tranches=tuple(one for one in waves if isinstance(one, int))
                    if isinstance(waves, list)
                    else (),
                    most=whole(table.get("most")),
                )
            )
        return tuple(found)

    def method(self, *path: str) -> str:
        """The name of a method of allocation."""
        where = path or ("plan", "method")
        name = str(self.reader.table(*where[:-1]).get(where[-1], "first come first served"))
        if name not in METHODS:
            self.reader.fault(
                where, f"no method {name!r}", expected=METHODS, near_to=name, known=METHODS
            )
        return name

    def exceptions(self) -> tuple[Excepted, ...]:
        """The cases without reverse migration."""
        found: list[Excepted] = []
        for here, table in self.reader.tables("reverse", "exception"):
            self.reader.only(here, ("why", "suppliers", "networks", "from", "to"))
            if not table.get("why"):
                self.reader.fault(here, "an exception says why")
            suppliers, networks = table.get("suppliers", []), table.get("networks", [])
            found.append(
                Excepted(
                    why=str(table.get("why", "")),
                    suppliers=tuple(suppliers) if isinstance(suppliers, list) else (),
                    networks=tuple(networks) if isinstance(networks, list) else (),
                    start=self.day(table, (*here, "from")),
                    end=self.day(table, (*here, "to")),
                )
            )
        return tuple(found)

    def changes(self) -> tuple[Change, ...]:
        """What is to be supposed."""
        found: list[Change] = []
        factors = ("industry", "networks", "suppliers", "wanted")
        for here, table in self.reader.tables("what_if"):
            self.reader.only(here, ("name", *factors, "later", "method"))
            values = {name: number(table.get(name, 1.0)) for name in factors}
            for name, value in values.items():
                if value is None or value < 0:
                    self.reader.fault((*here, name), f"{name} is a factor, 0 or more")
            method = str(table.get("method", ""))
            if method and method not in METHODS:
                self.reader.fault((*here, "method"), f"no method {method!r}", expected=METHODS)
            found.append(
                Change(
                    name=str(table.get("name", f"what if {len(found) + 1}")),
                    **{name: value or 0.0 for name, value in values.items()},
                    later=whole(table.get("later")) or 0,
                    method=method,
                )
            )
        return tuple(found)

    def running(self) -> Running | None:
        """How the plan is enforced."""
        table = self.reader.table("exchange")
        if not table:
            return None
        self.reader.only(("exchange",), ("config", "destination", "supplier", "network"))
        config = self.path("exchange", "config")
        if config is None or not isinstance(table.get("destination"), str):
            self.reader.fault(("exchange",), "needs config, a path, and destination, a name")
            return None
        return Running(
            config=config,
            destination=str(table["destination"]),
            supplier=str(table.get("supplier", "sender")),
            network=str(table.get("network", "mpan")),
        )
