"""The option that puts private catalogues over the bundled one, and the catalogue it makes.

In: folders.  Out: a `Catalogue`.  Every command that reads files has the option.
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dflow.catalogue import Catalogue

__all__ = ["add_overlay", "catalogue_over"]


def add_overlay(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--overlay``."""
    parser.add_argument(
        "--overlay",
        metavar="FOLDER",
        action="append",
        default=[],
        help="a folder of catalogue files merged over the bundled catalogue; may be given"
        " again, the last on top",
    )


def catalogue_over(overlays: list[str] | tuple[str, ...]) -> Catalogue:
    """The bundled catalogue under these overlays, made once a process.

    Raises:
        SourceError: if an overlay is not a folder.
    """
    return _made(tuple(overlays))


@cache
def _made(overlays: tuple[str, ...]) -> Catalogue:
    from dflow.catalogue import bundled
    from dflow.errors import SourceError

    for overlay in overlays:
        if not Path(overlay).is_dir():
            raise SourceError(f"{overlay}: no such folder of catalogue files")
    return bundled().over(*map(Path, overlays)) if overlays else bundled()
