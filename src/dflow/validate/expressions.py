"""The expressions of one flow as one file needs them at the moment.

In: a body's slow check, which knows what has been told.  Out: compiled patterns that
accept what nothing is to be said of.  This module matches nothing itself.

Advice is told once a file.  As long as some is untold the expressions ask for it, so that
its first place comes to light; once refused instances turn out to hold nothing new, they
are made anew without it.  There are as many kinds of advice as the catalogue has groups
and numbers for the flow, so that is done a bounded number of times.
"""

from __future__ import annotations

import re

from attrs import define, evolve, field

from dflow.catalogue.model import FlowDef, GroupDef
from dflow.identifiers import MPAN_ITEMS
from dflow.recognise import (
    Asked,
    record_pattern,
    records_pattern,
    root_pattern,
    screen_pattern,
    shape_pattern,
)
from dflow.validate.digits import plain
from dflow.validate.structure import BodyCheck

__all__ = ["Expressions"]

#: Refused instances with nothing new before the expressions are made anew.
_VAIN_MOST = 16


@define(eq=False)
class Expressions:
    """Patterns of one flow, made when first asked for.

    Attributes:
        body: the slow check of the same body.
        flow_def: the flow version.
    """

    body: BodyCheck
    flow_def: FlowDef
    _asked: Asked = field(factory=Asked, init=False)
    _runs: dict[tuple[int, bool, bool], re.Pattern[bytes]] = field(factory=dict, init=False)
    _shapes: dict[int, re.Pattern[bytes]] = field(factory=dict, init=False)
    _records: dict[int, re.Pattern[bytes]] = field(factory=dict, init=False)
    _screens: dict[int, re.Pattern[bytes]] = field(factory=dict, init=False)
    _lines: dict[tuple[bool, bool], re.Pattern[bytes]] = field(factory=dict, init=False)
    _mpans: dict[int, tuple[int, ...]] = field(init=False)
    _vain: int = field(default=0, init=False)
    _told: int = field(default=-1, init=False)

    @_mpans.default
    def _mpan_positions(self) -> dict[int, tuple[int, ...]]:
        return {
            group.seq: tuple(at.position for at in group.items if at.jcode in MPAN_ITEMS)
            for group in self.flow_def.walk()
        }

    def vain(self, before: int) -> None:
        """An instance was refused; `before` it so many weighty findings had been made."""
        if self.body.sink.weighty == before:
            self._vain += 1

    def renew(self) -> None:
        """Ask only for what has not been told, if asking for more has been in vain."""
        body = self.body
        if self._told == body.sink.told or (self._told >= 0 and self._vain < _VAIN_MOST):
            return
        self._vain, self._told = 0, body.sink.told
        self._asked = Asked(
            missing=frozenset(g.seq for g in self.flow_def.walk() if body.watched(g)),
            zeros=frozenset(
                at.jcode
                for group in self.flow_def.walk()
                for at in group.items
                if body.sink.watches("leading-zero", at.jcode)
            ),
        )
        for patterns in (self._runs, self._shapes, self._records, self._screens, self._lines):
            patterns.clear()
        body.trust(self)

    def run(self, root: GroupDef, *, narrow: bool, lf: bool) -> re.Pattern[bytes]:
        """Clean occurrences of a level-1 group: as many as there are, or one if few may be.

        Args:
            root: the group.
            narrow: whether the bytes are known to be ASCII.
            lf: whether they are known to hold no CR.
        """
        # Characters beyond ASCII are refused for as long as they are worth a remark.
        narrow = narrow or self.body.sink.watches("non-ascii")
        known = self._runs.get((root.seq, narrow, lf))
        if known is None:
            one = root_pattern(self.flow_def, root, evolve(self._asked, ascii=narrow, lf=lf))
            text = one if root.range.most is not None else f"(?:{one})*+"
            known = self._runs[root.seq, narrow, lf] = re.compile(text.encode("latin-1"))
        return known

    def records(self, *, narrow: bool, lf: bool) -> re.Pattern[bytes]:
        """Clean records, as many as there are, wherever each of them stands; as for `run`."""
        narrow = narrow or self.body.sink.watches("non-ascii")
        known = self._lines.get((narrow, lf))
        if known is None:
            asked = evolve(self._asked, ascii=narrow, lf=lf)
            known = self._lines[narrow, lf] = records_pattern(self.flow_def, asked)
        return known

    def shape(self, root: GroupDef) -> re.Pattern[bytes]:
        """Occurrences, as for `run`, of a level-1 group whose records stand as they should."""
        known = self._shapes.get(root.seq)
        if known is None:
            one = shape_pattern(self.flow_def, root, self._asked)
            text = one if root.range.most is not None else f"(?:{one})*+"
            known = self._shapes[root.seq] = re.compile(text.encode("latin-1"))
        return known

    def admits(self, group: GroupDef, raw: bytes) -> bool:
        """Whether the expression of one record accepts it, and its MPANs are plain."""
        known = self._records.get(group.seq)
        if known is None:
            asked = evolve(self._asked, ascii=True)
            known = self._records[group.seq] = record_pattern(group, asked)
        if known.fullmatch(raw) is None:
            return False
        for position in self._mpans[group.seq]:
            value = raw.split(b"|", position + 1)[position]
            if value and not plain(value):
                return False
        return True

    def screen(self, group: GroupDef) -> re.Pattern[bytes]:
        """The expression that holds the fields of a record that deserve a look."""
        known = self._screens.get(group.seq)
        if known is None:
            known = self._screens[group.seq] = screen_pattern(group, self._asked)
        return known
