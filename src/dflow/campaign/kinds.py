"""What kinds of campaign there are, and which flows are watched apart: tables that dflow ships.

In: TOML texts.  Out: `Kind`s and `Classes`.  This module does not know the market's
procedures: the tables say whose choice they are, and that they are made up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files as package_files
from pathlib import Path

from attrs import field, frozen

from dflow.catalogue import bundled
from dflow.errors import RefusedText, TextFault
from dflow.tomltext import TomlText, TomlValue, parse_toml, read_toml

__all__ = ["Classes", "Kind", "bundled_kinds", "group_from", "load_classes"]

_GROUP = re.compile(r"D[0-9]{4}(\s*\|\s*D[0-9]{4})*")


@frozen(kw_only=True)
class Kind:
    """A kind of campaign, and what it presumes.  Capability 31.

    Attributes:
        name: such as ``change of agent``.
        about: what it is, in words.
        complete_when: flows that must have reached the new side for a meter point, each any
            one of a group; empty where meter points are not measured.
        permanent: whether copies go on for good, and nobody is switched off.
        readdressed: whether copies bear another recipient.
        backfill_all: whether everything that ever passed is copied, if nothing is said.
    """

    name: str
    about: str = ""
    complete_when: tuple[tuple[str, ...], ...] = ()
    permanent: bool = False
    readdressed: bool = False
    backfill_all: bool = False


@frozen(kw_only=True)
class Classes:
    """Flows by what they tell: gain, loss, meter works.  Capability 32.

    Attributes:
        provenance: who says so.
        made_up: whether it is a reading of names, and no published list.
        by_flow: the class of each flow.
        about: what each class is, in the order of the table.
    """

    provenance: str
    made_up: bool
    by_flow: Mapping[str, str] = field(repr=False)
    about: Mapping[str, str]

    def of(self, flow: str) -> str:
        """The class of a flow; ``other`` if no class has it."""
        return self.by_flow.get(flow, "other")


def group_from(words: str) -> tuple[str, ...] | None:
    """The flows of ``D0150 | D0268``, any one of which will do; None if it is none.

    >>> group_from("D0150 | D0268")
    ('D0150', 'D0268')
    """
    if not _GROUP.fullmatch(words.strip()):
        return None
    return tuple(one.strip() for one in words.split("|"))


def bundled_kinds() -> Mapping[str, Kind]:
    """The kinds that come with dflow, by name."""
    text = (package_files("dflow.campaign") / "kinds.toml").read_text("utf-8")
    tables = parse_toml(text, "kinds.toml").data["kind"]
    found: dict[str, Kind] = {}
    for name, table in (tables if isinstance(tables, dict) else {}).items():
        groups = (group_from(one) for one in table["complete_when"])
        found[name] = Kind(
            name=name,
            about=str(table["about"]),
            complete_when=tuple(one for one in groups if one),
            permanent=table.get("permanent", False),
            readdressed=table.get("readdressed", False),
            backfill_all=table.get("backfill") == "all",
        )
    return found


def load_classes(path: Path | None = None) -> Classes:
    """The classes of a TOML file, or those that come with dflow.

    Raises:
        SourceError: the file cannot be read.
        RefusedText: with every mistake of the file.
    """
    if path is not None:
        return _classes(read_toml(path))
    text = (package_files("dflow.campaign") / "classes.toml").read_text("utf-8")
    return _classes(parse_toml(text, "classes.toml"))


def _classes(toml: TomlText) -> Classes:
    faults: list[TextFault] = []
    known = {flow for flow, _ in bundled().keys}
    by_flow: dict[str, str] = {}
    about: dict[str, str] = {}
    provenance = toml.data.get("provenance")
    if not isinstance(provenance, str) or not provenance.strip():
        faults.append(toml.fault(("provenance",), "the key 'provenance' says whose reading it is"))
    tables = toml.data.get("class")
    if not isinstance(tables, dict) or not tables:
        faults.append(toml.fault(("class",), "there is no class", expected=('[class."gain"]',)))
        tables = {}
    for name, table in tables.items():
        about[name] = str(table.get("about", "")) if isinstance(table, dict) else ""
        flows: TomlValue = table.get("flows") if isinstance(table, dict) else None
        if not isinstance(flows, list):
            faults.append(toml.fault(("class", name), "a class has flows, a list"))
            continue
        for number, flow in enumerate(flows):
            here = ("class", name, "flows", number)
            if flow not in known:
                faults.append(toml.fault(here, f"no flow {flow!r} in the catalogue"))
            elif flow in by_flow:
                faults.append(toml.fault(here, f"{flow} is in class {by_flow[flow]!r} already"))
            else:
                by_flow[flow] = name
    if faults:
        raise RefusedText(faults)
    return Classes(
        provenance=str(provenance),
        made_up=toml.data.get("made-up") is True,
        by_flow=by_flow,
        about=about,
    )
