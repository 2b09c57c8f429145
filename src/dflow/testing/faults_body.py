"""Faults of structure and conditions: records that are missing, surplus or elsewhere.

In: a `Draft`.  Out: ways to spoil its body, with counts that are right for what is then
there.  This module does not spoil values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import pairwise

from dflow.catalogue import GroupDef
from dflow.catalogue.conditions import Answer, Condition
from dflow.generator import calendar
from dflow.generator.plan import simplest_record
from dflow.generator.reach import Reach
from dflow.generator.values import value_maker
from dflow.testing.draft import Draft, Line, Site
from dflow.testing.faulty import FaultMaker, Way

__all__ = ["MAKERS"]

#: A surplus group is copied at most so often; groups with a higher limit are left alone.
_MOST_COPIES = 64


def _unknown_group(draft: Draft) -> Iterator[Way]:
    known = draft.definition.codes
    code = next(code for code in ("99Z", "98Z", "97Z") if code not in known)
    for at in range(len(draft.lines) + 1):
        yield _inserted(draft, at, code.encode() + b"|A|")


def _inserted(draft: Draft, at: int, raw: bytes) -> Way:
    """A record more in the body, before the one at index `at` of it."""
    body = draft.body
    body.insert(at, raw)
    return Way(partial(draft.recounted, body), at + 2, 1)


def _misplaced_group(draft: Draft) -> Iterator[Way]:
    """A record of a group that can stand nowhere behind the record before it."""
    roots = {group.code for group in draft.definition.groups}
    deep = [group for group in draft.definition.walk() if group.code not in roots]
    before: list[Line | None] = [None, *draft.lines]
    for at, line in enumerate(before):
        open_lines = () if line is None else (*line.parents, line)
        possible = {child.code for one in open_lines for child in one.definition.groups}
        for group in deep:
            if group.code not in possible:
                yield _inserted(draft, at, _simplest(draft, group))


def _simplest(draft: Draft, group: GroupDef) -> bytes:
    return simplest_record(draft.definition, group, calendar.EPOCH).encode("latin-1")


def _siblings(draft: Draft) -> Iterator[list[Line]]:
    """The lines under each parent, and those of level 1."""
    below: dict[Line | None, list[Line]] = {}
    for line in draft.lines:
        below.setdefault(line.parents[-1] if line.parents else None, []).append(line)
    yield from below.values()


def _twins(draft: Draft) -> set[str]:
    """Codes that stand more than once in the flow: which is meant depends on the order."""
    often = Counter(group.code for group in draft.definition.walk())
    return {code for code, times in often.items() if times > 1}


def _group_order(draft: Draft) -> Iterator[Way]:
    """Two neighbours exchanged: the first then stands behind one that comes after it."""
    twins = _twins(draft)
    for siblings in _siblings(draft):
        for one, other in pairwise(siblings):
            same = one.definition.seq == other.definition.seq
            if same or {one.definition.code, other.definition.code} & twins:
                continue
            first, second = draft.raw[one.at : one.stop], draft.raw[other.at : other.stop]
            lines = [*draft.raw[: one.at], *second, *first, *draft.raw[other.stop :]]
            yield Way(partial(draft.joined, lines), one.at + len(second) + 1, 1)


def _too_many_groups(draft: Draft) -> Iterator[Way]:
    """The last of its kind under its parent, repeated until there is one too many."""
    twins = _twins(draft)
    for siblings in _siblings(draft):
        often = Counter(line.definition.seq for line in siblings)
        last = {line.definition.seq: line for line in siblings}
        for seq, line in last.items():
            most = line.definition.range.most
            if most is None or most > _MOST_COPIES or line.definition.code in twins:
                continue
            copies = most + 1 - often[seq]
            part = list(draft.raw[line.at : line.stop])
            body = [*draft.raw[1 : line.stop], *part * copies, *draft.raw[line.stop : -1]]
            more = copies if _is_instance(draft, line) else 0
            at = line.at + len(part) * copies + 1
            yield Way(partial(draft.recounted, body, instances=more), at, 1)


def _is_instance(draft: Draft, line: Line) -> bool:
    return not line.parents and line.definition is draft.definition.instance


def _missing_group(draft: Draft) -> Iterator[Way]:
    """The only one of its kind under its parent, left out with all below it."""
    excused = {one.group for one in draft.definition.conditions if not one.jcode}
    named = {str(one.when) for one in draft.definition.conditions}
    twins = _twins(draft)
    for siblings in _siblings(draft):
        often = Counter(line.definition.seq for line in siblings)
        for line in siblings:
            code = line.definition.code
            asked = line.definition.range.admits(0) or often[line.definition.seq] > 1
            if asked or code in excused | twins or any(f"group {code} " in one for one in named):
                continue
            body = [*draft.raw[1 : line.at], *draft.raw[line.stop : -1]]
            less = -1 if _is_instance(draft, line) else 0
            at = line.parents[-1].at + 1 if line.parents else 0
            yield Way(partial(draft.recounted, body, instances=less), at)


def _unclosed_record(draft: Draft) -> Iterator[Way]:
    for line in draft.lines:
        values = line.group.values
        if not values or values[-1]:
            yield _changed(draft, line, line.raw[:-1], len(line.raw))


def _changed(draft: Draft, line: Line, raw: bytes, column: int = 0) -> Way:
    return Way(partial(draft.replaced, line.at, raw), line.at + 1, column)


def _too_few_fields(draft: Draft) -> Iterator[Way]:
    for line in draft.lines:
        if line.definition.items:
            raw = b"|".join(line.raw.split(b"|")[:-2]) + b"|"
            yield _changed(draft, line, raw, len(raw) + 1)


def _too_many_fields(draft: Draft) -> Iterator[Way]:
    for line in draft.lines:
        for surplus in (b"|", b"A|", b"A|B||"):
            # The first field too many starts where the record ended.
            yield _changed(draft, line, line.raw + surplus, len(line.raw) + 1)


def _condition(draft: Draft) -> Iterator[Way]:
    """What a condition requires left out, what it forbids put in."""
    for condition in draft.definition.conditions:
        if condition.demand == "optional":
            continue
        if condition.jcode:
            for line in draft.lines:
                if line.definition.code == condition.group:
                    yield from _item_condition(draft, line, condition)
        else:
            for parent in (None, *draft.lines):
                yield from _group_condition(draft, parent, condition)


def _applies(
    draft: Draft, condition: Condition, lines: tuple[Line, ...], groups: dict[str, bool]
) -> bool:
    records = tuple(line.group for line in reversed(lines))
    reach = Reach(records, groups, draft.header, draft.catalogue.roles)
    return condition.applies(reach) is Answer.HOLDS


def _item_condition(draft: Draft, line: Line, condition: Condition) -> Iterator[Way]:
    place = line.definition.place(condition.jcode)
    value = line.group.get(condition.jcode)
    if place is None or value is None or place.presence != "optional":
        return
    wrong = bool(value) == (condition.demand == "required")
    if wrong and _applies(draft, condition, (*line.parents, line), {}):
        site = Site(line, place, value)
        spoiled = "" if value else value_maker(place.item).make(0, calendar.EPOCH)
        yield _changed(draft, line, site.spoiled(spoiled), site.column)


def _group_condition(draft: Draft, parent: Line | None, condition: Condition) -> Iterator[Way]:
    definitions = draft.definition.groups if parent is None else parent.definition.groups
    subject = next((group for group in definitions if group.code == condition.group), None)
    if subject is None:
        return
    below = [line for line in draft.lines if (line.parents[-1:] or (None,))[0] is parent]
    groups = dict.fromkeys((group.code for group in definitions), False)
    groups |= dict.fromkeys((line.definition.code for line in below), True)
    lines = () if parent is None else (*parent.parents, parent)
    if not _applies(draft, condition, lines, groups):
        return
    if condition.demand == "absent" and not groups[subject.code]:
        before = [line.stop for line in below if line.definition.seq < subject.seq]
        at = max([*before, 1 if parent is None else parent.at + 1])
        yield _inserted(draft, at - 1, _simplest(draft, subject))
    elif condition.demand == "required" and groups[subject.code]:
        gone = [line for line in below if line.definition.code == subject.code]
        body = draft.body
        for line in reversed(gone):
            del body[line.at - 1 : line.stop - 1]
        yield Way(partial(draft.recounted, body), 0 if parent is None else parent.at + 1)


#: The makers of these faults, by code.
MAKERS: dict[str, FaultMaker] = {
    "unknown-group": _unknown_group,
    "misplaced-group": _misplaced_group,
    "group-order": _group_order,
    "too-many-groups": _too_many_groups,
    "missing-group": _missing_group,
    "unclosed-record": _unclosed_record,
    "too-few-fields": _too_few_fields,
    "too-many-fields": _too_many_fields,
    "condition": _condition,
}
