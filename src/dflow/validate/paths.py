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
        root: that group.
        index: which one of its group that record is in the file.
        markers: how a record of each group begins in file order behind another: a line
            feed, its code, a pipe; by the group's place in the catalogue.
    """

    data: bytes
    start: int
    root: GroupDef
    index: int
    markers: Mapping[int, bytes]
    _levels: dict[int, _Level] = field(init=False)

    @_levels.default
    def _first(self) -> dict[int, _Level]:
        start, path = self.start, f"{self.root.code}[{self.index}]"
        return {self.root.seq: _Level(start, start, start, self.index, path)}

    def path(self, offset: int, chain: tuple[GroupDef, ...]) -> str:
        """The path of the record at `offset`; `chain` is its group and all above it."""
        data, levels = self.data, self._levels
        above, path = self.start, ""
        for group in chain:
            seq = group.seq
            level = levels.get(seq)
            if level is None or level.above != above:
                level = levels[seq] = _Level(above, above, above, 0, "")
            marker = self.markers[seq]
            # A marker starts with the line feed before its record, which may be the one
            # at `offset` itself.
            end = offset + len(marker) - 1
            more = data.count(marker, level.passed, end)
            if more:
                level.index += more
                level.start = data.rfind(marker, level.passed, end) + 1
                before = f"{path}/" if path else ""
                level.path = f"{before}{group.code}[{level.index}]"
            level.passed = offset
            above, path = level.start, level.path
        return path
