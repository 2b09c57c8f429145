"""Plots as data: curves, bars, spans of time, a chain.

In: numbers and instants.  Out: frozen values.  This module draws nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from attrs import frozen

__all__ = ["Bars", "Chain", "Curve", "Lines", "Link", "Mark", "Span", "Spans", "Tone"]

#: Whether something is good news.
Tone = Literal["plain", "good", "warning", "bad"]


@frozen(kw_only=True)
class Curve:
    """One line of a plot.

    Attributes:
        name: for the key.
        values: one for each label; None where there is none.
        dashed: for what is planned or limits, not measured.
        tone: bad for a limit.
    """

    name: str
    values: tuple[float | None, ...]
    dashed: bool = False
    tone: Tone = "plain"


@frozen(kw_only=True)
class Lines:
    """Curves over the same labels, such as planned and actual by day."""

    title: str
    labels: tuple[str, ...]
    curves: tuple[Curve, ...]
    unit: str = ""


@frozen(kw_only=True)
class Bars:
    """A bar for each label, such as files by outcome; tones by label."""

    title: str
    labels: tuple[str, ...]
    values: tuple[float, ...]
    tones: tuple[Tone, ...] = ()
    unit: str = ""

    def tone(self, number: int) -> Tone:
        """The tone of a bar."""
        return self.tones[number] if number < len(self.tones) else "plain"


@frozen(kw_only=True)
class Span:
    """Something that lasts, or happens at an instant if `end` is `start`.

    Attributes:
        label: the row it stands in; several spans may share one.
        start: with an offset.
        end: None while it lasts.
        tone: its mood.
        note: said when it is pointed at, and in text.
    """

    label: str
    start: datetime
    end: datetime | None = None
    tone: Tone = "plain"
    note: str = ""


@frozen
class Mark:
    """An instant that goes through all rows, such as the closure of a gateway."""

    at: datetime
    label: str


@frozen(kw_only=True)
class Spans:
    """A time line: spans in rows, and marks through them."""

    title: str
    spans: tuple[Span, ...]
    marks: tuple[Mark, ...] = ()


@frozen(kw_only=True)
class Link:
    """One stage of a chain.

    Attributes:
        name: the stage.
        under: said below it, such as its system and owner.
        tone: bad where it has failed.
        note: its fallback, or what was seen.
    """

    name: str
    under: str = ""
    tone: Tone = "plain"
    note: str = ""


@frozen(kw_only=True)
class Chain:
    """Stages in order, each handing on to the next."""

    title: str
    links: tuple[Link, ...]
