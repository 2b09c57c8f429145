"""``python -m dflow``: the command line without an installed script."""

from __future__ import annotations

import sys

from dflow.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
