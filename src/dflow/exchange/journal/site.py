"""The files of a journal that is being salvaged: which is read, and which stands in its place.

In: the journal's path.  Out: a lock, a folder, and at the end other names.  This module does
not know what is in the files.  Whatever interrupts it, the damaged file and its log are
whole under one name or the other.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from dflow.exchange.journal.port import JournalError
from dflow.transport.durable import sync_folder, try_lock

__all__ = ["Site"]


@frozen
class Site:
    """Where a damaged journal stands, and its place.

    Attributes:
        path: of the journal.
    """

    path: Path

    @contextmanager
    def alone(self) -> Iterator[Path]:
        """Be the one who uses the journal; a private folder beside it, for as long.

        Raises:
            JournalError: if another process uses it.
        """
        lock = try_lock(self.path.with_name(self.path.name + ".lock"))
        if lock is None:
            raise JournalError(f"{self.path}: another process is running this exchange")
        try:
            folder = Path(tempfile.mkdtemp(prefix=f".{self.path.name}.", dir=self.path.parent))
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)

    def source(self) -> Path:
        """What to read: the file, or the name that an interrupted salvage gave it."""
        number = 0
        while (other := self._damaged(number)).exists():
            # Its log is with it; beside the first name it may be gone already.
            if self.path.exists() and other.samefile(self.path):
                return other
            number += 1
        return self.path

    def replace(self, new: Path, source: Path) -> Path:
        """Give the damaged one another name, and its own to the new one; the other name."""
        path, damaged = self.path, source
        if source == path:
            number = 0
            while (damaged := self._damaged(number)).exists():
                number += 1
            for end in ("-wal", ""):
                if path.with_name(path.name + end).exists():
                    _also(path.with_name(path.name + end), damaged.with_name(damaged.name + end))
            sync_folder(path.parent)
        # A log of the one must never meet the other.
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        sync_folder(path.parent)
        new.replace(path)
        sync_folder(path.parent)
        return damaged

    def _damaged(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.damaged" + (f"-{number}" if number else ""))


def _also(path: Path, to: Path) -> None:
    """Give a file a second name; a copy where there are no second names."""
    try:
        to.hardlink_to(path)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            to.unlink()
        shutil.copy2(path, to)
