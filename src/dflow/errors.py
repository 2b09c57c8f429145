"""Errors for callers and machines: what was asked wrongly, or could not be read.

In: words, places and reasons.  Out: exceptions with a message written for a
person.  This module does not know flows: a fault *inside a file* is never an
exception, it is a `dflow.findings.Finding`.

    DflowError
    ├── LookupMiss      asked for a flow, version, item or release that is not there
    ├── SourceError     the bytes could not be had: missing, a directory, no permission
    ├── StructureError  the bytes were read, but the call needs a structure they lack
    └── RefusedText     a rules, configuration or catalogue text holds mistakes
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from attrs import frozen

__all__ = [
    "DflowError",
    "LookupMiss",
    "RefusedText",
    "SourceError",
    "StructureError",
    "TextFault",
    "near_misses",
    "near_or_known",
]


class DflowError(Exception):
    """The root of every exception that dflow raises on purpose."""


class LookupMiss(DflowError, LookupError):
    """A name was asked for that is not there; the message holds the near misses."""


class SourceError(DflowError):
    """The bytes of a source could not be read at all (missing, a directory, denied)."""


class StructureError(DflowError):
    """A call needs something of a file that the file does not have."""


@frozen(kw_only=True)
class TextFault:
    """One mistake in a text that a person wrote: rules, configuration, catalogue.

    Attributes:
        source: the file's name, or a name such as ``<rules>``.
        line: 1-based; 0 where the mistake is the absence of a line.
        column: 1-based; 0 where only the line is known.
        message: what is wrong, one sentence without the place.
        expected: what could have stood there, empty if nothing can be named.
        near: the near misses among the known names.
        text: the line itself, for the caret; empty if not to be shown.
    """

    source: str
    line: int
    column: int
    message: str
    expected: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    text: str = ""

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        if self.column:
            place += f":{self.column}"
        lines = [f"{place}: {self.message}"]
        if self.text:
            gutter = f"{self.line:>5} | "
            lines.append(gutter + self.text)
            if self.column:
                # Tabs are kept, so that the caret stands under its character.
                lead = "".join("\t" if c == "\t" else " " for c in self.text[: self.column - 1])
                lines.append(" " * (len(gutter) - 3) + " | " + lead + "^")
        if self.expected:
            lines.append(f"      expected {_one_of(self.expected)}")
        if self.near:
            lines.append(f"      did you mean {_one_of(self.near)}?")
        return "\n".join(lines)


class RefusedText(DflowError):
    """A text is refused as a whole; `faults` holds every mistake, in order of place."""

    def __init__(self, faults: Sequence[TextFault]) -> None:
        self.faults: tuple[TextFault, ...] = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))

    def __reduce__(self) -> tuple[type[RefusedText], tuple[tuple[TextFault, ...]]]:
        return (RefusedText, (self.faults,))


def near_misses(word: str, known: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """The known names most like `word`, best first; letter case does not count."""
    by_fold: dict[str, str] = {}
    for name in known:
        by_fold.setdefault(name.casefold(), name)
    found = difflib.get_close_matches(word.casefold(), by_fold, n=most, cutoff=0.6)
    return tuple(by_fold[fold] for fold in found)


def near_or_known(word: str, known: Iterable[str]) -> str:
    """What helps after a name that is not there: what is near, or else all that is known."""
    names = list(known)
    if near := near_misses(word, names):
        return f"did you mean {_one_of(near)}?"
    return f"known: {', '.join(names) or 'none'}"


def _one_of(words: Sequence[str]) -> str:
    if len(words) == 1:
        return words[0]
    return ", ".join(words[:-1]) + " or " + words[-1]
