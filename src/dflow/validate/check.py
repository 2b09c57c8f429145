"""Checking one file: its bytes go through the layers, and what they find is a report.

In: a source.  Out: a `Report`.  This module does not judge anything itself: it hands
each record to the layer that knows it, and holds what a file's end needs.

Memory does not grow with the file, only with the findings: a record is forgotten when
it has been checked.
"""

from __future__ import annotations

from collections.abc import Mapping

from dflow.catalogue import Catalogue, bundled
from dflow.findings import Report, Severity
from dflow.parse.source import Source, open_source
from dflow.validate.file import FileCheck
from dflow.validate.intake import Intake
from dflow.validate.profile import Profile, as_profile
from dflow.validate.sink import Sink

__all__ = ["FileCheck", "check"]


def check(
    source: Source,
    *,
    catalogue: Catalogue | None = None,
    profile: Profile | Mapping[str, Severity] | None = None,
    unmask: bool = False,
    fast: bool = True,
) -> Report:
    """Check a file; every fault of it is a finding, and none is an exception.

    Args:
        source: a path, bytes, a binary file or an iterable of chunks.
        catalogue: the definitions to check by; the bundled ones unless given.
        profile: severities that differ from the table's, by finding code.
        unmask: show the values of sensitive items, which are masked otherwise.
        fast: let the flow's expression accept what is clean.  The report is the same
            either way; without it every record goes through every layer.

    Raises:
        SourceError: if the bytes cannot be had.
        LookupMiss: if the profile names a finding code that does not exist.
        TypeError: if the profile is no profile, or holds what is no severity.
    """
    by = as_profile(profile)
    known = bundled() if catalogue is None else catalogue
    for summed in (False, True):
        sink = Sink(by, unmask)
        with open_source(source) as opened:
            file = FileCheck(known, sink, sums=summed or _sums(opened.tail))
            intake = Intake(file, fast=fast)
            for chunk in opened.chunks:
                intake.feed(chunk)
            intake.close()
        # The trailer was not the one that the end of the file showed, and claims a sum.  A
        # source whose end can be looked at can be read again.
        if not file.unsummed:
            break
    header = file.header
    return Report(
        source=opened.name,
        flow=header.flow if header else "",
        version=header.version if header else "",
        findings=tuple(sink.found),
    )


def _sums(tail: bytes | None) -> bool:
    """Whether a trailer at the end of a file may carry a checksum; blank in nearly all."""
    if tail is None:
        return True
    at = tail.rfind(b"\nZPT|")
    fields = tail[at + 1 :].split(b"|")
    return at < 0 or len(fields) < 4 or fields[3] != b""
