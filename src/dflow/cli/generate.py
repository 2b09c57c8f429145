"""``dflow generate``: make up files, the same bytes for the same seed.

In: a flow or a scenario, a count, a seed, parties, a portfolio.  Out: one valid file, or
a folder of files that hang together.  Status 2 if what is asked cannot be made, or the
output cannot be written.
"""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING

from dflow.cli import CLEAN
from dflow.cli.definitions import add_overlay, catalogue_over
from dflow.cli.operating import count
from dflow.cli.sources import text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dflow.cli import Subparsers
    from dflow.envelope import Party

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "generate",
        help="make up valid files",
        description="Make up a valid file of any flow whose structure is known, or with"
        " --scenario the files of a whole story in order.  Everybody in it is invented; the"
        " same seed gives the same bytes.",
        epilog="Files are marked TR01 in their test flag unless --test-flag says otherwise."
        "  Status: 0 made, 2 it cannot be made or written.",
        allow_abbrev=False,
    )
    parser.add_argument("flow", metavar="FLOW", nargs="?", help="a flow, such as D0150")
    parser.add_argument("--version", metavar="NNN", default="", help="default: the latest")
    parser.add_argument(
        "--count",
        type=count,
        metavar="N",
        help="how many meter points (default: as many as the portfolio has, else 1)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="which one (default: 0)")
    parser.add_argument(
        "--from", dest="sender", metavar="ROLE/MPID", type=_party, help="the sender, such as M/OLDM"
    )
    parser.add_argument(
        "--to", dest="recipient", metavar="ROLE/MPID", type=_party, help="the recipient"
    )
    parser.add_argument(
        "--mpans", metavar="FILE", help="a portfolio: an MPAN a line, or CSV with a column mpan"
    )
    parser.add_argument(
        "--date", type=_day, metavar="CCYYMMDD", help="the day of the file (default: 20200101)"
    )
    parser.add_argument("--test-flag", default="TR01", metavar="FLAG", help="default: TR01")
    parser.add_argument(
        "--scenario", metavar="NAME", help="a story: a name from --list, or a TOML file"
    )
    parser.add_argument("--list", action="store_true", help="list the scenarios")
    parser.add_argument(
        "-o",
        "--out",
        dest="output",
        metavar="OUT",
        help="a file; for a scenario a new folder (default: output)",
    )
    add_overlay(parser)


def _party(text: str) -> Party:
    from dflow.envelope import Party

    if not re.fullmatch(r"[0-9A-Z]/[0-9A-Z]{4}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no party; expected such as M/OLDM")
    role, _, mpid = text.partition("/")
    return Party(role, mpid)


def _day(text: str) -> int:
    from dflow.envelope import parse_timestamp

    found = parse_timestamp(text + "000000")
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; expected ccyymmdd")
    return found.date().toordinal()


def run(args: argparse.Namespace) -> int:
    """Make the file, or the files of a scenario."""
    from dflow.errors import LookupMiss
    from dflow.generator import scenario

    if args.list:
        for name in scenario.bundled_names():
            print(f"{name:20} {scenario.load(name).title}")
        return CLEAN
    if args.scenario:
        return _run_scenario(args)
    if not args.flow:
        raise LookupMiss("neither a flow nor a scenario is named; see dflow generate --help")
    return _run_flow(args)


def _run_flow(args: argparse.Namespace) -> int:
    from dflow.generator import GeneratedFile, generate, header_for
    from dflow.generator.calendar import EPOCH

    catalogue = catalogue_over(args.overlay)
    flow = args.flow.upper()
    definition = catalogue[flow, args.version] if args.version else catalogue.latest(flow)
    mpans = _portfolio(args.mpans)
    header = header_for(
        definition,
        seed=args.seed,
        sender=args.sender,
        recipient=args.recipient,
        day=EPOCH if args.date is None else args.date,
        test_flag=args.test_flag,
        catalogue=catalogue,
    )
    header.encode()  # a test flag that cannot stand in a header is refused before writing
    count = args.count if args.count is not None else len(mpans) or 1
    wanted = GeneratedFile(
        definition=definition,
        header=header,
        count=count,
        seed=args.seed,
        mpans=mpans,
        catalogue=catalogue,
    )
    _write(generate(wanted), args.output)
    return CLEAN


def _portfolio(name: str | None) -> tuple[str, ...]:
    from dflow.generator.portfolio import portfolio_from

    return () if name is None else portfolio_from(text(name), source=name)


def _write(chunks: Iterable[bytes], output: str | None) -> str:
    """Write to a file, whole or not at all, or stream to standard output; says which."""
    import os
    from pathlib import Path

    from dflow.errors import SourceError

    if output is None or output == "-":
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        return "-"
    part = Path(f"{output}.part")
    try:
        with part.open("xb") as file:
            try:
                for chunk in chunks:
                    file.write(chunk)
            except BaseException:
                part.unlink()
                raise
        os.replace(part, output)  # noqa: PTH105  a name, kept as the person gave it
    except FileExistsError as error:
        raise SourceError(
            f"{part}: is there: {output} is being made, or making it was broken off;"
            " if nobody is at it, remove it"
        ) from error
    except OSError as error:
        raise SourceError(f"{output}: cannot be written: {error.strerror}") from error
    return output


def _run_scenario(args: argparse.Namespace) -> int:
    import shutil
    from pathlib import Path

    from dflow.errors import LookupMiss, SourceError
    from dflow.generator import scenario
    from dflow.generator.calendar import EPOCH

    if args.flow or args.sender or args.recipient or args.version:
        raise LookupMiss("a scenario names its own flows and parties; --scenario stands alone")
    if not args.output or args.output == "-":
        raise LookupMiss("a scenario is several files: name a new folder with -o")
    mpans = _portfolio(args.mpans)
    catalogue = catalogue_over(args.overlay)
    story = scenario.load(args.scenario, catalogue=catalogue)
    files = scenario.files_of(
        story,
        count=args.count if args.count is not None else len(mpans) or 1,
        seed=args.seed,
        mpans=mpans,
        day=EPOCH if args.date is None else args.date,
        test_flag=args.test_flag,
        catalogue=catalogue,
    )
    folder = Path(args.output)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise SourceError(f"{folder}: cannot be made: {error.strerror}") from error
    try:
        names = [_write(chunks, str(folder / name)) for name, chunks in files]
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # half a story is none
        raise
    print(*names, sep="\n")
    return CLEAN
