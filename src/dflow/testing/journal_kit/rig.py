"""A rig: one journal, fresh and empty, and how to open it again.

In: nothing.  Out: open journals.  This module does not know what they promise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from attrs import define, field

from dflow.exchange.journal import Journal

__all__ = ["JournalRig", "MakeJournalRig"]


@define(eq=False, kw_only=True)
class JournalRig:
    """One journal for one test.

    Attributes:
        recipe: opens the journal, the same one at every call.  It is given to other
            processes too, so it can be pickled: a function of a module, or a
            `functools.partial` of one.
        lasting: whether what was committed outlives the process; one in memory does not,
            and is opened once.
    """

    recipe: Callable[[], Journal]
    lasting: bool = True
    _opened: list[Journal] = field(factory=list, init=False)

    def open(self) -> Journal:
        """The journal, opened once more; closed at the end of the test."""
        journal = self.recipe()
        self._opened.append(journal)
        return journal

    @contextmanager
    def closing(self) -> Iterator[JournalRig]:
        """Close at the end what was opened."""
        try:
            yield self
        finally:
            for journal in self._opened:
                journal.close()


#: Makes a rig, fresh and empty, as a context that removes it.
MakeJournalRig = Callable[[], AbstractContextManager[JournalRig]]
