"""``dflow rules``: lay out, explain, check, cover, compare, try and draw rule files.

In: a rule file and what the command asks of it.  Out: text or JSON, and status 1 where
something is wrong: a remark of severity error, a flow version without a route.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from dflow.cli import CLEAN, ERRORS
from dflow.errors import DflowError

if TYPE_CHECKING:
    from datetime import date, datetime

    from dflow.cli import Subparsers
    from dflow.envelope import Party
    from dflow.routing import Routes

__all__ = ["add", "day", "instant", "load", "party", "replace_text", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser, with one parser for each of its own commands."""
    parser = subparsers.add_parser(
        "rules",
        help="lay out, explain, check, cover, compare and draw rule files",
        description="Work with rule files: where files go at any instant, and why.",
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for add_verb in (_add_format, _add_explain, _add_lint, _add_coverage, _add_apply):
        add_verb(verbs)
    from dflow.cli.rulesmore import add_more

    add_more(verbs)


def _verb(
    verbs: Subparsers, name: str, line: str, *, reports: bool = True, ends: str | None = None
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=line, epilog=ends, allow_abbrev=False)
    parser.add_argument("rules", metavar="RULES", help="the rule file")
    if reports:
        parser.add_argument("--json", action="store_true", help="as JSON")
    return parser


def _add_format(verbs: Subparsers) -> None:
    parser = _verb(
        verbs,
        "format",
        "lay a rule file out in the one way",
        reports=False,
        ends="Status: 0 done; 1 with --check, it is laid out otherwise; 2 it cannot be read.",
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--write", action="store_true", help="write it back to the file")
    group.add_argument("--check", action="store_true", help="status 1 if it is laid out otherwise")
    parser.set_defaults(call=_format)


def _add_explain(verbs: Subparsers) -> None:
    parser = _verb(verbs, "explain", "say where a file goes, and why")
    parser.add_argument("file", metavar="FILE", help="the file, or - for input")
    parser.add_argument(
        "--at", metavar="INSTANT", help="a day, or a time with its offset (default: now)"
    )
    parser.set_defaults(call=_explain)


def _add_lint(verbs: Subparsers) -> None:
    parser = _verb(
        verbs,
        "lint",
        "say what is wrong or doubtful in a rule file",
        ends="Status: 0 no remark of severity error, 1 there is one, 2 the rules cannot be read.",
    )
    parser.add_argument(
        "--at", metavar="INSTANT", help="what counts as now for windows (default: now)"
    )
    parser.add_argument(
        "--no-catalogue", action="store_true", help="do not compare with the catalogue"
    )
    parser.set_defaults(call=_lint)


def _add_coverage(verbs: Subparsers) -> None:
    parser = _verb(
        verbs,
        "coverage",
        "say which flow versions of a release have a route",
        ends="Status: 0 each has one, 1 a route is missing, 2 the rules or the release cannot be"
        " read.",
    )
    parser.add_argument("--release", required=True, metavar="NAME", help="such as 12.5")
    parser.add_argument(
        "--party",
        action="append",
        required=True,
        metavar="ROLE/MPID",
        help="a participant, such as X/UDMS; may be given again",
    )
    parser.add_argument("--on", metavar="DAY", help="another day than the release's own")
    parser.add_argument(
        "--draft", metavar="FILE", help="write the routes that are missing as a change set"
    )
    parser.add_argument("--all", action="store_true", help="tell covered flow versions as well")
    parser.set_defaults(call=_coverage)


def _add_apply(verbs: Subparsers) -> None:
    parser = _verb(
        verbs, "apply", "apply a change set to a rule file, or reverse it", reports=False
    )
    parser.add_argument("changes", metavar="CHANGES", help="the change set")
    parser.add_argument("--reverse", action="store_true", help="take it out again")
    parser.add_argument("--write", action="store_true", help="write the rule file back")
    parser.set_defaults(call=_apply)


def run(args: argparse.Namespace) -> int:
    """Do what the verb says."""
    call: Callable[[argparse.Namespace], int] = args.call
    return call(args)


def _format(args: argparse.Namespace) -> int:
    from pathlib import Path

    text = str(load(args.rules))
    if args.check:
        return CLEAN if Path(args.rules).read_text("utf-8-sig") == text else ERRORS
    if args.write:
        replace_text(args.rules, text)
    else:
        sys.stdout.write(text)
    return CLEAN


def _explain(args: argparse.Namespace) -> int:
    from dflow.routing.archive import read_source

    routes = load(args.rules)
    source = read_source(args.file)
    at = instant(args.at)
    flow = source.flow() if routes.needs_body(source.header, at) else None
    decision = routes.decide(source.header, at=at, flow=flow)
    if args.json:
        print(json.dumps(decision.as_json(), indent=2))
    else:
        print(decision.explain())
    return CLEAN


def _lint(args: argparse.Namespace) -> int:
    from dflow.catalogue import bundled
    from dflow.findings import Severity
    from dflow.routing.lint import lint

    routes = load(args.rules)
    catalogue = None if args.no_catalogue else bundled()
    remarks = lint(routes, at=instant(args.at), catalogue=catalogue)
    if args.json:
        print(
            json.dumps(
                {"file": args.rules, "remarks": [one.as_json() for one in remarks]}, indent=2
            )
        )
    else:
        for one in remarks:
            print(f"{args.rules}:{one}")
        if not remarks:
            print(f"{args.rules}: {len(routes.rules)} rules, nothing to remark")
    return ERRORS if any(one.severity is Severity.ERROR for one in remarks) else CLEAN


def _coverage(args: argparse.Namespace) -> int:
    from pathlib import Path

    from dflow.catalogue import bundled
    from dflow.routing.changeset import draft
    from dflow.routing.coverage import coverage

    routes = load(args.rules)
    catalogue = bundled()
    found = coverage(
        routes,
        catalogue.release(args.release),
        [party(text) for text in args.party],
        catalogue=catalogue,
        day=day(args.on),
    )
    if args.json:
        print(json.dumps(found.as_json(), indent=2))
    else:
        for line in found.lines:
            if args.all or line.status != "routed":
                print(line)
        for leftover in found.leftovers:
            print(leftover)
        print(
            f"DTC {found.release} on {found.day}: {len(found.lines)} lines,"
            f" {len(found.missing)} without a route"
        )
    if args.draft:
        changes = draft(routes, found)
        Path(args.draft).write_text(str(changes), "utf-8")
        print(f"{len(changes.additions)} rules drafted in {args.draft}", file=sys.stderr)
    return ERRORS if found.missing else CLEAN


def _apply(args: argparse.Namespace) -> int:
    from pathlib import Path

    from dflow.errors import SourceError
    from dflow.routing.changeset import parse_change_set

    routes = load(args.rules)
    try:
        text = Path(args.changes).read_text("utf-8-sig")
    except OSError as error:
        raise SourceError(f"{args.changes}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{args.changes}: not UTF-8") from error
    changes = parse_change_set(text, routes, args.changes)
    made = changes.reverse(routes) if args.reverse else changes.apply(routes)
    if args.write:
        replace_text(args.rules, str(made))
    else:
        sys.stdout.write(str(made))
    return CLEAN


# -- what the verbs share ----------------------------------------------------------------


def load(path: str) -> Routes:
    """The rule set of a file."""
    from dflow.routing import Routes

    return Routes.load(path)


def replace_text(path: str, text: str) -> None:
    """Write a file whole: to a neighbour first, which then takes its place."""
    from pathlib import Path

    target = Path(path)
    new = target.with_name(target.name + ".new")
    new.write_text(text, "utf-8")
    new.replace(target)


def instant(text: str | None) -> datetime | date:
    """A day or a time with its offset from the command line; now if there is none."""
    from datetime import UTC, date, datetime

    if text is None:
        return datetime.now(UTC)
    try:
        if "T" not in text:
            return date.fromisoformat(text)
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise DflowError(
            f"{text!r} is no instant; write 2019-06-27 or 2019-06-27T18:00+01:00"
        ) from error
    if when.tzinfo is None:
        raise DflowError(f"{text} has no offset; write such as {text}+00:00, or a day")
    return when


def day(text: str | None) -> date | None:
    """A day from the command line."""
    from datetime import date

    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError as error:
        raise DflowError(f"{text!r} is no day, such as 2019-06-27") from error


def party(text: str) -> Party:
    """A participant from the command line."""
    from dflow.envelope import Party

    role, slash, mpid = text.partition("/")
    if not slash or not mpid:
        raise DflowError(f"{text!r} is not a participant, such as X/UDMS")
    return Party(role, mpid)
