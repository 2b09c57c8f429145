"""Two versions of what an operation goes by: what one says and the other does not.

In: what each version says, as names and words.  Out: differences, in words.  This module
does not know what a plan or a model is; each tells its own leaves.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

__all__ = ["Difference", "differences_of"]


@frozen
class Difference:
    """What one version says and another does not.

    Attributes:
        what: such as ``supplier SUPA qualified``.
        old: None if only the new one says it.
        new: None if only the old one says it.
    """

    what: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        if self.old is None:
            return f"{self.what}: new, {self.new}"
        if self.new is None:
            return f"{self.what}: gone, was {self.old}"
        return f"{self.what}: {self.old} became {self.new}"


def differences_of(old: Mapping[str, str], new: Mapping[str, str]) -> list[Difference]:
    """What differs between two versions' leaves; equal ones have none.

    The order is that in which the new version says it; what is gone comes last, in the
    order of the old one.
    """
    names = [*new, *(name for name in old if name not in new)]
    return [
        Difference(name, old.get(name), new.get(name))
        for name in names
        if old.get(name) != new.get(name)
    ]
