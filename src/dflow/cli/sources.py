"""What a person names on the command line, as the files it means.

In: words: files, folders, ``-`` for standard input.  Out: paths in a fixed order.  This
module opens no file.
"""

from __future__ import annotations

import fnmatch
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from dflow.errors import SourceError

__all__ = ["STDIN", "content", "files_named", "is_plain", "text"]

#: The word, and the name, of standard input.
STDIN = "-"


def files_named(words: Sequence[str], pattern: str = "*") -> list[str]:
    """The files that the words name; a folder means every file in it and below.

    Hidden files, hidden folders and links to folders are left out of folders.  A link that
    leads nowhere is a file that cannot be read.

    Args:
        words: as they were given.
        pattern: which file names of a folder are taken.

    Raises:
        SourceError: if a folder cannot be listed, or holds no such file.
    """
    files: list[str] = []
    for word in words:
        if word != STDIN and Path(word).is_dir():
            found = list(_below(word, pattern))
            if not found:
                which = "files" if pattern == "*" else f"files named {pattern}"
                raise SourceError(f"{word}: no {which} in this folder")
            files += found
        else:
            files.append(word)
    return files


def _below(folder: str, pattern: str) -> Iterator[str]:
    def stop(error: OSError) -> None:
        raise SourceError(f"{error.filename}: cannot be listed: {error.strerror}") from error

    for where, folders, names in os.walk(folder, onerror=stop):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and fnmatch.fnmatch(name, pattern):
                path = Path(where, name)
                broken = path.is_symlink() and not path.exists()  # told when it is read
                if path.is_file() or broken:
                    yield str(path)


def is_plain(word: str) -> bool:
    """Whether the word names a plain file, which can be read twice."""
    try:
        return word != STDIN and stat.S_ISREG(Path(word).stat().st_mode)
    except (OSError, ValueError):
        return False


def content(word: str) -> bytes:
    """All of a file's bytes, or of standard input's.

    Raises:
        SourceError: if they cannot be had.
    """
    if word == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(word).read_bytes()
    except IsADirectoryError as error:
        raise SourceError(f"{word}: is a directory, not a file") from error
    except FileNotFoundError as error:
        raise SourceError(f"{word}: no such file") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SourceError(f"{word!r}: cannot be read: {reason}") from error


def text(word: str) -> str:
    """All of a file's text, or of standard input's.

    Raises:
        SourceError: if it cannot be had, or is not UTF-8.
    """
    try:
        return content(word).decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(f"{word}: byte {error.start + 1} is not UTF-8 text") from error
