"""TOML written by people: read whole, with the place of every key for its mistakes.

In: a TOML text and its name.  Out: its data as plain values, and faults that name file,
line and column.  This module does not know what the keys mean.

The standard library's reader gives places for mistakes of syntax only, so the place of
a key is found again in the text when a fault needs it: slow, and needed only then.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from attrs import field, frozen

from dflow.errors import RefusedText, SourceError, TextFault, near_misses

__all__ = ["TomlText", "TomlValue", "parse_toml", "read_toml"]

#: What a TOML document holds, loosely: its reader checks each value before it is used.
TomlValue = object


@frozen
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
        path: tuple[str | int, ...],
        message: str,
        *,
        expected: Iterable[str] = (),
        near_to: str = "",
        known: Iterable[str] = (),
    ) -> TextFault:
        """A mistake at a key, such as ``("mount", "old", "path")``; list places are numbers."""
        line, column = self._place(path)
        lines = self.text.splitlines()
        return TextFault(
            source=self.source,
            line=line,
            column=column,
            message=message,
            expected=tuple(expected),
            near=near_misses(near_to, known) if near_to else (),
            text=lines[line - 1] if 0 < line <= len(lines) else "",
        )

    def _place(self, path: tuple[str | int, ...]) -> tuple[int, int]:
        """Line and column of the key, or of the nearest table above it; (0, 0) if unseen."""
        lines = self.text.splitlines()
        best = (0, 0)
        table: tuple[str | int, ...] = ()
        seen: dict[tuple[str | int, ...], int] = {}
        for number, text in enumerate(lines, start=1):
            if header := re.match(r"\s*(\[\[?)\s*([^\]]+?)\s*\]", text):
                if text.lstrip().startswith("[") and not text.rstrip().endswith(","):
                    names = _split_key(header[2])
                    if header[1] == "[[":
                        seen[names] = seen.get(names, -1) + 1
                        table = (*names, seen[names])
                    else:
                        table = names
                    if path[: len(table)] == table:
                        best = (number, text.index("[") + 1)
            elif key := re.match(r"\s*([A-Za-z0-9_\-.\"' ]+?)\s*=", text):
                full = (*table, *_split_key(key[1]))
                if path[: len(full)] == full:
                    best = (number, len(text) - len(text.lstrip()) + 1)
                    if isinstance(path[-1], int) and len(path) == len(full) + 1:
                        return self._element(lines, number, path[-1])
                    if full == path:
                        return best
        return best

    @staticmethod
    def _element(lines: list[str], start: int, index: int) -> tuple[int, int]:
        """The place of string `index` in the array that opens on line `start`."""
        count = -1
        for number in range(start, len(lines) + 1):
            text = lines[number - 1]
            offset = text.index("=") + 1 if number == start else 0
            for found in re.finditer(r"#.*|\"(?:[^\"\\]|\\.)*\"|'[^']*'", text[offset:]):
                if found[0].startswith("#"):
                    break
                count += 1
                if count == index:
                    return number, offset + found.start() + 1
            if number > start and text.lstrip().startswith("]"):
                break
        return start, 1


def _split_key(text: str) -> tuple[str, ...]:
    return tuple(
        part.strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[A-Za-z0-9_\-]+", text)
    )


def read_toml(path: Path, *, name: str = "") -> TomlText:
    """Read a TOML file.

    Raises:
        SourceError: if the file cannot be read.
        RefusedText: if it is not UTF-8 or not TOML, with the place.
    """
    source = name or str(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{source}: {error.strerror or error}") from error
    try:
        text = raw.decode("utf-8")
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
    except tomllib.TOMLDecodeError as error:
        message, line, column = str(error), 0, 0
        lines = text.splitlines()
        if place := re.search(r" \(at line (\d+), column (\d+)\)$", message):
            message, line, column = message[: place.start()], int(place[1]), int(place[2])
        elif message.endswith(" (at end of document)"):
            message, line = message.removesuffix(" (at end of document)"), len(lines)
        fault = TextFault(
            source=source,
            line=line,
            column=column,
            message=message,
            text=lines[line - 1] if 0 < line <= len(lines) else "",
        )
        raise RefusedText([fault]) from error
