"""The frame of the four operations: five verbs, one file, one report.

In: a command's words.  Out: a report on standard output, and an exit status.  This module
does not know what any operation does.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli.terminal import paint_for, width_for
from dflow.cli.upgrade import upgrades_told
from dflow.errors import SourceError
from dflow.operation import Clock, SetClock, SystemClock, instant_from
from dflow.report import Report, report_json, report_lines, report_page

if TYPE_CHECKING:
    from dflow.cli import Subparsers

__all__ = ["VERBS", "Verb", "add_verbs", "run_verb"]

#: What each verb means; every operation has all five.
VERBS: dict[str, str] = {
    "plan": "check the plan and say what it will do; nothing is moved",
    "rehearse": "run the plan on a copy, with a clock that runs the future",
    "run": "run the plan, or go on where it was interrupted",
    "status": "say where the operation stands",
    "report": "write the report of what was done",
}

#: How a verb ends.
_ENDS = "Status: 0 all is well, 1 the report's verdict is bad, 2 the plan cannot be read or used."

#: What carries out a verb: the plan's file, the clock and the command's words give a report.
Verb = Callable[[Path, Clock, argparse.Namespace], Report]


def add_verbs(
    subparsers: Subparsers, name: str, about: str
) -> Mapping[str, argparse.ArgumentParser]:
    """Add a command with its five verbs; the parsers are returned, for options of their own."""
    parser = subparsers.add_parser(name, help=about)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    made = {}
    for verb, meaning in VERBS.items():
        one = made[verb] = verbs.add_parser(verb, help=meaning, epilog=_ENDS)
        one.add_argument("file", type=Path, metavar="FILE", help="the plan, a TOML file")
        one.add_argument("--at", metavar="INSTANT", help="instead of now, such as 2019-06-27T18:00")
        one.add_argument("--json", action="store_true", help="as JSON")
        one.add_argument("--html", type=Path, metavar="OUT", help="write a page that stands alone")
    return made


def run_verb(args: argparse.Namespace, verbs: Mapping[str, Verb]) -> int:
    """Carry out a verb and show its report; status 1 if the verdict is bad."""
    clock: Clock = SystemClock() if args.at is None else SetClock(instant_from(args.at))
    with upgrades_told():
        report = verbs[args.verb](args.file, clock, args)
    if args.html is not None:
        _write(args.html, report_page(report))
    if args.json:
        print(json.dumps(report_json(report), indent=2, ensure_ascii=False))
    else:
        paint, width = paint_for(sys.stdout), width_for(sys.stdout)
        for line in report_lines(report, paint=paint, width=width):
            print(line)
        if args.html is not None:
            print(f"\nwritten: {args.html}")
    return 1 if report.tone == "bad" else 0


def _write(path: Path, text: str) -> None:
    """Whole or not at all: a report that is half-written must not be believed."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, "utf-8")
        os.replace(part, path)  # noqa: PTH105  the one call that replaces on every system
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error
