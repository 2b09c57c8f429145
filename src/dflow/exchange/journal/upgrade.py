"""A journal's tables on their way to a newer version, told to who waits for them.

In: how far it is.  Out: records of the logger ``dflow.exchange.journal``, all of them
information: one when it begins, one for each version reached, and one every few seconds
meanwhile.  This module changes no table, and configures no logging.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

__all__ = ["LOGGER", "Upgrade"]

#: The logger of journals.
LOGGER = logging.getLogger("dflow.exchange.journal")

#: Seconds between two words within one version.
_EVERY = 5.0


@define
class Upgrade:
    """The way of one journal; one that is only now being made says nothing.

    Attributes:
        where: the journal's name for a person.
        since: the version that was found; 0 of a new one.
        to: the version that it is brought to.
    """

    where: str
    since: int
    to: int
    _begun: float = field(factory=time.monotonic, init=False)
    _part: str = field(default="", init=False)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell while the block lasts."""
        if not self.since:
            yield
            return
        words = f"its tables are brought from version {self.since} to {self.to}"
        self._tell(f"{words}; if it is large, that takes minutes")
        # A statement may take minutes, in which nobody else comes by to look at the time.
        ended = threading.Event()
        clerk = threading.Thread(target=self._tell_now_and_then, args=(ended,), daemon=True)
        clerk.start()
        try:
            yield
        finally:
            ended.set()
            clerk.join()

    def part(self, version: int, number: int, total: int) -> None:
        """Go on to one of the statements that make a version."""
        self._part = f"version {version}, step {number} of {total}"

    def reached(self, version: int) -> None:
        """Say that the tables are of a version."""
        self._tell(f"its tables are of version {version}, after {self._seconds} s")

    @property
    def _seconds(self) -> int:
        return round(time.monotonic() - self._begun)

    def _tell_now_and_then(self, ended: threading.Event) -> None:
        while not ended.wait(_EVERY):
            self._tell(f"{self._part}, after {self._seconds} s")

    def _tell(self, words: str) -> None:
        if self.since:
            LOGGER.info("%s: %s", self.where, words)
