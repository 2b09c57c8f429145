"""What the standard streams can show: colour, width, progress.

In: a stream and the environment.  Out: a `Paint`, a width, a line of progress.  This
module does not know what is shown.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping
from typing import TextIO

from attrs import define, field

from dflow.show.paint import PLAIN, VIVID, Paint

__all__ = ["Progress", "paint_for", "several", "width_for"]


def several(number: int, what: str) -> str:
    """A number of things, told as English tells it: 1 file, 2 files."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def paint_for(stream: TextIO, env: Mapping[str, str] | None = None) -> Paint:
    """Colour on a terminal, plain text in a pipe.

    ``NO_COLOR``, if set and not empty, and ``TERM=dumb`` mean plain text; an unset or
    empty ``NO_COLOR`` means nothing (the convention of no-color.org).
    """
    env = os.environ if env is None else env
    if env.get("NO_COLOR") or env.get("TERM") == "dumb" or not stream.isatty():
        return PLAIN
    return VIVID


def width_for(stream: TextIO) -> int:
    """Columns of the terminal, at least 40; 100 where there is none."""
    if not stream.isatty():
        return 100
    return max(shutil.get_terminal_size().columns, 40)


@define
class Progress:
    """A line that counts on a terminal, and is silent in a pipe.

    Attributes:
        what: what is counted, such as ``files``.
        total: how many there are.
        stream: where the line goes.
    """

    what: str
    total: int
    stream: TextIO = field(factory=lambda: sys.stderr)
    _shown: float = field(default=0.0, init=False)
    _width: int = field(default=0, init=False)

    def at(self, done: int, note: str = "") -> None:
        """Say how far it is, at most ten times a second."""
        now = time.monotonic()
        if not self.stream.isatty() or (now - self._shown < 0.1 and done < self.total):
            return
        self._shown = now
        line = f"{done:,} of {self.total:,} {self.what}{note}"
        self.stream.write("\r" + line.ljust(self._width))
        self.stream.flush()
        self._width = len(line)

    def clear(self) -> None:
        """Take the line away."""
        if self._width:
            self.stream.write("\r" + " " * self._width + "\r")
            self.stream.flush()
            self._width = 0
