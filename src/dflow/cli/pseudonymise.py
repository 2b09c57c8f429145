"""``dflow pseudonymise``: files under pseudonyms that validate and join as before.

In: a file or a folder, and a key.  Out: a new file or folder, and a report of what was
replaced.  Status 2 if the key or a source cannot be used; files that cannot be made safe
are left out and counted, status 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli import CLEAN, ERRORS, WRONG
from dflow.cli.terminal import several

if TYPE_CHECKING:
    from dflow.cli import Subparsers
    from dflow.pseudonym import Pseudonymiser

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "pseudonymise",
        help="replace personal values by keyed pseudonyms",
        description="Write files anew with every sensitive value replaced by a pseudonym that"
        " the key decides: the same value becomes the same pseudonym in every file, different"
        " values stay different, and check says of the result what it says of the original.",
        epilog="As long as the key exists, pseudonyms are personal data.  Status: 0 all files"
        " made, 1 some were left out, 2 the key or a path cannot be used.",
        allow_abbrev=False,
    )
    parser.add_argument("source", metavar="IN", nargs="?", help="a file or a folder")
    parser.add_argument("output", metavar="OUT", nargs="?", help="a new file or folder")
    parser.add_argument("--key-file", metavar="K", help="the key; its owner only may read it")
    parser.add_argument("--new-key", metavar="K", help="make a key file, and nothing else")
    parser.add_argument(
        "--keep",
        metavar="WORD",
        action="append",
        default=[],
        help="a word that stays; may be given again",
    )
    parser.add_argument(
        "--shift-dates", action="store_true", help="move the dates of each meter point by some days"
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Make the key, or the files."""
    from dflow.errors import SourceError
    from dflow.pseudonym import Pseudonymiser, new_key, read_key
    from dflow.pseudonym.values import RESERVED

    if args.new_key:
        new_key(Path(args.new_key))
        return CLEAN
    if not (args.source and args.output and args.key_file):
        print("dflow: name IN, OUT and --key-file, or --new-key", file=sys.stderr)
        return WRONG
    key = read_key(Path(args.key_file))
    made = Pseudonymiser(
        key,
        reserved=frozenset((*RESERVED, *(word.lower() for word in args.keep))),
        shift_dates=args.shift_dates,
    )
    source, output = Path(args.source), Path(args.output)
    if not source.exists():
        raise SourceError(f"{source}: no such file or folder")
    if output.exists():
        raise SourceError(f"{output}: is there already; name a new one")
    left_out = _files(made, source, output)
    _report(made, left_out, as_json=args.json)
    return ERRORS if left_out else CLEAN


def _files(made: Pseudonymiser, source: Path, output: Path) -> list[str]:
    """Make the files beside their place, then name it; returns what was left out, and why."""
    import shutil

    from dflow.errors import SourceError

    part = output.with_name(f".{output.name}.part")
    if part.exists():
        raise SourceError(
            f"{part}: is there: this output is being made, or making it was broken off;"
            " if nobody is at it, remove it"
        )
    try:
        left_out = _made(made, source, part)
        if part.exists():
            part.rename(output)
    except BaseException as error:
        shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise SourceError(f"{output}: cannot be written: {error.strerror}") from error
        raise
    return left_out


def _made(made: Pseudonymiser, source: Path, part: Path) -> list[str]:
    from dflow.cli.sources import files_named
    from dflow.errors import StructureError

    left_out: list[str] = []
    folder = source.is_dir()
    for number, name in enumerate(files_named([str(source)]), start=1):
        path = Path(name)
        inside = path.relative_to(source) if folder else Path(path.name)
        reason = ""
        try:
            data = path.read_bytes()
        except OSError as error:
            reason = f"cannot be read: {error.strerror}"
        else:
            try:
                content = made.file(data)
            except StructureError as error:
                reason = str(error)
        if reason:
            # Its name may be a person's: the number finds it, by name, a folder's own files first.
            left_out.append(f"{_safe(made, inside)} (file {number}): {reason}")
            continue
        to = part / _safe(made, inside) if folder else part
        while to.exists():
            to = to.with_name(f"{to.name}~")
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(content)
    return left_out


def _safe(made: Pseudonymiser, inside: Path) -> Path:
    """The path of a file below the source, with pseudonyms in the names of folders too."""
    return Path(*(made.name(part) for part in inside.parts))


def _report(made: Pseudonymiser, left_out: list[str], *, as_json: bool) -> None:
    from dflow.errors import LookupMiss

    rows: list[dict[str, str | int]] = []
    for jcode, count in sorted((+made.replaced).items()):
        try:
            item = made.catalogue.item(jcode)
            name, why = item.name, item.sensitive or "a date, shifted"
        except LookupMiss:
            name, why = "values that no item is known for", "nothing is known of them"
        rows.append({"jcode": jcode, "item": name, "why": why, "values": count})
    if as_json:
        print(json.dumps({"files": made.files, "left_out": left_out, "replaced": rows}, indent=2))
        return
    for row in rows:
        print(f"{row['values']:>9}  {row['jcode']:5}  {row['item']}: {row['why']}")
    replaced = several(sum(made.replaced.values()), "value")
    print(f"{several(made.files, 'file')} made, {replaced} replaced")
    for reason in left_out:
        print(f"dflow: left out: {reason}", file=sys.stderr)
