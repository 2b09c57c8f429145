"""A file with one fault, and where the fault is.

In: bytes and a place.  Out: frozen values.  This module does not know how faults are
made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen

from dflow.testing.draft import Draft

__all__ = ["FaultMaker", "Faulty", "Way"]


@frozen(kw_only=True)
class Faulty:
    """A file with exactly one fault.

    Attributes:
        data: the bytes of the file.
        fault: the code of the finding that tells of it.
        line: the line of the finding; 0 where it is about the whole file.
        column: its column; 0 where it is about the whole line.
    """

    data: bytes
    fault: str
    line: int
    column: int = 0


@frozen
class Way:
    """One way to put a fault into a file.

    Attributes:
        make: gives the bytes of the spoiled file.
        line: the line of the finding; 0 where it is about the whole file.
        column: its column; 0 where it is about the whole line.
    """

    make: Callable[[], bytes]
    line: int
    column: int = 0


#: From a draft to the ways in which one fault can be put into it; none where it has no
#: place for the fault.
FaultMaker = Callable[[Draft], Iterator[Way]]
