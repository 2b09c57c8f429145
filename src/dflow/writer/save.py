"""Trees to bytes, and bytes to a file that is never seen half-written.

In: a tree.  Out: its bytes.  This module does not change them: `write(read(b)) == b`.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from dflow.errors import SourceError
from dflow.flow import Flow

__all__ = ["save", "write"]


def write(flow: Flow) -> bytes:
    """The file's bytes; a flow that was read and not changed gives the bytes it came from.

    Raises:
        TypeError: if it is no flow.
    """
    if not isinstance(flow, Flow):
        raise TypeError(f"a Flow is written, not {type(flow).__name__}")
    return bytes(flow)


def save(flow: Flow | bytes, path: str | os.PathLike[str]) -> None:
    """Write a file whole or not at all: a temporary name, a flush, a rename.

    A file that is there is replaced, and its permissions are kept.

    Raises:
        SourceError: if the file cannot be written; what was there is untouched.
    """
    target = Path(path).resolve()  # a link stays a link
    hidden = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        try:
            with hidden.open("xb") as file:
                file.write(bytes(flow))
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                shutil.copymode(target, hidden)
            hidden.replace(target)
        finally:
            hidden.unlink(missing_ok=True)
    except OSError as error:
        raise SourceError(f"{target}: cannot be written: {error.strerror}") from error
