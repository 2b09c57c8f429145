"""Folders of catalogue files, one over another, and the merging of their tables.

In: folders, the lowest first.  Out: their documents, and tables merged by value, or
`RefusedText` whose faults name both places.  This module does not know what the tables
mean, but for the few keys that say how they merge.

How a table of a higher layer meets the same table of a lower one, key by key: what the
lower leaves unsaid is filled; what it says the same way stays; lists of routes and of
codes are joined; anything else is a conflict, unless the higher table has the key
``corrects``, a text that says why, and then the higher value stands.  Nothing is ever
replaced silently: the provenance of a merged table names every layer that added to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen

from dflow.catalogue.tables import FLOW_REFERENCE, VERSION, is_code
from dflow.errors import SourceError, TextFault
from dflow.tomltext import TomlText, TomlValue, read_toml

__all__ = ["Layer", "Part", "merge_parts", "merged_tables"]

#: A path in a document, as `TomlText.fault` takes it.
_KeyPath = tuple[str | int, ...]


@frozen
class Layer:
    """One folder of catalogue files.

    Attributes:
        folder: where the files are.
    """

    folder: Path

    def flow_keys(self) -> set[tuple[str, str]]:
        """Every flow and version that has a file.

        Raises:
            SourceError: if there is no such folder.
        """
        if not self.folder.is_dir():
            raise SourceError(f"{self.folder}: no such folder of catalogue files")
        return {
            (path.parent.name, path.stem)
            for path in self.folder.glob("*/*.toml")
            if is_code(FLOW_REFERENCE, path.parent.name) and is_code(VERSION, path.stem)
        }

    def document(self, *names: str) -> TomlText | None:
        """The document at this place, given without its ending, or None if there is none."""
        path = self.folder.joinpath(*names[:-1], f"{names[-1]}.toml")
        return read_toml(path) if path.is_file() else None

    def names(self, room: str) -> list[str]:
        """The documents in a folder within, such as ``items``, without their endings."""
        return sorted(path.stem for path in (self.folder / room).glob("*.toml"))


@frozen
class Part:
    """A table of one layer.

    Attributes:
        toml: the document.
        path: where in the document the table is; empty for the document itself.
        table: its keys and values.
    """

    toml: TomlText
    path: _KeyPath
    table: dict[str, TomlValue]

    def line(self, key: str) -> str:
        """The place of a key, as ``file:line``."""
        fault = self.toml.fault((*self.path, key), "")
        return f"{fault.source}:{fault.line}"


def merge_parts(parts: Sequence[Part]) -> tuple[dict[str, TomlValue], list[TextFault]]:
    """The tables of several layers, the lowest first, as one; and every conflict."""
    values = dict(parts[0].table)
    origins = dict.fromkeys(values, parts[0])
    faults: list[TextFault] = []
    for part in parts[1:]:
        changed: list[str] = []
        for key, value in part.table.items():
            if key in {"corrects", "provenance"}:
                continue
            merged, message = _meet(key, value, values, origins, part)
            if message:
                faults.append(
                    part.toml.fault((*part.path, key), message, expected=('corrects = "why"',))
                )
            elif key not in values or merged != values[key]:
                values[key], origins[key] = merged, part
                changed.append(key)
        _settle_structure(values, changed)
        if changed:
            said, more = values.get("provenance", ""), part.table.get("provenance", "")
            values["provenance"] = f"{said}; {', '.join(changed)} by {more}" if said else more
    return values, faults


def _meet(
    key: str,
    value: TomlValue,
    values: dict[str, TomlValue],
    origins: dict[str, Part],
    part: Part,
) -> tuple[TomlValue, str]:
    """A higher value over a lower one: the value that stands, or what is in conflict."""
    had = values.get(key)
    if _unsaid(key, had, values) or had == value or part.table.get("corrects"):
        return value, ""
    if key == "routes" and isinstance(had, list) and isinstance(value, list):
        return [*had, *(route for route in value if route not in had)], ""
    if key == "codes" and isinstance(had, dict) and isinstance(value, dict):
        for code, label in value.items():
            if had.get(code, label) != label:
                return had, _conflict(f"code {code!r}", had[code], label, origins[key].line(key))
        return {**had, **value}, ""
    if key == "complete" and value is True:
        return True, ""
    return had, _conflict(repr(key), had, value, origins[key].line(key))


def _unsaid(key: str, had: TomlValue, values: dict[str, TomlValue]) -> bool:
    """Whether the lower layer says nothing, so that the higher may."""
    if key == "group":
        return values.get("structure", "known") != "known" or not had
    if key == "structure":
        return had == "unknown"
    return had in (None, "", "UNSTATED", [])


def _settle_structure(values: dict[str, TomlValue], changed: list[str]) -> None:
    """Groups that fill an unknown structure make it known, and the other way round."""
    if "group" in changed and "structure" not in changed:
        values.pop("structure", None)
    if "structure" in changed and values.get("structure") == "unknown":
        values.pop("group", None)


def _conflict(what: str, had: TomlValue, given: TomlValue, place: str) -> str:
    if isinstance(had, list) or isinstance(given, list):
        return f"{what} is not what {place} says"
    return f"{what} is {given!r} here, and {had!r} in {place}"


def merged_tables(documents: Sequence[TomlText]) -> Iterator[tuple[str, list[Part]]]:
    """The named tables of several documents, each with its parts, the lowest layer first."""
    names = dict.fromkeys(name for toml in documents for name in toml.data)
    for name in names:
        parts = [
            Part(toml, (name,), table)
            for toml in documents
            if isinstance(table := toml.data.get(name), dict)
        ]
        if parts:
            yield name, parts
