"""The meter points that files are about, read once a file.

In: hashes of a journal's payloads.  Out: MPANs.  This module judges no file: one that
cannot be read is about none, and is counted.
"""

from __future__ import annotations

from attrs import define, field

from dflow.cut.narrowing import mpans_of
from dflow.errors import DflowError
from dflow.exchange.journal import Journal
from dflow.parse import read

__all__ = ["Contents"]


@define(eq=False)
class Contents:
    """What files are about.

    Attributes:
        journal: where their bytes are.
        unread: hashes of files that could not be read.
    """

    journal: Journal = field(repr=False)
    unread: set[str] = field(factory=set, init=False)
    _known: dict[str, frozenset[str]] = field(factory=dict, init=False, repr=False)

    def mpans(self, hash_: str) -> frozenset[str]:
        """The MPANs that a file is about; none if it cannot be read."""
        found = self._known.get(hash_)
        if found is None:
            try:
                found = mpans_of(read(self.journal.payload(hash_)))[0]
            except DflowError:
                self.unread.add(hash_)
                found = frozenset()
            self._known[hash_] = found
        return found
