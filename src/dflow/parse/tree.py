"""Records to trees, one root group at a time.

In: body records in file order.  Out: finished root groups, each with all below it.
This module does not know headers, trailers or values; where a record stands is the
grammar's word, and what fits nowhere hangs under the record before it, with its reason.
"""

from __future__ import annotations

from attrs import define, field

from dflow.catalogue.model import GroupDef
from dflow.flow import Group
from dflow.grammar import RecordGrammar, Walk
from dflow.records import Record

__all__ = ["TreeBuilder", "stray_reason"]


def stray_reason(record: Record, grammar: RecordGrammar | None) -> str:
    """The finding code that says why a body record cannot be placed."""
    if not record.raw:
        return "blank-line"
    code = record.code
    if code in ("ZHV", "ZHD", "ZHF"):
        return "header-repeated"
    if grammar is None:
        return ""  # without a structure nothing can be out of place
    return "misplaced-group" if code in grammar.by_code else "unknown-group"


@define(eq=False)
class _Node:
    """A group whose children may still come."""

    record: Record
    definition: GroupDef
    groups: list[Group] = field(factory=list)

    def finish(self) -> Group:
        return Group(record=self.record, definition=self.definition, groups=tuple(self.groups))


@define(eq=False)
class TreeBuilder:
    """Builds root groups from records, by the grammar if there is one."""

    grammar: RecordGrammar | None
    _walk: Walk | None = field(init=False)
    _nodes: list[_Node] = field(factory=list, init=False)
    _done: list[Group] = field(factory=list, init=False)

    @_walk.default
    def _start(self) -> Walk | None:
        return Walk(self.grammar) if self.grammar else None

    def add(self, record: Record) -> list[Group]:
        """Take the next body record; return the root groups that are finished by it."""
        frame = self._walk.place(record.code, record.line) if self._walk and record.raw else None
        if frame is None or frame.definition is None:
            stray = Group(record=record, stray=stray_reason(record, self.grammar))
            (self._nodes[-1].groups if self._nodes else self._done).append(stray)
            return self._take() if not self._nodes else []
        for _ in self._walk.closed if self._walk else ():
            self._close()
        self._nodes.append(_Node(record, frame.definition))
        return self._take()

    def close(self) -> list[Group]:
        """No more body records: return what is left."""
        while self._nodes:
            self._close()
        if self._walk:
            self._walk.finish()
        return self._take()

    def _close(self) -> None:
        group = self._nodes.pop().finish()
        (self._nodes[-1].groups if self._nodes else self._done).append(group)

    def _take(self) -> list[Group]:
        done, self._done = self._done, []
        return done
