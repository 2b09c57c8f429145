"""A journal whose tables are brought to a newer version: told on a terminal.

In: what the journal logs.  Out: lines on stderr, if that is a terminal.  This module opens no
journal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["upgrades_told"]


@contextmanager
def upgrades_told() -> Iterator[None]:
    """While the block lasts, say so if a journal is brought to a newer version."""
    if not sys.stderr.isatty():
        yield
        return
    import logging

    from dflow.exchange.journal.upgrade import LOGGER

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("dflow: %(message)s"))
    before = LOGGER.level
    LOGGER.setLevel(logging.INFO)
    LOGGER.addHandler(handler)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(before)
