"""Where records stand in a stretch of a body whose structure is known to be right.

In: bytes, and the places of some records in them, in file order.  Out: their paths, such
as ``026[3]/028[1]``.  This module looks at group codes and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field

from dflow.catalogue.model import GroupDef

__all__ = ["Paths"]


@define
class _Level:
    """The last record of a group that has been passed.

    Attributes:
        above: where the record of the group above it starts.
        start: where its own starts.
        passed: up to where records of the group have been counted.
        index: which one it is under the group above it.
        path: its path.
    """

    above: int
    start: int
    passed: int
    index: int
    path: str


@define(eq=False)
class Paths:
    """Paths in one stretch; what lies between two records is looked at once.

    Attributes:
        data: bytes that hold the stretch.
        start: where it starts: with a record of a level-1 group.
        index: which one of its group that record is in the file.
        markers: how a record of each group begins in file order behind another: a line
            feed, its code, a pipe; by the group's place in the catalogue.
    """

    data: bytes
    start: int
    index: int
    markers: Mapping[int, bytes]
    _levels: dict[int, _Level] = field(factory=dict, init=False)

    def path(self, offset: int, chain: tuple[GroupDef, ...]) -> str:
        """The path of the record at `offset`; `chain` is its group and all above it."""
        root = chain[0]
        level = self._levels.get(root.seq)
        if level is None:
            level = _Level(0, self.start, self.start, self.index, f"{root.code}[{self.index}]")
            self._levels[root.seq] = level
        self._pass(level, root, offset, "")
        for group in chain[1:]:
            above = level
            known = self._levels.get(group.seq)
            if known is None or known.above != above.start:
                known = self._levels[group.seq] = _Level(above.start, 0, above.start, 0, "")
            level = known
            self._pass(level, group, offset, above.path + "/")
        return level.path

    def _pass(self, level: _Level, group: GroupDef, offset: int, before: str) -> None:
        """Count on up to the record at `offset`, which may be of the group itself."""
        marker, data = self.markers[group.seq], self.data
        # A marker starts with the line feed before its record.
        end = offset + len(marker) - 1
        more = data.count(marker, level.passed, end)
        if more:
            level.index += more
            level.start = data.rfind(marker, level.passed, end) + 1
            level.path = f"{before}{group.code}[{level.index}]"
        level.passed = offset
