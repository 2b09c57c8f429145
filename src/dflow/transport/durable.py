"""Writing so that it survives a loss of power, and locks that die with their owner.

In: paths and bytes.  Out: files.  This module does not know what the bytes are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["free_name", "locked", "sync_folder", "try_lock", "write_synced"]

try:
    import fcntl
except ImportError:  # pragma: no cover  Windows: one process at a time has to be enough there
    fcntl = None  # type: ignore[assignment]  # the name is tested before it is used


def write_synced(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a file anew and wait until its bytes are on the disk; follows no link."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(path, flags, mode)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
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


def free_name(path: Path) -> Path:
    """`path`, or the first of ``stem~2.ext``, ``stem~3.ext`` ... that nothing has taken."""
    if not os.path.lexists(path):
        return path
    number = 2
    while os.path.lexists(candidate := path.with_name(f"{path.stem}~{number}{path.suffix}")):
        number += 1
    return candidate


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file against other processes and threads; waits for it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
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
