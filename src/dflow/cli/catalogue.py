"""``dflow catalogue``: list, show, compare, describe, model and import catalogues.

In: words.  Out: flow versions as text or JSON, or catalogue files from a publication.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli import CLEAN, catalogue_models, catalogue_schema
from dflow.errors import DflowError

if TYPE_CHECKING:
    from dflow.catalogue import Catalogue, CatalogueDiff, Edition, FlowDiff
    from dflow.cli import Subparsers
    from dflow.cli.catalogue_text import Look

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser, and those of its six commands."""
    parser = subparsers.add_parser(
        "catalogue",
        help="list, show, compare and import catalogues",
        description="List, show, compare and import catalogues.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="as JSON")
    which = argparse.ArgumentParser(add_help=False)
    which.add_argument("--folder", metavar="FOLDER", help="a catalogue other than the bundled one")
    which.add_argument(
        "--overlay",
        metavar="FOLDER",
        action="append",
        default=[],
        help="a folder merged over it; may be given again, the last on top",
    )
    listing = commands.add_parser("list", parents=[shared, which], help="list flow versions")
    listing.add_argument("flow", metavar="FLOW", nargs="*", help="only these flows")
    listing.add_argument("--on", metavar="DAY", type=_day, help="live on a day: 2019-06-27")
    listing.add_argument("--release", metavar="NAME", help="of a release: 12.5")
    showing = commands.add_parser("show", parents=[shared, which], help="show a flow version")
    showing.add_argument("flow", metavar="FLOW", help="such as D0010")
    showing.add_argument("version", metavar="VERSION", nargs="?", help="the highest if not given")
    showing.add_argument("--no-codes", action="store_true", help="leave the code lists out")
    comparing = commands.add_parser(
        "diff",
        parents=[shared, which],
        help="compare two flow versions, releases, days or catalogues",
        description="Compare two flow versions (D0269v002), two releases (15.4), two days"
        " (2019-06-27) or two folders of catalogue files.",
    )
    comparing.add_argument("old", metavar="OLD", help="what it was")
    comparing.add_argument("new", metavar="NEW", help="what it is")
    catalogue_schema.add(commands, [which])
    catalogue_models.add(commands, [shared, which])
    importing = commands.add_parser(
        "import",
        parents=[shared],
        help="read a publication's Word files and write a catalogue",
        description="Read the Word files of a published catalogue and write catalogue files.",
    )
    importing.add_argument("folder", metavar="FOLDER", help="where the Word files are")
    importing.add_argument(
        "-o", "--out", metavar="OUT", required=True, help="the folder to write to"
    )
    importing.add_argument(
        "--source",
        metavar="WORD",
        default="official",
        help="the first word of every provenance (official)",
    )


def run(args: argparse.Namespace) -> int:
    """Do what the action says."""
    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "list": _list,
        "show": _show,
        "diff": _diff,
        "import": _import,
        "models": lambda args: catalogue_models.run(args, _catalogue(args)),
        "schema": lambda args: catalogue_schema.run(args, _catalogue(args)),
    }
    return actions[args.action](args)


def _list(args: argparse.Namespace) -> int:
    from dflow.cli.catalogue_text import list_lines

    catalogue = _catalogue(args)
    keys = list(catalogue.keys)
    for flow in args.flow:
        catalogue.latest(flow)  # names the near misses of a flow that is not there
    if args.flow:
        keys = [key for key in keys if key[0] in args.flow]
    if args.release:
        released = set(catalogue.release(args.release).keys)
        keys = [key for key in keys if key in released]
    day = catalogue.on(args.on or _today())
    if args.on:
        live = set(day.live)
        keys = [key for key in keys if key in live]
    rows = [(catalogue[key], day.standing(*key)) for key in keys]
    if args.json:
        _json(
            [
                {
                    "flow": flow.flow,
                    "version": flow.version,
                    "name": flow.name,
                    "structured": flow.structured,
                    "state": standing.state,
                    "sure": standing.sure,
                    "why": standing.why,
                    "provenance": flow.provenance.source,
                }
                for flow, standing in rows
            ]
        )
    else:
        _print(list_lines(rows, _look()))
    return CLEAN


def _show(args: argparse.Namespace) -> int:
    from dflow.catalogue.plain import flow_plain
    from dflow.cli.catalogue_text import flow_lines

    catalogue = _catalogue(args)
    flow, version = _flow_version(args.flow) or (args.flow, args.version)
    version = version or args.version
    found = catalogue[flow, version.removeprefix("v")] if version else catalogue.latest(flow)
    if args.json:
        _json(flow_plain(found))
    else:
        standing = catalogue.on(_today()).standing(*found.key)
        _print(flow_lines(found, standing, _look(), codes=not args.no_codes))
    return CLEAN


def _diff(args: argparse.Namespace) -> int:
    from dflow.catalogue.plain import diff_plain
    from dflow.cli.catalogue_text import diff_lines

    found = _difference(_catalogue(args), args.old, args.new)
    if args.json:
        _json(diff_plain(found))
    else:
        _print(diff_lines(found, _look()))
    return CLEAN


def _difference(catalogue: Catalogue, old: str, new: str) -> CatalogueDiff | FlowDiff:
    before, after = _flow_version(old), _flow_version(new)
    if before and after:
        return catalogue.diff_flows(before, after)
    if before or after:
        raise DflowError(f"{old} and {new}: a flow version can only be compared with another")
    return catalogue.diff(_edition(old), _edition(new))


def _edition(word: str) -> Edition:
    """A folder of catalogue files, a day, or a release's name."""
    if Path(word).is_dir():
        from dflow.catalogue import Catalogue

        return Catalogue(Path(word))
    try:
        return date.fromisoformat(word)
    except ValueError:
        return word


def _flow_version(word: str) -> tuple[str, str] | None:
    """Flow and version in one word: ``D0269v002``, ``D0269/002`` or ``D0269002``."""
    if Path(word).is_dir():
        return None
    found = re.fullmatch(r"([A-Z][0-9A-Za-z-]*?)(?:[/ ]v?|v)([0-9][0-9A-Za-z]*)", word, re.ASCII)
    found = found or re.fullmatch(r"([A-Z][0-9A-Z]{4})([0-9]{3})", word, re.ASCII)
    return (found[1], found[2]) if found else None


def _import(args: argparse.Namespace) -> int:
    from dflow.catalogue.importer import import_publication
    from dflow.catalogue.plain import imported_plain
    from dflow.cli.catalogue_text import imported_lines

    imported = import_publication(Path(args.folder), Path(args.out), source=args.source)
    if args.json:
        _json(imported_plain(imported))
    else:
        _print(imported_lines(imported, args.out, _look()))
    return CLEAN


def _catalogue(args: argparse.Namespace) -> Catalogue:
    from dflow.catalogue import Catalogue, bundled

    base = Catalogue(Path(args.folder)) if args.folder else bundled()
    return base.over(*(Path(overlay) for overlay in args.overlay)) if args.overlay else base


def _today() -> date:
    return datetime.now(UTC).astimezone().date()


def _day(word: str) -> date:
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is no day, such as 2019-06-27") from None


def _look() -> Look:
    from dflow.cli.catalogue_text import Look
    from dflow.cli.terminal import paint_for, width_for

    return Look(paint=paint_for(sys.stdout), width=width_for(sys.stdout), drawn=sys.stdout.isatty())


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _json(value: object) -> None:
    json.dump(value, sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")
