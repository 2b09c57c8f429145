"""A file moved into a folder, so that no other file loses its name by it.

In: a file and a folder.  Out: where the file lies now.  This module does not know what the
file is, and does not open it but to take it to another file system.
"""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from dflow.transport.durable import free_name, sync_folder, write_synced

__all__ = ["move_into"]


def move_into(folder: Path, file: Path) -> Path | None:
    """Move a file under its name or the next free one; None if it is not there any more.

    Raises:
        OSError: it can be neither moved nor copied.
    """
    while True:
        target = free_name(folder / file.name)
        try:
            # A link takes no name that somebody else has just taken; a rename would.
            os.link(file, target, follow_symlinks=False)
        except FileExistsError:
            continue
        except FileNotFoundError:
            return None
        except OSError:
            return _renamed(file, target)
        file.unlink(missing_ok=True)
        return target


def _renamed(file: Path, target: Path) -> Path | None:
    """Where there are no links, as for a folder; over file systems if need be."""
    try:
        file.rename(target)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        part = target.with_name(f".{secrets.token_hex(8)}.part")
        write_synced(part, file.read_bytes())
        part.rename(target)
        sync_folder(target.parent)
        file.unlink()
    return target
