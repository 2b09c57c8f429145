"""Files that dflow writes for a cut-over: whole or not at all, and for their owner only.

In: a path and bytes.  Out: the file.  This module does not know what is in it.
"""

from __future__ import annotations

import os
from pathlib import Path

from dflow.errors import SourceError
from dflow.transport.durable import sync_folder, write_synced

__all__ = ["keep"]


def keep(path: Path, content: bytes) -> None:
    """Write a file in the place of what was there.

    Raises:
        SourceError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        write_synced(part, content, mode=mode)
        os.replace(part, path)  # noqa: PTH105  the one call that replaces on every system
        sync_folder(path.parent)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error
