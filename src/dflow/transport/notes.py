"""A copy's provenance as a small file beside it: its name, its text, and how it is known.

In: a parcel, or bytes that stand where such a file would go.  Out: bytes, or whether they are
one.  This module touches no folder, and does not know where it is.
"""

from __future__ import annotations

import json

from dflow.transport.parcel import Parcel

__all__ = ["BESIDE", "LONGEST_NOTES", "are_notes", "notes_of"]

#: What is added to a file's name.
BESIDE = ".provenance.json"
#: Bytes of such a file at most.
LONGEST_NOTES = 1 << 16


def notes_of(parcel: Parcel) -> bytes:
    """The text of the file, with its line end."""
    return json.dumps(dict(parcel.notes), indent=2, sort_keys=True).encode() + b"\n"


def are_notes(found: bytes, ours: bytes) -> bool:
    """Whether what stands where notes go may be written over by ours.

    It is notes too, of an attempt before this one or of a file that was taken away.
    """
    try:
        words = json.loads(found)
    except ValueError:
        return False
    # Those of a copy and of its replay have not all of their words in common.
    return isinstance(words, dict) and bool(words.keys() & json.loads(ours).keys())
