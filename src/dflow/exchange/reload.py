"""A rules file that is followed, with its lists: its rules again whenever one has changed.

In: a path.  Out: a whole rule set, or the reason why the text is refused.  This module
swaps nothing: a text with a mistake changes nothing.
"""

from __future__ import annotations

import re
from pathlib import Path

from attrs import define, field

from dflow.errors import DflowError
from dflow.exchange.contradictions import inspect
from dflow.findings import Severity
from dflow.routing import Routes

__all__ = ["RulesFile", "RulesState", "rules_state"]

#: Of the rules and of each list: the file's inode, size and instant of change.
RulesState = tuple[tuple[int, int, int], ...]

#: A list that stands in a file; also found in a text that is refused, so that mending it counts.
_LIST = re.compile(r'\bfile\s+"([^"\0]+)"')


@define
class RulesFile:
    """A rules file and the state in which it was last seen.

    Attributes:
        path: the file.
        refuse_on: refuse rules of which lint remarks this or worse; None for mistakes only.
        state: in which the files were before the rules that decide now were read, so that a
            change since then counts; they are looked at now if it is not given.
        mounts: names of the mounts of the configuration, each of which is to be a destination,
            as at a start; none are compared if there are none.
        patient: take a change only when the next look finds the same, since who writes a
            file in place may be half-way.
    """

    path: Path
    refuse_on: Severity | None = None
    patient: bool = False
    mounts: tuple[str, ...] = ()
    state: RulesState | None = None
    _seen: RulesState = field(init=False)
    _pending: RulesState = field(init=False)

    @_seen.default
    def _first(self) -> RulesState:
        return rules_state(self.path) if self.state is None else self.state

    @_pending.default
    def _none(self) -> RulesState:
        return self._seen

    def changed(self) -> tuple[Routes | None, str]:
        """The rules if a file of theirs has changed since the last call, and why they are refused.

        A file that is missing is told once, and taken when it is back.
        """
        now = rules_state(self.path)
        steady, self._pending = now == self._pending, now
        if now == self._seen or (self.patient and not steady):
            return None, ""
        self._seen = now
        try:
            routes = Routes.load(self.path)
        except DflowError as error:
            return None, str(error)
        faults = inspect(routes, self.path, refuse_on=self.refuse_on).faults
        if faults:
            return None, "\n".join(map(str, faults))
        names = {one.name for one in routes.destinations}
        if lost := [name for name in self.mounts if name not in names]:
            words = ", ".join(f"{name}, which has a [mount.{name}]" for name in lost)
            why = "the next start would refuse that; take the mount out and start again"
            return None, f"{self.path}: the rules have no destination {words}: {why}"
        return routes, ""


def rules_state(path: Path) -> RulesState:
    """The state of the rules and of every file that their text names as a list."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        text = ""
    names = sorted(set(_LIST.findall(text)))
    return (_stat(path), *(_stat(path.parent / name) for name in names))


def _stat(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return (0, 0, 0)
    return (found.st_ino, found.st_size, found.st_mtime_ns)
