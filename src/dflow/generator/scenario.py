"""Scenarios: stories of several flows that hang together, told as data.

In: a TOML text.  Out: a `Scenario`, and from it files in order: the same meter points,
the same meters where the story says so, dates that follow each other.  This module does
not know the market's procedures: a scenario is what its text says, and the bundled ones
follow the flows' names and routes in the catalogue.

A scenario's text has a title, a provenance, a table of parties by name, and its steps:
tables with a flow, its version, from whom and to whom, a day, and values.

`day` counts from the start of the story.  A step's table `values` gives, by J-code,
what is the same in all of its records: a text, or ``day+7`` for a date of the story, or
``meter:old`` for the serial of a meter that the story calls so.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from importlib.resources import files as package_files
from pathlib import Path

from attrs import frozen

from dflow.catalogue import Catalogue, FlowDef, bundled
from dflow.envelope import Party
from dflow.errors import LookupMiss, RefusedText, TextFault, near_misses
from dflow.generator import calendar
from dflow.generator.files import GeneratedFile, generate, header_for
from dflow.generator.values import mpan, value_maker
from dflow.tomltext import TomlText, TomlValue, parse_toml, read_toml

__all__ = ["Scenario", "Step", "bundled_names", "files_of", "load", "scenario_from"]

_KEYS = ("title", "provenance", "parties", "step")
_STEP_KEYS = ("flow", "version", "from", "to", "day", "values")

#: A value of a step: a date of the story, or the serial of a meter that it names.
_DATE = re.compile(r"day([+-][0-9]+)?", re.ASCII)
_METER = re.compile(r"meter:[a-z0-9-]+", re.ASCII)


@frozen(kw_only=True)
class Step:
    """One file of a story.

    Attributes:
        flow: the flow version.
        sender: who sends it.
        recipient: whom it is for.
        day: days after the start of the story.
        values: by J-code, what all its records share; see the module.
    """

    flow: FlowDef
    sender: Party
    recipient: Party
    day: int
    values: dict[str, str]


@frozen(kw_only=True)
class Scenario:
    """A story of several files, in order.

    Attributes:
        title: what it tells.
        provenance: where its order comes from.
        steps: its files.
    """

    title: str
    provenance: str
    steps: tuple[Step, ...]


def bundled_names() -> tuple[str, ...]:
    """The names of the scenarios that come with dflow, sorted."""
    folder = package_files("dflow.generator") / "scenarios"
    return tuple(sorted(path.name[:-5] for path in folder.iterdir() if path.name.endswith(".toml")))


def load(name: str, *, catalogue: Catalogue | None = None) -> Scenario:
    """A scenario by its bundled name, or from a TOML file.

    Raises:
        LookupMiss: if it is neither a bundled name nor a file.
        RefusedText: with every mistake of the file.
    """
    if name in bundled_names():
        folder = package_files("dflow.generator") / "scenarios"
        text = (folder / f"{name}.toml").read_text("utf-8")
        return scenario_from(parse_toml(text, f"{name}.toml"), catalogue=catalogue)
    if not name.endswith(".toml"):
        near = near_misses(name, bundled_names())
        hint = f"; near: {', '.join(near)}" if near else f"; known: {', '.join(bundled_names())}"
        raise LookupMiss(f"no scenario {name!r}{hint}, and no TOML file")
    return scenario_from(read_toml(Path(name)), catalogue=catalogue)


class _Reader:
    """Takes a scenario out of a TOML document and keeps every fault."""

    def __init__(self, toml: TomlText, catalogue: Catalogue) -> None:
        self.toml = toml
        self.catalogue = catalogue
        self.faults: list[TextFault] = []
        self.parties: dict[str, Party] = {}

    def fault(self, path: tuple[str | int, ...], message: str, *expected: str) -> None:
        self.faults.append(self.toml.fault(path, message, expected=expected))

    def keys(
        self, table: dict[str, TomlValue], path: tuple[str | int, ...], known: tuple[str, ...]
    ) -> None:
        for key in table:
            if key not in known:
                message = f"unknown key {key!r}"
                self.faults.append(self.toml.fault((*path, key), message, near_to=key, known=known))

    def text(self, table: dict[str, TomlValue], path: tuple[str | int, ...], key: str) -> str:
        value = table.get(key)
        if isinstance(value, str):
            return value
        self.fault((*path, key), f"the key {key!r} is missing or holds no text")
        return ""

    def read_parties(self) -> None:
        table = self.toml.data.get("parties")
        for name, value in (table if isinstance(table, dict) else {}).items():
            text = value if isinstance(value, str) else ""
            if re.fullmatch(r"[0-9A-Z]/[0-9A-Z]{4}", text, re.ASCII):
                self.parties[name] = Party(text[0], text[2:])
            else:
                self.fault(("parties", name), f"{text!r} is no party", "such as X/UDMS")

    def party(self, table: dict[str, TomlValue], path: tuple[str | int, ...], key: str) -> Party:
        name = self.text(table, path, key)
        if name and name not in self.parties:
            message = f"no party {name!r}"
            known = tuple(self.parties)
            self.faults.append(self.toml.fault((*path, key), message, near_to=name, known=known))
        return self.parties.get(name, Party("", ""))

    def step(self, table: dict[str, TomlValue], path: tuple[str | int, ...]) -> Step | None:
        self.keys(table, path, _STEP_KEYS)
        flow, version = self.text(table, path, "flow"), self.text(table, path, "version")
        sender, recipient = self.party(table, path, "from"), self.party(table, path, "to")
        day = table.get("day", 0)
        if not isinstance(day, int):
            self.fault((*path, "day"), f"{day!r} is no number of days")
        definition = None
        if flow and version:
            try:
                definition = self.catalogue[flow, version]
            except LookupMiss as miss:
                self.fault((*path, "flow"), str(miss))
        values = self.values(table, path, definition)
        if definition is None or not isinstance(day, int):
            return None
        return Step(flow=definition, sender=sender, recipient=recipient, day=day, values=values)

    def values(
        self,
        table: dict[str, TomlValue],
        path: tuple[str | int, ...],
        definition: FlowDef | None,
    ) -> dict[str, str]:
        given = table.get("values", {})
        found: dict[str, str] = {}
        groups = tuple(definition.walk()) if definition else ()
        for jcode, value in (given if isinstance(given, dict) else {}).items():
            place = next((p for group in groups if (p := group.place(jcode))), None)
            if not isinstance(value, str):
                self.fault((*path, "values", jcode), f"{value!r} is no text")
            elif definition and place is None:
                self.fault((*path, "values", jcode), f"{definition} has no item {jcode}")
            elif place and not _can_be(value) and not place.item.format.admits(value):
                message = f"{value!r} is not {place.item.format}, the format of {place.name}"
                self.fault((*path, "values", jcode), message)
            else:
                found[jcode] = value
        return found


def _can_be(value: str) -> bool:
    return bool(_DATE.fullmatch(value) or _METER.fullmatch(value))


def scenario_from(toml: TomlText, *, catalogue: Catalogue | None = None) -> Scenario:
    """The scenario that a text tells.

    Raises:
        RefusedText: with every mistake of the text.
    """
    reader = _Reader(toml, catalogue or bundled())
    reader.keys(toml.data, (), _KEYS)
    title = reader.text(toml.data, (), "title")
    provenance = reader.text(toml.data, (), "provenance")
    reader.read_parties()
    tables = toml.data.get("step")
    steps = [
        reader.step(table, ("step", at))
        for at, table in enumerate(tables if isinstance(tables, list) else [])
        if isinstance(table, dict)
    ]
    if not steps:
        reader.fault(("step",), "the scenario has no steps", "[[step]]")
    if reader.faults:
        raise RefusedText(reader.faults)
    return Scenario(title=title, provenance=provenance, steps=tuple(step for step in steps if step))


def files_of(
    story: Scenario,
    *,
    count: int = 1,
    seed: int = 0,
    mpans: Sequence[str] = (),
    day: int = calendar.EPOCH,
    test_flag: str = "TR01",
    catalogue: Catalogue | None = None,
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The files of a story in order: a name for each, and its bytes.

    Args:
        story: the scenario.
        count: how many meter points live through it.
        seed: which of the many possible sets of files.
        mpans: the meter points, again from the first when they run out; made up if empty.
        day: the day on which the story starts, as an ordinal.
        test_flag: the files' test flag.
        catalogue: where roles and items are looked up; the bundled one unless given.

    Raises:
        StructureError: if a step's flow cannot be made so often.
    """
    known = catalogue or bundled()
    points = [
        mpans[at % len(mpans)] if mpans else mpan(((seed % 9973) << 16) + at) for at in range(count)
    ]
    for number, step in enumerate(story.steps, 1):
        header = header_for(
            step.flow,
            seed=seed * 100 + number,
            sender=step.sender,
            recipient=step.recipient,
            day=day + step.day,
            test_flag=test_flag,
            catalogue=known,
        )
        wanted = GeneratedFile(
            definition=step.flow,
            header=header,
            count=count,
            seed=seed * 100 + number,
            mpans=points,
            fixed={
                jcode: _dated(step.flow, jcode, value, day)
                for jcode, value in step.values.items()
                if not _METER.fullmatch(value)
            },
            each={
                jcode: [_serial(known, jcode, f"{seed}/{value}/{point}") for point in points]
                for jcode, value in step.values.items()
                if _METER.fullmatch(value)
            },
            catalogue=known,
        )
        yield f"{number:02d}_{step.flow.flow}_{step.sender.mpid}.usr", generate(wanted)


def _dated(flow: FlowDef, jcode: str, value: str, day: int) -> str:
    """The value, or the date that it names; a date and time is at midnight."""
    found = _DATE.fullmatch(value)
    if found is None:
        return value
    date = calendar.day_text(day + int(found[1] or 0))
    place = next((place for group in flow.walk() if (place := group.place(jcode))), None)
    return date + "000000" if place and place.item.format.kind == "DATETIME" else date


def _serial(catalogue: Catalogue, jcode: str, name: str) -> str:
    """The serial of a meter: the same wherever the story speaks of it."""
    maker = value_maker(catalogue.item(jcode))
    number = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
    return maker.make(number % maker.span, calendar.EPOCH)
