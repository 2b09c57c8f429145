"""TOML written by people: read whole, with the place of every key for its mistakes.

In: a TOML text and its name.  Out: its data as plain values, and faults that name file,
line and column.  This module does not know what the keys mean.

The place of a key is found in the text when the first fault needs it, and only then.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from attrs import field, frozen

from dflow.errors import RefusedText, SourceError, TextFault, near_misses
from dflow.tomltext.places import TomlPath, offsets

__all__ = ["TomlText", "TomlValue", "parse_toml", "read_toml"]

#: What a TOML document holds, loosely: its reader checks each value before it is used.
TomlValue = object


@frozen(slots=False)
class TomlText:
    """A TOML document that was read, and the text it was read from.

    Attributes:
        source: its file name, for messages.
        text: the whole text.
        data: the document's tables and values.
    """

    source: str
    text: str = field(repr=False)
    data: dict[str, TomlValue] = field(repr=False)

    def fault(
        self,
        path: TomlPath,
        message: str,
        *,
        expected: Iterable[str] = (),
        near_to: str = "",
        known: Iterable[str] = (),
    ) -> TextFault:
        """A mistake at a key, such as ``("mount", "old", "path")``; list places are numbers."""
        line, column = self._place(path)
        return TextFault(
            source=self.source,
            line=line,
            column=column,
            message=message,
            expected=tuple(expected),
            near=near_misses(near_to, known) if near_to else (),
            text=_line(self.text, line),
        )

    @cached_property
    def _offsets(self) -> dict[TomlPath, int]:
        try:
            return offsets(self.text)
        except RecursionError:  # read with more room on the stack than is left now
            return {}

    def _place(self, path: TomlPath) -> tuple[int, int]:
        """Line and column of the key, or of the nearest one above it; (0, 0) if unseen."""
        while path:
            offset = self._offsets.get(path)
            if offset is not None:
                line_start = self.text.rfind("\n", 0, offset) + 1
                return self.text.count("\n", 0, offset) + 1, offset - line_start + 1
            path = path[:-1]
        return 0, 0


def read_toml(path: Path, *, name: str = "") -> TomlText:
    """Read a TOML file.

    Raises:
        SourceError: if the file cannot be read.
        RefusedText: if it is not UTF-8 or not TOML, with the place.
    """
    source = name or str(path)
    try:
        raw = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that holds a NUL
        reason = getattr(error, "strerror", None) or error
        raise SourceError(f"{source}: {reason}") from error
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")  # editors of Windows write the mark
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise RefusedText(
            [TextFault(source=source, line=line, column=0, message="the text is not UTF-8")]
        ) from error
    return parse_toml(text, source)


def parse_toml(text: str, source: str) -> TomlText:
    """Read a TOML text; `source` names it in messages.

    Raises:
        RefusedText: if it is not TOML, with the place.
    """
    try:
        return TomlText(source, text, tomllib.loads(text))
    except ValueError as error:  # TOMLDecodeError, or a number of too many digits
        message, line, column = str(error), 0, 0
        if place := re.search(r" \(at line (\d+), column (\d+)\)$", message):
            message, line, column = message[: place.start()], int(place[1]), int(place[2])
        elif message.endswith(" (at end of document)"):
            message = message.removesuffix(" (at end of document)")
            line = text.count("\n") + (not text.endswith("\n"))
        fault = TextFault(
            source=source, line=line, column=column, message=message, text=_line(text, line)
        )
        raise RefusedText([fault]) from error
    except RecursionError:
        fault = TextFault(
            source=source, line=0, column=0, message="lists or tables are nested too deeply"
        )
        raise RefusedText([fault]) from None


def _line(text: str, number: int) -> str:
    """A line of a TOML text by its number; TOML's lines end at LF or CRLF only."""
    lines = text.split("\n") if number else []
    return lines[number - 1].removesuffix("\r") if 0 < number <= len(lines) else ""
