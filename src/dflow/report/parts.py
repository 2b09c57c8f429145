"""What a report is made of, without any way to show it.

In: words and numbers.  Out: frozen values.  This module does not know pages, terminals or
what is reported.

Every sentence of a report that asks for something says what, where, why and what to do:
that is a `Note`, and there is no other way to complain.
"""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from dflow.report.plots import Bars, Chain, Lines, Spans, Tone

__all__ = ["Block", "Fact", "Note", "Report", "Section", "Severity", "Table", "Text", "Tone"]

#: How much a note matters; the words of `dflow.findings`.
Severity = Literal["error", "warning", "advice", "info"]


@frozen
class Fact:
    """A number that a reader looks for first.

    Attributes:
        name: what it is.
        value: the number, as it is to be read.
        tone: whether it is good news.
    """

    name: str
    value: str
    tone: Tone = "plain"


@frozen
class Text:
    """A paragraph."""

    words: str


@frozen(kw_only=True)
class Note:
    """Something to know or to do.

    Attributes:
        severity: how much it matters; an error stands in the way of the verdict.
        what: what is so, one sentence.
        where: the file, meter point, step or line it is about.
        why: the rule or fact it follows from.
        remedy: what mends it; empty if nothing has to be done.
    """

    severity: Severity
    what: str
    where: str = ""
    why: str = ""
    remedy: str = ""


@frozen(kw_only=True)
class Table:
    """Rows under heads.

    Attributes:
        heads: the columns' names.
        rows: as texts; every row has as many cells as there are heads.
        title: said above it.
        tones: of each row; plain where there are fewer tones than rows.
        right: numbers of the columns, from 0, that are aligned to the right.
        most: so many rows are shown to people; machines get all.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    tones: tuple[Tone, ...] = ()
    right: tuple[int, ...] = ()
    most: int = 200

    def tone(self, row: int) -> Tone:
        """The tone of a row."""
        return self.tones[row] if row < len(self.tones) else "plain"


#: What a section holds.
Block = Text | Note | Table | Lines | Bars | Spans | Chain


@frozen
class Section:
    """Blocks under a title."""

    title: str
    blocks: tuple[Block, ...] = ()


@frozen(kw_only=True)
class Report:
    """A report.

    Attributes:
        title: what it is about.
        verdict: one sentence that its reader would sign.
        tone: whether the verdict is good news; bad is exit status 1.
        about: words under the title, such as the plan's hash and the instant.
        facts: the numbers first looked for.
        sections: the rest.
    """

    title: str
    verdict: str
    tone: Tone
    about: str = ""
    facts: tuple[Fact, ...] = ()
    sections: tuple[Section, ...] = field(default=())

    @property
    def notes(self) -> tuple[Note, ...]:
        """Every note of every section, in order."""
        return tuple(
            block for one in self.sections for block in one.blocks if isinstance(block, Note)
        )
