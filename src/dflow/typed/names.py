"""Catalogue names to Python names.

In: the names of items and groups, as published.  Out: attribute, class and alias names:
readable, stable, valid, unique where they must be.  This module does not know formats.

The rule, in full:

1.  A name's words are its runs of letters and digits; an apostrophe is dropped, ``&``
    reads "and", and everything else (spaces, hyphens, slashes, brackets) separates.
    Nothing is abbreviated and nothing is corrected.
2.  An attribute is the words in lower case joined by underscores: ``Reading Date &
    Time`` is ``reading_date_and_time``.  A class is the words capitalised and joined:
    ``MPAN Cores`` is ``MpanCores``.
3.  A group without a published name is called after its code: ``GroupRDT``, held in
    ``group_rdt``.
4.  Groups of one flow that would share a class name all carry their code
    (``SiteVisitInformation027``); if the code is the same too, they are numbered in
    catalogue order as well (``GroupSUP_1``, ``GroupSUP_2``).
5.  Items of one group that would share an attribute all carry their J-code; the same
    item twice is numbered by its place (``report_parameters_1``).
6.  Child groups are held in the attribute of their name, which carries the code or the
    number only where the parent has two such; if the parent has an item of that
    attribute, ``_groups`` is added.
7.  A name that Python reserves takes an underscore at its end; one that begins with a
    digit, at its front.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

from attrs import frozen

from dflow.catalogue import FlowDef, GroupDef

__all__ = [
    "GroupName",
    "attribute_name",
    "class_name",
    "group_names",
    "item_names",
    "module_name",
    "words",
]


@frozen
class GroupName:
    """What a group is called in Python.

    Attributes:
        model: its class, unique in the flow's module.
        attribute: where its parent holds the groups of this kind.
    """

    model: str
    attribute: str


def words(name: str) -> list[str]:
    """The words of a published name."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    return re.findall(r"[A-Za-z0-9]+", plain.replace("'", "").replace("&", " and "))


#: What every generated class has already, and the names its annotations need.
_TAKEN_ATTRIBUTES = frozenset(
    {"bool", "codes", "dt", "from_group", "int", "str", "to_group", "tuple", "typed"}
)

#: What every generated module has already.
_TAKEN_CLASSES = frozenset(
    {"Callable", "ClassVar", "Decimal", "FLOW", "Group", "Iterator", "Root", "Source", "TypeAlias"}
)


def _valid(name: str, taken: frozenset[str]) -> str:
    if keyword.iskeyword(name) or name in taken:
        return name + "_"
    return f"_{name}" if name[:1].isdigit() or not name else name


def attribute_name(name: str) -> str:
    """The attribute that a published name gives.

    >>> attribute_name("Reading Date & Time")
    'reading_date_and_time'
    """
    return _valid("_".join(words(name)).lower(), _TAKEN_ATTRIBUTES)


def class_name(name: str) -> str:
    """The class that a published name gives.

    >>> class_name("MPAN Cores")
    'MpanCores'
    """
    return _valid("".join(word.capitalize() for word in words(name)), _TAKEN_CLASSES)


def module_name(definition: FlowDef) -> str:
    """The module of a flow version, such as ``d0010_002``."""
    return f"{definition.flow}_{definition.version}".lower()


def item_names(group: GroupDef) -> tuple[str, ...]:
    """The attributes of a group's items, in order; empty for an item that is always blank."""
    places = [place for place in group.items if place.presence != "blank"]
    plain = {place.position: attribute_name(place.name) for place in places}
    jcodes: dict[str, set[str]] = {}
    for place in places:
        jcodes.setdefault(plain[place.position], set()).add(place.jcode)
    apart = {
        place.position: plain[place.position]
        if len(jcodes[plain[place.position]]) == 1
        else f"{plain[place.position]}_{place.jcode.lower()}"
        for place in places
    }
    again = Counter(apart.values())
    seen: Counter[str] = Counter()
    names: list[str] = []
    for place in group.items:
        name = apart.get(place.position, "")
        if name and again[name] > 1:
            seen[name] += 1
            name = f"{name}_{seen[name]}"
        names.append(name)
    return tuple(names)


def group_names(definition: FlowDef) -> dict[int, GroupName]:
    """The names of every group of a flow, by the group's place (`GroupDef.seq`)."""
    groups = list(definition.walk())
    plain = {group.seq: _plain_class(group) for group in groups}
    shared = Counter(plain.values())
    coded = {
        group.seq: plain[group.seq] + group.code
        if shared[plain[group.seq]] > 1 and group.name.strip()
        else plain[group.seq]
        for group in groups
    }
    again = Counter(coded.values())
    seen: Counter[str] = Counter()
    classes: dict[int, str] = {}
    for group in groups:
        name = coded[group.seq]
        if again[name] > 1:
            seen[name] += 1
            name = f"{name}_{seen[name]}"  # kept apart: a code may end in a digit
        classes[group.seq] = name
    attributes: dict[int, str] = {}
    for siblings, taken in _families(definition):
        attributes |= _attributes(siblings, taken, classes)
    return {seq: GroupName(classes[seq], attributes[seq]) for seq in classes}


def _plain_class(group: GroupDef) -> str:
    return class_name(group.name) if group.name.strip() else f"Group{group.code}"


def _families(definition: FlowDef) -> Iterator[tuple[tuple[GroupDef, ...], frozenset[str]]]:
    """Groups under one parent, with the attributes that the parent's items have taken."""
    yield definition.groups, frozenset()
    for group in definition.walk():
        yield group.groups, frozenset(item_names(group))


def _attributes(
    siblings: tuple[GroupDef, ...], taken: frozenset[str], classes: dict[int, str]
) -> dict[int, str]:
    plain = {group.seq: attribute_name(group.name or f"group {group.code}") for group in siblings}
    shared = Counter(plain.values())
    names: dict[int, str] = {}
    for group in siblings:
        name = plain[group.seq]
        if shared[name] > 1:
            # What its class carries beyond the name: the code, the number.
            extra = classes[group.seq].removeprefix(_plain_class(group))
            name = f"{name}_{extra.strip('_').lower()}"
        names[group.seq] = f"{name}_groups" if name in taken else name
    return names
