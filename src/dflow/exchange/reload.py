"""A rules file that is followed: its rules again whenever it has changed.

In: a path.  Out: a whole rule set, or the reason why the text is refused.  This module
swaps nothing: a text with a mistake changes nothing.
"""

from __future__ import annotations

from pathlib import Path

from attrs import define, field

from dflow.errors import DflowError
from dflow.exchange.contradictions import inspect
from dflow.findings import Severity
from dflow.routing import Routes

__all__ = ["RulesFile"]


@define
class RulesFile:
    """A rules file and the state in which it was last seen.

    Attributes:
        path: the file.
        refuse_on: refuse rules of which lint remarks this or worse; None for mistakes only.
    """

    path: Path
    refuse_on: Severity | None = None
    _seen: tuple[int, int, int] = field(init=False)

    @_seen.default
    def _look(self) -> tuple[int, int, int]:
        try:
            found = self.path.stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_ino, found.st_size, found.st_mtime_ns)

    def changed(self) -> tuple[Routes | None, str]:
        """The rules if the file has changed since the last call, and why they are refused.

        A file that is missing is told once, and taken when it is back.
        """
        now = self._look()
        if now == self._seen:
            return None, ""
        self._seen = now
        try:
            routes = Routes.load(self.path)
        except DflowError as error:
            return None, str(error)
        faults = inspect(routes, self.path, refuse_on=self.refuse_on).faults
        return (None, "\n".join(map(str, faults))) if faults else (routes, "")
