"""Identifiers of the market: what can be said of one by looking at it alone.

In: text.  Out: yes or no, a check digit, a named part.  This module does not know
who owns an identifier or whether it is in use.

Source of the rules: facts, envelope section 8.
"""

from __future__ import annotations

import re
from operator import mul

__all__ = [
    "AMSID_PREFIXES",
    "MPAN_ITEMS",
    "MPAN_WEIGHTS",
    "REGIONAL_DISTRIBUTORS",
    "has_check_digit",
    "is_mpan",
    "known_distributor",
    "mpan_check_digit",
]

#: Weights of digits 1 to 12 of an MPAN core; sum modulo 11 modulo 10 is digit 13.
MPAN_WEIGHTS = (3, 5, 7, 13, 17, 19, 23, 29, 31, 37, 41, 43)

#: The first two digits of MPANs in the areas of the regional networks.
REGIONAL_DISTRIBUTORS = tuple(f"{n:02d}" for n in range(10, 24))

#: The first two digits of the independent networks known so far; more may follow.
_INDEPENDENT_DISTRIBUTORS = tuple(f"{n:02d}" for n in range(24, 39))

#: The first two digits of asset metering system ids (AMSID), which look like MPANs.
AMSID_PREFIXES = ("77", "78")

#: Items that hold an MPAN core.  By J-code: MPAN Core; Associated, Sequence, Green Deal,
#: New Green Deal, Primary and Secondary MPAN.
MPAN_ITEMS = frozenset({"J0003", "J0845", "J1261", "J1813", "J1814", "J2243", "J2244"})

_TWELVE_DIGITS = re.compile(r"[0-9]{12}", re.ASCII)
_THIRTEEN_DIGITS = re.compile(r"[0-9]{13}", re.ASCII)


def mpan_check_digit(first_twelve: str) -> str:
    """The thirteenth digit that belongs to the first twelve of an MPAN core.

    >>> mpan_check_digit("121234567890")
    '2'

    Raises:
        ValueError: if `first_twelve` is not twelve ASCII digits.
    """
    if not _TWELVE_DIGITS.fullmatch(first_twelve):
        raise ValueError(f"twelve digits expected, not {first_twelve!r}")
    total = sum(map(mul, MPAN_WEIGHTS, map(int, first_twelve)))
    return str(total % 11 % 10)


def has_check_digit(mpan: str) -> bool:
    """Whether this kind of identifier has a stated check digit (78 has none stated)."""
    return not mpan.startswith("78")


def is_mpan(text: str) -> bool:
    """Whether `text` is thirteen digits whose check digit fits, where one is stated."""
    if not _THIRTEEN_DIGITS.fullmatch(text):
        return False
    return not has_check_digit(text) or mpan_check_digit(text[:12]) == text[12]


def known_distributor(mpan: str) -> bool:
    """Whether the first two digits are a distributor's, or an AMSID's, known so far.

    An unknown one deserves advice, never a refusal: new networks are licensed.
    """
    prefix = mpan[:2]
    return (
        prefix in REGIONAL_DISTRIBUTORS
        or prefix in _INDEPENDENT_DISTRIBUTORS
        or prefix in AMSID_PREFIXES
    )
