"""Expected pairs: which flow asks, and which flows answer it, as data.

In: a TOML text.  Out: `Pairs`.  This module does not know the market's procedures: the
pairs that come with dflow are made-up examples and say so; whoever knows the real ones
writes them down.

A text has a `provenance`, perhaps ``made-up = true``, and its pairs: tables with a `flow`,
its `answers`, the `days` they may take, and perhaps a `version`, `by` and `why`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from importlib.resources import files as package_files
from pathlib import Path
from typing import Literal, cast

from attrs import field, frozen

from dflow.catalogue import Catalogue, bundled
from dflow.errors import RefusedText, TextFault
from dflow.tomltext import TomlText, TomlValue, parse_toml, read_toml

__all__ = ["By", "Pair", "Pairs", "load_pairs", "pairs_from"]

#: Whose answer counts: that of the party that was asked, or anyone's.
By = Literal["recipient", "anyone"]

_KEYS = ("provenance", "made-up", "pair")
_PAIR_KEYS = ("flow", "version", "answers", "days", "by", "why")
_BYS = ("recipient", "anyone")

#: Ten years: more is a mistake, and far more is no date.
_MOST_DAYS = 3660


@frozen(kw_only=True)
class Pair:
    """A flow that asks, and those that answer it.

    Attributes:
        flow: the flow that asks, such as ``D0155``.
        version: its version; empty for any.
        answers: the flows any one of which is an answer.
        days: how many days of 24 hours an answer may take.
        by: whose answer counts.
        why: what is asked and answered, for the reader.
    """

    flow: str
    version: str = ""
    answers: tuple[str, ...]
    days: int
    by: By = "recipient"
    why: str = ""

    @property
    def within(self) -> timedelta:
        """How long an answer may take."""
        return timedelta(days=self.days)


@frozen(kw_only=True)
class Pairs:
    """A table of expected pairs.

    Attributes:
        provenance: who says so.
        made_up: whether they are examples only, which nothing may be concluded from.
        pairs: the pairs, in the order of the text.
    """

    provenance: str
    made_up: bool = False
    pairs: tuple[Pair, ...] = ()


def load_pairs(path: Path | None = None, *, catalogue: Catalogue | None = None) -> Pairs:
    """The pairs of a TOML file, or the made-up ones that come with dflow.

    Raises:
        SourceError: if the file cannot be read.
        RefusedText: with every mistake of the file.
    """
    if path is not None:
        return pairs_from(read_toml(path), catalogue=catalogue)
    text = (package_files("dflow.timeline") / "pairs.toml").read_text("utf-8")
    return pairs_from(parse_toml(text, "pairs.toml"), catalogue=catalogue)


def pairs_from(toml: TomlText, *, catalogue: Catalogue | None = None) -> Pairs:
    """The pairs that a document holds.

    Args:
        toml: the document.
        catalogue: the flows that may be named; the bundled ones unless given.

    Raises:
        RefusedText: with every mistake, each at its place.
    """
    reader = _Reader(toml=toml, flows=_flows_of(catalogue or bundled()))
    reader.only(toml.data, (), _KEYS)
    pairs = Pairs(
        provenance=reader.text(toml.data, (), "provenance"),
        made_up=reader.flag("made-up"),
        pairs=tuple(reader.pairs()),
    )
    if reader.faults:
        raise RefusedText(sorted(reader.faults, key=lambda fault: (fault.line, fault.column)))
    return pairs


def _flows_of(catalogue: Catalogue) -> dict[str, set[str]]:
    versions: dict[str, set[str]] = {}
    for flow, version in catalogue.keys:
        versions.setdefault(flow, set()).add(version)
    return versions


@frozen(kw_only=True)
class _Reader:
    """Takes pairs out of a document and keeps every fault."""

    toml: TomlText
    flows: dict[str, set[str]]
    faults: list[TextFault] = field(factory=list)

    def fault(self, path: tuple[str | int, ...], message: str, *expected: str) -> None:
        self.faults.append(self.toml.fault(path, message, expected=expected))

    def only(
        self, table: dict[str, TomlValue], path: tuple[str | int, ...], known: tuple[str, ...]
    ) -> None:
        for key in table:
            if key not in known:
                said = f"unknown key {key!r}"
                self.faults.append(self.toml.fault((*path, key), said, near_to=key, known=known))

    def text(
        self,
        table: dict[str, TomlValue],
        path: tuple[str | int, ...],
        key: str,
        *,
        owed: bool = True,
    ) -> str:
        value = table.get(key, None if owed else "")
        if isinstance(value, str) and (value.strip() or not owed):
            return value
        self.fault((*path, key), f"the key {key!r} is missing or holds no text")
        return ""

    def flag(self, key: str) -> bool:
        value = self.toml.data.get(key, False)
        if not isinstance(value, bool):
            self.fault((key,), f"the key {key!r} is true or false")
        return value is True

    def pairs(self) -> list[Pair]:
        tables = self.toml.data.get("pair", [])
        if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
            self.fault(("pair",), "pairs are tables", "[[pair]]")
            return []
        return [self.pair(table, ("pair", at)) for at, table in enumerate(tables)]

    def pair(self, table: dict[str, TomlValue], path: tuple[str | int, ...]) -> Pair:
        self.only(table, path, _PAIR_KEYS)
        flow = self.flow(self.text(table, path, "flow"), (*path, "flow"))
        version = self.text(table, path, "version", owed=False)
        if version and flow and version not in self.flows[flow]:
            known = (f"{one!r}" for one in sorted(self.flows[flow]))
            self.fault((*path, "version"), f"no {flow} of version {version!r}", *known)
        days = table.get("days")
        if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= _MOST_DAYS:
            self.fault((*path, "days"), f"days are a whole number from 0 to {_MOST_DAYS}")
            days = 0
        by = table.get("by", "recipient")
        if by not in _BYS:
            self.fault((*path, "by"), "whose answer counts is not said", *_BYS)
        return Pair(
            flow=flow,
            version=version,
            answers=self.answers(table.get("answers"), (*path, "answers")),
            days=days,
            by=cast("By", by),
            why=self.text(table, path, "why", owed=False),
        )

    def answers(self, value: TomlValue, path: tuple[str | int, ...]) -> tuple[str, ...]:
        if not isinstance(value, list) or not value:
            self.fault(path, "answers are a list of one flow or more", '["D0011"]')
            return ()
        return tuple(self.flow(one, (*path, at)) for at, one in enumerate(value))

    def flow(self, value: TomlValue, path: tuple[str | int, ...]) -> str:
        """A flow of the catalogue; what never can be seen would be missing for ever."""
        if isinstance(value, str) and value in self.flows:
            return value
        if value != "":  # an empty one has been told of
            name = value if isinstance(value, str) else ""
            said = f"no flow {value!r} in the catalogue"
            near = name if re.fullmatch(r"\w{1,10}", name) else ""
            self.faults.append(self.toml.fault(path, said, near_to=near, known=self.flows))
        return ""
