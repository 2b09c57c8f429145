"""``dflow check``: say what is wrong with files.

In: files and folders.  Out: a report, and status 1 if anything of severity error was
found, 2 if a file could not be read.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from dflow.cli import CLEAN, ERRORS, WRONG, complain
from dflow.cli.definitions import add_overlay, catalogue_over
from dflow.cli.operating import count
from dflow.errors import SourceError

if TYPE_CHECKING:
    from dflow.cli import Subparsers
    from dflow.cli.checking import Outcome
    from dflow.show import ReportStyle

__all__ = ["add", "run"]

_SEVERITIES = ("error", "warning", "advice", "info")

#: With more files than this, a file of which nothing is to be told is not named.
_MANY = 20


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "check",
        help="say what is wrong with files",
        description="Say what is wrong with files: every fault with its place, what was"
        " expected there, and what to do about it.  A folder means every file in it and below;"
        " many files are checked on all cores.",
        epilog="Status: 0 nothing of severity error, 1 something, 2 a file cannot be read.",
        allow_abbrev=False,
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="a file, a folder, or - for input")
    parser.add_argument(
        "--format",
        choices=("text", "json", "sarif", "github"),
        default="text",
        help="text for people (default), json, sarif, or github for annotations",
    )
    parser.add_argument("--json", action="store_true", help="the same as --format json")
    parser.add_argument(
        "--profile", metavar="FILE", help="a TOML file of severities that differ from dflow's own"
    )
    parser.add_argument(
        "--unmask", action="store_true", help="show personal values, which are masked otherwise"
    )
    parser.add_argument(
        "--least",
        choices=_SEVERITIES,
        help="the mildest findings to draw as text (default: info; warning for more than"
        f" {_MANY} files)",
    )
    parser.add_argument(
        "--most",
        type=count,
        default=20,
        metavar="N",
        help="draw at most N findings of one kind for one file; 0 for all (default: 20)",
    )
    parser.add_argument(
        "--pattern",
        default="*",
        metavar="GLOB",
        help="which file names of a folder to take, such as '*.usr' (default: all)",
    )
    add_overlay(parser)
    parser.add_argument(
        "--jobs",
        type=count,
        default=0,
        metavar="N",
        help="processes for many files; 0 for one a core (default: 0)",
    )


def run(args: argparse.Namespace) -> int:
    """Check the files, report, and give the exit status."""
    from pathlib import Path

    from dflow.cli.checking import Wanted, outcomes
    from dflow.cli.profile import load_profile
    from dflow.cli.sources import files_named
    from dflow.cli.terminal import paint_for, width_for
    from dflow.findings import Severity
    from dflow.show import ReportStyle

    names = files_named(args.files, args.pattern)
    many = len(names) > _MANY
    style = ReportStyle(
        paint=paint_for(sys.stdout),
        width=width_for(sys.stdout),
        most=args.most,
        least=Severity(args.least or ("warning" if many else "info")),
    )
    wanted = Wanted(
        form="json" if args.json else args.format,
        profile=load_profile(Path(args.profile)) if args.profile else None,
        overlays=tuple(args.overlay),
        unmask=args.unmask,
        style=style,
        quiet=many,
    )
    catalogue_over(args.overlay)  # a folder that is not there is told once, not for each file
    tally = _Tally()
    told = tally.counting(outcomes(names, wanted, jobs=args.jobs), len(names))
    if wanted.form == "text":
        _tell_text(told, tally, style, summed=len(names) > 1)
    elif wanted.form == "json":
        _tell_json(told, tally)
    elif wanted.form == "sarif":
        _tell_sarif(told)
    else:
        _tell_github(told)
    if tally.unreadable:
        return WRONG
    return ERRORS if tally.counts["error"] else CLEAN


class _Tally:
    """What has been seen so far: kept outcome by outcome, so that none needs keeping."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.files_with: Counter[str] = Counter()
        self.files = self.clean = self.unreadable = 0

    def counting(self, outcomes: Iterable[Outcome], total: int) -> Iterator[Outcome]:
        """Pass outcomes on, count them, say how far it is, and name what cannot be read."""
        from dflow.cli.terminal import Progress

        progress = Progress("files", total)
        for done, outcome in enumerate(outcomes, 1):
            if outcome.error:
                progress.clear()
                complain(SourceError(outcome.error))
                self.unreadable += 1
            else:
                self.files += 1
                self.clean += outcome.clean
                self.counts.update(outcome.counts)
                self.files_with.update(outcome.codes.keys())
                if outcome.text:
                    progress.clear()
                yield outcome
            progress.at(done, f", {self.files - self.clean:,} not clean")
        progress.clear()

    def summary(self) -> dict[str, int]:
        """As `dflow.findings.summary` counts, with the files that could not be read."""
        severities = {word: self.counts[word] for word in _SEVERITIES}
        return {
            "files": self.files,
            "clean": self.clean,
            **severities,
            "unreadable": self.unreadable,
        }


def _tell_text(told: Iterable[Outcome], tally: _Tally, style: ReportStyle, *, summed: bool) -> None:
    from dflow.show import summary_text

    drawn = masked = False
    for outcome in told:
        if outcome.text:
            if drawn and outcome.text.count("\n") > 1:
                print()
            print(outcome.text, end="")
            drawn = True
            masked = masked or "**" in outcome.text
    if masked:
        print("\n" + style.paint("faint", "Values shown as * are personal; --unmask shows them."))
    if not summed:
        return
    print(("\n" if drawn else "") + summary_text(tally.summary(), style.paint))
    if tally.unreadable:
        print(style.paint("error", f"{tally.unreadable:,} could not be read"))
    if tally.files > _MANY:
        for code, files in tally.files_with.most_common(10):
            print(f"  {code:<22} in {files:,} {'file' if files == 1 else 'files'}")


def _tell_json(told: Iterable[Outcome], tally: _Tally) -> None:
    from dflow.show import json_chunks

    entries = (outcome.report.as_json() for outcome in told if outcome.report is not None)
    for piece in json_chunks(entries, tally.summary):
        sys.stdout.write(piece)


def _tell_sarif(told: Iterable[Outcome]) -> None:
    from dflow.show import sarif

    reports = [outcome.report for outcome in told if outcome.report is not None]
    json.dump(sarif(reports), sys.stdout, indent=1, ensure_ascii=False)
    print()


def _tell_github(told: Iterable[Outcome]) -> None:
    from dflow.show import github_annotations

    for outcome in told:
        if outcome.report is not None:
            for line in github_annotations(outcome.report):
                print(line)
