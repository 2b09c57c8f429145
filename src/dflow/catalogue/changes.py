"""What differs between two flow versions, or between two sets of them.

In: definitions.  Out: changes, one by one, each with whether a file of the old version can
still be read under the new one.  This module does not know files or releases.

"Still parses" asks for structure and values: every record finds its place with the
right number of fields, and every value that was allowed still is.  A group that the new
version asks for and the old one lacked is no obstacle, because conditions are almost all
unknown and a missing group is only advice.

Groups are matched by the codes on their way from the top, and by their turn where a code
stands twice; a group of the same code elsewhere has moved.  Items of a matched group are
matched by reference; an item whose neighbours stay and which changed its turn has moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Literal

from attrs import frozen

from dflow.catalogue.conditions import Answer
from dflow.catalogue.formats import Format
from dflow.catalogue.model import CodeList, FlowDef, GroupDef, ItemPlace, Range
from dflow.catalogue.releases import FlowKey
from dflow.catalogue.tables import version_order

__all__ = ["CatalogueDiff", "Change", "ChangeKind", "FlowDiff", "diff", "diff_all"]

#: What can change.
ChangeKind = Literal[
    "flow renamed",
    "route added",
    "route removed",
    "group added",
    "group removed",
    "group moved",
    "group renamed",
    "group range",
    "item added",
    "item removed",
    "item moved",
    "item renamed",
    "item reformatted",
    "item presence",
    "item codes",
]

_HOLDS, _FAILS, _CANNOT_TELL = Answer.HOLDS, Answer.FAILS, Answer.CANNOT_TELL


@frozen(kw_only=True)
class Change:
    """One change.

    Attributes:
        kind: what changed.
        group: the group's code, with its way from the top, such as ``026/028``; empty for
            a change of the flow itself.
        jcode: the item; empty for a change of a group or flow.
        name: the name of what changed.
        before: what it was; empty if it was not there.
        after: what it is; empty if it is gone.
        parses: whether a file of the old version can still be read, for all this change does.
    """

    kind: ChangeKind
    group: str = ""
    jcode: str = ""
    name: str = ""
    before: str = ""
    after: str = ""
    parses: Answer = Answer.HOLDS

    def __str__(self) -> str:
        place = " ".join(part for part in (self.group, self.jcode, self.name) if part)
        lead = f"{self.kind}: {place}" if place else self.kind
        if self.before and self.after:
            return f"{lead}: {self.before} -> {self.after}"
        told = self.before or self.after
        return f"{lead}{f' ({told})' if told else ''}"

    def as_json(self) -> dict[str, str]:
        """The change as ``--json`` prints it."""
        return {
            "kind": self.kind,
            "group": self.group,
            "jcode": self.jcode,
            "name": self.name,
            "before": self.before,
            "after": self.after,
            "parses": self.parses.value,
        }


@frozen(kw_only=True)
class FlowDiff:
    """What differs between two flow versions.

    Attributes:
        old: the earlier definition.
        new: the later definition.
        changes: in the order of the new version, then what is gone.
    """

    old: FlowDef
    new: FlowDef
    changes: tuple[Change, ...]

    @property
    def parses(self) -> Answer:
        """Whether every file of the old version can be read under the new one.

        It cannot be told where one structure is not known.
        """
        if not (self.old.structured and self.new.structured):
            return _CANNOT_TELL
        return Answer.all(change.parses for change in self.changes)

    def of(self, *kinds: ChangeKind) -> tuple[Change, ...]:
        """The changes of these kinds."""
        return tuple(change for change in self.changes if change.kind in kinds)

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        return f"{self.old} -> {self.new}: {len(self.changes)} changes, parses: {self.parses.value}"


@frozen(kw_only=True)
class CatalogueDiff:
    """What differs between two sets of flow versions.

    Attributes:
        started: flow versions of the new set only.
        ended: flow versions of the old set only.
        changed: flow versions of both whose definitions differ.
        replaced: for every flow whose versions changed, its highest old version against its
            highest new one.
    """

    started: tuple[FlowKey, ...]
    ended: tuple[FlowKey, ...]
    changed: tuple[FlowDiff, ...]
    replaced: tuple[FlowDiff, ...]

    def __bool__(self) -> bool:
        return bool(self.started or self.ended or self.changed)


def diff_all(old: Iterable[FlowDef], new: Iterable[FlowDef]) -> CatalogueDiff:
    """What differs between two sets of flow versions, such as two catalogues or two days."""
    before, after = ({flow.key: flow for flow in flows} for flows in (old, new))
    changed = [diff(before[key], after[key]) for key in sorted(before.keys() & after.keys())]
    top_before, top_after = _highest(before), _highest(after)
    return CatalogueDiff(
        started=tuple(sorted(after.keys() - before.keys())),
        ended=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(one for one in changed if one),
        replaced=tuple(
            diff(top_before[flow], top_after[flow])
            for flow in sorted(top_before.keys() & top_after.keys())
            if top_before[flow].version != top_after[flow].version
        ),
    )


def _highest(flows: Mapping[FlowKey, FlowDef]) -> dict[str, FlowDef]:
    return {
        flow: flows[flow, version]
        for flow, version in sorted(flows, key=lambda key: version_order(key[1]))
    }


def diff(old: FlowDef, new: FlowDef) -> FlowDiff:
    """What differs between two flow versions, of one flow or of two."""
    return FlowDiff(old=old, new=new, changes=tuple(_changes(old, new)))


def _changes(old: FlowDef, new: FlowDef) -> Iterator[Change]:
    if old.name and new.name and old.name != new.name:  # a name not known says nothing
        yield Change(kind="flow renamed", before=old.name, after=new.name)
    if old.routes and new.routes:
        for route in new.routes:
            if route not in old.routes:
                yield Change(kind="route added", name=str(route))
        for route in old.routes:
            if route not in new.routes:
                yield Change(kind="route removed", name=str(route))
    if old.structured and new.structured:
        yield from _structure_changes(_paths(old), _paths(new))


def _paths(flow: FlowDef) -> dict[tuple[str, int], GroupDef]:
    """The groups by their way from the top and their turn on that way."""
    found: dict[tuple[str, int], GroupDef] = {}
    turns: Counter[str] = Counter()

    def put(group: GroupDef, above: str) -> None:
        path = f"{above}/{group.code}" if above else group.code
        turns[path] += 1
        found[path, turns[path]] = group
        for below in group.groups:
            put(below, path)

    for group in flow.groups:
        put(group, "")
    return found


def _structure_changes(
    old: dict[tuple[str, int], GroupDef], new: dict[tuple[str, int], GroupDef]
) -> Iterator[Change]:
    left = {place: group for place, group in old.items() if place not in new}
    for place, group in new.items():
        path = place[0]
        if place in old:
            yield from _group_changes(path, old[place], group)
            continue
        origin = next((known for known, one in left.items() if one.code == group.code), None)
        if origin is None:
            yield Change(kind="group added", group=path, name=group.name, after=group.range.text)
            continue
        before = left.pop(origin)
        yield Change(
            kind="group moved",
            group=path,
            name=group.name,
            before=origin[0],
            after=path,
            parses=_FAILS,
        )
        yield from _group_changes(path, before, group)
    for (path, _), group in left.items():
        yield Change(
            kind="group removed",
            group=path,
            name=group.name,
            before=group.range.text,
            parses=_FAILS,
        )


def _group_changes(path: str, old: GroupDef, new: GroupDef) -> Iterator[Change]:
    if old.name != new.name:
        yield Change(kind="group renamed", group=path, before=old.name, after=new.name)
    if _limits(old.range) != _limits(new.range):
        yield Change(
            kind="group range",
            group=path,
            name=new.name,
            before=old.range.text,
            after=new.range.text,
            parses=Answer.of(_most_fits(old.range, new.range)),
        )
    yield from _item_changes(path, old, new)


def _limits(one: Range) -> tuple[int, int | None, tuple[int, ...]]:
    return (one.least, one.most, one.counts)


def _most_fits(old: Range, new: Range) -> bool:
    """Whether no count that the old range admits is too many for the new, or not listed."""
    if new.counts:
        return bool(old.counts) and set(old.counts) <= set(new.counts)
    return new.most is None or (old.most is not None and old.most <= new.most)


def _item_changes(path: str, old: GroupDef, new: GroupDef) -> Iterator[Change]:
    before, after = _turns(old), _turns(new)
    matcher = SequenceMatcher(a=list(before), b=list(after), autojunk=False)
    kept = {
        key
        for block in matcher.get_matching_blocks()
        for key in list(after)[block.b : block.b + block.size]
    }
    for key, place in after.items():
        known = before.get(key)
        if known is None:
            yield _item_change("item added", path, place, after=f"position {place.position}")
            continue
        if key not in kept:
            yield _item_change(
                "item moved",
                path,
                place,
                before=f"position {known.position}",
                after=f"position {place.position}",
            )
        yield from _place_changes(path, known, place)
    for key, place in before.items():
        if key not in after:
            yield _item_change("item removed", path, place, before=f"position {place.position}")


def _turns(group: GroupDef) -> dict[tuple[str, int], ItemPlace]:
    """The places of a group by item and its turn, because an item may stand twice."""
    turns: Counter[str] = Counter()
    found: dict[tuple[str, int], ItemPlace] = {}
    for place in group.items:
        turns[place.jcode] += 1
        found[place.jcode, turns[place.jcode]] = place
    return found


def _item_change(
    kind: ChangeKind,
    path: str,
    place: ItemPlace,
    *,
    before: str = "",
    after: str = "",
    parses: Answer = Answer.FAILS,
) -> Change:
    return Change(
        kind=kind,
        group=path,
        jcode=place.jcode,
        name=place.name,
        before=before,
        after=after,
        parses=parses,
    )


def _place_changes(path: str, old: ItemPlace, new: ItemPlace) -> Iterator[Change]:
    if old.name != new.name:
        yield _item_change(
            "item renamed", path, new, before=old.name, after=new.name, parses=_HOLDS
        )
    if old.item.format != new.item.format:
        yield _item_change(
            "item reformatted",
            path,
            new,
            before=str(old.item.format),
            after=str(new.item.format),
            parses=_covers(new.item.format, old.item.format),
        )
    if old.presence != new.presence:
        loosened = new.presence == "optional"
        yield _item_change(
            "item presence",
            path,
            new,
            before=old.presence,
            after=new.presence,
            parses=Answer.of(loosened),
        )
    if old.item.codes != new.item.codes:
        gone, parses = _codes_gone(old.item.codes, new.item.codes)
        yield _item_change(
            "item codes",
            path,
            new,
            before=f"{_count(old.item.codes)}{gone}",
            after=_count(new.item.codes),
            parses=parses,
        )


def _count(codes: CodeList | None) -> str:
    if codes is None:
        return "no code list"
    return f"{len(codes.codes)} codes{'' if codes.complete else ', incomplete'}"


def _codes_gone(old: CodeList | None, new: CodeList | None) -> tuple[str, Answer]:
    """The codes that are gone, as a text, and whether old values are still allowed."""
    if new is None or not new.complete:
        return "", _HOLDS
    if old is None or not old.complete:
        return "", _CANNOT_TELL
    gone = [code for code in old.codes if code not in new]
    return (f", of them gone: {', '.join(gone)}" if gone else ""), Answer.of(not gone)


def _covers(new: Format, old: Format) -> Answer:
    """Whether every value of the old format has the new one."""
    if new.kind == "UNSTATED":
        return _HOLDS
    if old.kind == "UNSTATED":
        return _CANNOT_TELL
    if new.kind == "CHAR":
        room = new.longest is None or (old.longest is not None and old.longest <= new.longest)
        return Answer.of(room)
    if new.kind in {"NUM", "INT"} and old.kind in {"NUM", "INT"}:
        wide = (new.length or 0) >= (old.length or 0) and new.decimals >= old.decimals
        return Answer.of(wide and (new.signed or not old.signed))
    return Answer.of(new == old)
