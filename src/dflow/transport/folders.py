"""Whether a folder can be written to or taken from, without touching anything in it.

In: a path.  Out: what was found, or why it cannot be used and what mends it.  This module
does not know parcels.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from dflow.transport.faults import Unavailable

__all__ = ["readable_folder", "writable_folder"]


def writable_folder(path: Path) -> str:
    """What a folder to write into is like.

    Raises:
        Unavailable: it cannot be written to, or cannot be made.
    """
    if path.is_dir():
        if not os.access(path, os.W_OK | os.X_OK):
            raise Unavailable(f"{path}: may not be written to; give this user the right to")
        usage = shutil.disk_usage(path)
        if usage.total and not usage.free:  # some file systems do not know their size
            raise Unavailable(f"{path}: No space left on device; make room there")
        return f"the folder {path} can be written to"
    if os.path.lexists(path):
        raise Unavailable(f"{path}: is no folder; name another path, or move it away")
    above = next((one for one in path.absolute().parents if os.path.lexists(one)), Path("/"))
    if not above.is_dir():
        raise Unavailable(f"{path}: cannot be made, because {above} is no folder")
    if not os.access(above, os.W_OK | os.X_OK):
        words = f"cannot be made, because {above} may not be written to"
        raise Unavailable(f"{path}: {words}; make it, or give this user the right to")
    return f"the folder {path} is not there yet, and can be made"


def readable_folder(path: Path) -> str:
    """What a folder to take from is like.

    Raises:
        Unavailable: it is missing, or files in it cannot be listed and moved.
    """
    if not os.path.lexists(path):
        raise Unavailable(f"{path}: no such folder; make it, or correct the path")
    if not path.is_dir():
        raise Unavailable(f"{path}: is no folder; name the folder that the files are in")
    if not os.access(path, os.R_OK | os.X_OK):
        raise Unavailable(f"{path}: may not be listed; give this user the right to")
    if not os.access(path, os.W_OK):
        words = "may not be written to, and a file is claimed by moving it"
        raise Unavailable(f"{path}: {words}; give this user the right to")
    with os.scandir(path) as entries:
        count = sum(1 for entry in entries if not entry.name.startswith("."))
    return f"the folder {path} can be taken from; {count} names are in it"
