"""Typed values out of a TOML document, with every mistake kept.

In: a TOML document of the catalogue.  Out: texts, lists, tables, provenance; mistakes
are gathered with file, line and near miss, and raised together.  This module does not
know what a flow or an item is; it knows what their references may look like.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import cast

from attrs import define, field

from dflow.catalogue.model import Provenance
from dflow.errors import RefusedText, TextFault
from dflow.tomltext import TomlText, TomlValue

__all__ = [
    "FLOW_REFERENCE",
    "GROUP_CODE",
    "ITEM_REFERENCE",
    "VERSION",
    "TableReader",
    "is_code",
    "shelf_of",
    "version_order",
]

#: What references look like, loosely: the DTC writes D0010, 002, 026 and J0003, other
#: catalogues in the same layout need not.  They become file names, so nothing in them may
#: lead out of a folder.
FLOW_REFERENCE = re.compile(r"[A-Z0-9][A-Za-z0-9]{0,15}(?:[-_.][A-Za-z0-9]{1,15}){0,2}", re.ASCII)
#: A flow version as the tables write it.
VERSION = re.compile(r"[0-9A-Z][0-9A-Za-z]{0,7}(?:\.[0-9A-Za-z]{1,7}){0,2}", re.ASCII)
#: A group code as the tables write it.
GROUP_CODE = re.compile(r"[0-9A-Za-z]{1,10}", re.ASCII)
#: An item's reference as the tables write it.
ITEM_REFERENCE = re.compile(
    r"(?=[^0-9]*[0-9])[A-Z0-9][A-Za-z0-9]{0,15}(?:[-_.][A-Za-z0-9]{1,15}){0,2}", re.ASCII
)


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def is_code(pattern: re.Pattern[str], text: str) -> bool:
    """Whether the whole text is such a reference."""
    return pattern.fullmatch(text) is not None


def version_order(version: str) -> tuple[int, str]:
    """What versions are sorted by: 9 comes before 10, and 002 before 010."""
    digits = re.match(r"[0-9]*", version, re.ASCII)
    return (int(digits[0]) if digits and digits[0] else 0, version)


def shelf_of(reference: str) -> str:
    """The shelf on which an item stands: its reference without the last two characters.

    >>> shelf_of("J0003"), shelf_of("DI-07"), shelf_of("X7")
    ('J00', 'DI', 'X7')
    """
    return reference[:-2].rstrip("-_.") or reference


@define
class TableReader:
    """Takes typed values out of a TOML document and keeps every fault.

    Every call takes the table, its path in the document, and a key; a value of another type
    is a fault at that key, and an empty value is given instead.

    Attributes:
        toml: the document.
        faults: the mistakes found so far.
    """

    toml: TomlText
    faults: list[TextFault] = field(factory=list, init=False)

    def fault(
        self,
        path: tuple[str | int, ...],
        message: str,
        *,
        expected: tuple[str, ...] = (),
        near_to: str = "",
        known: tuple[str, ...] = (),
    ) -> None:
        """Keep a mistake at a key."""
        self.faults.append(
            self.toml.fault(path, message, expected=expected, near_to=near_to, known=known)
        )

    def keys(
        self, table: dict[str, TomlValue], path: tuple[str | int, ...], known: tuple[str, ...]
    ) -> None:
        """Keep a fault for every key that is not among the known ones."""
        for key in table:
            if key not in known:
                self.fault((*path, key), f"unknown key {key!r}", near_to=key, known=known)

    def text(
        self,
        table: dict[str, TomlValue],
        path: tuple[str | int, ...],
        key: str,
        default: str | None = None,
    ) -> str:
        """A text; a fault if it is missing and there is no default."""
        value = table.get(key, default)
        if isinstance(value, str):
            if _CONTROL.search(value):  # a terminal would obey it
                self.fault((*path, key), f"{key!r} holds a control character")
            return value
        if value is None:
            self.fault((*path, key), f"the key {key!r} is missing")
        else:
            self.fault((*path, key), f"{key!r} holds no text", expected=("a text",))
        return ""

    def texts(
        self, table: dict[str, TomlValue], path: tuple[str | int, ...], key: str
    ) -> list[str]:
        """A list of texts; empty if the key is missing."""
        value = table.get(key, [])
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            return cast("list[str]", value)
        self.fault((*path, key), f"{key!r} is not a list of texts", expected=("a list of texts",))
        return []

    def tables(self, key: str) -> list[dict[str, TomlValue]]:
        """The tables of ``[[key]]``, in order."""
        value = self.toml.data.get(key, [])
        if isinstance(value, list) and all(isinstance(part, dict) for part in value):
            return cast("list[dict[str, TomlValue]]", value)
        self.fault((key,), f"{key!r} is not a list of tables", expected=(f"[[{key}]]",))
        return []

    def table(
        self, table: dict[str, TomlValue], path: tuple[str | int, ...], key: str
    ) -> dict[str, TomlValue]:
        """A table; empty if the key is missing."""
        value = table.get(key, {})
        if isinstance(value, dict):
            return cast("dict[str, TomlValue]", value)
        self.fault((*path, key), f"{key!r} is not a table", expected=(f"[{key}]",))
        return {}

    def named_tables(self, key: str) -> list[tuple[str, dict[str, TomlValue]]]:
        """The tables in a table, such as ``[label.Supplier]`` in ``label``, by name."""
        outer = self.table(self.toml.data, (), key)
        return [(name, self.table(outer, (key,), name)) for name in outer]

    def top_tables(self) -> list[tuple[str, dict[str, TomlValue]]]:
        """The tables of the document by name; a fault for whatever is no table."""
        return [(name, self.table(self.toml.data, (), name)) for name in self.toml.data]

    def date(self, key: str) -> date | None:
        """A date at the top of the document; None if the key is missing."""
        value = self.toml.data.get(key)
        if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
            return value
        self.fault((key,), f"{key!r} is no date", expected=("such as 2019-06-27",))
        return None

    def flow_keys(self, key: str) -> tuple[tuple[str, str], ...]:
        """A list of flow versions such as ``"D0089 v002"``."""
        found: list[tuple[str, str]] = []
        for index, text in enumerate(self.texts(self.toml.data, (), key)):
            flow, mark, version = text.partition(" v")
            if mark and is_code(FLOW_REFERENCE, flow) and is_code(VERSION, version):
                found.append((flow, version))
            else:
                self.fault((key, index), f"{text!r} is no flow version", expected=('"D0089 v002"',))
        return tuple(found)

    def provenance(self, table: dict[str, TomlValue], path: tuple[str | int, ...]) -> Provenance:
        """The provenance, which every entry must state: a source, a colon, details."""
        value = table.get("provenance")
        if isinstance(value, str):
            source, _, detail = value.partition(": ")
            return Provenance(source=source, detail=detail)
        self.fault(
            (*path, "provenance"),
            "the key 'provenance' is missing or holds no text",
            expected=('such as "official: DTC 15.4"',),
        )
        return Provenance(source="unknown")

    def done(self) -> None:
        """Raise `RefusedText` with every fault, if there is any."""
        if self.faults:
            raise RefusedText(self.faults)
