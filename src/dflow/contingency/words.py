"""The tables of a contingency's file, each value with its mistake noted where it is wrong.

In: tables of a TOML file.  Out: values of the model.  This module compares no value with
another table's: `dflow.contingency.checking` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from dflow.contingency.hours import Owner, hours_from
from dflow.contingency.model import Backstop, Level, Model, Part, Stage
from dflow.exchange.settings import TableReader

__all__ = ["Words"]

#: What people write where a document leaves something open.
_OPEN = {"", "not decided", "tbc", "unknown"}

_STAGE = (
    "number",
    "name",
    "system",
    "owner",
    "fallback",
    "channel",
    "pauses",
    "destination",
    "records",
    "once",
)

_Path = tuple[str | int, ...]
_Table = Mapping[str, object]


class Words:
    """Reads the values of a model through a table reader, which keeps the mistakes."""

    def __init__(self, reader: TableReader) -> None:
        self.reader = reader

    def text(self, table: _Table, path: _Path, name: str, otherwise: str = "") -> str:
        """A text."""
        value = table.get(name, otherwise)
        if not isinstance(value, str):
            self.reader.fault((*path, name), f"{name} is a text")
            return otherwise
        return value

    def known(self, table: _Table, path: _Path, name: str) -> str:
        """A text; empty if it is not decided."""
        text = self.text(table, path, name)
        return "" if text.casefold() in _OPEN else text

    def flag(self, table: _Table, path: _Path, name: str) -> bool:
        """True or false."""
        value = table.get(name, False)
        if not isinstance(value, bool):
            self.reader.fault((*path, name), f"{name} is true or false")
        return value is True

    def number(
        self, table: _Table, path: _Path, name: str, otherwise: float, *, least: float = 0.0
    ) -> float:
        """A number, not below `least`."""
        value = table.get(name, otherwise)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
            self.reader.fault((*path, name), f"{name} is a number, {least:g} or more")
            return otherwise
        return float(value)

    def texts(
        self, table: _Table, path: _Path, name: str, otherwise: Iterable[str] = ()
    ) -> tuple[str, ...]:
        """A list of texts."""
        value = table.get(name)
        if value is None:
            return tuple(otherwise)
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            self.reader.fault((*path, name), f"{name} is a list of texts")
            return tuple(otherwise)
        return tuple(map(str, value))

    def dates(self, table: _Table, path: _Path, name: str) -> frozenset[date]:
        """A list of dates."""
        value = table.get(name, [])
        if not isinstance(value, list) or not all(type(one) is date for one in value):
            self.reader.fault((*path, name), f"{name} is a list of dates", expected=("2026-12-25",))
            return frozenset()
        return frozenset(value)

    def model(self) -> Model:
        """The working model."""
        path: _Path = ("model",)
        head = self.reader.table("model", required=True)
        names = ("name", "version", "agreed", "agreed_by", "zone", "comments")
        self.reader.only(path, names)
        agreed = head.get("agreed")
        if agreed is not None and (isinstance(agreed, datetime) or not isinstance(agreed, date)):
            self.reader.fault((*path, "agreed"), "agreed is a date", expected=("2026-12-25",))
            agreed = None
        return Model(
            name=self.text(head, path, "name", "a chain"),
            version=self.text(head, path, "version", "1"),
            agreed=agreed,
            agreed_by=self.texts(head, path, "agreed_by"),
            zone=self.text(head, path, "zone", "Europe/Dublin"),
            stages=self.stages(),
            owners={name: self.owner(name) for name in self.reader.table("owner")},
            levels=self.levels(),
            backstop=self.backstop(),
            comments=self.texts(head, path, "comments"),
        )

    def stages(self) -> tuple[Stage, ...]:
        """The stages, numbered as they stand unless they say otherwise."""
        found: list[Stage] = []
        for path, table in self.reader.tables("stage"):
            self.reader.only(path, _STAGE)
            number = table.get("number", len(found) + 1)
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                self.reader.fault((*path, "number"), "number is a whole number from 1")
                number = len(found) + 1
            if any(one.number == number for one in found):
                self.reader.fault((*path, "number"), f"there are two stages {number}")
            name = self.text(table, path, "name")
            if not name:
                self.reader.fault(path, f"stage {number} needs a name")
            found.append(
                Stage(
                    number=number,
                    name=name,
                    system=self.known(table, path, "system"),
                    owner=self.known(table, path, "owner"),
                    fallback=self.known(table, path, "fallback") or None,
                    channel=self.known(table, path, "channel"),
                    pauses=self.flag(table, path, "pauses"),
                    destination=self.known(table, path, "destination"),
                    records=self.texts(table, path, "records"),
                    once=self.texts(table, path, "once"),
                )
            )
        if not found:
            self.reader.fault((), "no [[stage]]: a chain has at least one")
        return tuple(found)

    def owner(self, name: str) -> Owner:
        """One owner."""
        path: _Path = ("owner", name)
        table = self.reader.table("owner", name)
        self.reader.only(path, ("hours", "days_off", "out_of_hours", "contact"))
        words = self.known(table, path, "hours")
        hours = None
        try:
            hours = hours_from(words) if words else None
        except ValueError as error:
            self.reader.fault((*path, "hours"), str(error))
        return Owner(
            name=name,
            hours=hours,
            days_off=self.dates(table, path, "days_off"),
            out_of_hours=self.known(table, path, "out_of_hours"),
            contact=self.known(table, path, "contact"),
        )

    def levels(self) -> tuple[Level, ...]:
        """The levels of escalation."""
        found: list[Level] = []
        for path, table in self.reader.tables("level"):
            self.reader.only(path, ("name", "after", "owner", "mass"))
            found.append(
                Level(
                    name=self.text(table, path, "name", f"level {len(found) + 1}"),
                    after=self.number(table, path, "after", 0.0),
                    owner=self.known(table, path, "owner"),
                    mass=self.flag(table, path, "mass"),
                )
            )
        return tuple(found)

    def backstop(self) -> Backstop:
        """The time in which a reconnection has to be done."""
        path: _Path = ("backstop",)
        table = self.reader.table("backstop")
        self.reader.only(path, ("minutes", "parts", "warn", "source"))
        usual = Backstop()
        minutes = self.number(table, path, "minutes", usual.minutes)
        parts = usual.parts
        if "parts" in table:
            parts = tuple(
                Part(
                    self.text(one, here, "owner"),
                    self.number(one, here, "minutes", 0.0),
                )
                for here, one in self.reader.tables("backstop", "parts")
            )
        warn = table.get("warn", list(usual.warn))
        if not isinstance(warn, list) or not all(
            isinstance(one, int | float) and not isinstance(one, bool) and one > 0 for one in warn
        ):
            self.reader.fault((*path, "warn"), "warn is a list of shares, such as 0.75")
            warn = list(usual.warn)
        return Backstop(
            minutes=minutes,
            parts=parts,
            warn=tuple(map(float, warn)),
            source=self.text(table, path, "source"),
        )
