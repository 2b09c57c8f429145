"""A value that is never shown by accident: a password, a key, a token.

In: a text.  Out: the same text, only to who asks for it by name.  This module does not
know where secrets come from.
"""

from __future__ import annotations

from typing import NoReturn

from attrs import field, frozen

__all__ = ["Secret"]

_SHOWN = "Secret(***)"


@frozen(repr=False, eq=True)
class Secret:
    """A secret; `repr`, `str` and formats show three stars, and it refuses to be pickled.

    >>> Secret("hunter2"), f"{Secret('hunter2')}"
    (Secret(***), 'Secret(***)')
    >>> Secret("hunter2").reveal()
    'hunter2'
    """

    _value: str = field()

    def reveal(self) -> str:
        """The text itself: ask for it where it is used, and keep it nowhere."""
        return self._value

    def __repr__(self) -> str:
        return _SHOWN

    def __str__(self) -> str:
        return _SHOWN

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written to files or sent to other processes")
