"""The values of a campaign's file, each read as what it must be.

In: tables of a TOML file.  Out: values; every mistake is kept with its place.  This module
does not know what the values mean together.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from dflow.catalogue import bundled
from dflow.envelope import Party
from dflow.exchange.settings import TableReader
from dflow.operation import instant_from
from dflow.routing.selectors import is_printable
from dflow.transport.kinds import Option

__all__ = ["Reading"]


class Reading:
    """Reads keys through a table reader, which keeps the mistakes."""

    def __init__(self, tables: TableReader, zone: str) -> None:
        self.tables = tables
        try:
            zoneinfo.ZoneInfo(zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            self.fault(("campaign", "zone"), f"no time zone {zone!r}", expected=("Europe/London",))
            zone = "Europe/London"
        self.zone = zone

    def fault(
        self, path: tuple[str | int, ...], message: str, expected: Sequence[str] = ()
    ) -> None:
        """Note a mistake."""
        self.tables.fault(path, message, expected=expected)

    def text(self, table: str, key: str, *, owed: bool = False) -> str:
        """A text of one line, empty if it is left out."""
        value = self.tables.table(table).get(key, "")
        if not isinstance(value, str) or not is_printable(value):
            self.fault((table, key), f"{key} is a text of one line")
            return ""
        if owed and not value.strip():
            self.fault((table, key) if key in self.tables.table(table) else (table,), f"no {key}")
        return value

    def texts(self, table: str, key: str, *, owed: bool = False) -> tuple[str, ...]:
        """A list of texts, empty if it is left out."""
        value = self.tables.table(table).get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.fault((table, key), f"{key} is a list of texts")
            return ()
        if owed and not value:
            self.fault((table, key) if key in self.tables.table(table) else (table,), f"no {key}")
        if len(set(value)) < len(value):
            self.fault((table, key), f"{key} says one thing twice")
        return tuple(value)

    def one_of(self, table: str, key: str, known: tuple[str, ...]) -> str:
        """One of several words; the first if it is left out."""
        value = self.tables.table(table).get(key, known[0])
        if value not in known:
            near = value if isinstance(value, str) else ""
            self.tables.fault(
                (table, key),
                f"{key} cannot be {value!r}",
                expected=known,
                near_to=near,
                known=known,
            )
            return known[0]
        return str(value)

    def part(self, table: str, key: str) -> float:
        """A part of the whole, from 0 to 1; 1 if it is left out."""
        value = self.tables.table(table).get(key, 1.0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            self.fault((table, key), f"{key} is a part of the whole, from 0 to 1")
            return 1.0
        return float(value)

    def instant(self, table: str, key: str) -> datetime | None:
        """An instant; a day is its first moment where the campaign is."""
        value = self.tables.table(table).get(key)
        if value is None:
            return None
        if not isinstance(value, date):  # a datetime is one too
            self.fault((table, key), f"{key} is no instant", expected=("2026-06-01",))
            return None
        return instant_from(value, self.zone)

    def path(self, table: str, key: str) -> Path | None:
        """A path, None if it is left out."""
        values = self.tables.table(table)
        if key not in values:
            return None
        option = Option(name=key, kind="path", meaning="")
        value = self.tables.value((table, key), option, values)
        return value if isinstance(value, Path) else None

    def known_flow(self, flow: str, path: tuple[str | int, ...]) -> None:
        """Note a flow that the catalogue does not have."""
        known = sorted({code for code, _ in bundled().keys})
        if flow not in known:
            self.tables.fault(path, f"no flow {flow!r} in the catalogue", near_to=flow, known=known)

    def flows(self, table: str, key: str) -> tuple[str, ...]:
        """Flows of the catalogue; empty for all."""
        found = self.texts(table, key)
        for number, flow in enumerate(found):
            self.known_flow(flow, (table, key, number))
        return found

    def party(self, table: str, key: str) -> Party | None:
        """A participant in its role, None if it is left out."""
        text = self.text(table, key)
        return self._party(text, (table, key)) if text else None

    def parties(self, table: str, key: str) -> tuple[Party, ...]:
        """Participants in their roles, at least one."""
        found = self.texts(table, key, owed=True)
        read = [self._party(text, (table, key, number)) for number, text in enumerate(found)]
        return tuple(one for one in read if one is not None)

    def _party(self, text: str, path: tuple[str | int, ...]) -> Party | None:
        if not re.fullmatch(r"[0-9A-Z]/[0-9A-Z]{4}", text, re.ASCII):
            self.fault(path, f"{text!r} is no participant in a role", expected=("M/OLDM",))
            return None
        codes = bundled().roles.codes
        if text[0] not in codes:
            self.fault(path, f"the catalogue knows no role {text[0]!r}", sorted(codes))
            return None
        return Party(text[0], text[2:])
