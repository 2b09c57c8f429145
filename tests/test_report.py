"""Reports: the same words for people, machines and browsers, and nothing that could harm."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.report import (
    Bars,
    Block,
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
    Tone,
    report_json,
    report_lines,
    report_page,
)
from dflow.report.draw import drawn

START = datetime(2019, 6, 27, 18, tzinfo=UTC)
words = st.text(max_size=30)
numbers = st.floats(min_value=0, max_value=1e9)
TONES: tuple[Tone, ...] = ("plain", "good", "warning", "bad")
tones = st.sampled_from(TONES)
instants = st.integers(0, 10**7).map(lambda n: START + timedelta(seconds=n))


@st.composite
def plots(draw: st.DrawFn) -> Lines | Bars | Spans | Chain:
    labels = tuple(draw(st.lists(words, max_size=12)))
    values = tuple(draw(st.lists(numbers, min_size=len(labels), max_size=len(labels))))
    holes = tuple(value if draw(st.booleans()) else None for value in values)
    spans = draw(
        st.lists(
            st.builds(
                Span,
                label=words,
                start=instants,
                end=st.none() | instants,
                tone=tones,
                note=words,
            ),
            max_size=4,
        )
    )
    made: list[Lines | Bars | Spans | Chain] = [
        Lines(
            title=draw(words),
            labels=labels,
            curves=(Curve(name=draw(words), values=holes, dashed=draw(st.booleans())),),
        ),
        Bars(title=draw(words), labels=labels, values=values),
        Spans(title=draw(words), spans=tuple(spans), marks=(Mark(START, draw(words)),)),
        Chain(
            title=draw(words),
            links=tuple(Link(name=one, tone=draw(tones), note=one) for one in labels),
        ),
    ]
    return draw(st.sampled_from(made))


blocks: st.SearchStrategy[Block] = st.one_of(
    plots(),
    st.builds(Text, words),
    st.builds(
        Note,
        severity=st.sampled_from(["error", "info"]),
        what=words,
        where=words,
        why=words,
        remedy=words,
    ),
    st.lists(st.tuples(words, words), max_size=5).map(
        lambda rows: Table(heads=("a", "b"), rows=tuple(rows), right=(1,), most=3)
    ),
)
reports = st.builds(
    Report,
    title=words,
    verdict=words,
    tone=tones,
    about=words,
    facts=st.lists(st.builds(Fact, words, words, tones), max_size=3).map(tuple),
    sections=st.lists(
        st.builds(Section, words, st.lists(blocks, max_size=4).map(tuple)), max_size=3
    ).map(tuple),
)


@given(reports)
def test_any_report_is_text_json_and_a_page(report: Report) -> None:
    for line in report_lines(report):
        assert line.isprintable()  # a terminal obeys nothing in it
    plain = json.loads(json.dumps(report_json(report)))
    assert [one["title"] for one in plain["sections"]] == [one.title for one in report.sections]
    page = report_page(report)
    assert page.count("<script") == 0
    assert not re.search(r"""(?:src|href)\s*=""", re.sub(r">[^<]*<", "><", page))


@given(plots())
def test_a_plot_is_well_formed_whatever_it_is_called(plot: Lines | Bars | Spans | Chain) -> None:
    text = drawn(plot)
    # XML has no place for control characters; browsers read HTML, which has.
    clean = "".join(c for c in text if c.isprintable() and c not in "\ufffe\uffff")
    ET.fromstring(f"<div>{clean}</div>")  # noqa: S314  our own text
    assert "nan" not in clean.lower().split("<title>")[0]


HOSTILE = '<script>alert("1")</script>'


def test_hostile_words_stay_words() -> None:
    note = Note(severity="error", what=HOSTILE, where=HOSTILE, why=HOSTILE, remedy=HOSTILE)
    table = Table(heads=(HOSTILE,), rows=((HOSTILE,),), title=HOSTILE)
    chain = Chain(title=HOSTILE, links=(Link(name=HOSTILE, under=HOSTILE, note=HOSTILE),))
    report = Report(
        title=HOSTILE,
        verdict=HOSTILE,
        tone="bad",
        about=HOSTILE,
        facts=(Fact(HOSTILE, HOSTILE),),
        sections=(Section(HOSTILE, (note, table, chain, Text(HOSTILE))),),
    )
    assert "<script" not in report_page(report)
    assert report.notes == (note,)


def test_people_see_some_rows_and_machines_all() -> None:
    table = Table(heads=("n",), rows=tuple((str(n),) for n in range(500)), most=10)
    report = Report(title="t", verdict="v", tone="good", sections=(Section("s", (table,)),))
    said = "\n".join(report_lines(report))
    assert "… and 490 more" in said
    assert "… and 490 more" in report_page(report)
    assert (
        len(json.loads(json.dumps(report_json(report)))["sections"][0]["blocks"][0]["rows"]) == 500
    )


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (
            Note(severity="error", what="no route", where="D0386", why="live", remedy="draft"),
            ["  error D0386: no route", "      because: live", "      remedy: draft"],
        ),
        (
            Bars(title="By outcome", labels=("held", "routed"), values=(1, 4), unit="files"),
            ["  By outcome (files)", "  held    ██████████ 1", f"  routed  {'█' * 40} 4"],
        ),
        (
            Spans(
                title="Steps",
                spans=(Span(label="b", start=START), Span(label="a", start=START, end=START)),
                marks=(Mark(START - timedelta(hours=1), "gate"),),
            ),
            [
                "  Steps",
                "  2019-06-27 17:00:00 mark                    gate",
                "  2019-06-27 18:00:00 open                    b",
                "  2019-06-27 18:00:00                         a",
            ],
        ),
        (
            Chain(title="Chain", links=(Link(name="hub", under="EMMA", tone="bad", note="phone"),)),
            ["  Chain", "   1 ✗ hub  EMMA  phone"],
        ),
        (Table(heads=("a",), rows=()), ["  nothing"]),
    ],
)
def test_how_a_block_is_said(block: Block, said: list[str]) -> None:
    report = Report(title="t", verdict="v", tone="good", sections=(Section("s", (block,)),))
    assert list(report_lines(report))[5:] == said


def test_a_table_is_cut_only_where_that_makes_it_fit() -> None:
    def drawn(rows: tuple[tuple[str, ...], ...]) -> str:
        table = Table(heads=("Name", "Words"), rows=rows)
        report = Report(title="T", verdict="V", tone="plain", sections=(Section("S", (table,)),))
        return "\n".join(report_lines(report, width=40))

    assert "x" * 18 + "…" in drawn((("a" * 17, "x" * 40),))
    # Two long columns do not fit either way: then nothing is lost.
    assert "x" * 40 in drawn((("a" * 39, "x" * 40),))
