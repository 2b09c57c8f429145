"""The names of dflow's own objects, beside those that carry parcels.

In: keys and paths, hostile.  Out: names below ``.dflow/``, made of hashes.  This module
does not know the store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

__all__ = ["HIDDEN", "ID", "beside", "from_words", "mark", "to_words"]

#: Where dflow's own objects are.
HIDDEN = ".dflow"

#: S3 keeps two thousand bytes of words with an object; other stores keep more.
_MOST = 1800


def ID(text: str) -> str:  # noqa: N802  a hash that names
    """Thirty-two digits that stand for a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def mark(key: str, word: str) -> str:
    """The name of a key's mark: ``begun``, ``sent`` or ``taken``."""
    return f"{HIDDEN}/keys/{ID(key)}.{word}"


def beside(path: str) -> str:
    """The name of what is kept beside an object, where its words do not fit with it."""
    return f"{HIDDEN}/beside/{ID(path)}.json"


def to_words(headers: Mapping[str, str]) -> dict[str, str] | None:
    """Headers as words to be kept with an object; None if they are too long.

    Azure takes letters and digits only in the names.
    """
    words = {name.replace("-", ""): value for name, value in headers.items()}
    length = sum(len(name) + len(value) for name, value in words.items())
    return words if length <= _MOST else None


def from_words(words: Mapping[str, str]) -> dict[str, str]:
    """The headers again."""
    return {f"dflow-{name[5:]}": value for name, value in words.items() if name.startswith("dflow")}
