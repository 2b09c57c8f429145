"""``dflow convert``: files to JSON Lines, CSV or Parquet.

In: files and folders.  Out: lines on standard output or in a file, or tables in a folder.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from dflow.cli import CLEAN
from dflow.cli.definitions import add_overlay, catalogue_over

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dflow.catalogue import Catalogue
    from dflow.cli import Subparsers

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "convert",
        help="turn files into JSON Lines, CSV or Parquet",
        description="Turn files into JSON Lines (one line a flow instance, all below it"
        " inside), or into tables (one a group, with the keys of its parents), typed by the"
        " catalogue.  What has no place in a table stands in a table of its own, 'rest'.",
        epilog="Values are not masked: a conversion is made to be used. --mask leaves personal"
        " ones out.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="a file, a folder, or - for input (jsonl only)"
    )
    parser.add_argument(
        "--to",
        choices=("jsonl", "csv", "parquet"),
        default="jsonl",
        help="jsonl (default), csv or parquet",
    )
    parser.add_argument(
        "-o",
        "--out",
        metavar="PATH",
        help="the file of jsonl (default: standard output), the folder of csv and parquet",
    )
    add_overlay(parser)
    parser.add_argument("--force", action="store_true", help="replace what is there")
    parser.add_argument("--mask", action="store_true", help="leave personal values out")
    parser.add_argument(
        "--pattern",
        default="*",
        metavar="GLOB",
        help="which file names of a folder to take, such as '*.usr' (default: all)",
    )


def run(args: argparse.Namespace) -> int:
    """Convert the files."""
    from dflow.cli.sources import STDIN, files_named
    from dflow.errors import DflowError

    names = files_named(args.files, args.pattern)
    catalogue = catalogue_over(args.overlay)
    if args.to == "jsonl":
        _lines(_all_lines(names, catalogue, mask=args.mask), args.out, force=args.force)
        return CLEAN
    if args.out is None:
        raise DflowError(f"--to {args.to} writes one table a group: name their folder with --out")
    if STDIN in names:
        raise DflowError(f"standard input cannot be read twice, as --to {args.to} needs")
    from dflow.convert import write_tables

    written = write_tables(
        names, args.out, args.to, catalogue=catalogue, mask=args.mask, replace=args.force
    )
    for path, count in zip(written.paths, written.rows.values(), strict=True):
        print(f"{path}: {count:,} {'row' if count == 1 else 'rows'}")
    return CLEAN


def _lines(lines: Iterator[str], out: str | None, *, force: bool) -> None:
    from pathlib import Path

    from dflow.errors import SourceError

    if out is None:
        for line in lines:
            sys.stdout.write(line)
        return
    final = Path(out)
    if final.exists() and not force:
        raise SourceError(f"{final}: is there already; --force replaces it")
    part = final.with_name(f".{final.name}.part")
    try:
        try:
            with part.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(lines)
            part.replace(final)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise SourceError(f"{final}: cannot be written: {error.strerror}") from error


def _all_lines(names: Sequence[str], catalogue: Catalogue, *, mask: bool) -> Iterator[str]:
    from dflow.cli.sources import STDIN, content
    from dflow.convert import json_lines

    for name in names:
        source = content(name) if name == STDIN else name
        shown = "<stdin>" if name == STDIN else name
        for line in json_lines(source, catalogue=catalogue, name=shown, mask=mask):
            yield line + "\n"
