"""``dflow catalogue schema``: a flow version as a JSON Schema.

In: a flow and its version.  Out: the schema of the lines that ``dflow convert`` writes.
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from dflow.cli import CLEAN
from dflow.errors import DflowError

if TYPE_CHECKING:
    from dflow.catalogue import Catalogue
    from dflow.cli import Subparsers

__all__ = ["add", "run"]


def add(commands: Subparsers, parents: list[argparse.ArgumentParser]) -> None:
    """Add the action's parser."""
    parser = commands.add_parser(
        "schema",
        parents=parents,
        help="a flow version as a JSON Schema",
        description="Print the JSON Schema (draft 2020-12) of a flow version's lines, as"
        " `dflow convert` writes them.",
    )
    parser.add_argument("flow", metavar="FLOW", help="such as D0010")
    parser.add_argument("version", metavar="VERSION", nargs="?", help="the highest if not given")


def run(args: argparse.Namespace, catalogue: Catalogue) -> int:
    """Print the schema."""
    from dflow.typed.schema import flow_schema

    version = args.version
    found = (
        catalogue[args.flow, version.removeprefix("v")] if version else catalogue.latest(args.flow)
    )
    if not found.structured:
        raise DflowError(f"the structure of {found} is not known, so it has no schema")
    print(json.dumps(flow_schema(found), indent=2, ensure_ascii=False))
    return CLEAN
