"""What several tests share: where the facts lie, when they are there."""

from __future__ import annotations

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def shared_folder() -> Path | None:
    """The folder of facts and samples beside the project, or None where it is not."""
    named = os.environ.get("DFLOW_SHARED")
    folder = Path(named) if named else CHECKOUT.parent / "shared"
    return folder if (folder / "facts").is_dir() else None
