"""A report's page in a real headless browser: it is drawn, it fits, and it loads nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from browser import browser
from dflow.report import (
    Bars,
    Chain,
    Curve,
    Fact,
    Lines,
    Link,
    Mark,
    Note,
    Report,
    Section,
    Span,
    Spans,
    Table,
    Text,
    report_page,
)

START = datetime(2019, 6, 27, 18, tzinfo=UTC)
DAYS = tuple((START + timedelta(days=n)).date().isoformat() for n in range(200))
LONG = "a name that goes on and on, as names in plans do when people write them " * 3

REPORT = Report(
    title=f"A report: {LONG}",
    verdict=LONG,
    tone="bad",
    about=LONG,
    facts=tuple(Fact(f"fact {n}", f"{n:,}000,000", "good") for n in range(9)),
    sections=(
        Section("Notes", (Note(severity="error", what=LONG, where=LONG, why=LONG, remedy=LONG),)),
        Section(
            "Plots",
            (
                Lines(
                    title=LONG,
                    labels=DAYS,
                    curves=(
                        Curve(name=LONG, values=tuple(float(n % 7) for n in range(200))),
                        Curve(name="limit", values=(6.0,) * 200, dashed=True, tone="bad"),
                    ),
                ),
                Bars(title="bars", labels=(LONG, "short"), values=(1e9, 1.0)),
                Spans(
                    title="spans",
                    spans=(
                        Span(label=LONG, start=START, end=START + timedelta(hours=3), note=LONG),
                        Span(label="open", start=START + timedelta(hours=1)),
                    ),
                    marks=(Mark(START + timedelta(hours=2), LONG),),
                ),
                Chain(
                    title="chain",
                    links=tuple(Link(name=LONG, under=LONG, note=LONG) for _ in range(12)),
                ),
            ),
        ),
        Section("Table", (Text(LONG), Table(heads=("a", "b"), rows=((LONG * 5, "x" * 400),)))),
    ),
)

#: What is drawn outside its picture, beside what the page is wider than the window.
_OUTSIDE = """
(() => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const lost = [];
  for (const svg of document.querySelectorAll("svg")) {
    const frame = svg.getBoundingClientRect();
    for (const part of svg.querySelectorAll("text, rect, path")) {
      const box = part.getBoundingClientRect();
      if (box.left < frame.left - 2 || box.right > frame.right + 2
          || box.top < frame.top - 2 || box.bottom > frame.bottom + 2) {
        lost.push(part.tagName + ": " + (part.textContent || "").slice(0, 40));
      }
    }
  }
  return JSON.stringify([wide, document.querySelectorAll("svg").length, lost]);
})()
"""


def test_a_page_is_drawn_and_fits(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(report_page(REPORT), "utf-8")
    with browser(tmp_path) as page:
        page.open(path.as_uri())
        assert page.ask(_OUTSIDE) == "[0,4,[]]"
