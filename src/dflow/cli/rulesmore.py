"""The verbs of ``dflow rules`` that look at many files or draw: diff, simulate, graph, report.

In: rule files and folders of files.  Out: text, JSON, pictures.  `rules` holds the rest.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dflow.cli import CLEAN, ERRORS
from dflow.errors import DflowError

if TYPE_CHECKING:
    from datetime import date, datetime

    from dflow.cli import Subparsers
    from dflow.routing import Routes
    from dflow.routing.archive import Archived

__all__ = ["add_more"]


def add_more(verbs: Subparsers) -> None:
    """Add the parsers of the verbs."""
    _add_diff(verbs)
    _add_simulate(verbs)
    _add_graph(verbs)
    _add_report(verbs)


def _add_diff(verbs: Subparsers) -> None:
    diff = verbs.add_parser(
        "diff",
        help="say what would go elsewhere",
        epilog="Status: 0 everything would go where it goes, 1 something would not, 2 rules or"
        " files cannot be read.",
        allow_abbrev=False,
    )
    diff.add_argument("old", metavar="OLD", help="the rules as they are")
    diff.add_argument("new", metavar="NEW", help="the rules as they would be")
    diff.add_argument("--over", metavar="ARCHIVE", help="a folder of files to ask about")
    diff.add_argument(
        "--at", metavar="INSTANT", help="ask for this instant, not for when each file was made"
    )
    diff.add_argument("--json", action="store_true", help="as JSON")
    diff.set_defaults(call=_diff)


def _add_simulate(verbs: Subparsers) -> None:
    simulate = verbs.add_parser(
        "simulate", help="say how much would go where, hour by hour", allow_abbrev=False
    )
    simulate.add_argument("rules", metavar="RULES", help="the rule file")
    simulate.add_argument("archive", metavar="ARCHIVE", help="a folder of files")
    simulate.add_argument(
        "--at", metavar="INSTANT", help="ask for this instant, not for when each file was made"
    )
    simulate.add_argument("--json", action="store_true", help="as JSON")
    simulate.set_defaults(call=_simulate)


def _add_graph(verbs: Subparsers) -> None:
    graph = verbs.add_parser("graph", help="draw who sends what to whom", allow_abbrev=False)
    graph.add_argument("rules", metavar="RULES", help="the rule file")
    graph.add_argument(
        "--format",
        choices=("mermaid", "dot", "svg"),
        default="mermaid",
        help="text for Mermaid (default) or Graphviz, or an SVG drawn by Graphviz's dot",
    )
    graph.add_argument(
        "-o", "--out", dest="output", metavar="FILE", help="a file (default: output)"
    )
    graph.set_defaults(call=_graph)


def _add_report(verbs: Subparsers) -> None:
    report = verbs.add_parser(
        "report",
        help="write a page with the picture, the remarks and the coverage",
        allow_abbrev=False,
    )
    report.add_argument("rules", metavar="RULES", help="the rule file")
    report.add_argument("output", metavar="PAGE", help="the HTML file to write")
    report.add_argument(
        "--release",
        action="append",
        default=[],
        metavar="NAME",
        help="show the coverage of this release, such as 12.5; may be given again",
    )
    report.add_argument(
        "--party",
        action="append",
        default=[],
        metavar="ROLE/MPID",
        help="for this participant, such as X/UDMS; may be given again",
    )
    report.add_argument("--at", metavar="INSTANT", help="what counts as now (default: now)")
    report.set_defaults(call=_report)


def _diff(args: argparse.Namespace) -> int:
    from dflow.cli.rules import instant, load
    from dflow.routing.difference import Asked, changed_files, changed_regions

    old, new = load(args.old), load(args.new)
    if args.over is None:
        found: list[object] = list(changed_regions(old, new))
    else:
        given = instant(args.at) if args.at else None

        def asked() -> Iterator[Asked]:
            for one, at in _dated(args.over, old, given):
                needs = old.needs_body(one.header, at) or new.needs_body(one.header, at)
                flow = one.flow() if needs else None
                yield Asked(name=one.name, header=one.header, at=at, flow=flow)

        found = list(changed_files(old, new, asked()))
    if args.json:
        print(json.dumps([one.as_json() for one in found], indent=2))  # type: ignore[attr-defined]  # moves or regions, both tell themselves
    else:
        for one in found:
            print(one)
        print(f"{len(found)} {'regions' if args.over is None else 'files'} treated differently")
    return ERRORS if found else CLEAN


def _simulate(args: argparse.Namespace) -> int:
    from dflow.cli.rules import instant, load
    from dflow.routing.simulation import Sample, simulate

    routes = load(args.rules)
    given = instant(args.at) if args.at else None

    def samples() -> Iterator[Sample]:
        for one, at in _dated(args.archive, routes, given):
            flow = one.flow() if routes.needs_body(one.header, at) else None
            yield Sample(header=one.header, at=at, size=one.size, flow=flow)

    found = simulate(routes, samples())
    print(json.dumps(found.as_json(), indent=2) if args.json else found)
    return CLEAN


def _dated(
    folder: str, routes: Routes, given: datetime | date | None
) -> Iterator[tuple[Archived, datetime]]:
    """The files of a folder, each with the instant to ask for."""
    from dflow.routing.archive import archived
    from dflow.routing.window import as_instant

    fixed = as_instant(given, routes.zone) if given is not None else None
    for one in archived(folder):
        at = fixed or one.created(routes.zone)
        if at is None:
            print(f"dflow: {one.name}: its header has no time; give --at", file=sys.stderr)
        else:
            yield one, at


def _graph(args: argparse.Namespace) -> int:
    from dflow.cli.rules import load
    from dflow.routing.picture import dot_text, mermaid_text

    routes = load(args.rules)
    text = mermaid_text(routes) if args.format == "mermaid" else dot_text(routes)
    if args.format == "svg":
        text = _drawn(text)
    if args.output:
        from pathlib import Path

        Path(args.output).write_text(text, "utf-8")
    else:
        sys.stdout.write(text)
    return CLEAN


def _drawn(dot: str) -> str:
    """The SVG that Graphviz makes."""
    import shutil
    import subprocess

    program = shutil.which("dot")
    if program is None:
        raise DflowError("Graphviz's dot is not installed; --format dot or mermaid need none")
    done = subprocess.run(  # noqa: S603  a fixed program; the picture goes by standard input
        [program, "-Tsvg"], input=dot, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DflowError(f"dot: {done.stderr.strip()}")
    return done.stdout


def _report(args: argparse.Namespace) -> int:
    from pathlib import Path

    from dflow.catalogue import bundled
    from dflow.cli.rules import instant, load, party
    from dflow.routing.coverage import coverage
    from dflow.routing.lint import lint
    from dflow.routing.page import html_page

    routes = load(args.rules)
    catalogue = bundled()
    parties = [party(text) for text in args.party]
    coverages = [
        coverage(routes, catalogue.release(name), parties, catalogue=catalogue)
        for name in args.release
    ]
    remarks = lint(routes, at=instant(args.at), catalogue=catalogue)
    page = html_page(routes, remarks=remarks, coverages=coverages)
    Path(args.output).write_text(page, "utf-8")
    return CLEAN
