"""Checking many files, one after another or on all cores.

In: names of files and how their reports are wanted.  Out: an `Outcome` a file, in the
order of the names.  This module prints nothing.

Reports are drawn where the file is checked, in the worker, so that what travels between
processes is small; files go out in chunks, so that little of it is the travelling.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from itertools import islice
from typing import Literal

from attrs import evolve, field, frozen

from dflow.catalogue import Catalogue
from dflow.cli.definitions import catalogue_over
from dflow.cli.sources import STDIN, content, is_plain
from dflow.errors import SourceError
from dflow.findings import Report, Severity
from dflow.parse import open_source
from dflow.show import Mask, ReportStyle, drawn, lines_of, report_text
from dflow.validate import Profile, check

__all__ = ["Form", "Outcome", "Wanted", "has_errors", "outcomes"]

#: The forms of a report.
Form = Literal["text", "json", "sarif", "github"]

#: Fewer files than this are checked in this process: a pool's start costs more.
_FEW = 16


@frozen(kw_only=True)
class Wanted:
    """How files are checked and shown.

    Attributes:
        form: the form of the report.
        profile: severities that differ from the table's.
        overlays: folders of catalogue files over the bundled catalogue.
        unmask: whether sensitive values are shown.
        style: how text is drawn.
        quiet: whether a file of which nothing is to be drawn is left out of the text.
    """

    form: Form = "text"
    profile: Profile | None = None
    overlays: tuple[str, ...] = ()
    unmask: bool = False
    style: ReportStyle = field(factory=ReportStyle)
    quiet: bool = False


@frozen(kw_only=True)
class Outcome:
    """What became of one file.

    Attributes:
        source: its name.
        error: why its bytes could not be had; empty if they could.
        clean: whether nothing of severity warning or worse was found.
        counts: findings of each severity.
        codes: findings of each code.
        text: the report, drawn; empty in other forms.
        report: the report itself; None in text form, where it has been drawn.
    """

    source: str
    error: str = ""
    clean: bool = False
    counts: dict[str, int] = field(factory=dict)
    codes: dict[str, int] = field(factory=dict)
    text: str = ""
    report: Report | None = None


def outcomes(names: Sequence[str], wanted: Wanted, *, jobs: int = 0) -> Iterator[Outcome]:
    """Check files; their outcomes come in the order of the names.

    Args:
        names: files, or ``-`` for standard input.
        wanted: how.
        jobs: processes; 0 for as many as there are cores.
    """
    jobs = jobs or _cores()
    if jobs == 1 or len(names) < _FEW or STDIN in names:
        return (_outcome(name, wanted) for name in names)
    return _pooled(names, wanted, jobs)


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # pragma: no cover  not on every system
        return os.cpu_count() or 1


def _pooled(names: Sequence[str], wanted: Wanted, jobs: int) -> Iterator[Outcome]:
    size = max(1, min(32, len(names) // (jobs * 4)))
    chunks = (names[start : start + size] for start in range(0, len(names), size))
    work = partial(_chunk, wanted=wanted)
    with ProcessPoolExecutor(jobs) as pool:
        # Only so many chunks are out at a time: reports of thousands of files that wait
        # for a slow reader would otherwise pile up.
        out: list[Future[list[Outcome]]] = [
            pool.submit(work, chunk) for chunk in islice(chunks, jobs * 4)
        ]
        try:
            while out:
                done = out.pop(0).result()
                out += [pool.submit(work, chunk) for chunk in islice(chunks, 1)]
                yield from done
        finally:
            for future in out:
                future.cancel()


def _chunk(names: Sequence[str], *, wanted: Wanted) -> list[Outcome]:
    return [_outcome(name, wanted) for name in names]


def _outcome(name: str, wanted: Wanted) -> Outcome:
    catalogue = catalogue_over(wanted.overlays)
    try:
        source = name if is_plain(name) else content(name)
        report = check(source, catalogue=catalogue, profile=wanted.profile, unmask=wanted.unmask)
        report = evolve(report, source="<stdin>" if name == STDIN else name)
        text = _text(report, source, catalogue, wanted) if wanted.form == "text" else ""
    except SourceError as error:
        return Outcome(source=name, error=str(error))
    return Outcome(
        source=report.source,
        clean=report.clean,
        counts=dict(Counter(found.severity.value for found in report.findings)),
        codes=dict(Counter(report.codes)),
        text=text,
        report=None if wanted.form == "text" else report,
    )


def _text(report: Report, source: str | bytes, catalogue: Catalogue, wanted: Wanted) -> str:
    few = drawn(report, wanted.style)
    if wanted.quiet and not few:
        return ""
    if not few:
        return report_text(report, {}, wanted.style)
    definition = catalogue.get(report.flow, report.version)
    mask = Mask(definition, off=wanted.unmask)
    with open_source(source) as opened:
        lines = lines_of(evolve(report, findings=few), opened.chunks, mask)
    return report_text(report, lines, wanted.style)


def has_errors(outcome: Outcome) -> bool:
    """Whether something of severity error was found."""
    return bool(outcome.counts.get(Severity.ERROR.value))
