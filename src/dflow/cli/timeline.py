"""``dflow timeline``: an MPAN's flows in order, and the answers that are missing.

In: an archive, an MPAN, perhaps a table of expected pairs.  Out: a line a flow, and what
became of every answer.  Status 1 if an answer is missing by pairs that are not made up.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli import CLEAN, ERRORS
from dflow.cli.definitions import add_overlay, catalogue_over

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dflow.cli import Subparsers
    from dflow.show import Paint
    from dflow.show.paint import Role
    from dflow.timeline import Awaited, Pairs, Sighting, Timeline

__all__ = ["add", "run"]


def add(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "timeline",
        help="an MPAN's flows in order, and the answers that are missing",
        description="List the files of an archive that name an MPAN, oldest first, with the"
        " names of their flows, and say of every flow that asks whether it was answered.",
        epilog="The pairs that come with dflow are made-up examples: --pairs names yours."
        " Files that cannot be read are counted and left out. Status: 0 no answer is missing,"
        " 1 one is missing by pairs of your own, 2 the archive or the pairs cannot be read.",
        allow_abbrev=False,
    )
    parser.add_argument("archive", metavar="ARCHIVE", nargs="+", help="folders and files")
    parser.add_argument("--mpan", metavar="MPAN", required=True, type=_mpan, help="thirteen digits")
    parser.add_argument("--pairs", metavar="FILE", help="a TOML file of expected pairs")
    parser.add_argument(
        "--at",
        metavar="TIME",
        type=_time,
        help="look from this time, such as 2026-05-01 or 2026-05-01T12:00; now if left out",
    )
    parser.add_argument("--records", action="store_true", help="show the MPAN's records too")
    parser.add_argument(
        "--unmask", action="store_true", help="show personal values, which are masked otherwise"
    )
    parser.add_argument("--json", action="store_true", help="as JSON, records included")
    add_overlay(parser)


def _mpan(text: str) -> str:
    if len(text) == 13 and text.isascii() and text.isdigit():
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not thirteen digits")


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is not None:
        raise argparse.ArgumentTypeError(f"{text!r} is no local time such as 2026-05-01T12:00")
    return at


def run(args: argparse.Namespace) -> int:
    """Look for the MPAN and report."""
    from dflow.cli.sources import files_named
    from dflow.cli.terminal import paint_for
    from dflow.errors import SourceError
    from dflow.identifiers import is_mpan
    from dflow.timeline import awaited, load_pairs, timeline

    catalogue = catalogue_over(args.overlay)
    pairs = load_pairs(Path(args.pairs) if args.pairs else None, catalogue=catalogue)
    for word in args.archive:
        if not Path(word).exists():
            raise SourceError(f"{word}: no such file or folder")
    if not is_mpan(args.mpan):
        print(f"dflow: the check digit of {args.mpan} does not fit; looked for", file=sys.stderr)
    found = timeline(map(Path, files_named(args.archive)), args.mpan, catalogue=catalogue)
    at: datetime = args.at or datetime.now()  # noqa: DTZ005  files tell local time
    answers = awaited(found.sightings, pairs, at=at)
    if args.json:
        _json(found, pairs, answers, at, unmask=args.unmask)
    else:
        _text(found, pairs, answers, paint_for(sys.stdout), args)
    missing = any(one.state == "missing" for one in answers)
    return ERRORS if missing and not pairs.made_up else CLEAN


def _masked(one: Sighting, *, unmask: bool) -> Iterator[tuple[int, str]]:
    from dflow.show import Mask

    mask = Mask(one.definition, off=unmask)
    for record in one.records:
        yield record.line, mask.text(record)


_COLOURS: dict[str, Role] = {
    "answered": "good",
    "late": "warning",
    "waiting": "info",
    "missing": "error",
}


def _text(
    found: Timeline,
    pairs: Pairs,
    answers: Sequence[Awaited],
    paint: Paint,
    args: argparse.Namespace,
) -> None:
    from dflow.cli.terminal import several
    from dflow.show import printable

    for one in found.sightings:
        print(_line(one, paint))
        for number, text in _masked(one, unmask=args.unmask) if args.records else ():
            print(f"{number:>8} | {text}")
    if answers:
        print()
    for owed in answers:
        print(_answer(owed, paint))
    if answers and pairs.made_up:
        print("These answers are looked for by made-up example pairs; --pairs FILE names yours.")
    missing = sum(one.state == "missing" for one in answers)
    print(
        f"{found.mpan}: {several(len(found.sightings), 'flow')} in {several(found.files, 'file')},"
        f" {several(missing, 'answer')} missing, {several(len(found.skipped), 'file')} skipped"
    )
    for skipped in found.skipped:
        print(f"dflow: skipped: {printable(skipped.reason)}", file=sys.stderr)


def _line(one: Sighting, paint: Paint) -> str:
    from dflow.show import printable

    header = one.header
    at = one.at.isoformat(" ") if one.at else "no time".ljust(19)
    flow = f"{header.flow}{header.version}"
    mention = "" if one.about else " (mentioned)"
    test = "" if header.live else f" [{header.test_flag}]"
    way = printable(f"{header.sender} -> {header.recipient}")
    return (
        f"{at}  {paint('strong', printable(flow).ljust(8))}  {way}"
        f"  {one.name or 'not in the catalogue'}{mention}{printable(test)}"
        f"  {paint('faint', printable(str(one.path)))}"
    )


def _answer(owed: Awaited, paint: Paint) -> str:
    from dflow.show import printable

    header = owed.question.header
    asked = f"{header.flow} of {header.created} from {header.sender} to {header.recipient}"
    line = f"{paint(_COLOURS[owed.state], owed.state.ljust(8))}  {printable(asked)}"
    if owed.answer is None:
        line += f": {' or '.join(owed.pair.answers)} due {owed.due.isoformat(' ')}"
    else:
        answer = owed.answer.header
        line += f": {answer.flow} of {answer.created}"
        if owed.state == "late":
            line += f", due {owed.due.isoformat(' ')}"
    return line + (f" ({printable(owed.pair.why)})" if owed.pair.why else "")


def _json(
    found: Timeline,
    pairs: Pairs,
    answers: Sequence[Awaited],
    at: datetime,
    *,
    unmask: bool,
) -> None:
    report = {
        "mpan": found.mpan,
        "at": at.isoformat(),
        "flows": [_flow_json(one, unmask=unmask) for one in found.sightings],
        "pairs": {"provenance": pairs.provenance, "made_up": pairs.made_up},
        "answers": [_answer_json(one) for one in answers],
        "files": found.files,
        "skipped": [{"file": str(one.path), "reason": one.reason} for one in found.skipped],
    }
    print(json.dumps(report, indent=2))


def _flow_json(one: Sighting, *, unmask: bool) -> dict[str, object]:
    header = one.header
    return {
        "file": str(one.path),
        "flow": header.flow,
        "version": header.version,
        "name": one.name,
        "at": one.at.isoformat() if one.at else None,
        "from": str(header.sender),
        "to": str(header.recipient),
        "file_id": header.file_id,
        "test_flag": header.test_flag,
        "items": list(one.items),
        "about": one.about,
        "records": [{"line": line, "text": text} for line, text in _masked(one, unmask=unmask)],
    }


def _answer_json(owed: Awaited) -> dict[str, object]:
    return {
        "question": str(owed.question.path),
        "flow": owed.pair.flow,
        "answers": list(owed.pair.answers),
        "why": owed.pair.why,
        "due": owed.due.isoformat(),
        "state": owed.state,
        "answer": str(owed.answer.path) if owed.answer else None,
    }
