"""What a destination said, in words that may be kept: short, and without values of the file.

In: words, and the bytes that were sent.  Out: words.  A destination may say a record back
when it refuses a file; what it says goes into the journal, events, logs and the page, where
no value of a body may be.  This module does not know which items are sensitive: it leaves
out every value.
"""

from __future__ import annotations

import re
import traceback

__all__ = ["kept_words", "unthought_of"]

#: Characters of words, and bytes of a file that they are compared with.
_LONGEST, _COMPARED = 1000, 1 << 18
#: Characters of a value that is looked for; shorter ones are in any text.
_SHORTEST = 4
#: Parts, such as names, that a value has at most.
_PARTS = 12

_PART = re.compile(r"[^\W_]+")


def kept_words(words: str, content: bytes) -> str:
    r"""Words without the values of a file's body; what is very long is cut.

    >>> kept_words("550 no J Smith here", b"ZHV|0000000001|\n026|J Smith|V|\n")
    '550 no … here'

    Args:
        words: what was said.
        content: the file that it was said about; of a long one the beginning counts.
    """
    if len(words) > _LONGEST:
        words = f"{words[:_LONGEST]}\u2026"
    body = content[:_COMPARED].partition(b"\n")[2].decode("latin-1")
    values: set[str] | None = None
    parts = [found.span() for found in _PART.finditer(words)]
    kept, at = "", 0
    for number, (start, _) in enumerate(parts):
        if start < at:
            continue
        ends = [end for _, end in parts[number : number + _PARTS] if end - start >= _SHORTEST]
        # Most of what is said begins no value: then the file is not taken apart.
        if not ends or words[start : ends[0]] not in body:
            continue
        values = _values(body) if values is None else values
        found = next((end for end in reversed(ends) if words[start:end] in values), None)
        if found is not None:
            kept, at = f"{kept}{words[at:start]}\u2026", found
    return kept + words[at:]


def _values(body: str) -> set[str]:
    """The values that are looked for."""
    return {one.strip() for one in re.split(r"[|\r\n]", body)}


def unthought_of(error: Exception) -> str:
    """What a transport raised that is no `TransportError`: its kind and its place.

    Its words may hold anything, such as a password.
    """
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" at {one.filename.rpartition('/')[2]}:{one.lineno}" for one in place)
    return f"the transport failed with {type(error).__name__}{where}, which is a mistake in it"
