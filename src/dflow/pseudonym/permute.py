"""Keyed permutations: every number below a size becomes another, and none becomes two.

In: a key, a domain, a number or a text.  Out: a number or a text of the same shape.
This module does not know items.

A permutation, not a hash: different values stay different, so that joins are kept both
ways.  It is a Feistel network of eight rounds over two factors of the size, with
HMAC-SHA-256 as the round function, walked on while it falls outside of the size.  A
text is a number too: each character is a digit in the alphabet of its kind (digits,
capitals, small letters, letters beyond ASCII), and every other character stays.
"""

from __future__ import annotations

import hashlib
import hmac
import math

from attrs import frozen

__all__ = ["Permutation"]

_ROUNDS = 8

_DIGITS = "0123456789"
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SMALL = _CAPITALS.lower()
#: The letters of Latin-1 beyond ASCII; they stay beyond it, so that what is said of
#: the file's characters stays true.
_BEYOND = "".join(chr(n) for n in range(0xC0, 0x100) if n not in (0xD7, 0xF7))
_ALPHABETS = (_DIGITS, _CAPITALS, _SMALL, _BEYOND)
_ALPHABET_OF = {character: letters for letters in _ALPHABETS for character in letters}


@frozen
class Permutation:
    """Permutations under one key, one for every domain and size.

    >>> keyed = Permutation(b"sixteen bytes key")
    >>> keyed.number("x", 7, 10) == keyed.number("x", 7, 10)
    True
    >>> sorted(keyed.number("x", n, 10) for n in range(10)) == list(range(10))
    True

    Attributes:
        key: the secret.
    """

    key: bytes

    def number(self, domain: str, number: int, size: int) -> int:
        """The number below `size` that stands for `number` in a domain."""
        if size <= 1:
            return number
        right = math.isqrt(size - 1) + 1
        left = -(-size // right)
        while True:  # a walk along a cycle comes back inside, at the latest to its start
            number = self._round_trip(f"{domain}/{size}/", number, left, right)
            if number < size:
                return number

    def _round_trip(self, domain: str, number: int, left: int, right: int) -> int:
        high, low = divmod(number, right)
        for turn in range(_ROUNDS):
            if turn % 2:
                low = (low + self._noise(f"{domain}{turn}/{high}", right)) % right
            else:
                high = (high + self._noise(f"{domain}{turn}/{low}", left)) % left
        return high * right + low

    def _noise(self, text: str, size: int) -> int:
        digest = hmac.new(self.key, text.encode(), hashlib.sha256).digest()
        wanted = (size.bit_length() + 7) // 8 + 8
        if wanted > len(digest):
            digest = hashlib.shake_256(digest).digest(wanted)
        return int.from_bytes(digest, "big") % size

    def text(self, domain: str, text: str, kept: frozenset[int] = frozenset()) -> str:
        """A text of the same shape; the characters at the `kept` positions stay."""
        alphabets = [
            "" if at in kept else _ALPHABET_OF.get(character, "")
            for at, character in enumerate(text)
        ]
        number, size = 0, 1
        for character, alphabet in zip(text, alphabets, strict=True):
            if alphabet:
                number = number * len(alphabet) + alphabet.index(character)
                size *= len(alphabet)
        # The shape is part of the domain: texts of two shapes have two permutations.
        shape = "".join(alphabet[0] if alphabet else "-" for alphabet in alphabets)
        number = self.number(f"{domain}/{shape}", number, size)
        made = list(text)
        for at in range(len(text) - 1, -1, -1):
            if alphabets[at]:
                number, digit = divmod(number, len(alphabets[at]))
                made[at] = alphabets[at][digit]
        return "".join(made)
