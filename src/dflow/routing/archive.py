"""Files that are there already: their headers and, where a rule asks, their trees.

In: a folder, or one file.  Out: `Archived` files: header, size, the instant they were
made, and the tree on demand.  This module does not decide anything.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from attrs import field, frozen

from dflow.envelope import Header, read_address
from dflow.envelope.mhhs import MOST_JSON
from dflow.errors import SourceError, StructureError
from dflow.flow import Flow

__all__ = ["Archived", "archived", "read_source"]

#: A platform message is read whole to find its address; one more byte tells it too long.
_HEAD = MOST_JSON + 1
#: So many bytes are enough of any other file.
_LINE = 1 << 16


@frozen(kw_only=True)
class Archived:
    """A file with an address.

    Attributes:
        name: its path, or ``-``.
        header: its address.
        size: its length in bytes.
        data: its bytes, if they were read already.
    """

    name: str
    header: Header
    size: int
    data: bytes | None = field(default=None, repr=False)

    def created(self, zone: tzinfo) -> datetime | None:
        """The instant its header says it was made, in UTC; None if it says none."""
        local = self.header.created_at
        try:
            return local.replace(tzinfo=zone).astimezone(UTC) if local else None
        except OverflowError:  # a year that cannot be reckoned with
            return None

    def flow(self) -> Flow:
        """Its tree.

        Raises:
            SourceError: if the file cannot be read any more.
        """
        from dflow.parse import read

        if self.header.envelope == "other":
            return Flow(header=self.header)
        return read(self.data if self.data is not None else Path(self.name))


def read_source(name: str) -> Archived:
    """One file, or standard input for ``-``.

    Raises:
        SourceError: if it cannot be read.
        StructureError: if it has no address.
    """
    if name == "-":
        data: bytes | None = sys.stdin.buffer.read()
        head, size = data or b"", len(data or b"")
    else:
        data = None
        head, size = _head(Path(name))
    header = read_address(head).header
    if header is None:
        raise StructureError(f"{name}: no header that says from whom and to whom")
    return Archived(name=name, header=header, size=size, data=data)


def archived(folder: str | Path, pattern: str = "*") -> Iterator[Archived]:
    """The files with an address in a folder and below, in the order of their names.

    Raises:
        SourceError: if the folder, or a file in it, cannot be read.
    """
    root = Path(folder)
    if not root.is_dir():
        raise SourceError(f"{root}: no such folder")
    for path in sorted(_files(root.rglob(pattern))):
        head, size = _head(path)
        header = read_address(head).header
        if header is not None:
            yield Archived(name=str(path), header=header, size=size)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path.is_file() and not path.is_symlink())


def _head(path: Path) -> tuple[bytes, int]:
    try:
        with path.open("rb") as stream:
            head = stream.read(_LINE)
            if head.lstrip()[:1] == b"{":
                head += stream.read(_HEAD - _LINE)
            return head, path.stat().st_size
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error
