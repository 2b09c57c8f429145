"""The testing kit: strategies, faults, generators, conformance kits, test doubles.

Nothing is imported here, so that each part costs only what it needs; Hypothesis is an
extra, and only `dflow.testing.strategies` and its neighbours ask for it.  The names of
the conformance kits are found here too, and imported when they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dflow.testing.journal_kit import check_journal
    from dflow.testing.transports import check_transport

__all__ = ["check_journal", "check_transport"]

_HOMES = {
    "check_journal": "dflow.testing.journal_kit",
    "check_transport": "dflow.testing.transports",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'dflow.testing' has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name not in ("pytest", "hypothesis"):
            raise
        why = f"{name} needs {error.name}, of the extra: pip install dflow[testing]"
        raise ModuleNotFoundError(why, name=error.name) from error
