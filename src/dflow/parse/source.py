"""Sources: whatever a caller calls a file, as chunks of bytes.

In: a path, bytes, a binary file or an iterable of chunks.  Out: a name and an iterator
of bytes.  This module does not know records.  It is the only place below the exchange
that opens a file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from attrs import frozen

from dflow.errors import SourceError

__all__ = ["CHUNK", "TAIL", "Chunks", "Source", "open_source"]

#: What may be read: a path, the bytes themselves, an open binary file, chunks of bytes.
Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Iterable[bytes]

#: Bytes asked for at a time: large enough for speed, small enough for bounded memory.
CHUNK = 1 << 18

#: How much of a source's end is looked at: more than any trailer and some blank lines.
TAIL = 4096


@frozen
class Chunks:
    """A source that is open.

    Attributes:
        name: the path as the caller gave it; empty for bytes and chunks.
        chunks: the bytes, once.
        tail: the last bytes, where a source can be looked at from its end; else None.
    """

    name: str
    chunks: Iterator[bytes]
    tail: bytes | None = None


@contextmanager
def open_source(source: Source) -> Iterator[Chunks]:
    """Open a source; a file that was opened here is closed again.

    Raises:
        SourceError: if the bytes cannot be had: no such file, a directory, no permission,
            a file opened as text, chunks that are not bytes.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        view = memoryview(source)
        yield Chunks("", _slices(view), bytes(view[-TAIL:]))
        return
    if isinstance(source, (str, os.PathLike)):
        name = os.fspath(source)
        try:
            own = Path(name).open("rb")  # noqa: SIM115  closed below; open() alone is guarded
        except (OSError, ValueError) as error:
            raise SourceError(_why(name, error)) from error
        with own:
            yield Chunks(name, _pieces(own, name), _tail(own))
        return
    if hasattr(source, "read"):
        file = cast("BinaryIO", source)
        name = getattr(file, "name", "")
        yield Chunks(name if isinstance(name, str) else "", _pieces(file, "the open file"))
        return
    if isinstance(source, Iterable):
        yield Chunks("", _checked(source))
        return
    raise SourceError(
        f"cannot read from {type(source).__name__}; expected a path, bytes, a binary file or chunks"
    )


def _why(name: str, error: OSError | ValueError) -> str:
    if "|" in name or "\n" in name:
        # No name of a file, in all likelihood: its words may be personal and are not told.
        return (
            f"a text of {len(name)} characters was given, which cannot be a path; give the bytes"
            " of a file as bytes, such as text.encode('latin-1')"
        )
    if isinstance(error, IsADirectoryError):
        return f"{name}: is a directory, not a file"
    if isinstance(error, FileNotFoundError):
        return f"{name}: no such file"
    if isinstance(error, PermissionError):
        return f"{name}: no permission to read it"
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"{name!r}: cannot be read: {reason}"


def _tail(file: BinaryIO) -> bytes | None:
    """The end of a file that has one; pipes and devices are only read forwards."""
    try:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL))
        tail = file.read(TAIL)
        file.seek(0)
    except OSError:
        return None
    return tail


def _slices(view: memoryview) -> Iterator[bytes]:
    flat = view.cast("B") if view.contiguous else memoryview(view.tobytes())
    if flat.nbytes <= CHUNK:
        if flat.nbytes:
            yield bytes(flat)
        return
    for start in range(0, flat.nbytes, CHUNK):
        yield bytes(flat[start : start + CHUNK])


def _pieces(file: BinaryIO, name: str) -> Iterator[bytes]:
    while True:
        try:
            piece = file.read(CHUNK)
        except OSError as error:
            raise SourceError(_why(name, error)) from error
        if not isinstance(piece, bytes):
            raise SourceError(f"{name}: opened as text; open it in binary mode")
        if not piece:
            return
        yield piece


def _checked(chunks: Iterable[object]) -> Iterator[bytes]:
    for chunk in chunks:
        if not isinstance(chunk, (bytes, bytearray, memoryview)):
            raise SourceError(f"a chunk is {type(chunk).__name__}, not bytes")
        piece = bytes(chunk)
        for start in range(0, len(piece), CHUNK):
            yield piece[start : start + CHUNK]
