"""Finding one group of a tree by what a person or a program calls it.

In: a tree, and a path such as ``026[3]/028[1]``, a line number, or a group of the tree.
Out: the indexes that lead to it, and the tree with something else in its place.  This
module does not know values or counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from attrs import evolve

from dflow.errors import LookupMiss
from dflow.flow import Flow, Group

__all__ = ["At", "Indexes", "group_at", "locate", "path_of", "replaced"]

#: How a group is named: its path, its line number, or the group itself.
At = str | int | Group

#: The way to a group: its index among the level-1 groups, then among those below it.
Indexes = tuple[int, ...]

_STEP = re.compile(r"(?P<code>[^\[\]/]+)(?:\[(?P<number>[0-9]{1,9})\])?")


def locate(flow: Flow, at: At) -> Indexes:
    """The way to a group.

    Raises:
        LookupMiss: if the flow has no such group, saying how far the way goes.
    """
    if isinstance(at, str):
        return _by_path(flow, at)
    line = at.record.line if isinstance(at, Group) else at
    for indexes, group in _walk(flow.groups):
        if group.record.line == line and (not isinstance(at, Group) or group.record == at.record):
            return indexes
    what = f"the group {at.code} of line {line}" if isinstance(at, Group) else f"line {line}"
    raise LookupMiss(f"{what} is no group of this flow")


def _walk(groups: tuple[Group, ...]) -> Iterator[tuple[Indexes, Group]]:
    stack: list[tuple[Indexes, Group]] = [
        ((index,), group) for index, group in reversed(list(enumerate(groups)))
    ]
    while stack:
        indexes, group = stack.pop()
        yield indexes, group
        stack.extend(
            ((*indexes, index), below) for index, below in reversed(list(enumerate(group.groups)))
        )


def _by_path(flow: Flow, path: str) -> Indexes:
    indexes: Indexes = ()
    siblings = flow.groups
    gone = ""
    for step in path.split("/"):
        found = _STEP.fullmatch(step)
        if found is None:
            raise LookupMiss(f"{step!r} is no step of a path; expected such as 026[1]")
        code, number = found["code"], int(found["number"] or 1)
        same = [index for index, group in enumerate(siblings) if group.code == code]
        if not 1 <= number <= len(same):
            under = f" under {gone}" if gone else ""
            have = f"there are {len(same)}" if len(same) != 1 else "there is 1"
            codes = ", ".join(dict.fromkeys(group.code for group in siblings)) or "none"
            hint = have if same else f"groups there: {codes}"
            raise LookupMiss(f"no group {code}[{number}]{under}; {hint}")
        indexes = (*indexes, same[number - 1])
        siblings = siblings[same[number - 1]].groups
        gone = f"{gone}/{step}" if gone else step
    return indexes


def group_at(flow: Flow, at: At) -> Group:
    """The group that `at` names.

    Raises:
        LookupMiss: if the flow has no such group.
    """
    first, *rest = locate(flow, at)
    group = flow.groups[first]
    for index in rest:
        group = group.groups[index]
    return group


def path_of(flow: Flow, indexes: Indexes) -> str:
    """The path of the group at the end of a way, such as ``026[3]/028[1]``."""
    steps: list[str] = []
    siblings = flow.groups
    for index in indexes:
        code = siblings[index].code
        number = sum(group.code == code for group in siblings[: index + 1])
        steps.append(f"{code}[{number}]")
        siblings = siblings[index].groups
    return "/".join(steps)


def replaced(
    flow: Flow, indexes: Indexes, change: Callable[[tuple[Group, ...], int], tuple[Group, ...]]
) -> Flow:
    """The flow with a group's siblings changed; every other group is the same value.

    Args:
        flow: the tree.
        indexes: the way to the group.
        change: given the siblings and the group's index, returns the new siblings.
    """
    levels = [flow.groups]
    for index in indexes[:-1]:
        levels.append(levels[-1][index].groups)
    groups = change(levels[-1], indexes[-1])
    for siblings, index in zip(reversed(levels[:-1]), reversed(indexes[:-1]), strict=True):
        parent = evolve(siblings[index], groups=groups)
        groups = (*siblings[:index], parent, *siblings[index + 1 :])
    return evolve(flow, groups=groups)
