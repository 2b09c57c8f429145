"""Fields of header and trailer as bytes, and their number in words.

In: texts.  Out: bytes, without a line terminator.  This module does not know what the
fields mean; it knows only what no field may hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["counted", "encode_record"]

_FORBIDDEN = re.compile(r"[|\x00-\x1f\x7f]|[^\x00-\xff]")


def encode_record(fields: Iterable[str], *, closed: bool) -> bytes:
    """The fields with pipes between them, and one after them if `closed`.

    Raises:
        ValueError: if a field holds a pipe, a control character or a character outside
            Latin-1, so that it could be read as something else.
    """
    texts = list(fields)
    for text in texts:
        if _FORBIDDEN.search(text):
            raise ValueError(f"{text!r} cannot stand in a field of header or trailer")
    return ("|".join(texts) + ("|" if closed else "")).encode("latin-1")


def counted(number: int) -> str:
    """A number of fields in words for a message: ``1 field``, ``2 fields``."""
    return f"{number} field" if number == 1 else f"{number} fields"
