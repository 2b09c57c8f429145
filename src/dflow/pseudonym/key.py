"""Keys of pseudonyms: made, kept by one person, read back.

In: a path.  Out: the key's bytes.  This module does not know what a key is used for.

Whoever has the key can tell which pseudonym is whose by trying every meter point, so
pseudonyms remain personal data until the key is destroyed.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from dflow.errors import SourceError

__all__ = ["new_key", "read_key"]

#: A key has at least so many bytes.
_LEAST = 16


def new_key(path: Path) -> None:
    """Write a new key of 32 random bytes, as hexadecimal text, for its owner's eyes only.

    Raises:
        SourceError: if the file is there already or cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SourceError(f"{path}: cannot be made: {error.strerror}") from error
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32) + "\n")


def read_key(path: Path) -> bytes:
    """The key in a file.

    Raises:
        SourceError: if it cannot be read, is short, or others than its owner may read it.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_bytes().strip()
    except OSError as error:
        raise SourceError(f"{path}: the key cannot be read: {error.strerror}") from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SourceError(f"{path}: others may read the key; let its owner only: chmod 600")
    if len(text) < _LEAST:
        raise SourceError(f"{path}: the key has {len(text)} bytes; {_LEAST} at least")
    return text
