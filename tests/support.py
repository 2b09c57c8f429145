"""What several tests share: where the facts lie, when they are there; texts with a swap."""

from __future__ import annotations

import os
from pathlib import Path
from typing import AnyStr

CHECKOUT = Path(__file__).resolve().parents[1]


def shared_folder() -> Path | None:
    """The folder of facts and samples beside the project, or None where it is not."""
    named = os.environ.get("DFLOW_SHARED")
    folder = Path(named) if named else CHECKOUT.parent / "shared"
    return folder if (folder / "facts").is_dir() else None


def swapped(text: AnyStr, old: AnyStr, new: AnyStr, count: int = -1) -> AnyStr:
    """A text with something else in the places of what has to be there: the first so many."""
    assert old in text, old
    return text.replace(old, new, count)
