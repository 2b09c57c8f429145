"""``dflow catalogue models``: typed models of flow versions, as Python modules.

In: a catalogue, flows, a folder.  Out: a package of generated modules in the folder.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli import CLEAN

if TYPE_CHECKING:
    from dflow.catalogue import Catalogue
    from dflow.cli import Subparsers

__all__ = ["add", "run"]


def add(commands: Subparsers, parents: list[argparse.ArgumentParser]) -> None:
    """Add the action's parser."""
    parser = commands.add_parser(
        "models",
        parents=parents,
        help="write typed models as Python modules",
        description="Write a module of typed models for each flow version whose structure is"
        " known, and one of their code lists.  Files that are right already are left alone.",
    )
    parser.add_argument("flow", metavar="FLOW", nargs="*", help="only these flows")
    parser.add_argument(
        "-o", "--out", metavar="OUT", required=True, help="the folder to write to: a package"
    )


def run(args: argparse.Namespace, catalogue: Catalogue) -> int:
    """Write the modules."""
    from dflow.typed.generate import write_models

    for flow in args.flow:
        catalogue.latest(flow)  # names the near misses of a flow that is not there
    keys = [key for key in catalogue.keys if not args.flow or key[0] in args.flow]
    written = write_models((catalogue[key] for key in keys), Path(args.out))
    if args.json:
        print(json.dumps({"written": [str(path) for path in written]}, indent=2))
    else:
        for path in written:
            print(path)
        print(f"{len(written)} written; the others were right already")
    return CLEAN
