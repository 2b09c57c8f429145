"""A rig: one journal, fresh and empty, and how to open it again.

In: nothing.  Out: open journals.  This module does not know what they promise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from attrs import define, evolve, field

from dflow.exchange.journal import Journal

__all__ = ["JournalRig", "MakeJournalRig"]


@define(eq=False, kw_only=True)
class JournalRig:
    """One journal for one test.

    Attributes:
        recipe: opens the journal, the same one at every call.  It is given to other
            processes too, so it can be pickled: a function of a module, or a
            `functools.partial` of one.
        brief: opens the same journal with a short lease, half a second or so, for promises
            that wait until one has ended; `recipe` if there is none.  All others need a
            lease that a busy machine does not outlast.
        lasting: whether what was committed outlives the process; one in memory does not,
            and is opened once.
    """

    recipe: Callable[[], Journal]
    brief: Callable[[], Journal] | None = None
    lasting: bool = True
    _opened: list[Journal] = field(factory=list, init=False)

    def open(self) -> Journal:
        """The journal, opened once more; closed at the end of the test."""
        journal = self.recipe()
        self._opened.append(journal)
        return journal

    def hurried(self) -> JournalRig:
        """The rig whose every lease is a short one."""
        return evolve(self, recipe=self.brief or self.recipe)

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
