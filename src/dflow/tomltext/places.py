"""Where in a TOML text each key and each element of a list stands.

In: a text that the standard library has read as TOML.  Out: the offset of every key,
table and list element, by path.  This module does not know values, and does not judge:
on a text that is not TOML its answers mean nothing.

The standard library's reader gives places for mistakes of syntax only.  Because the text
is known to be right, this scanner is short: it skips values and notes where keys begin.
"""

from __future__ import annotations

import re
import tomllib

__all__ = ["TomlPath", "offsets"]

#: A key's path from the top, such as ``("mount", "old", "path")``; list places are numbers.
TomlPath = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_COMMAS = re.compile(r"(?:[ \t\r\n,]|#[^\n]*)*")
_SPACES = re.compile(r"[ \t]*")
_KEY = re.compile(r"[A-Za-z0-9_\-]+|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'")
_SCALAR = re.compile(
    r"\"\"\"(?:[^\"\\]|\\.|\"{1,2}(?!\"))*\"{3,5}"
    r"|'''.*?'{3,5}"
    r"|\"(?:[^\"\\\n]|\\.)*\""
    r"|'[^'\n]*'"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[^\s,\]}#]*"
    r"|[^\s,\]}#]+",
    re.DOTALL,
)


def offsets(text: str) -> dict[TomlPath, int]:
    """The offset in `text` of every key, table header and list element, by its path.

    A dotted key gives a place to each of its parts; a table that is named twice keeps the
    first.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.found


class _Scanner:
    """Walks over a text from key to key."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[TomlPath, int] = {}
        self.lists: dict[TomlPath, int] = {}

    def skip(self, pattern: re.Pattern[str]) -> str:
        """Move behind what `pattern` matches here; return the character that follows."""
        if found := pattern.match(self.text, self.at):
            self.at = found.end()
        return self.text[self.at : self.at + 1]

    def document(self) -> None:
        table: TomlPath = ()
        while following := self.skip(_BLANK):
            if following == "[":
                table = self.header()
            elif not self.pair(table):
                return

    def header(self) -> TomlPath:
        start = self.at
        several = self.text.startswith("[[", start)
        self.at += 1 + several
        self.skip(_SPACES)
        path: TomlPath = ()
        names = self.key()
        for name, offset in names[:-1]:
            path = (*path, name)
            self.found.setdefault(path, offset)
            if path in self.lists:
                path = (*path, self.lists[path])
        path = (*path, *(name for name, _ in names[-1:]))
        self.found.setdefault(path, start)
        if several:
            self.lists[path] = self.lists.get(path, -1) + 1
            path = (*path, self.lists[path])
            self.found[path] = start
        self.skip(_SPACES)
        self.at += 1 + several
        return path

    def key(self) -> list[tuple[str, int]]:
        """The parts of a dotted key, each with its offset."""
        parts: list[tuple[str, int]] = []
        while found := _KEY.match(self.text, self.at):
            raw = found[0]
            if raw[0] in "\"'":
                raw = str(tomllib.loads(f"key = {raw}")["key"])
            parts.append((raw, self.at))
            self.at = found.end()
            if self.skip(_SPACES) != ".":
                break
            self.at += 1
            self.skip(_SPACES)
        return parts

    def pair(self, table: TomlPath) -> bool:
        """A key and its value; False where neither stands."""
        path = table
        parts = self.key()
        for name, offset in parts:
            path = (*path, name)
            self.found.setdefault(path, offset)
        if not parts or self.skip(_SPACES) != "=":
            return False
        self.at += 1
        self.skip(_SPACES)
        self.value(path)
        return True

    def value(self, path: TomlPath) -> None:
        opening = self.text[self.at : self.at + 1]
        if opening == "[":
            self.at += 1
            index = 0
            while (following := self.skip(_COMMAS)) and following != "]":
                self.found[*path, index] = self.at
                self.value((*path, index))
                index += 1
            self.at += 1
        elif opening == "{":
            self.at += 1
            while self.skip(_COMMAS) != "}" and self.pair(path):
                pass
            self.at += 1
        else:
            self.skip(_SCALAR)
