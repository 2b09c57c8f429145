"""``dflow fix``: repair counts, terminators and closing pipes, after showing the patch.

In: files.  Out: a unified patch of what would be repaired; with ``--write``, the files
themselves.  Status 0 nothing to repair, or repaired; 1 something to repair; 2 a file
cannot be read or written.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from dflow.cli import CLEAN, ERRORS, WRONG, complain
from dflow.cli.definitions import add_overlay, catalogue_over

if TYPE_CHECKING:
    from dflow.cli import Subparsers
    from dflow.edit import Repair

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "fix",
        help="repair counts, terminators and closing pipes",
        description="Show, as a patch, what can be repaired without judgement: the trailer's"
        " counts, a pool file's checksum, the repeated file identifier, mixed terminators,"
        " missing closing pipes, blank lines, a byte-order mark.  Nothing is written unless"
        " --write is given, and no value of the body is ever changed.",
        epilog="Status: 0 nothing to repair, or repaired; 1 something to repair; 2 a file"
        " cannot be read or written.",
        allow_abbrev=False,
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="a file, a folder, or - for input")
    parser.add_argument("--write", action="store_true", help="repair the files in their places")
    add_overlay(parser)
    parser.add_argument("--json", action="store_true", help="list the changes as JSON")
    parser.add_argument(
        "--unmask", action="store_true", help="show personal values, which are masked otherwise"
    )


def run(args: argparse.Namespace) -> int:
    """Show what would be repaired, and repair it if asked."""
    from dflow.cli.sources import STDIN, content, files_named
    from dflow.cli.terminal import paint_for
    from dflow.edit import patch, repair
    from dflow.errors import DflowError, SourceError
    from dflow.parse import read
    from dflow.show import Mask
    from dflow.writer import save

    if args.write and STDIN in args.files:
        raise SourceError("standard input cannot be repaired in its place")
    catalogue = catalogue_over(args.overlay)
    paint = paint_for(sys.stdout)
    entries: list[dict[str, object]] = []
    needed = failed = 0
    for name in files_named(args.files):
        try:
            flow = read(content(name), catalogue=catalogue)
            mended = repair(flow)
            needed += mended.needed
            if args.json:
                entries.append(_entry(name, mended, written=args.write and mended.needed))
            elif mended.needed:
                mask = Mask(flow.definition, off=args.unmask)
                for line in patch(flow, mended, name, mask, paint=paint):
                    print(line)
            if args.write and mended.needed:
                save(mended.flow, name)
        except DflowError as error:
            failed += 1
            complain(error)
    if args.json:
        json.dump({"files": entries}, sys.stdout, ensure_ascii=False)
        print()
    else:
        _summary(needed, written=args.write)
    if failed:
        return WRONG
    return ERRORS if needed and not args.write else CLEAN


def _entry(name: str, mended: Repair, *, written: bool) -> dict[str, object]:
    changes = [
        {"line": change.before.line, "codes": list(change.codes), "gone": change.after is None}
        for change in mended.changes
    ]
    if mended.mark:
        changes.insert(0, {"line": 1, "codes": ["byte-order-mark"], "gone": False})
    return {"file": name, "changes": changes, "written": written}


def _summary(needed: int, *, written: bool) -> None:
    if not needed:
        print("nothing to repair")
        return
    files = f"{needed:,} {'file' if needed == 1 else 'files'}"
    print(f"\n{files} repaired" if written else f"\n{files} to repair; --write does it")
