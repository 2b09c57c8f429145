"""``dflow cut``: a party's files from an archive, and what can be proved of several cuts.

In: an archive and rules, or the folders of cuts.  Out: a new folder with a manifest, a
cut with what came since, or a report.  Status 1 if an MPAN is allocated twice, cuts
disagree, or files had to be skipped; 2 if a folder cannot be used.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli import CLEAN, ERRORS
from dflow.cli.sources import text
from dflow.cli.terminal import several

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dflow.cli import Subparsers
    from dflow.cut import CutRules, Manifest, Skip

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "cut",
        help="cut a party's files from an archive, and prove the cuts",
        description="Copy every file of a participant or a portfolio from an archive to a new"
        " folder, with a manifest.  Of a file that is about other meter points too, only what"
        " is about the portfolio is kept.  Then --refresh adds what came since; --allocation"
        " proves of several cuts that no meter point is allocated twice; --agreement compares"
        " what cuts say of the same meter points.",
        epilog="A manifest holds MPANs, and a cut is personal data as its archive is.  Status:"
        " 0 done, 1 files were skipped or a proof failed, 2 a folder or list cannot be used.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "paths", metavar="PATH", nargs="+", help="the archive; with a proof, the folders of cuts"
    )
    parser.add_argument(
        "--mpid",
        action="append",
        default=[],
        metavar="MPID",
        help="a participant; may be given again",
    )
    parser.add_argument(
        "--mpans", metavar="FILE", help="a portfolio: an MPAN a line, or CSV with a column mpan"
    )
    parser.add_argument(
        "--flow",
        action="append",
        default=[],
        metavar="FLOW",
        help="only this flow; may be given again",
    )
    parser.add_argument("--phase", metavar="PHASE", default="", help="the phase, such as SIT")
    parser.add_argument(
        "--party", metavar="NAME", default="", help="whose it is (default: the MPIDs)"
    )
    parser.add_argument(
        "--role", metavar="ROLE", default="", help="what the party is to its meter points"
    )
    parser.add_argument("-o", "--out", metavar="OUT", help="the cut's folder, a new one")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--refresh", metavar="OUT", help="add to this cut what came since")
    what.add_argument(
        "--allocation", action="store_true", help="prove that no meter point is allocated twice"
    )
    what.add_argument(
        "--agreement", action="store_true", help="compare what cuts say of a meter point"
    )
    parser.add_argument("--items", metavar="FILE", help="what --agreement compares, in TOML")
    parser.add_argument("--unmask", action="store_true", help="show personal values in reports")
    parser.add_argument("--json", action="store_true", help="the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Make or refresh a cut, or prove something of several."""
    from datetime import UTC, datetime

    from dflow.cli.terminal import Progress
    from dflow.cut import cut, refresh
    from dflow.errors import LookupMiss

    _fitting(args)
    if args.allocation:
        return _allocation(args)
    if args.agreement:
        return _agreement(args)
    if len(args.paths) > 1:
        raise LookupMiss("a cut is made from one archive; several were named")
    archive = Path(args.paths[0])
    now = datetime.now(UTC).isoformat(timespec="seconds")
    line = Progress("files", 0)

    def progress(done: int, total: int) -> None:
        line.total = total
        line.at(done)

    try:
        if args.refresh:
            manifest, added = refresh(archive, Path(args.refresh), at=now, progress=progress)
        else:
            if not args.out:
                raise LookupMiss("name the cut's folder with --out; see dflow cut --help")
            manifest = cut(archive, Path(args.out), _rules(args), at=now, progress=progress)
            added = len(manifest.files)
    finally:
        line.clear()
    _tell(manifest, added, as_json=args.json)
    return ERRORS if manifest.skipped else CLEAN


def _fitting(args: argparse.Namespace) -> None:
    """Refuse options that would be passed over in silence."""
    from dflow.errors import LookupMiss

    making = ("mpid", "mpans", "flow", "phase", "party", "role", "out")
    if args.refresh or args.allocation or args.agreement:
        for name in making:
            if getattr(args, name):
                raise LookupMiss(f"--{name} is said when a cut is made, and stands in its manifest")
    if args.items and not args.agreement:
        raise LookupMiss("--items is for --agreement")


def _rules(args: argparse.Namespace) -> CutRules:
    from dflow.cut import CutRules
    from dflow.errors import LookupMiss
    from dflow.generator.portfolio import portfolio_from

    for mpid in args.mpid:
        if not re.fullmatch("[0-9A-Z]{4}", mpid, re.ASCII | re.IGNORECASE):
            raise LookupMiss(f"{mpid!r} is no MPID; expected four letters or digits")
    mpids = tuple(sorted({mpid.upper() for mpid in args.mpid}))
    if not mpids and not args.mpans:
        raise LookupMiss("say what belongs to the cut: --mpid, --mpans or both")
    if not args.phase:
        raise LookupMiss("name the phase that the cut is for, such as --phase SIT")
    party = args.party or "+".join(mpids)
    if not party:
        raise LookupMiss("name the --party that the portfolio is for")
    mpans: tuple[str, ...] = ()
    if args.mpans:
        mpans = portfolio_from(text(args.mpans), source=args.mpans)
    return CutRules(
        phase=args.phase,
        party=party,
        role=args.role,
        mpids=mpids,
        mpans=mpans,
        flows=tuple(sorted({flow.upper() for flow in args.flow})),
    )


def _tell(manifest: Manifest, added: int, *, as_json: bool) -> None:
    """Counts only: the MPANs stand in the manifest."""
    counts = {
        "added": added,
        "files": len(manifest.files),
        "allocated": len(manifest.allocated),
        "missing": len(manifest.missing),
        "related": len(manifest.related),
        "untold": sum(not one.told for one in manifest.files),
        "skipped": [{"file": one.original, "reason": one.reason} for one in manifest.skipped],
    }
    if as_json:
        print(json.dumps(counts, indent=2))
        return
    print(
        f"{several(added, 'file')} added, {len(manifest.files)} in the cut;"
        f" {several(len(manifest.allocated), 'MPAN')} allocated,"
        f" {len(manifest.missing)} of them without a file;"
        f" {several(len(manifest.related), 'other')} named;"
        f" {several(len(manifest.skipped), 'file')} skipped"
    )
    _skips(manifest.skipped)


def _skips(skipped: Sequence[Skip]) -> None:
    from dflow.show.paint import printable

    for one in skipped:
        print(f"dflow: skipped: {printable(one.original)}: {one.reason}", file=sys.stderr)


def _allocation(args: argparse.Namespace) -> int:
    from dflow.cut import clashes, read_manifest, shared
    from dflow.show import masked_value
    from dflow.show.paint import printable

    manifests = [read_manifest(Path(path)) for path in args.paths]
    found = clashes(manifests)
    allocated = len({mpan for one in manifests for mpan in one.allocated})
    untold = sum(not file.told for one in manifests for file in one.files)
    rows = [
        {
            "mpan": one.mpan if args.unmask else masked_value(one.mpan),
            "holders": [
                {"phase": phase, "role": role, "party": party} for phase, role, party in one.holders
            ],
        }
        for one in found
    ]
    told = {
        "cuts": len(manifests),
        "allocated": allocated,
        "named_elsewhere": len(shared(manifests)),
        "files_untold": untold,
        "proved": not found and not untold,
        "twice": rows,
    }
    if args.json:
        print(json.dumps(told, indent=2))
    else:
        for row, one in zip(rows, found, strict=True):
            holders = ", ".join(" ".join(filter(None, holder)) for holder in one.holders)
            print(printable(f"{row['mpan']}  {holders}"))
        print(
            f"{several(len(manifests), 'cut')}, {several(allocated, 'MPAN')} allocated,"
            f" {len(found)} of them twice; {told['named_elsewhere']} named in another's files;"
            f" {several(untold, 'file')} whose MPANs are not known"
        )
    return CLEAN if told["proved"] else ERRORS


def _agreement(args: argparse.Namespace) -> int:
    from dflow.catalogue import bundled
    from dflow.cut import disagreements, items_from
    from dflow.show import masked_value
    from dflow.show.paint import printable

    items = None
    if args.items:
        items = items_from(text(args.items), source=args.items)
    found, skipped = disagreements([Path(path) for path in args.paths], items=items)
    catalogue = bundled()
    rows: list[dict[str, str]] = []
    said: list[list[dict[str, str | list[str]]]] = []
    for one in found:
        item = catalogue.item(one.jcode)
        hidden = bool(item.sensitive) and not args.unmask
        mpan = one.mpan if args.unmask else masked_value(one.mpan)
        rows.append({"mpan": mpan, "jcode": one.jcode, "item": item.name})
        said.append(
            [
                {
                    "cut": name,
                    "file": file,
                    "values": [masked_value(value) if hidden else value for value in values],
                }
                for name, values, file in one.values
            ]
        )
    if args.json:
        skips = [{"file": one.original, "reason": one.reason} for one in skipped]
        differ = [{**row, "said": cuts} for row, cuts in zip(rows, said, strict=True)]
        print(json.dumps({"disagreements": differ, "skipped": skips}, indent=2))
    else:
        for row, cuts in zip(rows, said, strict=True):
            print(printable(f"{row['mpan']}  {row['jcode']} {row['item']}"))
            for one_cut in cuts:
                values = " ".join(one_cut["values"])
                print(printable(f"    {one_cut['cut']}: {values} ({one_cut['file']})"))
        print(
            f"{several(len(args.paths), 'cut')}, {several(len(rows), 'disagreement')};"
            f" {several(len(skipped), 'file')} skipped"
        )
        _skips(skipped)
    return ERRORS if found or skipped else CLEAN
