"""Writing so that it survives a loss of power, and locks that die with their owner.

In: paths and bytes.  Out: files.  This module does not know what the bytes are.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field

__all__ = [
    "Folder",
    "begin_write",
    "finish_write",
    "free_name",
    "make_folder",
    "sync_folder",
    "try_lock",
    "write_synced",
]

try:
    import fcntl
except ImportError:  # pragma: no cover  Windows: one process at a time has to be enough there
    fcntl = None  # type: ignore[assignment]  # the name is tested before it is used

#: Bytes that a file system takes for a name, and characters of what counts as an extension.
_LONGEST_NAME, _LONGEST_SUFFIX = 255, 32


def write_synced(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a file anew and wait until its bytes are on the disk; follows no link."""
    finish_write(begin_write(path, content, mode=mode))


def begin_write(path: Path, content: bytes, *, mode: int = 0o666) -> int:
    """Write a file anew; its handle, to be given to `finish_write`.  Follows no link.

    Several files that are begun before the first of them is finished reach the disk
    together, in a part of the time that they take one after the other.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(path, flags | getattr(os, "O_CLOEXEC", 0), mode)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
        if hasattr(os, "posix_fadvise"):
            # Only a hint, to begin now; what is waited for is the synchronisation.
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    except BaseException:
        os.close(handle)
        raise
    return handle


def finish_write(handle: int) -> None:
    """Wait until the bytes of a file are on the disk, and let go of it, also if that fails."""
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Wait until the folder's names are on the disk."""
    if os.name == "nt":  # pragma: no cover  Windows has no handle for this
        return
    handle = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, and wait until the names of new ones are on the disk."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir()
    except FileExistsError:
        if not folder.is_dir():  # something else has its name
            raise
    sync_folder(folder.parent)


def free_name(path: Path, is_taken: Callable[[Path], bool] = os.path.lexists) -> Path:
    """`path`, or one of ``stem~2.ext``, ``stem~3.ext`` ... that nothing has taken.

    Without holes among them it is the first; ten thousand of one name are not all looked at.

    Args:
        path: the name that is wished for.
        is_taken: whether a path cannot be used.
    """
    if not is_taken(path):
        return path
    taken, free = 1, 2
    while is_taken(_numbered(path, free)):
        taken, free = free, free * 2
    while free - taken > 1:
        middle = (taken + free) // 2
        if is_taken(_numbered(path, middle)):
            taken = middle
        else:
            free = middle
    return _numbered(path, free)


def _numbered(path: Path, number: int) -> Path:
    """The path with a number before its extension, cut where a name would be too long."""
    suffix = path.suffix if len(path.suffix) <= _LONGEST_SUFFIX else ""
    stem = path.name.removesuffix(suffix)
    mark = f"~{number}{suffix}"
    while len(os.fsencode(stem + mark)) > _LONGEST_NAME:
        stem = stem[:-1]
    return path.with_name(stem + mark)


@define(eq=False)
class Folder:
    """A folder whose handle stays open: its names are synchronised, its lock held, cheaply.

    Attributes:
        path: the folder, which exists.
    """

    path: Path
    _handle: int | None = field(default=None, init=False)
    _lock: int | None = field(default=None, init=False)
    _threads: threading.Lock = field(factory=threading.Lock, init=False)

    def sync(self) -> None:
        """Wait until the folder's names are on the disk."""
        if os.name == "nt":  # pragma: no cover  Windows has no handle for this
            return
        if self._handle is None:
            self._handle = os.open(self.path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        os.fsync(self._handle)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder's lock file against other threads and processes; waits for it."""
        with self._threads:
            if self._lock is None:
                flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
                self._lock = os.open(self.path / "lock", flags, 0o600)
            if fcntl is not None:
                fcntl.flock(self._lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                if fcntl is not None:
                    fcntl.flock(self._lock, fcntl.LOCK_UN)

    def __del__(self) -> None:
        # Closed when nobody uses it any more: a handle closed under another thread's hands
        # could by then be another file's.
        for handle in (self._handle, self._lock):
            if handle is not None:
                os.close(handle)


def try_lock(path: Path) -> int | None:
    """Hold a lock file until its handle is closed or the process ends; None if it is held.

    The handle is the caller's to close.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    if fcntl is not None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return None
    return handle
