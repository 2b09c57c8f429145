"""Meter points in words that came from outside: a file's name, a place, a reason.

In: text.  Out: the text with every meter point masked, save the one that was asked for.
This module does not know where the text is shown; the journal keeps it whole.
"""

from __future__ import annotations

import re

__all__ = ["masked", "masked_values"]

#: What may be a meter point: thirteen digits on their own.
_METER_POINT = re.compile(r"(?<![0-9])[0-9]{13}(?![0-9])")

#: A hash may hold thirteen digits in a row, and says nothing of anybody.
_HASH = re.compile("[0-9a-f]{32,64}")


def masked(text: str, *, asked: str = "") -> str:
    """The text with meter points masked.

    >>> masked("1212345678902.usr: no such folder")
    '12…2.usr: no such folder'

    Args:
        text: words.
        asked: a meter point that stays, since whoever reads has named it.
    """

    def mask(found: re.Match[str]) -> str:
        return found[0] if found[0] == asked else f"{found[0][:2]}\u2026{found[0][-1]}"

    return _METER_POINT.sub(mask, text)


def masked_values(value: object) -> object:
    """A JSON value with meter points masked in its texts, hashes aside."""
    if isinstance(value, str):
        return value if _HASH.fullmatch(value) else masked(value)
    if isinstance(value, list):
        return [masked_values(one) for one in value]
    if isinstance(value, dict):
        return {key: masked_values(one) for key, one in value.items()}
    return value
