"""Tables of a configuration, read against the options they may hold.

In: a TOML text and options.  Out: checked values, and every mistake with its place.  This
module does not know what the options are for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from attrs import define, evolve, field

from dflow.errors import RefusedText, TextFault
from dflow.tomltext import TomlText, TomlValue
from dflow.transport.kinds import Option, Setting
from dflow.transport.secret import Secret

__all__ = ["TableReader"]

_KINDS = {
    "text": "a text",
    "path": "a path",
    "template": "a text",
    "seconds": "a number of seconds",
    "count": "a whole number",
    "number": "a number",
    "flag": "true or false",
    "texts": "a list of texts",
    "url": "a URL",
    "secret": '{ env = "NAME" } or { file = "path" }',
}


@define
class TableReader:
    """Reads tables of one text and collects the mistakes.

    Attributes:
        toml: the text.
        folder: what relative paths start from.
        environment: where ``{ env = "NAME" }`` is looked up.
        faults: every mistake so far.
    """

    toml: TomlText
    folder: Path
    environment: Mapping[str, str] = field(factory=lambda: os.environ, repr=False)
    faults: list[TextFault] = field(factory=list)

    def fault(
        self,
        path: tuple[str | int, ...],
        message: str,
        *,
        expected: Iterable[str] = (),
        near_to: str = "",
        known: Iterable[str] = (),
        shown: bool = True,
    ) -> None:
        """Note a mistake at a key; without `shown`, its line may hold a secret."""
        fault = self.toml.fault(path, message, expected=expected, near_to=near_to, known=known)
        self.faults.append(fault if shown else evolve(fault, text=""))

    def refuse(self) -> None:
        """Refuse the text if there is any mistake.

        Raises:
            RefusedText: with all of them, in the order of the places.
        """
        if self.faults:
            # What is read twice is wrong twice, and told once.
            faults = dict.fromkeys(self.faults)
            raise RefusedText(sorted(faults, key=lambda one: (one.source, one.line, one.column)))

    def table(self, *path: str | int, required: bool = False) -> dict[str, TomlValue]:
        """A table; empty, with a mistake noted, if something else stands there."""
        value: TomlValue = self.toml.data
        for depth, word in enumerate(path, start=1):
            value = _below(value, word)
            if value is None:
                if required:
                    self.fault(path[: depth - 1], f"table {_head(path)} is missing")
                return {}
        if not isinstance(value, dict):
            self.fault(path, f"{_dotted(path)} is no table", expected=(_head(path),))
            return {}
        return value

    def tables(self, *path: str) -> list[tuple[tuple[str | int, ...], dict[str, TomlValue]]]:
        """The tables of a list, each with its path; none, with a mistake noted, if it is none."""
        value = self.table(*path[:-1]).get(path[-1], [])
        if isinstance(value, list):
            found = [one for one in value if isinstance(one, dict)]
            if len(found) == len(value):
                return [((*path, number), one) for number, one in enumerate(found)]
        self.fault(path, f"{path[-1]} is a list of tables", expected=(_head((*path, 0)),))
        return []

    def only(
        self, path: tuple[str | int, ...], known: Iterable[str], *, shown: bool = True
    ) -> None:
        """Note every key of a table that nobody knows, with what is near."""
        names = tuple(known)
        for word in self.table(*path):
            if word not in names:
                here = _head(path) if path else "the file"
                self.fault(
                    (*path, word),
                    f"{here} has no key {word!r}",
                    expected=names if len(names) <= 12 else (),
                    near_to=word,
                    known=names,
                    shown=shown,
                )

    def options(
        self, path: tuple[str, ...], options: Iterable[Option], *, also: Iterable[str] = ()
    ) -> dict[str, Setting]:
        """The values of a table's options, defaults filled in."""
        known = tuple(options)
        # A misspelt `password` may have its value beside it.
        shown = all(one.kind != "secret" for one in known)
        self.only(path, (*(one.name for one in known), *also), shown=shown)
        table = self.table(*path)
        settings: dict[str, Setting] = {}
        for option in known:
            settings[option.name] = option.default
            if option.name in table:
                settings[option.name] = self.value((*path, option.name), option, table)
            elif option.required:
                self.fault(
                    path, f"[{'.'.join(path)}] lacks {option.name!r}", expected=(option.meaning,)
                )
        return settings

    def value(
        self, path: tuple[str, ...], option: Option, table: Mapping[str, TomlValue]
    ) -> Setting:
        """The value of one option that stands in a table."""
        value = table[option.name]
        if option.kind == "secret":
            return self._secret(path, option, value)
        if isinstance(value, dict) and option.kind in ("text", "path", "url"):
            value = self._reference(path, value)
            if value is None:
                return option.default
        checked = self._checked(path, option, value)
        if checked is None:
            expected = (_KINDS[option.kind],)
            self.fault(path, f"{option.name!r} has the wrong kind", expected=expected)
            return option.default
        return checked

    def _checked(self, path: tuple[str, ...], option: Option, value: TomlValue) -> Setting:
        """The value, or None if it is not of the option's kind."""
        kind, whole = option.kind, isinstance(value, int) and not isinstance(value, bool)
        checked: Setting = None
        if isinstance(value, str):
            if kind in ("text", "template", "url"):
                checked = self._text(path, option, value)
            elif kind == "path" and value and "\0" not in value:
                checked = self.folder / value
        elif isinstance(value, bool):
            checked = value if kind == "flag" else None
        elif isinstance(value, int | float) and kind in ("seconds", "number", "count"):
            if kind != "count" or whole:
                checked = self._least(path, option, value)
        elif isinstance(value, list) and all(isinstance(one, str) for one in value):
            checked = tuple(map(str, value)) if kind == "texts" else None
        return checked

    def _text(self, path: tuple[str, ...], option: Option, value: str) -> Setting:
        if option.choices and value not in option.choices:
            self.fault(
                path,
                f"{option.name} cannot be {value!r}",
                expected=option.choices,
                near_to=value,
                known=option.choices,
            )
            return value
        if mistakes := option.mistakes(value):
            # A URL that is refused may hold a password.
            words = f"{option.name}: {'; '.join(mistakes)}"
            self.fault(path, words, shown=option.kind != "url")
        return value

    def _least(self, path: tuple[str, ...], option: Option, value: float) -> Setting:
        if value != value or (option.least is not None and value < option.least):  # noqa: PLR0124  NaN
            self.fault(
                path, f"{option.name} is {value:g}", expected=(f"at least {option.least:g}",)
            )
            return option.default
        return value

    def _secret(self, path: tuple[str | int, ...], option: Option, value: TomlValue) -> Setting:
        """A secret, by reference only: what stands in the file is refused, and not told."""
        if not isinstance(value, dict):
            self.fault(
                path,
                f"{option.name} is a secret, and does not stand in a configuration",
                expected=('{ env = "NAME" }', '{ file = "path" }'),
                shown=False,
            )
            return option.default
        text = self._reference(path, value)
        return option.default if text is None else Secret(text)

    def _reference(self, path: tuple[str | int, ...], table: Mapping[str, TomlValue]) -> str | None:
        """A secret by reference: from the environment, or from a file; never told in messages."""
        match dict(table):
            case {"env": str(name), **rest} if not rest:
                if name in self.environment:
                    return self.environment[name]
                self.fault(path, f"the environment has no variable {name}")
            case {"file": str(name), **rest} if not rest:
                try:
                    return (self.folder / name).read_text("utf-8").rstrip("\r\n")
                except (OSError, UnicodeDecodeError) as error:
                    words = getattr(error, "strerror", None) or "not UTF-8"
                    self.fault(path, f"file {name}: {words}")
            case _:
                self.fault(
                    path,
                    "a reference names one place",
                    expected=('{ env = "NAME" }', '{ file = "path" }'),
                )
        return None


def _below(value: TomlValue, word: str | int) -> TomlValue:
    """What stands in a value under a key, or in a place of a list; None if there is nothing."""
    if isinstance(value, dict) and isinstance(word, str):
        return value.get(word)
    if isinstance(value, list) and isinstance(word, int):
        return value[word]
    return None


def _head(path: tuple[str | int, ...]) -> str:
    """A table's head, as a person writes it; of one in a list, that of each."""
    listed = any(isinstance(one, int) for one in path)
    return f"[[{_dotted(path)}]]" if listed else f"[{_dotted(path)}]"


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(one for one in path if isinstance(one, str))
