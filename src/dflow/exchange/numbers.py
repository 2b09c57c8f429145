"""Events by their numbers, each once, though workers commit out of order.

In: events above a mark.  Out: those that were not seen yet.  This module does not read the
journal.

Where several workers write, number 8 may be there before number 7, which is still being
written, or will never be.  So the mark stays before a gap, until it is filled or so old
that nothing can fill it.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from dflow.exchange.journal import EventRow

__all__ = ["Numbers"]

#: Seconds after which nothing fills a gap: no transaction lasts as long.
_PATIENCE = 15.0


@define
class Numbers:
    """Which events were seen.

    Attributes:
        mark: all up to this one were seen, or will never be.
    """

    mark: int = 0
    _above: set[int] = field(factory=set, init=False)
    _gap_since: float | None = field(default=None, init=False)

    def fresh(self, events: Iterable[EventRow], now: float) -> list[EventRow]:
        """Those that were not seen before; `now` in seconds of any clock."""
        new = [one for one in events if one.id > self.mark and one.id not in self._above]
        self._above.update(one.id for one in new)
        before = self.mark
        self._close_up()
        if not self._above:
            self._gap_since = None
        elif self._gap_since is None or self.mark != before:
            self._gap_since = now
        elif now - self._gap_since >= _PATIENCE:
            self.mark = min(self._above) - 1
            self._gap_since = now
            self._close_up()
        return new

    def _close_up(self) -> None:
        while self.mark + 1 in self._above:
            self.mark += 1
            self._above.discard(self.mark)
