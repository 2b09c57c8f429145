"""Meter points in words that came from outside: a file's name, an address, a reason.

In: text.  Out: the text with every meter point masked, save the one that was asked for.
This module does not know where the text is shown; the journal keeps it whole.

A meter point is thirteen digits on their own; within a longer run, such as after a date
without a mark between, thirteen of a known distributor whose check digit is right.
"""

from __future__ import annotations

import re

from dflow.identifiers import is_mpan, known_distributor

__all__ = ["masked", "masked_values"]

_LENGTH = 13

#: A hash may hold thirteen digits in a row, and says nothing of anybody.
_HASH = re.compile("[0-9a-f]{32,64}")

#: What is looked at: a hash, which stays; and digits that are or may hold a meter point.
_SEEN = re.compile(
    r"(?<![0-9a-f])(?=[0-9]*[a-f])(?:[0-9a-f]{64}|[0-9a-f]{32})(?![0-9a-f])"
    r"|(?<![0-9])[0-9]{13,}(?![0-9])"
)

#: A date and a time, to the second or the millisecond, are no meter point.
_STAMP = re.compile(
    r"(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])"
    r"([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]([0-9]{3})?"
)


def masked(text: str, *, asked: str = "") -> str:
    """The text with meter points masked.

    >>> masked("1212345678902.usr: no such folder")
    '12…2.usr: no such folder'
    >>> masked("201906011212345678902.usr of 20190601120000")
    '2019060112…2.usr of 20190601120000'

    Args:
        text: words.
        asked: a meter point that stays, since whoever reads has named it.
    """
    return _SEEN.sub(lambda found: _masked(found[0], asked), text)


def _masked(run: str, asked: str) -> str:
    if not run.isdigit() or _STAMP.fullmatch(run):
        return run
    alone = len(run) == _LENGTH
    at = 0
    while at + _LENGTH <= len(run):
        point = run[at : at + _LENGTH]
        if point != asked and (alone or (is_mpan(point) and known_distributor(point))):
            short = f"{point[:2]}\u2026{point[-1]}"
            run = run[:at] + short + run[at + _LENGTH :]
            at += len(short)
        else:
            at += 1
    return run


def masked_values(value: object) -> object:
    """A JSON value with meter points masked in its texts, hashes aside."""
    if isinstance(value, str):
        return value if _HASH.fullmatch(value) else masked(value)
    if isinstance(value, list):
        return [masked_values(one) for one in value]
    if isinstance(value, dict):
        return {key: masked_values(one) for key, one in value.items()}
    return value
