"""The checksum of pool files.

In: records as bytes.  Out: an unsigned 32-bit number.  This module does not know
headers or counts.

The rule (facts, envelope section 4, verified on five files): take the bytes of each
record, header and body, without trailer and line ends, in groups of four, each a
big-endian 32-bit word, the last padded on the right with zero bytes; combine every
word of every record with exclusive or.  Padding restarts at each record.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["pool_checksum"]


def pool_checksum(records: Iterable[bytes]) -> int:
    """The checksum over the header's and body's records, trailer and line ends left out.

    >>> pool_checksum([b"ABCD", b"A"])
    4342596
    """
    total = 0
    for raw in records:
        padded = raw + b"\0" * (-len(raw) % 4)
        number = int.from_bytes(padded, "big")
        # Fold the record in halves: exclusive or of big integers runs at the speed of C.
        words = len(padded) // 4
        while words > 1:
            low = words - words // 2
            number = (number >> (32 * low)) ^ (number & ((1 << (32 * low)) - 1))
            words = low
        total ^= number
    return total
