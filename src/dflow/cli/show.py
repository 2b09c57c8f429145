"""``dflow show``: a file with item names beside its values.

In: a file.  Out: its tree as text, or as JSON.  Nothing is judged; `check` does that.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from dflow.cli import CLEAN
from dflow.cli.definitions import add_overlay, catalogue_over

if TYPE_CHECKING:
    from dflow.cli import Subparsers
    from dflow.parse import Scan
    from dflow.show import Mask, TreeStyle

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "show",
        help="show a file with the names of its items",
        description="Show a file as a tree, the names of its items beside their values.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="a file, or - for input")
    parser.add_argument("--json", action="store_true", help="as JSON: the groups as a list")
    parser.add_argument(
        "--unmask", action="store_true", help="show personal values, which are masked otherwise"
    )
    add_overlay(parser)
    parser.add_argument("--blanks", action="store_true", help="show blank items too")


def run(args: argparse.Namespace) -> int:
    """Show the file."""
    from dflow.cli.sources import STDIN, content, is_plain
    from dflow.cli.terminal import paint_for
    from dflow.parse import scan
    from dflow.show import Mask, TreeStyle

    source = args.file if is_plain(args.file) else content(args.file)
    opened = scan(source, catalogue=catalogue_over(args.overlay))
    mask = Mask(opened.definition, off=args.unmask)
    if args.json:
        _json(opened, mask, "<stdin>" if args.file == STDIN else args.file)
    else:
        _text(opened, mask, TreeStyle(paint=paint_for(sys.stdout), blanks=args.blanks))
    return CLEAN


def _text(opened: Scan, mask: Mask, style: TreeStyle) -> None:
    from dflow.show import group_text, head_text, tail_text

    for line in head_text(opened.header, opened.definition, style):
        print(line)
    masked = False
    named = True
    for group in opened:
        if group.definition is not None or named:  # records without names stand close together
            print()
        named = group.definition is not None
        for line in group_text(group, mask, style):
            masked = masked or "**" in line
            print(line)
    print()
    for line in tail_text(opened.trailer, style):
        print(line)
    for group in opened.after:
        for line in group_text(group, mask, style):
            print(line)
    if masked and not mask.off:
        print("\n" + style.paint("faint", "Values shown as * are personal; --unmask shows them."))


def _json(opened: Scan, mask: Mask, source: str) -> None:
    from dflow.show import group_json, head_json

    head = json.dumps(head_json(opened.header, opened.definition, source), ensure_ascii=False)
    sys.stdout.write(head[:-1] + ', "groups": [')
    separator = "\n"
    for group in opened:
        for entry in group_json(group, mask):
            sys.stdout.write(separator + json.dumps(entry, ensure_ascii=False))
            separator = ",\n"
    trailer = opened.trailer
    tail = None
    if trailer is not None:
        tail = {
            "file_id": trailer.file_id,
            "group_count": trailer.group_count,
            "checksum": trailer.checksum,
            "flow_count": trailer.flow_count,
            "completed": trailer.completed,
        }
    after = [entry for group in opened.after for entry in group_json(group, mask)]
    sys.stdout.write(
        '\n], "trailer": ' + json.dumps(tail) + ', "after": ' + json.dumps(after) + "}\n"
    )
